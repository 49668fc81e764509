//! Markup that is HTML and well-formed XML at once: whatever a text holds, it stays text.

use std::fmt::Write as _;

/// The look of every page.
const STYLE: &str = include_str!("style.css");

/// A whole page in one file that loads nothing: a title, further rules of CSS, and the markup of its body.
#[must_use]
pub fn document(title: &str, style: &str, body: &str) -> String {
    // The policy forbids every kind of loading, so that no text, however it got here, can fetch anything.
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <title>{}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title)
    )
}

/// A part of a page under its title.
#[must_use]
pub fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(title))
}

/// A text as content, or as the value of an attribute in double quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            // XML knows no such characters, and those that turn the direction of writing make a text look like another.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A short text.
    Word(String),
    /// A number, which stands to the right.
    Number(String),
    /// A text of any length.
    Text(String),
    /// Markup that is good already.
    Markup(String),
}

/// A table; each row has a class, which may be empty.
#[must_use]
pub fn table(head: &[(&str, bool)], rows: &[(&str, Vec<Cell>)]) -> String {
    let mut text = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
    for (name, number) in head {
        let class = if *number { " class=\"number\"" } else { "" };
        _ = write!(text, "<th scope=\"col\"{class}>{}</th>", escape(name));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for (class, cells) in rows {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{}\"", escape(class)) };
        let cells: String = cells.iter().map(cell).collect();
        _ = writeln!(text, "<tr{class}>{cells}</tr>");
    }
    text.push_str("</tbody>\n</table></div>\n");
    text
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Word(text) => format!("<td>{}</td>", escape(text)),
        Cell::Number(text) => format!("<td class=\"number\">{}</td>", escape(text)),
        Cell::Text(text) => format!("<td class=\"text\">{}</td>", escape(text)),
        Cell::Markup(markup) => format!("<td>{markup}</td>"),
    }
}

/// Names with their values.
#[must_use]
pub fn pairs(pairs: &[(&str, String)]) -> String {
    let one = |(name, value): &(&str, String)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value));
    format!("<dl>\n{}</dl>\n", pairs.iter().map(one).collect::<String>())
}

/// The beginning of a text, on one line.
#[must_use]
pub fn short(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let check = |text: &str, expect: &str| assert_eq!(escape(text), expect);
        check(
            "<script>alert(\"1\" && '2')</script>",
            "&lt;script&gt;alert(&quot;1&quot; &amp;&amp; &#39;2&#39;)&lt;/script&gt;",
        );
        check("a\u{0}b\u{1b}[31m\u{85}\u{202e}c\n\td", "a\u{fffd}b\u{fffd}[31m\u{fffd}\u{fffd}c\n\td");
        check("é 世 😀", "é 世 😀");
    }

    #[test]
    fn a_table_escapes_its_cells() {
        let cells = vec![Cell::Word("<a>".into()), Cell::Number("1".into()), Cell::Markup("<b>x</b>".into())];
        let text = table(&[("A&B", false), ("N", true), ("M", false)], &[("on", cells)]);
        assert!(text.contains("<th scope=\"col\">A&amp;B</th><th scope=\"col\" class=\"number\">N</th>"), "{text}");
        assert!(
            text.contains("<tr class=\"on\"><td>&lt;a&gt;</td><td class=\"number\">1</td><td><b>x</b></td></tr>"),
            "{text}"
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short("  a \n b  ", 9), "a b");
        assert_eq!(short("ééééé", 3), "ééé…");
    }
}
