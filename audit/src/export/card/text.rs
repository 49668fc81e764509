//! `data-card.md`: the card for people.

use std::fmt::Write as _;

use super::{
    Card, Described,
    figures::{Figures, Log},
};
use crate::export::{Selection, manifest::Kind};

/// What has a meaning in Markdown within a line; each of them can stand behind a backslash (`CommonMark` 0.31, section 2.4).
const MARKS: &str = "\\`*_[]<>|&~";

/// The text of a card.
pub(super) fn of(card: &Card<'_>) -> String {
    let mut text = Text(String::new());
    text.line("# Data card of an evidence export\n");
    log(&mut text, &card.log);
    figures(&mut text, &card.figures);
    tables(&mut text, &card.figures);
    annex(&mut text, card);
    text.line("## What is not in it\n");
    for what in &card.not_in_it {
        text.line(format!("- {what}"));
    }
    text.line(format!("\n## How erasure shows\n\n{}\n", card.erasure));
    text.line("## How to verify it\n");
    for way in card.verifying {
        text.line(format!("- {}: {}", way.with, way.how));
    }
    text.line("");
    text.table("Versions of formats", ["format", "version"], card.formats.iter().map(|one| [one.name, one.version]));
    text.line("## Files\n");
    for file in &card.files {
        described(&mut text, file);
    }
    text.0
}

/// A text that is written line by line.
struct Text(String);

impl Text {
    fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    /// A table, if it has rows. What stands in its cells is shown as it is.
    fn table<const N: usize, S: AsRef<str>>(
        &mut self,
        title: &str,
        head: [&str; N],
        rows: impl Iterator<Item = [S; N]>,
    ) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return;
        }
        self.line(format!("## {title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(N)));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| plain(cell.as_ref())).collect();
            self.line(format!("| {} |", cells.join(" | ")));
        }
        self.line("");
    }
}

/// A text that is shown as it is, on one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if MARKS.contains(c) {
            plain.push('\\');
        }
        plain.push(if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c });
    }
    plain
}

fn log(text: &mut Text, log: &Log<'_>) {
    text.line(format!("{}\n", plain(log.note)));
    let size = log.size.to_string();
    let rows = [
        ["name of the log", log.origin],
        ["leaves of the log", &size],
        ["root", log.root],
        ["made, as its maker says", &log.made.to_string()],
        ["asked for", &asked_for(log)],
    ];
    text.table("The log", ["what", "which"], rows.into_iter());
}

fn asked_for(log: &Log<'_>) -> String {
    let all = *log.selection.unwrap_or(&Selection::default()) == Selection::default();
    let which = log.selection.filter(|_| !all).and_then(|selection| serde_json::to_string(selection).ok());
    let which = which.unwrap_or_else(|| "all records".to_owned());
    match (log.kind, log.selection) {
        (Kind::Whole, None) => "all records, without receipts".to_owned(),
        (Kind::Whole, Some(_)) => format!("all records, with receipts of {which}"),
        (Kind::Part, _) => which,
    }
}

fn figures(text: &mut Text, figures: &Figures<'_>) {
    let time = |time: Option<jiff::Timestamp>| time.map_or_else(|| "none".to_owned(), |time| time.to_string());
    let rows = [
        ["first record", &time(figures.first)],
        ["last record", &time(figures.last)],
        ["records", &figures.records.to_string()],
        ["requests", &figures.requests.to_string()],
        ["receipts", &figures.receipts.to_string()],
        ["commitments to contents", &figures.commitments.to_string()],
        ["erasures", &figures.erasures.done.to_string()],
        ["keys of contents that they destroyed", &figures.erasures.keys_destroyed.to_string()],
        ["erasures that were refused", &figures.erasures.refused.to_string()],
    ];
    text.table("Figures", ["what", "how many, or when"], rows.into_iter());
}

fn tables(text: &mut Text, figures: &Figures<'_>) {
    let kinds = figures.records_by_type.iter().map(|one| [one.name.to_owned(), one.count.to_string()]);
    text.table("Records by type", ["type", "records"], kinds);
    let statuses = figures.requests_by_status.iter().map(|one| [one.name.to_owned(), one.count.to_string()]);
    text.table("Requests by status", ["status", "requests"], statuses);
    let tenant =
        |of: &super::figures::Tenant<'_>| [of.name.to_owned(), of.records.to_string(), of.requests.to_string()];
    text.table("Tenants", ["tenant", "records", "requests"], figures.tenants.iter().map(tenant));
    let model =
        |of: &super::figures::Model<'_>| [of.name.to_owned(), of.weights_digest.to_owned(), of.requests.to_string()];
    text.table("Models", ["model", "digest of its weights", "requests"], figures.models.iter().map(model));
    let policy =
        |of: &super::figures::Policy<'_>| [of.version.to_owned(), of.digest.to_owned(), of.requests.to_string()];
    text.table("Policies", ["version", "digest", "requests"], figures.policies.iter().map(policy));
    let tool = |of: &super::figures::Tool<'_>| {
        [of.name.to_owned(), of.calls.to_string(), of.refused.to_string(), of.held.to_string()]
    };
    text.table("Calls of tools", ["tool", "calls", "refused", "held"], figures.tools.iter().map(tool));
}

fn annex(text: &mut Text, card: &Card<'_>) {
    let rows = card.annex.iter().map(|one| [one.path.as_str(), one.title, one.media_type, one.attested.as_str()]);
    text.table("Annex", ["file", "what it is", "media type", "who attests it"], rows);
}

fn described(text: &mut Text, file: &Described) {
    text.line(format!("### `{}`\n\n{}\n", file.path, file.what));
    if file.fields.is_empty() {
        return;
    }
    text.line("| field | what it is |\n|---|---|");
    for field in &file.fields {
        let _ = writeln!(text.0, "| `{}` | {} |", field.path, field.what);
    }
    text.line("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_records_say_is_shown_as_it_is() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text), expected, "{text:?}");
        check("acme", "acme");
        check("a|b", "a\\|b");
        check("a\n# b", "a # b");
        check("<script>", "\\<script\\>");
        check("[x](http://y)", "\\[x\\](http://y)");
        check("`a`&amp;", "\\`a\\`\\&amp;");
        check("a\u{2028}b\u{85}c", "a b c");
        check("a\\|b", "a\\\\\\|b");
    }
}
