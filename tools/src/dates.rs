//! Sums with dates and times: by the calendar, by working days, and between time zones.
//!
//! The calendar and the time zones are jiff's, with the zones of the IANA database that are compiled in, so that every machine gives
//! the same result.

mod operation;
mod read;
mod workdays;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{Effect, Invocation, Reply, Tool, ToolError, ToolSpec, built_in::specification};

/// Characters of an argument.
const MAX_LENGTH: usize = 80;

/// Says what time it is.
type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The tool `dates`.
///
/// Without a clock it does not know what day it is, and is [pure](Effect::Pure). With one it knows `now` and `today`, and
/// [reads](Effect::Reads) them.
#[derive(Clone)]
pub struct Dates {
    spec: ToolSpec,
    clock: Option<Clock>,
}

/// What to do.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Add,
    Subtract,
    Difference,
    Describe,
    Convert,
}

/// What it is called with.
#[derive(Debug, Deserialize)]
struct Arguments {
    operation: Operation,
    date: String,
    to: Option<String>,
    duration: Option<String>,
    zone: Option<String>,
    to_zone: Option<String>,
}

impl Dates {
    /// Without a clock.
    #[must_use]
    pub fn new() -> Self {
        Self::build(None)
    }

    /// With a clock, which is asked only where a date is `now`, `today`, `tomorrow` or `yesterday`.
    pub fn with_clock(clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self::build(Some(Arc::new(clock)))
    }

    fn build(clock: Option<Clock>) -> Self {
        let (effect, today) = match clock {
            None => (Effect::Pure, ""),
            Some(_) => (Effect::Reads, ", or `today` or `now`"),
        };
        let text =
            |told: String| json!({ "type": "string", "description": told, "minLength": 1, "maxLength": MAX_LENGTH });
        let parameters = json!({
            "type": "object",
            "properties": {
                "operation": {
                    "type": "string",
                    "enum": ["add", "subtract", "difference", "describe", "convert"],
                    "description": "`add` and `subtract` a `duration`; `difference` from `date` to `to`, also ages; `describe`: day \
                                    of the week, ISO week, leap year; `convert` a time to `to_zone`",
                },
                "date": text(format!("such as 2025-03-31 or 2025-03-31T14:30{today}")),
                "to": text(format!("the second date of `difference`{today}")),
                "duration": text("such as `3 months 2 days`, `90 minutes`, `10 business days`".to_owned()),
                "zone": text("the time zone of a time without one, such as Europe/Berlin".to_owned()),
                "to_zone": text("the time zone to convert to, such as America/New_York".to_owned()),
            },
            "required": ["operation", "date"],
            "additionalProperties": false,
        });
        let told = "Calculates with dates and times, also with working days, ages and time zones.";
        Self { spec: specification("dates", told, parameters, effect), clock }
    }
}

impl Default for Dates {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Tool for Dates {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
        let Invocation { arguments, limits, .. } = invocation;
        let arguments: Arguments =
            serde_json::from_value(arguments).map_err(|error| ToolError::Arguments(error.to_string()))?;
        let now = || self.clock.as_ref().map(|clock| clock());
        Ok(Reply::new(operation::perform(&arguments, &now)?, limits.bytes))
    }
}
