//! Finds what a query says, in so many steps at most (RFC 9535, section 2).

use std::{borrow::Cow, cmp::Ordering};

use serde_json::{Number, Value};

use super::{
    budget::{Budget, exhausted, holds},
    path::{Comparison, Condition, Operand, Query, Segment, Selector},
    pattern::Patterns,
};
use crate::ToolError;

/// Lists and objects within each other.
const MAX_DEPTH: usize = 256;

type Found<T> = Result<T, ToolError>;

/// Everything that a query finds, in the order of RFC 9535.
pub(super) fn evaluate<'v>(query: &Query, document: &'v Value, budget: &Budget<'_>) -> Found<Vec<&'v Value>> {
    shallow(document, budget)?;
    Evaluator { root: document, budget, patterns: Patterns::default() }.find(query, document)
}

/// Refuses what is so deep that comparing it would overflow the stack.
fn shallow(document: &Value, budget: &Budget<'_>) -> Found<()> {
    let mut left = vec![(document, 0)];
    while let Some((value, depth)) = left.pop() {
        budget.take(1)?;
        if depth > MAX_DEPTH {
            return Err(ToolError::Arguments(format!("the json is more than {MAX_DEPTH} levels deep")));
        }
        left.extend(children(value).map(|child| (child, depth + 1)));
        holds(left.len())?;
    }
    Ok(())
}

