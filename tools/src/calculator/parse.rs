//! The value of an expression, by recursive descent. What binds tighter stands further down in this file.
//!
//! How sums are read where people differ: `-2^2` is -4, `2^3^2` is 2^9, `a mod b` has the sign of b, `80 + 15%` is 92 and
//! `10% + 5%` is 0.15, `2 1/2` is 2.5, `1/2 cup` is half a cup, and `6/2(3)` is refused.

mod measures;

use super::{
    exact::Exact,
    function,
    lex::{Piece, Token, pieces},
    problem::Problem,
    quantity::Quantity,
    show,
    span::{E, PI, Span},
    unit::is_unit,
    work::Work,
};

/// Parentheses, signs, exponents and functions within each other.
const MAX_DEPTH: usize = 48;

/// Works an expression out and writes its result.
pub(super) fn evaluate(text: &str, work: &Work) -> Result<String, Problem> {
    let pieces = pieces(text, work)?;
    let mut parser = Parser { pieces: &pieces, at: 0, depth: 0, length: text.trim_end().chars().count(), work };
    if pieces.is_empty() {
        return Err(Problem::reading("the expression is empty: write one such as `2 + 3`"));
    }
    let value = parser.sum()?.value;
    if matches!(parser.word(0), Some("in" | "to" | "as")) {
        return parser.conversion(&value);
    }
    parser.end()?;
    show::written(&value.number, &value.units.label(), work)
}

struct Parser<'p> {
    pieces: &'p [Piece],
    at: usize,
    depth: usize,
    /// Characters of the expression.
    length: usize,
    work: &'p Work,
}

/// A part of an expression.
struct Part {
    value: Quantity,
    /// Whether it is written as a percentage and nothing else.
    percent: bool,
}

impl From<Quantity> for Part {
    fn from(value: Quantity) -> Self {
        Self { value, percent: false }
    }
}

type Parsed<T = Part> = Result<T, Problem>;

