//! A calculator that is exact: sums as people and small models write them, with fractions, percentages and units.
//!
//! Numbers are fractions of whole numbers of any length, and what is no fraction, such as a root or pi, lies between two of them, so
//! that no digit of a result is wrong. The crates that calculate with units (fend-core, rink-core, numbat) bound neither digits nor
//! steps, so the arithmetic here is num-bigint's, with steps counted before they are taken.

mod exact;
mod function;
mod lex;
mod parse;
mod problem;
mod quantity;
mod show;
mod span;
mod unit;
mod work;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{Effect, Invocation, Reply, Tool, ToolError, ToolSpec, blocking::blocking, built_in::specification};
use work::Work;

/// What an expression may be made of. A decoder that is bound to it can write nothing but what looks like one.
const FULL: &str = "^[0-9A-Za-z_ .,()+*/^%!=?$€£¥×÷·−°²³µπ-]+$";
/// Numbers with operators between them, for very small models: what is drawn so comes to an end, and is a sum.
const PLAIN: &str = r"^\(*[0-9]+(\.[0-9]+)?\)*( [-+*/] \(*[0-9]+(\.[0-9]+)?\)*)+$";

/// The tool `calculator`.
///
/// A result is a decimal where its decimals come to an end (`0.125`), a fraction with an approximation otherwise
/// (`1/3 ≈ 0.333333333333`), and an approximation alone where it is no fraction (`≈ 1.41421356237309504880168872421`), of which
/// every digit is right. Nothing takes longer than some tens of milliseconds.
#[derive(Clone, Debug)]
pub struct Calculator {
    spec: ToolSpec,
    /// Whether what was asked stands before the result: very small models copy a whole equation better than a number.
    repeats: bool,
}

impl Calculator {
    /// All that it can do.
    #[must_use]
    pub fn new() -> Self {
        let told = "Calculates exactly, with units and percentages. Examples: `15% of 80 + 2^10`, `90 km/h in m/s`.";
        let expression = "what to calculate, such as `(1/3 + 2) * 6` or `3 km + 200 m in m`";
        Self::with(told, expression, FULL, 200, false)
    }

    /// The same for very small models, which can only give it numbers with the four operators between them, and parentheses.
    #[must_use]
    pub fn plain() -> Self {
        let told = "Calculates the sum that answers a question. Examples:\n\
            Tom had 12 apples and bought 30 more. How many apples does he have now? {\"expression\": \"12 + 30\"}\n\
            What is 81 - 17? {\"expression\": \"81 - 17\"}\n\
            A box holds 24 pens. 9 are taken out. How many are left? {\"expression\": \"24 - 9\"}";
        Self::with(told, "the sum", PLAIN, 60, true)
    }

    fn with(told: &str, expression: &str, pattern: &str, longest: usize, repeats: bool) -> Self {
        let expression = json!({
            "type": "string", "description": expression, "pattern": pattern, "minLength": 1, "maxLength": longest,
        });
        let parameters = json!({
            "type": "object",
            "properties": { "expression": expression },
            "required": ["expression"],
            "additionalProperties": false,
        });
        Self { spec: specification("calculator", told, parameters, Effect::Pure), repeats }
    }
}

impl Default for Calculator {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Tool for Calculator {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
        let expression = invocation.arguments.get("expression").and_then(Value::as_str).map(str::to_owned);
        let expression = expression.ok_or_else(|| ToolError::Arguments("`expression` is missing".to_owned()))?;
        let asked = self.repeats.then(|| expression.clone());
        let text = blocking(move |_| Ok(parse::evaluate(&expression, &Work::new())?)).await?;
        let text = match asked {
            Some(asked) if text.starts_with('≈') => format!("{asked} {text}"),
            Some(asked) => format!("{asked} = {text}"),
            None => text,
        };
        if text.len() > invocation.limits.bytes {
            // The beginning of a number would be another number.
            let told = format!("the result has {} characters; {} are the most", text.len(), invocation.limits.bytes);
            return Err(ToolError::Exhausted(told));
        }
        Ok(Reply::new(text, invocation.limits.bytes))
    }
}
