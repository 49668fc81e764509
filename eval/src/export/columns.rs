//! The columns of a file, as the `datasets` library is told of them.
//!
//! When it is not told, it takes the types of each column from the first 10 MB: a column that holds nothing there, or only
//! dates, cannot hold a text later. And even when it is told, it reads a text that looks like a date as one, and writes it
//! differently; only what is told to be JSON stays as it is.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Columns that are lists of messages, real numbers and whole ones; all others are texts.
const MESSAGES: [&str; 4] = ["messages", "prompt", "chosen", "rejected"];
const REAL: [&str; 1] = ["agreement"];
const WHOLE: [&str; 3] = ["repeat", "samples", "tokens"];

/// The columns of the rows that were noted.
#[derive(Debug, Default)]
pub(super) struct Columns(Vec<Column>);

#[derive(Debug)]
struct Column {
    name: String,
    /// Whether a row has nothing but dates there.
    dates: bool,
    /// Whether its messages have thoughts.
    thoughts: bool,
}

impl Columns {
    /// Notes a row. All rows of a file have the same columns.
    pub(super) fn note(&mut self, row: &Map<String, Value>) {
        for (name, value) in row {
            let at = self.0.iter().position(|column| column.name == *name).unwrap_or_else(|| {
                self.0.push(Column { name: name.clone(), dates: false, thoughts: false });
                self.0.len() - 1
            });
            if let Some(column) = self.0.get_mut(at) {
                column.note(value);
            }
        }
    }

    /// The columns as `features` of the front matter.
    pub(super) fn features(&self) -> String {
        let mut text = String::from("  features:\n");
        for column in &self.0 {
            _ = writeln!(text, "  - name: {}\n{}", column.name, column.kind());
        }
        text
    }
}

impl Column {
    fn note(&mut self, value: &Value) {
        let messages = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let of = |field: &'static str| messages.iter().filter_map(move |message| message.get(field)?.as_str());
        self.thoughts |= of("reasoning_content").next().is_some();
        self.dates |=
            value.as_str().is_some_and(is_date) || are_dates(of("content")) || are_dates(of("reasoning_content"));
    }

    fn kind(&self) -> String {
        let name = self.name.as_str();
        if MESSAGES.contains(&name) {
            return self.messages();
        }
        let kind = match name {
            _ if REAL.contains(&name) => "float64",
            _ if WHOLE.contains(&name) => "int64",
            _ if self.dates => "json",
            _ => "string",
        };
        format!("    dtype: {kind}")
    }

    fn messages(&self) -> String {
        if self.dates {
            return "    list: json".to_owned();
        }
        let fields = ["role", "content", "reasoning_content"];
        let fields = fields.iter().take(if self.thoughts { 3 } else { 2 });
        let fields: Vec<String> = fields.map(|field| format!("    - name: {field}\n      dtype: string")).collect();
        format!("    list:\n{}", fields.join("\n"))
    }
}

/// Whether there is something, and all of it are dates: one text among them keeps the library from taking them for such.
fn are_dates<'t>(mut texts: impl Iterator<Item = &'t str>) -> bool {
    texts.next().is_some_and(is_date) && texts.all(is_date)
}

/// Whether a text may be taken for a date or a time; those with parts of a second are not.
fn is_date(text: &str) -> bool {
    let day: &[u8] = text.as_bytes().get(..10).unwrap_or_default();
    let fits = |(at, byte): (usize, &u8)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() };
    day.len() == 10 && day.iter().enumerate().all(fits) && !text.contains('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn features(rows: &[Value]) -> String {
        let mut columns = Columns::default();
        rows.iter().for_each(|row| columns.note(row.as_object().unwrap()));
        columns.features()
    }

    #[test]
    fn columns_that_are_empty_at_first_have_their_types() {
        let said = json!([{ "role": "user", "content": "?" }]);
        let told = features(&[json!({ "answer": "4", "agreement": null, "tokens": 3, "check": null, "prompt": said })]);
        for part in [
            "  features:\n",
            "  - name: answer\n    dtype: string\n",
            "  - name: agreement\n    dtype: float64\n",
            "  - name: tokens\n    dtype: int64\n",
            "  - name: check\n    dtype: string\n",
            "  - name: prompt\n    list:\n    - name: role\n      dtype: string\n    - name: content\n      dtype: string\n",
        ] {
            assert!(told.contains(part), "no `{part}` in {told}");
        }
        assert!(!told.contains("reasoning_content"), "{told}");
    }

    #[test]
    fn dates_stay_as_they_were_written() {
        let said = |texts: [&str; 2]| json!(texts.map(|text| json!({ "role": "user", "content": text })));
        let rows = |answer: &str, texts| features(&[json!({ "answer": answer, "chosen": said(texts) })]);
        assert!(rows("2024-05-01", ["q", "2024-05-01"]).contains("answer\n    dtype: json\n"));
        assert!(rows("2024-05-01", ["q", "2024-05-01"]).contains("chosen\n    list:\n"));
        assert!(rows("seven", ["2024-05-01", "2024-05-01 10:00:00"]).contains("chosen\n    list: json\n"));
        let check = |text: &str, expect| assert_eq!(is_date(text), expect, "{text}");
        check("2024-05-01", true);
        check("2024-05-01T10:00Z", true);
        check("2027-01-15T08:00:00.000Z", false);
        check("2024-5-1", false);
        check("2024-05-0", false);
        check("20240501", false);
        check("äöü2024-05-01", false);
    }

    #[test]
    fn thoughts_are_a_field_of_messages() {
        let said = json!([{ "role": "assistant", "content": "4", "reasoning_content": "" }]);
        assert!(
            features(&[json!({ "chosen": said })]).ends_with("    - name: reasoning_content\n      dtype: string\n")
        );
    }
}
