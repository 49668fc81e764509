//! Reads a text in pieces, and lets out what may pass.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use crate::{
    Action, Kind, Safeguards,
    escaped::Escaped,
    fold::{self, Symbol},
    hidden::Hidden,
    patterns::{self, BEFORE, Look, Looked, PATTERNS},
    phrases::{Said, Search},
};

/// Bytes that are read before anything is let out.
const PART: usize = 4096;
/// Symbols that are settled before they are forgotten.
const FORGET_AT: usize = 4096;
/// Unseen characters after which a word has ended.
const MAX_UNSEEN: usize = 64;
/// Symbols of what may become one thing up to which it is looked at with each piece. Something longer is looked at again only
/// once it has grown by an eighth, or a private key that comes letter by letter would be read from its beginning each time.
const OFTEN: usize = 256;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The deny list that it stands on.
    pub list: Option<String>,
    /// What is done with it.
    pub action: Action,
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
}

impl Finding {
    /// In the order of their places; of two that begin at one place the stricter first, then the longer.
    fn in_order(&self, other: &Self) -> Ordering {
        let key =
            |finding: &Self| (finding.place.start, Reverse(finding.action), Reverse(finding.place.end), finding.kind);
        key(self).cmp(&key(other)).then_with(|| self.list.cmp(&other.list))
    }
}

impl Passed {
    fn add(&mut self, more: Self) {
        self.text.push_str(&more.text);
        self.findings.extend(more.findings);
        self.stopped = more.stopped;
    }
}

/// How often something was found; it holds nothing of the text, so it may stand in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// What it is.
    pub kind: Kind,
    /// The deny list that it stands on.
    pub list: Option<String>,
    /// What was done with it.
    pub action: Action,
    /// How often.
    pub count: u32,
}

impl Counted {
    /// Counts findings: the strictest first, then by kind and list.
    pub fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<Self> {
        let mut counts: BTreeMap<_, u32> = BTreeMap::new();
        for finding in findings {
            *counts.entry((Reverse(finding.action), finding.kind, finding.list.clone())).or_default() += 1;
        }
        counts.into_iter().map(|((action, kind, list), count)| Self { kind, list, action: action.0, count }).collect()
    }
}

/// What passes of a text, after one more piece of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// What may leave, behind all that left before.
    pub text: String,
    /// What was found in it, in its order.
    pub findings: Vec<Finding>,
    /// Whether nothing more leaves: the last finding ended the text.
    pub stopped: bool,
}

/// Reads one text. What it lets out in all is the same in whatever pieces the text comes.
#[derive(Debug)]
pub struct Guard {
    rules: Arc<Safeguards>,
    /// What has been read and has not left, and where it begins in the text.
    held: String,
    held_from: usize,
    /// The symbols of a part of the text that ends where it has been read to, and how they read.
    symbols: Vec<Symbol>,
    bytes: Vec<u8>,
    escaped: Escaped,
    /// The symbol from which on patterns are looked for.
    next: usize,
    /// The symbols that there must be before patterns are looked for again.
    look_at: usize,
    /// Up to which symbol something has been found that may hold something stricter.
    flagged: usize,
    search: Search,
    hidden: Hidden,
    /// Characters since the last symbol that nobody sees.
    unseen: usize,
    /// What was found and has not left.
    found: VecDeque<Finding>,
    /// Up to where the last redaction reaches.
    covered: usize,
    stopped: bool,
}

impl Guard {
    /// A guard before a text.
    #[must_use]
    pub fn new(rules: &Arc<Safeguards>) -> Self {
        Self {
            rules: Arc::clone(rules),
            held: String::new(),
            held_from: 0,
            symbols: Vec::new(),
            bytes: Vec::new(),
            escaped: Escaped::default(),
            next: 0,
            look_at: 0,
            flagged: 0,
            search: Search::new(),
            hidden: Hidden::default(),
            unseen: 0,
            found: VecDeque::new(),
            covered: 0,
            stopped: false,
        }
    }

