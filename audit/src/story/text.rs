//! A story as plain text: for a terminal, and for people.
//!
//! What others have written stands behind a bar at the left, so that none of it looks like a part of the story.

use std::fmt::{self, Write};

use super::{MAX_COLUMNS, Part, Section, Story};

const INDENT: &str = "  ";
const BAR: &str = "  | ";
/// Between two columns.
const GAP: &str = "  ";
/// The least room that the last column has, however wide the others are.
const LEAST: usize = 24;

pub(super) fn write(story: &Story, out: &mut impl Write) -> fmt::Result {
    let head = format!("Request {}: {}", story.request_id, story.status);
    lines(&one_line(&head), "", "", out)?;
    story.sections.iter().try_for_each(|section| write_section(section, out))
}

fn write_section(section: &Section, out: &mut impl Write) -> fmt::Result {
    writeln!(out, "\n{}", one_line(&section.title))?;
    section.parts.iter().try_for_each(|part| match part {
        Part::Sentence { text } => lines(&one_line(text), INDENT, INDENT, out),
        Part::Quote { text } => text.split('\n').try_for_each(|line| lines(&tame(line), BAR, BAR, out)),
        Part::Table { head, rows } => table(head, rows, out),
    })
}

/// A table whose last column is broken into lines where it is too wide.
fn table(head: &[String], rows: &[Vec<String>], out: &mut impl Write) -> fmt::Result {
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|cell| one_line(cell)).collect())
        .collect();
    let before_last = head.len().saturating_sub(1);
    let room = (MAX_COLUMNS - LEAST) / before_last.max(1);
    let widths: Vec<usize> = (0..before_last)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0))
        .map(|wide| wide.min(room.saturating_sub(GAP.len())))
        .collect();
    let indent = " ".repeat(INDENT.len() + widths.iter().map(|width| width + GAP.len()).sum::<usize>());
    for row in &rows {
        let mut first = INDENT.to_owned();
        for (cell, wide) in row.iter().zip(&widths) {
            let cell = shortened(cell, *wide);
            first += &cell;
            first += &" ".repeat(wide.saturating_sub(width(&cell)) + GAP.len());
        }
        lines(row.get(before_last).map_or("", String::as_str), &first, &indent, out)?;
    }
    Ok(())
}

/// A cell that is not the last: its end is left out where it is too wide.
fn shortened(cell: &str, most: usize) -> String {
    if width(cell) <= most {
        return cell.to_owned();
    }
    let (kept, _) = split(cell, most.saturating_sub(1));
    format!("{kept}…")
}

/// Writes a text with something before its first line and something before all others. It is broken between words where there are any.
fn lines(text: &str, first: &str, others: &str, out: &mut impl Write) -> fmt::Result {
    let (mut rest, mut before) = (text, first);
    loop {
        let (line, after) = broken(rest, MAX_COLUMNS.saturating_sub(width(before)));
        writeln!(out, "{}", format!("{before}{line}").trim_end())?;
        if after.is_empty() {
            return Ok(());
        }
        (rest, before) = (after, others);
    }
}

/// What fits into a line, and the rest.
fn broken(text: &str, most: usize) -> (&str, &str) {
    let (fits, rest) = split(text, most);
    if rest.is_empty() {
        return (fits, "");
    }
    if let Some(rest) = rest.strip_prefix(' ') {
        return (fits, rest);
    }
    match fits.rsplit_once(' ') {
        // Spaces at the beginning belong to the text, and are no place to break it.
        Some((line, word)) if !line.trim().is_empty() => {
            (line, text.get(text.len() - rest.len() - word.len()..).unwrap_or(""))
        }
        _ => (fits, rest),
    }
}

/// The longest beginning of at most so many columns but of one character at least, and the rest.
fn split(text: &str, most: usize) -> (&str, &str) {
    let mut columns = 0;
    let end = text.char_indices().find(|(at, c)| {
        columns += columns_of(*c);
        columns > most && *at > 0
    });
    end.and_then(|(at, _)| text.split_at_checked(at)).unwrap_or((text, ""))
}

fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The columns of a character, rather too many than too few: those of East Asia and pictures take two (Unicode's annex 11, in coarse ranges).
fn columns_of(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115f}'
        | '\u{2300}'..='\u{27bf}'
        | '\u{2b00}'..='\u{2bff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{1f000}'.. => 2,
        _ => 1,
    }
}

/// A text without characters that do something to a terminal, or make a text look like another: they are written out. A tab is four spaces.
fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => tamed.push_str("    "),
            _ if c.is_control() || is_hidden(c) => tamed.extend(c.escape_default()),
            _ => tamed.push(c),
        }
    }
    tamed
}

fn one_line(text: &str) -> String {
    tame(&text.replace('\n', "\\n"))
}

/// Characters that turn the direction of writing, end a line or are not seen.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let check = |text: &str, most, expected: (&str, &str)| assert_eq!(broken(text, most), expected, "{text:?}");
        check("one two", 10, ("one two", ""));
        check("one two", 7, ("one two", ""));
        check("one two", 6, ("one", "two"));
        check("one two", 3, ("one", "two"));
        check("one two", 2, ("on", "e two"));
        check("  code here", 4, ("  co", "de here"));
        check("漢字漢字", 5, ("漢字", "漢字"));
        check("漢字", 1, ("漢", "字"));
        check("", 5, ("", ""));
        check("a", 0, ("a", ""));
    }

    #[test]
    fn what_does_something_to_a_terminal_is_written_out() {
        let check = |text: &str, expected: &str| assert_eq!(one_line(text), expected);
        check("a\u{1b}[31mb", "a\\u{1b}[31mb");
        check("a\r\nb", "a\\r\\nb");
        check("a\tb", "a    b");
        check("\u{202e}x\u{200b}\u{2028}", "\\u{202e}x\\u{200b}\\u{2028}");
        check("\u{9b}31m", "\\u{9b}31m");
        check("größer 模型", "größer 模型");
    }

    fn parts() -> impl Strategy<Value = Part> {
        let text = || prop_oneof![".{0,300}", "[ a-z漢\n\t\u{1b}\u{202e}]{0,300}"];
        prop_oneof![
            text().prop_map(Part::sentence),
            text().prop_map(Part::quote),
            proptest::collection::vec(proptest::collection::vec(text(), 3), 0..4)
                .prop_map(|rows| Part::table(&["ONE", "TWO", "THREE"], rows)),
        ]
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_or_does_anything(parts in proptest::collection::vec(parts(), 0..6), id in ".{0,200}") {
            let section = Section { id: "x".to_owned(), title: "Title".to_owned(), parts };
            let story = Story { request_id: id, status: "open".to_owned(), sections: vec![section] };
            let text = story.to_string();
            for line in text.lines() {
                prop_assert!(width(line) <= MAX_COLUMNS, "{} columns: {line:?}", width(line));
                prop_assert!(!line.chars().any(|c| c.is_control() || is_hidden(c)), "{line:?}");
            }
            let json = serde_json::to_string(&story).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Story>(&json).expect("read"), story);
        }
    }
}
