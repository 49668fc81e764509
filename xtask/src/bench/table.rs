//! Two measurements side by side.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::Value;

struct Row<'a> {
    form: &'a str,
    count: u64,
    rate: f64,
}

/// A table of our rows, each beside the other's row for the same form and count.
pub fn render(ours: &Value, theirs: &Value) -> Result<String> {
    let ours = rows(ours).context("forethought's measurement")?;
    let theirs = rows(theirs).context("llama.cpp's measurement")?;
    let mut text = String::from("form   at once   forethought     llama.cpp     ratio\n");
    for row in ours {
        let other = theirs.iter().find(|other| other.form == row.form && other.count == row.count);
        let other = other.with_context(|| format!("llama.cpp has no row for {} at {}", row.form, row.count))?;
        let ratio = row.rate / other.rate;
        writeln!(
            text,
            "{:<6} {:>7} {:>7.1} tok/s {:>7.1} tok/s {ratio:>9.2}",
            row.form, row.count, row.rate, other.rate
        )?;
    }
    Ok(text)
}

fn rows(measurement: &Value) -> Result<Vec<Row<'_>>> {
    let rows = measurement.get("rows").and_then(Value::as_array).context("it has no `rows`")?;
    rows.iter().map(|value| row(value).with_context(|| format!("this row is incomplete: {value}"))).collect()
}

fn row(value: &Value) -> Option<Row<'_>> {
    Some(Row {
        form: value.get("form")?.as_str()?,
        count: value.get("count")?.as_u64()?,
        rate: value.get("tokens_per_second")?.as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measured(rate: f64) -> Value {
        json!({ "rows": [{ "form": "q8_0", "count": 8, "tokens_per_second": rate }] })
    }

    #[test]
    fn rows_meet_by_form_and_count() {
        let text = render(&measured(50.0), &measured(200.0)).unwrap();
        let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["q8_0", "8", "50.0", "tok/s", "200.0", "tok/s", "0.25"]);
    }

    #[test]
    fn a_missing_row_is_named() {
        let error = render(&measured(50.0), &json!({ "rows": [] })).unwrap_err().to_string();
        assert_eq!(error, "llama.cpp has no row for q8_0 at 8");
        assert!(render(&json!({}), &measured(1.0)).is_err());
    }
}
