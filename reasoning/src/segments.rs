//! Where a sample thinks and where it answers.
//!
//! Reasoning models put their thinking between two markers, `<think>` and `</think>` with most. Either the model writes
//! the opening one, or the chat template has written it already, at the end of the prompt.

use serde::{Deserialize, Serialize};

/// The markers of a model. Several spellings of each may be given; none may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Markers {
    /// What opens a thought.
    pub open: Vec<String>,
    /// What closes it.
    pub close: Vec<String>,
}

impl Default for Markers {
    /// `<think>` and `</think>`: `DeepSeek` R1 and its distills, Qwen 3, and most others.
    fn default() -> Self {
        Self { open: vec!["<think>".to_owned()], close: vec!["</think>".to_owned()] }
    }
}

impl Markers {
    /// The channels of gpt-oss's harmony format.
    #[must_use]
    pub fn harmony() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            open: vec![text("<|channel|>analysis<|message|>")],
            close: vec![
                text("<|end|><|start|>assistant<|channel|>final<|message|>"),
                text("<|channel|>final<|message|>"),
            ],
        }
    }

    /// Whether a rendered prompt leaves the model in the middle of a thought: its last marker opens one.
    ///
    /// An empty thought at the end, as Qwen 3's template writes it to turn thinking off, is a closed one.
    #[must_use]
    pub fn opened_by(&self, prompt: &str) -> bool {
        let prompt = prompt.trim_end();
        self.open.iter().any(|marker| prompt.ends_with(marker.trim_end()))
    }
}

/// A piece of a sample's text, without markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Of a thought.
    Thinking(String),
    /// Of the answer.
    Answer(String),
}

/// Bytes of a text before an end of it that may become one of these, once more comes.
pub(crate) fn certain(text: &str, markers: &[String]) -> usize {
    let longest = markers.iter().map(String::len).max().unwrap_or_default();
    let may_become =
        |at: &usize| text.get(*at..).is_some_and(|end| markers.iter().any(|marker| marker.starts_with(end)));
    (text.len().saturating_sub(longest)..text.len()).find(may_become).unwrap_or(text.len())
}

/// Cuts a text that arrives in pieces into thinking and answer.
///
/// A piece that may be the beginning of a marker is held back until it is known. Space around a marker belongs to
/// neither side. What comes after the first closed thought is the answer, and no marker is looked for in it: an answer
/// may speak of `<think>`.
#[derive(Clone, Debug)]
pub struct Segments {
    markers: Markers,
    state: State,
    held: String,
    /// Whether the current part has any text yet; before that, space is left out.
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but space so far; a thought may open.
    Before,
    Thinking,
    Answer,
}

impl Segments {
    /// `opened` says that the prompt has opened the thought, see [`Markers::opened_by`].
    #[must_use]
    pub fn new(markers: Markers, opened: bool) -> Self {
        let state = if opened { State::Thinking } else { State::Before };
        Self { markers, state, held: String::new(), begun: false }
    }

    /// All text is the answer.
    #[must_use]
    pub fn none() -> Self {
        let markers = Markers { open: Vec::new(), close: Vec::new() };
        Self { markers, state: State::Answer, held: String::new(), begun: true }
    }

    /// Whether it is not known yet whether the text begins with a thought.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        self.state == State::Before
    }

    /// Takes note of a part that somebody else has told apart.
    pub fn tell(&mut self, segment: &Segment) {
        self.state = if matches!(segment, Segment::Thinking(_)) { State::Thinking } else { State::Answer };
        self.begun = true;
    }

    /// Whether the text so far ends in the middle of a thought.
    #[must_use]
    pub fn is_thinking(&self) -> bool {
        self.state == State::Thinking
    }

    /// Takes the next piece and gives what is certain by now.
    pub fn push(&mut self, piece: &str) -> Vec<Segment> {
        self.held.push_str(piece);
        let mut segments = Vec::new();
        while self.step(&mut segments) {}
        segments
    }

    /// Takes the end of the text and gives the rest, which is no marker.
    pub fn finish(&mut self) -> Option<Segment> {
        let rest = std::mem::take(&mut self.held);
        let rest = if self.state == State::Thinking { rest.trim_end() } else { &rest };
        self.segment(rest)
    }

    /// Does what the held text is enough for; says whether there may be more to do.
    fn step(&mut self, segments: &mut Vec<Segment>) -> bool {
        match self.state {
            State::Before => {
                let text = self.held.trim_start();
                if let Some(marker) = self.markers.open.iter().find(|marker| text.starts_with(marker.as_str())) {
                    let end = self.held.len() - text.len() + marker.len();
                    self.held.drain(..end);
                    self.enter(State::Thinking);
                } else if let Some(marker) = self.markers.close.iter().find(|marker| text.starts_with(marker.as_str()))
                {
                    // The answer without a thought, as in the final channel of gpt-oss.
                    let end = self.held.len() - text.len() + marker.len();
                    self.held.drain(..end);
                    self.enter(State::Answer);
                } else if self.markers.open.iter().chain(&self.markers.close).any(|marker| marker.starts_with(text)) {
                    return false;
                } else {
                    self.enter(State::Answer);
                }
                true
            }
            State::Thinking => self.think(segments),
            State::Answer => {
                let text = std::mem::take(&mut self.held);
                segments.extend(self.segment(&text));
                false
            }
        }
    }

    fn think(&mut self, segments: &mut Vec<Segment>) -> bool {
        let found =
            self.markers.close.iter().filter_map(|marker| Some((self.held.find(marker.as_str())?, marker.len())));
        // Of markers at one place the longest.
        if let Some((at, length)) = found.min_by_key(|(at, length)| (*at, std::cmp::Reverse(*length))) {
            let rest = self.held.split_off(at);
            let thought = std::mem::take(&mut self.held);
            segments.extend(self.segment(thought.trim_end()));
            rest.get(length..).unwrap_or_default().clone_into(&mut self.held);
            self.enter(State::Answer);
            return true;
        }
        let certain = self.held.get(..certain(&self.held, &self.markers.close)).unwrap_or_default().trim_end().len();
        let rest = self.held.split_off(certain);
        let thought = std::mem::replace(&mut self.held, rest);
        segments.extend(self.segment(&thought));
        false
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.begun = false;
    }

    /// A segment of the current part, without the space that it would begin with.
    fn segment(&mut self, text: &str) -> Option<Segment> {
        let text = if self.begun { text } else { text.trim_start() };
        if text.is_empty() {
            return None;
        }
        self.begun = true;
        let text = text.to_owned();
        Some(if self.state == State::Thinking { Segment::Thinking(text) } else { Segment::Answer(text) })
    }
}
