//! What files may hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a file holds. All of it is text in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Values with commas between them (RFC 4180); the first line names the columns.
    Csv,
    /// The same with tabs.
    Tsv,
    /// An array of objects.
    Json,
    /// An object a line.
    JsonLines,
    /// Plain text.
    Text,
    /// Markdown, read as plain text.
    Markdown,
}

/// Each kind, its media type, the media types that also mean it, and how names of such files end.
const KINDS: [(Kind, &str, &[&str], &[&str]); 6] = [
    (Kind::Csv, "text/csv", &["application/csv"], &["csv"]),
    (Kind::Tsv, "text/tab-separated-values", &[], &["tsv", "tab"]),
    (Kind::Json, "application/json", &["text/json"], &["json"]),
    (
        Kind::JsonLines,
        "application/jsonl",
        &["application/x-ndjson", "application/x-jsonlines", "application/ndjson"],
        &["jsonl", "ndjson"],
    ),
    (Kind::Text, "text/plain", &[], &["txt", "text"]),
    (Kind::Markdown, "text/markdown", &["text/x-markdown"], &["md", "markdown"]),
];

impl Kind {
    /// The kind of a file by its media type and name. Without a media type, or with one that says nothing
    /// (`application/octet-stream`, and `text/plain`, as which browsers send what they do not know), the name tells.
    #[must_use]
    pub fn find(media_type: Option<&str>, name: &str) -> Option<Self> {
        let Some(given) = media_type.map(str::trim).filter(|given| !given.is_empty()) else { return by_ending(name) };
        let (essence, parameters) = given.split_once(';').unwrap_or((given, ""));
        if !is_utf8(parameters) {
            return None;
        }
        let essence = essence.trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/octet-stream" => by_ending(name),
            "text/plain" => Some(by_ending(name).unwrap_or(Self::Text)),
            _ => KINDS.iter().find(|(_, own, also, _)| essence == *own || also.contains(&&*essence)).map(|kind| kind.0),
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        KINDS.iter().find(|kind| kind.0 == self).map_or("text/plain", |kind| kind.1)
    }

    /// Whether it has rows and columns; the others are documents.
    #[must_use]
    pub const fn is_table(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv | Self::Json | Self::JsonLines)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.media_type())
    }
}

fn by_ending(name: &str) -> Option<Kind> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    KINDS.iter().find(|(_, _, _, endings)| endings.contains(&&*ending)).map(|kind| kind.0)
}

/// Whether the parameters of a media type leave it UTF-8.
fn is_utf8(parameters: &str) -> bool {
    parameters.split(';').filter_map(|one| one.split_once('=')).all(|(name, value)| {
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        !name.trim().eq_ignore_ascii_case("charset") || matches!(value.as_str(), "utf-8" | "utf8" | "us-ascii")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_media_type_and_then_by_name() {
        let check = |media_type: Option<&str>, name: &str, expect: Option<Kind>| {
            assert_eq!(Kind::find(media_type, name), expect, "{media_type:?} {name}");
        };
        check(Some("text/csv"), "a", Some(Kind::Csv));
        check(Some("Text/CSV; header=present; charset=\"UTF-8\""), "a.txt", Some(Kind::Csv));
        check(Some("text/csv; charset=latin1"), "a.csv", None);
        check(None, "a.b.JSONL", Some(Kind::JsonLines));
        check(Some(""), "a.tsv", Some(Kind::Tsv));
        check(Some("application/octet-stream"), "a.md", Some(Kind::Markdown));
        check(Some("text/plain"), "a.csv", Some(Kind::Csv));
        check(Some("text/plain"), "a.log", Some(Kind::Text));
        check(Some("application/pdf"), "a.csv", None);
        check(None, "a.pdf", None);
        check(None, "csv", None);
    }
}
