//! Regular expressions of queries (RFC 9485), on an engine whose time is linear in the text.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use regex::{Regex, RegexBuilder};

use super::budget::Budget;
use crate::ToolError;

/// Bytes of an expression.
const MAX_PATTERN: usize = 256;
/// Bytes of an expression that is compiled, which bound the work for each byte of a text.
const MAX_COMPILED: usize = 128 * 1024;
/// Parentheses within each other.
const MAX_NESTING: u32 = 32;
/// Steps to compile one, whatever it is.
const COMPILING: usize = 100_000;
/// Steps for each byte of a text.
const FOR_EACH_BYTE: usize = 32;

/// An expression as it is written, and whether the whole text must fit.
type Key = (String, bool);

/// Expressions that were compiled for this query; `None` for those that cannot be.
#[derive(Default)]
pub(super) struct Patterns(RefCell<HashMap<Key, Option<Arc<Regex>>>>);

impl Patterns {
    /// Whether a text, or a part of it, is what an expression says. An expression that cannot be read fits nothing (RFC 9535,
    /// section 2.4.6).
    pub(super) fn fits(&self, pattern: &str, text: &str, whole: bool, budget: &Budget<'_>) -> Result<bool, ToolError> {
        let Some(regex) = self.compiled(pattern, whole, budget)? else { return Ok(false) };
        budget.take(text.len().saturating_mul(FOR_EACH_BYTE))?;
        Ok(regex.is_match(text))
    }

    fn compiled(&self, pattern: &str, whole: bool, budget: &Budget<'_>) -> Result<Option<Arc<Regex>>, ToolError> {
        let key = (pattern.to_owned(), whole);
        if let Some(known) = self.0.borrow().get(&key) {
            return Ok(known.clone());
        }
        budget.take(COMPILING)?;
        let regex = compile(pattern, whole).map(Arc::new);
        self.0.borrow_mut().insert(key, regex.clone());
        Ok(regex)
    }
}

fn compile(pattern: &str, whole: bool) -> Option<Regex> {
    if pattern.len() > MAX_PATTERN {
        return None;
    }
    let translated = translated(pattern);
    let anchored = if whole { format!(r"\A(?:{translated})\z") } else { translated };
    let mut builder = RegexBuilder::new(&anchored);
    builder.size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).nest_limit(MAX_NESTING).build().ok()
}

/// A point outside of a class stands for anything but ends of lines (RFC 9485, section 5.3).
fn translated(pattern: &str) -> String {
    let (mut result, mut escaped, mut class) = (String::new(), false, false);
    for next in pattern.chars() {
        match next {
            '.' if !escaped && !class => result.push_str(r"[^\n\r]"),
            _ => result.push(next),
        }
        class = match next {
            '[' if !escaped => true,
            ']' if !escaped => false,
            _ => class,
        };
        escaped = next == '\\' && !escaped;
    }
    result
}
