//! YAML as a tree that remembers where every key and value stands, so that each finding can name its line and each
//! edit can touch only its own lines.
//!
//! The tree is built from the parser's events rather than from `saphyr::MarkedYaml`, which stops at the first
//! duplicate key and keeps only the place of the second. Anchors, aliases and tags are refused: a file that says who
//! may do what must read the same to a person and to a parser.

use std::fmt::Write as _;

use saphyr::Scalar;
use saphyr_parser::{Event, Marker, Parser, ScanError, Span};
use serde_json::{Map, Number, Value};

use crate::problem::{Place, Problem};

/// Deeper nesting than any file needs; it bounds the recursion over the tree.
const MAX_DEPTH: usize = 32;

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where the value begins.
    pub(crate) place: Place,
    /// The first and one past the last byte of the value in the file.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

impl Node {
    /// The value without its places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Kind::Map(entries) => {
                let fields: Map<_, _> =
                    entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect();
                Value::Object(fields)
            }
        }
    }

    /// The entry of a mapping with this key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value under this key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The items of a list, or none.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// One past the last byte of the last value of a mapping: before its closing bracket, if it has one.
    pub(crate) fn last_end(&self) -> usize {
        match &self.kind {
            Kind::Map(entries) => entries.last().map_or(self.end, |entry| entry.value.end),
            _ => self.end,
        }
    }

    /// Where the value at the end of `steps` stands: at its key if it has one, and as near as the tree goes.
    pub(crate) fn place_of(&self, steps: &[Step]) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in steps {
            let next = match step {
                Step::Key(key) => node.entry(key).map(|entry| (entry.place, &entry.value)),
                Step::Index(index) => node.items().get(*index).map(|item| (item.place, item)),
            };
            let Some((at, child)) = next else { break };
            (place, node) = (at, child);
        }
        place
    }
}

/// The steps as people write them, such as `tenants[0].limits`.
pub(crate) fn path_text(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => {
                let _ = write!(text, "[{index}]");
            }
        }
    }
    text
}

/// Reads the one document of a file.
///
/// # Errors
/// Everything that is wrong with the text as YAML: bad syntax (the first place of it), duplicate keys (all of them),
/// anchors, aliases, tags, keys that are not plain text, several documents, no document.
pub(crate) fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    let mut builder = Builder::new(text);
    for event in Parser::new_from_str(text) {
        let outcome = match event {
            Ok((event, span)) => builder.take(event, span),
            Err(error) => Err(syntax(&error)),
        };
        if let Err(problem) = outcome {
            builder.problems.push(problem);
            break;
        }
    }
    builder.finish()
}

fn place(mark: Marker) -> Place {
    Place { line: mark.line().max(1), column: mark.col() + 1 }
}

fn syntax(error: &ScanError) -> Problem {
    // `models: [*]` is the likeliest slip in this file.
    let mend = if error.info().contains("alias") {
        "put a `*` in quotes: \"*\""
    } else {
        "correct the indentation or the quotes near this place"
    };
    Problem::new(place(*error.marker()), "", format!("not valid yaml: {}", error.info())).mend(mend)
}

fn not_plain(span: Span, what: &str) -> Problem {
    Problem::new(place(span.start), "", format!("{what} is not allowed here"))
        .mend("write the value out in full (and a \"*\" in quotes)")
}

fn plain(span: Span, anchor: usize, tagged: bool) -> Result<(), Problem> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (0, true) => Err(not_plain(span, "a tag (`!`)")),
        _ => Err(not_plain(span, "an anchor (`&`)")),
    }
}

/// A list or mapping whose end has not been read yet.
enum Open {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Place)> },
}