fn children(value: &Value) -> Box<dyn DoubleEndedIterator<Item = &Value> + '_> {
    match value {
        Value::Array(list) => Box::new(list.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

struct Evaluator<'v, 'b> {
    root: &'v Value,
    budget: &'b Budget<'b>,
    patterns: Patterns,
}

impl<'v> Evaluator<'v, '_> {
    fn find(&self, query: &Query, current: &'v Value) -> Found<Vec<&'v Value>> {
        let mut found = vec![if query.from_root { self.root } else { current }];
        for segment in &query.segments {
            let mut next = Vec::new();
            for value in found {
                self.segment(segment, value, &mut next)?;
            }
            found = next;
        }
        Ok(found)
    }

    fn segment(&self, segment: &Segment, value: &'v Value, found: &mut Vec<&'v Value>) -> Found<()> {
        if !segment.descendant {
            return self.selectors(&segment.selectors, value, found);
        }
        let mut left = vec![value];
        while let Some(value) = left.pop() {
            self.selectors(&segment.selectors, value, found)?;
            left.extend(children(value).rev());
            holds(left.len())?;
        }
        Ok(())
    }

    fn selectors(&self, selectors: &[Selector], value: &'v Value, found: &mut Vec<&'v Value>) -> Found<()> {
        for selector in selectors {
            self.budget.take(1)?;
            self.selector(selector, value, found)?;
            holds(found.len())?;
        }
        Ok(())
    }

    fn selector(&self, selector: &Selector, value: &'v Value, found: &mut Vec<&'v Value>) -> Found<()> {
        match selector {
            Selector::Name(name) => found.extend(value.as_object().and_then(|fields| fields.get(name))),
            Selector::Index(index) => found.extend(value.as_array().and_then(|list| at(list, *index))),
            Selector::Wildcard => {
                for child in children(value) {
                    self.budget.take(1)?;
                    found.push(child);
                }
            }
            Selector::Slice { start, end, step } => self.slice(value, (*start, *end, *step), found)?,
            Selector::Filter(condition) => {
                for child in children(value) {
                    self.budget.take(1)?;
                    if self.holds(condition, child)? {
                        found.push(child);
                    }
                }
            }
        }
        Ok(())
    }

    /// RFC 9535, section 2.3.4.2.
    fn slice(
        &self,
        value: &'v Value,
        (start, end, step): (Option<i64>, Option<i64>, i64),
        found: &mut Vec<&'v Value>,
    ) -> Found<()> {
        let Some(list) = value.as_array() else { return Ok(()) };
        let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
        let normal = |index: i64| if index < 0 { length.saturating_add(index) } else { index };
        let (mut at, until) = match step {
            0 => return Ok(()),
            1.. => (normal(start.unwrap_or(0)).clamp(0, length), normal(end.unwrap_or(length)).clamp(0, length)),
            _ => {
                let from = start.map_or(length - 1, normal).clamp(-1, length - 1);
                (from, end.map_or(-1, normal).clamp(-1, length - 1))
            }
        };
        while (step > 0 && at < until) || (step < 0 && at > until) {
            self.budget.take(1)?;
            found.extend(usize::try_from(at).ok().and_then(|at| list.get(at)));
            at = at.saturating_add(step);
        }
        Ok(())
    }

    fn holds(&self, condition: &Condition, current: &'v Value) -> Found<bool> {
        self.budget.take(1)?;
        match condition {
            Condition::Any(any) => self.first(any, current, true),
            Condition::All(all) => self.first(all, current, false).map(|failed| !failed),
            Condition::Not(condition) => Ok(!self.holds(condition, current)?),
            Condition::Exists(query) => Ok(!self.find(query, current)?.is_empty()),
            Condition::Compare(left, comparison, right) => {
                let (left, right) = (self.operand(left, current)?, self.operand(right, current)?);
                self.compare(left.as_deref(), *comparison, right.as_deref())
            }
            Condition::Matches { text, pattern, whole } => {
                let (text, pattern) = (self.operand(text, current)?, self.operand(pattern, current)?);
                let text_of = |value| Option::<&Value>::and_then(value, Value::as_str);
                match (text_of(text.as_deref()), text_of(pattern.as_deref())) {
                    (Some(text), Some(pattern)) => self.patterns.fits(pattern, text, *whole, self.budget),
                    _ => Ok(false),
                }
            }
        }
    }

    /// Whether any of the conditions comes out so.
    fn first(&self, conditions: &[Condition], current: &'v Value, wanted: bool) -> Found<bool> {
        for condition in conditions {
            if self.holds(condition, current)? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn operand<'o>(&self, operand: &'o Operand, current: &'v Value) -> Found<Option<Cow<'o, Value>>>
    where
        'v: 'o,
    {
        Ok(match operand {
            Operand::Literal(value) => Some(Cow::Borrowed(value)),
            Operand::Single(query) => self.find(query, current)?.first().map(|value| Cow::Borrowed(*value)),
            Operand::Length(operand) => match self.operand(operand, current)? {
                Some(value) => self.length(&value)?.map(|length| Cow::Owned(length.into())),
                None => None,
            },
            Operand::Count(query) => Some(Cow::Owned(self.find(query, current)?.len().into())),
            Operand::Value(query) => match self.find(query, current)?.as_slice() {
                [only] => Some(Cow::Borrowed(*only)),
                _ => None,
            },
        })
    }

    fn length(&self, value: &Value) -> Found<Option<usize>> {
        Ok(match value {
            Value::String(text) => {
                self.budget.take_text(text)?;
                Some(text.chars().count())
            }
            Value::Array(list) => Some(list.len()),
            Value::Object(fields) => Some(fields.len()),
            _ => None,
        })
    }

    /// RFC 9535, section 2.3.5.2.2. `None` is a query that found nothing.
    fn compare(&self, left: Option<&Value>, comparison: Comparison, right: Option<&Value>) -> Found<bool> {
        Ok(match comparison {
            Comparison::Equal => self.equal(left, right)?,
            Comparison::NotEqual => !self.equal(left, right)?,
            Comparison::Less => self.less(left, right)?,
            Comparison::Greater => self.less(right, left)?,
            Comparison::LessOrEqual => self.less(left, right)? || self.equal(left, right)?,
            Comparison::GreaterOrEqual => self.less(right, left)? || self.equal(left, right)?,
        })
    }

    fn less(&self, left: Option<&Value>, right: Option<&Value>) -> Found<bool> {
        match (left, right) {
            (Some(Value::String(left)), Some(Value::String(right))) => {
                self.budget.take_text(if left.len() < right.len() { left } else { right })?;
                Ok(left < right)
            }
            (Some(Value::Number(left)), Some(Value::Number(right))) => Ok(order(left, right) == Some(Ordering::Less)),
            _ => Ok(false),
        }
    }

    fn equal(&self, left: Option<&Value>, right: Option<&Value>) -> Found<bool> {
        self.budget.take(1)?;
        let (Some(left), Some(right)) = (left, right) else { return Ok(left.is_none() && right.is_none()) };
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => Ok(order(left, right) == Some(Ordering::Equal)),
            (Value::String(left), Value::String(right)) => {
                self.budget.take_text(if left.len() < right.len() { left } else { right })?;
                Ok(left == right)
            }
            (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
                self.all_equal(left.iter().zip(right).map(|(left, right)| ("", left, Some(right))))
            }
            (Value::Object(left), Value::Object(right)) if left.len() == right.len() => {
                self.all_equal(left.iter().map(|(name, left)| (name.as_str(), left, right.get(name))))
            }
            (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => Ok(false),
            _ => Ok(left == right),
        }
    }

    /// Whether all pairs are equal; each has the name under which the second was looked up.
    fn all_equal<'a>(&self, pairs: impl Iterator<Item = (&'a str, &'a Value, Option<&'a Value>)>) -> Found<bool> {
        for (name, left, right) in pairs {
            self.budget.take_text(name)?;
            if !self.equal(Some(left), right)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn at(list: &[Value], index: i64) -> Option<&Value> {
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    list.get(if index < 0 { list.len().checked_sub(from_end)? } else { from_end })
}

/// Whole numbers are compared exactly, others as JSON's readers hold them.
fn order(left: &Number, right: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

/// The values as a JSON list of at most so many bytes, and how many of them are not in it.
pub(super) fn written(values: &[&Value], bytes: usize) -> Found<(String, usize)> {
    let mut text = Limited { text: vec![b'['], limit: bytes.saturating_sub(1) };
    for (place, value) in values.iter().enumerate() {
        let before = text.text.len();
        if place > 0 {
            text.text.push(b',');
        }
        if serde_json::to_writer(&mut text, value).is_ok() {
            continue;
        }
        if place == 0 {
            return Err(exhausted("already the first value that the query finds is too long"));
        }
        text.text.truncate(before);
        return Ok((text.closed(), values.len() - place));
    }
    Ok((text.closed(), 0))
}

/// Text that does not grow beyond a limit.
struct Limited {
    text: Vec<u8>,
    limit: usize,
}

impl Limited {
    fn closed(mut self) -> String {
        self.text.push(b']');
        String::from_utf8(self.text).unwrap_or_default()
    }
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.text.len() + bytes.len() > self.limit {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