impl Parser<'_> {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.pieces.get(self.at + ahead).map(|piece| &piece.token)
    }

    fn sign(&self, ahead: usize) -> Option<char> {
        match self.peek(ahead) {
            Some(Token::Sign(sign)) => Some(*sign),
            _ => None,
        }
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        match self.peek(ahead) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn number(&self, ahead: usize) -> Option<&Exact> {
        match self.peek(ahead) {
            Some(Token::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Where the next piece begins, or the end.
    fn place(&self) -> usize {
        self.pieces.get(self.at).map_or(self.length, |piece| piece.at)
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Parsed<T> {
        Err(Problem::reading(what).at(self.place()))
    }

    /// One level further down, if that is not too deep.
    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err(Problem::size("too many parentheses or signs within each other").at(self.place()));
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        result
    }

    /// What is wrong with what is left.
    fn end(&self) -> Parsed<()> {
        match self.peek(0) {
            None => Ok(()),
            Some(Token::Sign(')')) => self.wrong("this `)` has no `(` before it: take it away"),
            Some(Token::Number(_)) => self.wrong("an operator such as `+` or `*` is missing before this number"),
            Some(Token::Word(word)) if matches!(word.as_str(), "x" | "X") => {
                self.wrong("write `*` to multiply, not `x`")
            }
            Some(Token::Word(word)) if matches!(word.as_str(), "in" | "to" | "as") => {
                self.wrong("a conversion can only stand at the end, outside of parentheses")
            }
            Some(Token::Word(word)) => self.unknown(word),
            Some(Token::Sign(sign)) => self.wrong(format!("`{sign}` cannot stand here")),
        }
    }

    fn unknown<T>(&self, word: &str) -> Parsed<T> {
        let short: String = word.chars().take(20).collect();
        if is_unit(word) {
            return self.wrong(format!("the unit `{short}` cannot stand here: write a number before it"));
        }
        self.wrong(format!(
            "`{short}` is not known: use numbers, units such as km or kg, and {}",
            function::NAMES.join(", ")
        ))
    }

    fn sum(&mut self) -> Parsed {
        let mut sum = self.product()?;
        loop {
            let place = self.place();
            let negative = match (self.sign(0), self.word(0)) {
                (Some('+'), _) | (_, Some("plus")) => false,
                (Some('-'), _) | (_, Some("minus")) => true,
                _ => return Ok(sum),
            };
            self.at += 1;
            let next = self.product()?;
            sum = self.added(&sum, &next, negative).map_err(|problem| problem.at(place))?;
        }
    }

    /// A percentage that is added to something else is one of that.
    fn added(&self, sum: &Part, next: &Part, negative: bool) -> Parsed {
        let change =
            if next.percent && !sum.percent { next.value.times(&sum.value, self.work)? } else { next.value.clone() };
        let value = if negative { sum.value.minus(&change, self.work)? } else { sum.value.plus(&change, self.work)? };
        Ok(Part { value, percent: sum.percent && next.percent })
    }

    fn product(&mut self) -> Parsed {
        let mut product = self.signed(true)?;
        let mut divided = false;
        loop {
            let place = self.place();
            let operator = match (self.sign(0), self.word(0)) {
                (Some(sign @ ('*' | '/')), _) => sign,
                (Some('%'), _) | (_, Some("mod")) => '%',
                (_, Some("times" | "of")) => '*',
                (_, Some("per" | "over")) => '/',
                _ if self.is_implicit() && !divided => 'i',
                _ if self.is_implicit() => {
                    return self.wrong("it is unclear what is divided: write `*` and parentheses");
                }
                _ => return Ok(product),
            };
            self.at += usize::from(operator != 'i');
            let next = self.signed(operator != '/')?;
            product =
                self.multiplied(&product.value, operator, &next.value).map_err(|problem| problem.at(place))?.into();
            divided = operator == '/';
        }
    }

    fn multiplied(&self, left: &Quantity, operator: char, right: &Quantity) -> Parsed<Quantity> {
        match operator {
            '/' => left.over(right, self.work),
            '%' => left.modulo(right, self.work),
            _ => left.times(right, self.work),
        }
    }

    /// Whether something is multiplied without a sign, such as 2(3 + 4) or 2 pi.
    fn is_implicit(&self) -> bool {
        self.sign(0) == Some('(') || self.word(0).is_some_and(|word| is_constant(word) || function::is_function(word))
    }

    /// A factor, perhaps with signs before it. `fraction` says whether it may be one of a unit.
    fn signed(&mut self, fraction: bool) -> Parsed {
        match (self.sign(0), self.word(0)) {
            (Some('-'), _) | (_, Some("minus")) => {
                self.at += 1;
                let Part { value, percent } = self.deeper(|parser| parser.signed(fraction))?;
                Ok(Part { value: value.negated(), percent })
            }
            (Some('+'), _) => {
                self.at += 1;
                self.deeper(|parser| parser.signed(fraction))
            }
            _ => match if fraction { self.fraction_of_unit()? } else { None } {
                Some(part) => Ok(part),
                None => self.power(),
            },
        }
    }

    fn power(&mut self) -> Parsed {
        let base = self.marked()?;
        if self.sign(0) != Some('^') {
            return Ok(base);
        }
        let place = self.place();
        self.at += 1;
        let exponent = self.deeper(|parser| parser.signed(false))?;
        let power = base.value.power(&exponent.value, self.work);
        Ok(power.map_err(|problem| problem.at(place))?.into())
    }

    /// What has `!` or `%` behind it.
    fn marked(&mut self) -> Parsed {
        let mut part: Part = self.primary()?.into();
        loop {
            let place = self.place();
            part = match self.sign(0) {
                Some('!') => function::factorial(&part.value, self.work).map_err(|problem| problem.at(place))?.into(),
                Some('%') if !self.begins(1) => {
                    let hundredth =
                        part.value.plain().and_then(|number| number.over(&Exact::from(100).into(), self.work));
                    Part { value: hundredth.map_err(|problem| problem.at(place))?.into(), percent: true }
                }
                _ => return Ok(part),
            };
            self.at += 1;
        }
    }

    /// Whether something begins here that `%` could divide by.
    fn begins(&self, ahead: usize) -> bool {
        match self.peek(ahead) {
            Some(Token::Number(_) | Token::Sign('(')) => true,
            Some(Token::Word(word)) => is_constant(word) || function::is_function(word),
            _ => false,
        }
    }

    fn primary(&mut self) -> Parsed<Quantity> {
        match self.peek(0) {
            Some(Token::Number(_)) => self.literal(),
            Some(Token::Sign('(')) => {
                let value = self.parenthesis()?;
                if self.is_unit(0) { self.measured(value) } else { Ok(value) }
            }
            Some(Token::Word(_)) => self.named(),
            Some(Token::Sign(sign)) => self.wrong(format!("a number is missing before `{sign}`")),
            None => self.wrong("a number is missing at the end"),
        }
    }

    fn parenthesis(&mut self) -> Parsed<Quantity> {
        self.at += 1;
        let value = self.deeper(Self::sum)?.value;
        self.closed()?;
        Ok(value)
    }

    fn closed(&mut self) -> Parsed<()> {
        match self.peek(0) {
            Some(Token::Sign(')')) => self.at += 1,
            None => return self.wrong("`)` is missing at the end"),
            Some(Token::Sign(',')) => return self.wrong("a comma can only stand between the numbers of a function"),
            Some(_) => return self.end().and_then(|()| self.wrong("`)` is missing here")),
        }
        Ok(())
    }

    fn literal(&mut self) -> Parsed<Quantity> {
        let mut number = self.number(0).cloned().unwrap_or_else(Exact::zero);
        self.at += 1;
        if let (Some(over), Some('/'), Some(under)) = (self.number(0), self.sign(1), self.number(2)) {
            if ![&number, over, under].iter().all(|part| part.is_integer()) {
                return self.wrong("an operator such as `+` or `*` is missing before this number");
            }
            let place = self.place();
            let fraction = over.over(under, self.work).and_then(|part| number.plus(&part, self.work));
            number = fraction.map_err(|problem| problem.at(place))?;
            self.at += 3;
        }
        if self.is_unit(0) { self.measured(number.into()) } else { Ok(number.into()) }
    }

    fn named(&mut self) -> Parsed<Quantity> {
        let word = self.word(0).unwrap_or_default().to_owned();
        if function::is_function(&word) && !self.is_unit(0) {
            return self.called(&word);
        }
        if self.is_unit(0) {
            return self.measured(Exact::one().into());
        }
        let digits = match word.as_str() {
            "pi" | "π" | "PI" | "Pi" => PI,
            "e" => E,
            "x" | "X" => return self.wrong("write `*` to multiply, not `x`"),
            _ => return self.unknown(&word),
        };
        self.at += 1;
        Ok(Span::constant(digits, self.work)?.into())
    }

    fn called(&mut self, name: &str) -> Parsed<Quantity> {
        let place = self.place();
        self.at += 1;
        if self.sign(0) != Some('(') {
            return self.wrong(format!("`(` is missing behind `{name}`: write `{name}(2)`"));
        }
        self.at += 1;
        let mut arguments = Vec::new();
        while self.sign(0) != Some(')') || !arguments.is_empty() {
            arguments.push(self.deeper(Self::sum)?.value);
            if self.sign(0) != Some(',') {
                break;
            }
            self.at += 1;
        }
        self.closed()?;
        function::call(name, &arguments, self.work).map_err(|problem| problem.at(place))
    }
}

fn is_constant(word: &str) -> bool {
    matches!(word, "pi" | "π" | "PI" | "Pi" | "e")
}