    /// What may pass of a whole text.
    #[must_use]
    pub fn check(rules: &Arc<Safeguards>, text: &str) -> Passed {
        let mut guard = Self::new(rules);
        let mut passed = guard.feed(text);
        passed.add(guard.finish());
        passed
    }

    /// Bytes that are held back now.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// Reads one more piece. After it has stopped, nothing passes.
    pub fn feed(&mut self, mut piece: &str) -> Passed {
        let mut passed = Passed { stopped: self.stopped, ..Passed::default() };
        if self.rules.is_empty() {
            passed.text.push_str(piece);
            return passed;
        }
        // In parts, so that a long text is never held as a whole.
        while !self.stopped && !piece.is_empty() {
            let (part, rest) = piece.split_at(boundary(piece, PART));
            passed.add(self.read_part(part));
            piece = rest;
        }
        passed
    }

    /// Reads the end of the text, and lets out the rest.
    pub fn finish(&mut self) -> Passed {
        if self.stopped || self.rules.is_empty() {
            return Passed { stopped: self.stopped, ..Passed::default() };
        }
        let mut said = Vec::new();
        self.search.end(&self.rules.phrases, &mut said);
        self.end_hidden(&mut said);
        self.escaped.end(|symbol| keep(&mut self.bytes, &mut self.symbols, symbol));
        self.settle(said, true)
    }

    fn read_part(&mut self, part: &str) -> Passed {
        let from = self.held_from + self.held.len();
        self.held.push_str(part);
        let mut said = Vec::new();
        for (at, character) in part.char_indices() {
            self.read(character, from + at, &mut said);
        }
        self.settle(said, false)
    }

    fn read(&mut self, character: char, at: usize, said: &mut Vec<Said>) {
        if !self.hidden.read(character, at) {
            self.end_hidden(said);
            self.hidden.read(character, at);
        }
        if character.is_ascii() {
            self.unseen = 0;
            return self.push(Symbol { letter: character, start: at, end: at + 1 }, said);
        }
        let mut seen = false;
        fold::fold(character, at, |symbol| {
            seen = true;
            self.push(symbol, said);
        });
        // Unseen characters without end would be held without end.
        if seen {
            self.unseen = 0;
        } else {
            self.unseen += 1;
            if self.unseen == MAX_UNSEEN {
                self.unseen = 0;
                self.push(Symbol { letter: '\u{FFFC}', start: at, end: at + character.len_utf8() }, said);
            }
        }
    }

    #[inline]
    fn push(&mut self, symbol: Symbol, said: &mut Vec<Said>) {
        self.escaped.read(symbol, |symbol| keep(&mut self.bytes, &mut self.symbols, symbol));
        self.search.read(&self.rules.phrases, symbol, said);
    }

    /// What unseen characters say is text like any other.
    fn end_hidden(&mut self, said: &mut Vec<Said>) {
        let Some((place, text)) = self.hidden.end() else { return };
        if let Some(phrase) = self.rules.phrases.in_text(&text) {
            said.push(Said { phrase, start: place.start, end: place.end });
        }
        self.note(Kind::HiddenText, place);
    }

    fn note(&mut self, kind: Kind, place: Range<usize>) {
        let action = self.rules.action(kind);
        if action != Action::Allow {
            self.found.push_back(Finding { kind, list: None, action, place });
        }
    }

    /// Looks for patterns, and lets out all that is certain.
    fn settle(&mut self, said: Vec<Said>, whole: bool) -> Passed {
        for Said { phrase, start, end } in said {
            let Some(list) = self.rules.list(phrase) else { continue };
            let (list, action) = (Some(list.id.clone()), list.action);
            self.found.push_back(Finding { kind: Kind::Phrase, list, action, place: start..end });
        }
        let patterns_from = self.look(whole);
        let end = self.held_from + self.held.len();
        let until = if whole {
            end
        } else {
            self.search.open_from(end).min(patterns_from).min(self.hidden.open_from().unwrap_or(end))
        };
        let passed = self.release(until);
        self.forget();
        passed
    }

