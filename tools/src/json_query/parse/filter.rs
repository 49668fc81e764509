//! Conditions in queries, with the types of functions (RFC 9535, sections 2.3.5 and 2.4).

use serde_json::Value;

use super::{
    super::path::{Comparison, Condition, Operand, Query},
    Parsed, Parser,
};

/// What can stand on one side of a comparison, or alone.
enum Term {
    Operand(Operand),
    /// A query that may find more than one value.
    Many(Query),
    /// A function that says yes or no.
    Test(Condition),
}

impl Parser {
    /// Conditions with `||` between them.
    pub(super) fn condition(&mut self) -> Parsed<Condition> {
        let mut any = vec![self.all()?];
        while self.takes_operator("||") {
            any.push(self.all()?);
        }
        Ok(one_or(any, Condition::Any))
    }

    fn all(&mut self) -> Parsed<Condition> {
        let mut all = vec![self.basic()?];
        while self.takes_operator("&&") {
            all.push(self.basic()?);
        }
        Ok(one_or(all, Condition::All))
    }

    fn takes_operator(&mut self, operator: &str) -> bool {
        let before = self.at;
        self.spaces();
        let found = self.takes_all(operator);
        if found {
            self.spaces();
        } else {
            self.at = before;
        }
        found
    }

    fn basic(&mut self) -> Parsed<Condition> {
        if self.takes('!') {
            self.spaces();
            let condition = if self.peek(0) == Some('(') { self.parenthesis()? } else { self.test()? };
            return Ok(Condition::Not(Box::new(condition)));
        }
        if self.peek(0) == Some('(') {
            return self.parenthesis();
        }
        let begin = self.at;
        let left = self.term()?;
        let Some(comparison) = self.comparison() else { return self.tested(left, begin) };
        let left = self.comparable(left, begin)?;
        let begin = self.at;
        let right = self.term()?;
        Ok(Condition::Compare(left, comparison, self.comparable(right, begin)?))
    }

    fn parenthesis(&mut self) -> Parsed<Condition> {
        self.needs('(')?;
        self.spaces();
        let condition = self.deeper(Self::condition)?;
        self.spaces();
        self.needs(')')?;
        Ok(condition)
    }

    fn test(&mut self) -> Parsed<Condition> {
        let begin = self.at;
        let term = self.term()?;
        self.tested(term, begin)
    }

    fn tested(&mut self, term: Term, begin: usize) -> Parsed<Condition> {
        match term {
            Term::Test(condition) => Ok(condition),
            Term::Many(query) | Term::Operand(Operand::Single(query)) => Ok(Condition::Exists(query)),
            Term::Operand(_) => {
                self.at = begin;
                self.wrong("this must be compared with something: write such as `@.price < 10`")
            }
        }
    }

    fn comparable(&mut self, term: Term, begin: usize) -> Parsed<Operand> {
        let told = match term {
            Term::Operand(operand) => return Ok(operand),
            Term::Many(_) => "this may find several values, which cannot be compared: name one, such as `@.price`",
            Term::Test(_) => "`match` and `search` say yes or no, and cannot be compared",
        };
        self.at = begin;
        self.wrong(told)
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let before = self.at;
        self.spaces();
        let all = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let found = all.into_iter().find(|(sign, _)| self.takes_all(sign)).map(|(_, comparison)| comparison);
        if found.is_some() {
            self.spaces();
        } else {
            self.at = before;
        }
        found
    }

    fn term(&mut self) -> Parsed<Term> {
        match self.peek(0) {
            Some('\'' | '"') => Ok(Term::Operand(Operand::Literal(self.string()?.into()))),
            Some('0'..='9' | '-') => Ok(Term::Operand(Operand::Literal(self.number()?))),
            Some('@' | '$') => self
                .query()
                .map(|query| if query.is_single() { Term::Operand(Operand::Single(query)) } else { Term::Many(query) }),
            Some('a'..='z') => self.word(),
            Some('=') => self.wrong("`==` needs something on its left"),
            _ => self.wrong("a condition is missing here, such as `@.price < 10`"),
        }
    }

    fn query(&mut self) -> Parsed<Query> {
        let from_root = self.peek(0) == Some('$');
        self.at += 1;
        Ok(Query { from_root, segments: self.deeper(Self::segments)? })
    }

    /// `true`, `false`, `null` or a function.
    fn word(&mut self) -> Parsed<Term> {
        let begin = self.at;
        while self.peek(0).is_some_and(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_') {
            self.at += 1;
        }
        let word: String = self.text.get(begin..self.at).unwrap_or_default().iter().collect();
        let literal = match word.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => return self.deeper(|parser| parser.function(&word, begin)),
        };
        Ok(Term::Operand(Operand::Literal(literal)))
    }

    fn function(&mut self, name: &str, begin: usize) -> Parsed<Term> {
        if !matches!(name, "length" | "count" | "value" | "match" | "search") || self.peek(0) != Some('(') {
            self.at = begin;
            return self.wrong(format!(
                "`{name}` is not known: use length(), count(), value(), match() or search(), and quotes around text"
            ));
        }
        self.at += 1;
        self.spaces();
        let term = match name {
            "length" => Term::Operand(Operand::Length(Box::new(self.argument()?))),
            "count" => Term::Operand(Operand::Count(self.nodes()?)),
            "value" => Term::Operand(Operand::Value(self.nodes()?)),
            _ => self.matching(name == "match")?,
        };
        self.spaces();
        self.needs(')')?;
        Ok(term)
    }

    fn matching(&mut self, whole: bool) -> Parsed<Term> {
        let text = self.argument()?;
        self.spaces();
        self.needs(',')?;
        self.spaces();
        Ok(Term::Test(Condition::Matches { text, pattern: self.argument()?, whole }))
    }

    /// What has one value at most.
    fn argument(&mut self) -> Parsed<Operand> {
        let begin = self.at;
        let term = self.term()?;
        self.comparable(term, begin)
    }

    fn nodes(&mut self) -> Parsed<Query> {
        if !matches!(self.peek(0), Some('@' | '$')) {
            return self.wrong("a query must stand here, such as `@.items[*]`");
        }
        self.query()
    }
}

fn one_or(mut conditions: Vec<Condition>, many: impl FnOnce(Vec<Condition>) -> Condition) -> Condition {
    match (conditions.len(), conditions.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            conditions.extend(last);
            many(conditions)
        }
    }
}
