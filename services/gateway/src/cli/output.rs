//! What goes to stdout: aligned tables, colours on a terminal only, and no control characters from the data.

use std::{
    env,
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
};

use super::exit::OutputError;

/// Prints a text as it is.
pub fn print(text: &str) -> Result<(), OutputError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(OutputError)
}

/// Prints a JSON value for programs and people.
pub fn print_json(value: &serde_json::Value) -> Result<(), OutputError> {
    print(&format!("{value:#}\n"))
}

/// How something stands out on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Odd,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// Colours when stdout is a terminal and nobody objects (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let objection = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colours: io::stdout().is_terminal() && !objection }
    }

    /// The text, which stands out if there are colours.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Plain => return text.to_owned(),
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Bad => 31,
            Paint::Good => 32,
            Paint::Odd => 33,
        };
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A text from the data, fit for a terminal: control characters are written out, except line ends and tabs.
pub fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for c in text.chars() {
        // Characters that turn the direction of writing can make a text look like another.
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || c.is_control() && !matches!(c, '\n' | '\t') {
            _ = write!(tamed, "{}", c.escape_default());
        } else {
            tamed.push(c);
        }
    }
    tamed
}

/// A number of things, such as `1 model` and `2 models`.
pub fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Where a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows under a head, in columns as wide as they must be.
#[derive(Debug)]
pub struct Table {
    head: Vec<(&'static str, Align)>,
    rows: Vec<Vec<(String, Paint)>>,
}

impl Table {
    pub fn new(head: &[(&'static str, Align)]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; each cell is one line of text.
    pub fn row(&mut self, cells: Vec<(String, Paint)>) {
        let one_line = |text: String| tame(&text).replace(['\n', '\t'], " ");
        self.rows.push(cells.into_iter().map(|(text, paint)| (one_line(text), paint)).collect());
    }

    pub fn render(&self, style: Style) -> String {
        let head: Vec<_> = self.head.iter().map(|(name, _)| ((*name).to_owned(), Paint::Bold)).collect();
        let mut widths = vec![0; self.head.len()];
        for row in std::iter::once(&head).chain(&self.rows) {
            for (width, (text, _)) in widths.iter_mut().zip(row) {
                *width = (*width).max(text.chars().count());
            }
        }
        let mut rendered = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            for (((text, paint), width), (_, align)) in row.iter().zip(&widths).zip(&self.head) {
                let gap = " ".repeat(width - text.chars().count());
                let text = style.paint(*paint, text);
                let cell = if *align == Align::Left { text + &gap } else { gap + &text };
                line.push_str(&cell);
                line.push_str("  ");
            }
            rendered.push_str(line.trim_end());
            rendered.push('\n');
        }
        rendered
    }
}

/// Names and values below each other, the values in one column.
pub fn fields(pairs: &[(&str, String)], style: Style) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        let gap = " ".repeat(width - name.len());
        _ = writeln!(text, "{}{gap}  {}", style.paint(Paint::Dim, name), tame(value).replace('\n', " "));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colours: false };

    #[test]
    fn columns_are_aligned_with_and_without_colours() {
        let mut table = Table::new(&[("NAME", Align::Left), ("COUNT", Align::Right), ("LAST", Align::Left)]);
        table.row(vec![("é".into(), Paint::Good), ("5".into(), Paint::Plain), ("x\ny".into(), Paint::Plain)]);
        table.row(vec![
            ("longer".into(), Paint::Plain),
            ("1234567".into(), Paint::Plain),
            (String::new(), Paint::Plain),
        ]);
        assert_eq!(table.render(PLAIN), "NAME      COUNT  LAST\né             5  x y\nlonger  1234567\n");
        let coloured = table.render(Style { colours: true });
        assert!(coloured.contains("\x1b[32mé\x1b[0m             5"), "{coloured:?}");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(tame("a\x1b[31m\tb\r\n\u{9b}\u{202e}c"), "a\\u{1b}[31m\tb\\r\n\\u{9b}\\u{202e}c");
    }

    #[test]
    fn values_stand_in_one_column() {
        assert_eq!(fields(&[("a", "1".into()), ("long", "2\n3".into())], PLAIN), "a     1\nlong  2 3\n");
    }
}