struct Builder<'t> {
    text: &'t str,
    /// The byte at which each character begins: the parser counts characters.
    bytes: Vec<usize>,
    open: Vec<(Span, Open)>,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        let bytes = text.char_indices().map(|(byte, _)| byte).collect();
        Self { text, bytes, open: Vec::new(), root: None, problems: Vec::new() }
    }

    fn byte(&self, mark: Marker) -> usize {
        self.bytes.get(mark.index()).copied().unwrap_or(self.text.len())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let at = place(span.start);
                Err(Problem::new(at, "", "a second yaml document").mend("keep one document: remove the `---`"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                let scalar = Scalar::parse_from_cow_and_metadata(text.clone(), style, None);
                let value = scalar.map_or_else(|| Value::String(text.to_string()), |scalar| json(&scalar));
                self.scalar(span, &text, value);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                self.enter(span, Open::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                self.enter(span, Open::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.leave(span);
                Ok(())
            }
            Event::Alias(_) => Err(not_plain(span, "an alias (`*`)")),
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, span: Span, text: &str, value: Value) {
        let at = place(span.start);
        if let Some((_, Open::Map { entries, key: key @ None })) = self.open.last_mut() {
            if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                let told = format!("the key `{text}` stands here a second time, first on line {}", first.place.line);
                self.problems.push(Problem::new(at, text, told).mend("keep one of the two"));
            }
            *key = Some((text.to_owned(), at));
            return;
        }
        let (start, end) = (self.byte(span.start), self.byte(span.end));
        // A block scalar's span goes on to the next token.
        let trimmed = self.text.get(start..end).map_or(0, |text| text.trim_end().len());
        self.value(Node { place: at, start, end: start + trimmed, kind: Kind::Scalar(value) });
    }

    fn enter(&mut self, span: Span, open: Open) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            let told = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(Problem::new(place(span.start), "", told).mend("no valid file needs so many"));
        }
        if let Some((_, Open::Map { key: None, .. })) = self.open.last() {
            return Err(Problem::new(place(span.start), "", "a list or mapping stands where a key should be")
                .mend("write `key: value`, and quote a key that begins with `[` or `{`"));
        }
        self.open.push((span, open));
        Ok(())
    }

    fn leave(&mut self, span: Span) {
        let Some((opened, open)) = self.open.pop() else { return };
        let start = self.byte(opened.start);
        // A block's end is told at the next token, after blank lines and comments; its last value knows better.
        let flow = self.text.get(start..).is_some_and(|rest| rest.starts_with(['[', '{']));
        let kind = match open {
            Open::List(items) => Kind::List(items),
            Open::Map { entries, .. } => Kind::Map(entries),
        };
        let end = match &kind {
            // The event begins at the closing bracket and ends at the next token.
            _ if flow => self.byte(span.start) + 1,
            Kind::List(items) => items.last().map_or(start, |item| item.end),
            Kind::Map(entries) => entries.last().map_or(start, |entry| entry.value.end),
            Kind::Scalar(_) => start,
        };
        self.value(Node { place: place(opened.start), start, end, kind });
    }

    fn value(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((_, Open::List(items))) => items.push(node),
            Some((_, Open::Map { entries, key })) => {
                if let Some((key, place)) = key.take() {
                    entries.push(Entry { key, place, value: node });
                }
            }
        }
    }

    fn finish(self) -> Result<Node, Vec<Problem>> {
        match self.root {
            _ if !self.problems.is_empty() => Err(self.problems),
            Some(node) if !matches!(node.kind, Kind::Scalar(Value::Null)) => Ok(node),
            _ => Err(vec![
                Problem::new(Place { line: 1, column: 1 }, "", "the file is empty").mend("begin with `version: 1`"),
            ]),
        }
    }
}

fn json(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => float(number.into_inner()),
        Scalar::String(text) => Value::String(text.to_string()),
    }
}

/// `60.0` is the integer 60, as it is to JSON Schema; an infinity is no JSON number and stays text.
fn float(number: f64) -> Value {
    /// 2^53, up to which an `f64` holds every integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        let whole = number as i64;
        return Value::from(whole);
    }
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}

#[cfg(test)]
mod tests;