    /// Looks for patterns; gives where in the text one may have begun that is not found yet.
    fn look(&mut self, whole: bool) -> usize {
        if !self.rules.wants_patterns() {
            self.next = self.bytes.len();
            return self.held_from + self.held.len();
        }
        if !whole && self.bytes.len() < self.look_at {
            return self.open_from();
        }
        let mut found = Vec::new();
        let looked = Looked { next: self.next, flagged: self.flagged };
        let Looked { next, flagged } =
            PATTERNS.look(Look { bytes: &self.bytes, whole }, looked, &self.rules.actions, &mut found);
        (self.next, self.flagged) = (next, flagged);
        let open = self.bytes.len() - next;
        self.look_at = if open > OFTEN { self.bytes.len() + open / 8 } else { 0 };
        for thing in found {
            let last = thing.end.checked_sub(1).and_then(|last| self.symbols.get(last));
            if let Some((first, last)) = self.symbols.get(thing.first).zip(last) {
                self.note(thing.kind, first.start..last.end);
            }
        }
        self.open_from()
    }

    /// Where the symbol begins from which on patterns are looked for.
    fn open_from(&self) -> usize {
        let first = self.symbols.get(self.next).map(|symbol| symbol.start);
        first.or(self.escaped.open_from()).unwrap_or(self.held_from + self.held.len())
    }

    /// Lets out the text up to a place, with what was found in it.
    fn release(&mut self, until: usize) -> Passed {
        let mut all: Vec<Finding> = self.found.drain(..).collect();
        all.sort_by(Finding::in_order);
        all.dedup();
        let (now, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|finding| finding.place.start < until);
        self.found = later.into();
        let mut passed = Passed::default();
        let mut out = self.held_from;
        for finding in now {
            self.let_out(&mut out, finding.place.start, &mut passed.text);
            if finding.action == Action::Redact {
                if finding.place.start >= self.covered {
                    passed.text.push_str(&placeholder(finding.kind));
                }
                self.covered = self.covered.max(finding.place.end);
            }
            self.stopped = finding.action.stops();
            passed.findings.push(finding);
            if self.stopped {
                self.held.clear();
                self.found.clear();
                return Passed { stopped: true, ..passed };
            }
        }
        self.let_out(&mut out, until, &mut passed.text);
        let gone = out - self.held_from;
        self.held.drain(..gone);
        self.held_from = out;
        passed
    }

    /// Lets out what is held from `out` up to a place, but what a redaction covers.
    fn let_out(&self, out: &mut usize, until: usize, text: &mut String) {
        let end = self.held_from + self.held.len();
        let until = until.min(end);
        if until <= *out {
            return;
        }
        let from = self.covered.max(*out).min(until);
        text.push_str(self.held.get(from - self.held_from..until - self.held_from).unwrap_or_default());
        *out = until;
    }

    /// Forgets symbols that no pattern looks at any more.
    fn forget(&mut self) {
        let settled = self.next.saturating_sub(BEFORE + 2);
        if settled >= FORGET_AT {
            self.symbols.drain(..settled);
            self.bytes.drain(..settled);
            self.next -= settled;
            self.look_at = self.look_at.saturating_sub(settled);
            self.flagged = self.flagged.saturating_sub(settled);
        }
    }
}

/// Takes a symbol for patterns to look at.
fn keep(bytes: &mut Vec<u8>, symbols: &mut Vec<Symbol>, symbol: Symbol) {
    bytes.push(patterns::byte(symbol, bytes.last().copied()));
    symbols.push(symbol);
}

/// The first place of a text between two characters that is not before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// What stands in the place of what is redacted.
fn placeholder(kind: Kind) -> String {
    format!("[{}]", kind.as_str().to_uppercase())
}
