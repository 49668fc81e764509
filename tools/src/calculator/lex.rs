//! Pieces of an expression, as people and language models write it.

use super::{exact::Exact, function::is_function, problem::Problem, unit::decimal, work::Work};

/// Bytes of an expression.
pub(super) const MAX_BYTES: usize = 1024;

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Number(Exact),
    Word(String),
    /// One of `+ - * / ^ % ! ( ) ,`.
    Sign(char),
}

/// A piece, and the character at which it begins, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// Takes an expression apart. A sign of equality at either end, and a question mark behind it, are left out; so are signs of one
/// currency.
pub(super) fn pieces(text: &str, work: &Work) -> Result<Vec<Piece>, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::size(format!("the expression has {} bytes; {MAX_BYTES} are the most", text.len())));
    }
    let mut lexer =
        Lexer { text: text.chars().collect(), at: 0, calls: Vec::new(), currency: None, pieces: Vec::new() };
    let end = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '=' | '?'));
    lexer.text.truncate(end.chars().count());
    lexer.skip_spaces();
    if lexer.peek(0) == Some('=') {
        lexer.at += 1;
    }
    while lexer.at < lexer.text.len() {
        let at = lexer.at;
        lexer.next(work).map_err(|problem| problem.at(at))?;
    }
    Ok(lexer.pieces)
}

struct Lexer {
    text: Vec<char>,
    at: usize,
    /// Open parentheses: what is known of commas in a function's own ones.
    calls: Vec<Option<Commas>>,
    currency: Option<char>,
    pieces: Vec<Piece>,
}

/// How commas between a function's arguments are written.
#[derive(Clone, Copy, Default)]
struct Commas {
    /// One that could also separate thousands.
    tight: bool,
    /// One that could not.
    spaced: bool,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn digit(&self, ahead: usize) -> bool {
        self.peek(ahead).is_some_and(|next| next.is_ascii_digit())
    }

    fn skip_spaces(&mut self) {
        while self.peek(0).is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn push(&mut self, token: Token, at: usize) {
        self.pieces.push(Piece { token, at });
    }

    fn next(&mut self, work: &Work) -> Result<(), Problem> {
        let at = self.at;
        let Some(next) = self.peek(0) else { return Ok(()) };
        match next {
            next if next.is_whitespace() => self.skip_spaces(),
            '0'..='9' => self.number(work)?,
            '.' if self.digit(1) => self.number(work)?,
            '°' | '_' => self.word(),
            next if next.is_alphabetic() => self.word(),
            '$' | '€' | '£' | '¥' => self.currency(next)?,
            '²' | '³' => self.superscript(next),
            _ => {
                let (sign, width) = self.sign(next)?;
                self.at += width;
                self.parenthesis(sign)?;
                self.push(Token::Sign(sign), at);
            }
        }
        Ok(())
    }

    fn sign(&self, next: char) -> Result<(char, usize), Problem> {
        Ok(match next {
            '*' if self.peek(1) == Some('*') => ('^', 2),
            '×' | '·' | '⋅' | '∙' => ('*', 1),
            '÷' | '∕' | '⁄' => ('/', 1),
            '−' | '–' => ('-', 1),
            '+' | '-' | '*' | '/' | '^' | '%' | '!' | '(' | ')' | ',' => (next, 1),
            '[' | '{' => return Err(Problem::reading("only round parentheses can be used: write `(` and `)`")),
            '=' => return Err(Problem::reading("`=` can only stand at the end: give one expression, not an equation")),
            '<' | '>' => return Err(Problem::reading("comparisons cannot be calculated: give one expression")),
            '≈' => return Err(Problem::reading("`≈` cannot be calculated with: use the exact number before it")),
            _ => return Err(Problem::reading(format!("`{}` cannot be used here", next.escape_debug()))),
        })
    }

    fn superscript(&mut self, next: char) {
        self.push(Token::Sign('^'), self.at);
        self.push(Token::Number(if next == '²' { 2 } else { 3 }.into()), self.at);
        self.at += 1;
    }

    fn currency(&mut self, sign: char) -> Result<(), Problem> {
        if *self.currency.get_or_insert(sign) != sign {
            return Err(Problem::reading("two currencies cannot be calculated together: convert one of them first"));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self) {
        let begin = self.at;
        while self
            .peek(0)
            .is_some_and(|next| next.is_alphanumeric() && !matches!(next, '²' | '³') || matches!(next, '_' | '°'))
        {
            self.at += 1;
        }
        let word = self.text.get(begin..self.at).unwrap_or_default().iter().collect();
        self.push(Token::Word(word), begin);
    }

    /// Remembers whether commas separate arguments here.
    fn parenthesis(&mut self, sign: char) -> Result<(), Problem> {
        match sign {
            '(' => {
                let called =
                    matches!(self.pieces.last(), Some(Piece { token: Token::Word(word), .. }) if is_function(word));
                self.calls.push(called.then(Commas::default));
            }
            ')' if self.calls.pop().flatten().is_some_and(|commas| commas.tight && commas.spaced) => {
                return Err(Problem::reading(
                    "it is unclear which commas separate thousands: write numbers without them, such as 1200",
                ));
            }
            ',' => self.comma()?,
            _ => {}
        }
        Ok(())
    }

    /// Comes behind a comma that is no part of a number.
    fn comma(&mut self) -> Result<(), Problem> {
        let tight = self.is_group(0);
        match self.calls.last_mut() {
            Some(Some(commas)) => {
                commas.tight |= tight;
                commas.spaced |= !tight;
                Ok(())
            }
            _ => Err(Problem::reading(
                "a comma can only separate thousands (1,200) or the numbers of a function: write decimals with a point",
            )),
        }
    }

    /// Whether exactly three digits are ahead.
    fn is_group(&self, ahead: usize) -> bool {
        (0..3).all(|place| self.digit(ahead + place)) && !self.digit(ahead + 3)
    }

    fn number(&mut self, work: &Work) -> Result<(), Problem> {
        let begin = self.at;
        let mut digits = self.digits();
        // Within a function's own parentheses a comma separates what the function is given.
        let separable = !matches!(self.calls.last(), Some(Some(_))) && (1..=3).contains(&digits.len());
        while separable && self.peek(0) == Some(',') && self.is_group(1) {
            self.at += 1;
            digits.push_str(&self.digits());
        }
        if self.peek(0) == Some('.') {
            self.at += 1;
            digits.push('.');
            digits.push_str(&self.digits());
        }
        if self.peek(0) == Some('.') {
            return Err(Problem::reading("this number has two points"));
        }
        let mut number = decimal(&digits, work)?;
        if let Some(exponent) = self.exponent()? {
            number = number.times(&Exact::from(10).power(&exponent.into(), work)?, work)?;
        }
        self.push(Token::Number(number), begin);
        Ok(())
    }

    fn digits(&mut self) -> String {
        let begin = self.at;
        while self.digit(0) {
            self.at += 1;
        }
        self.text.get(begin..self.at).unwrap_or_default().iter().collect()
    }

    /// The exponent of a number such as 1e-9, where it has one.
    fn exponent(&mut self) -> Result<Option<i64>, Problem> {
        let signed = matches!(self.peek(1), Some('+' | '-' | '−'));
        let marked = matches!(self.peek(0), Some('e' | 'E')) && self.digit(1 + usize::from(signed));
        if !marked {
            return Ok(None);
        }
        let negative = signed && self.peek(1) != Some('+');
        self.at += 1 + usize::from(signed);
        let size: i64 = self.digits().parse().map_err(|_| super::work::too_long())?;
        Ok(Some(if negative { -size } else { size }))
    }
}
