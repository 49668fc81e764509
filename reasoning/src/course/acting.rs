//! What one turn of a sample has come to, and what its turns may still do.

use std::{collections::BTreeMap, sync::Arc};

use forethought_schemas::{Runs, ToolCard};
use serde_json::Value;

use super::{Call, CallStyle, Told, ToolUse, Turn, call, told};
use crate::{Finish, Pass, Segment, thinking::Stops};

/// How often the same call may be made in one sample: more is a loop.
const SAME_CALLS: u32 = 2;

/// What a model is told once it may call no more.
const CLOSED: &str = "\n[No more tools can be called. Answer now, with what you have.]";

/// Where a turn stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// The trace is drawn.
    Saying,
    /// A call is drawn, of this tool alone where it is named.
    Calling { pass: Pass, json: String, only: Option<String> },
    /// It is seen whether another call follows.
    Asking { pass: Pass },
    /// Calls are to be made.
    Waiting,
    /// The sample is over.
    Over,
}

#[derive(Clone, Debug)]
pub(super) struct Acting {
    pub(super) plan: Arc<ToolUse>,
    /// What the text of an answer ends at.
    pub(super) stops: Vec<String>,
    /// Of this turn.
    pub(super) stopping: Stops,
    pub(super) state: State,
    /// Whether tools can still be called.
    pub(super) open: bool,
    /// Whether the next thing must be a call.
    pub(super) forced: bool,
    /// Tokens of this turn that its calls took.
    pub(super) drawn: u32,
    /// Passes of this turn that its calls took.
    pub(super) passes: u32,
    /// All that this turn said in calls, for the record.
    pub(super) said: String,
    pub(super) turn: Turn,
    pub(super) turns: Vec<Turn>,
    /// Bytes of the sample's text that stay: what stands behind was a call.
    pub(super) kept: Option<usize>,
    /// Bytes of the sample's text before this turn, and now.
    pub(super) text: (usize, usize),
    pub(super) made: u32,
    pub(super) bytes: usize,
    pub(super) seen: BTreeMap<String, u32>,
    pub(super) end: Option<Finish>,
    pub(super) stopped: Option<usize>,
}

impl Acting {
    pub(super) fn new(plan: Arc<ToolUse>, stops: Vec<String>) -> Self {
        let stopping = Stops::new(&stops);
        let turn = Turn { thinking: String::new(), text: String::new(), calls: Vec::new(), told: Vec::new() };
        Self {
            plan,
            stops,
            stopping,
            state: State::Saying,
            open: true,
            forced: false,
            drawn: 0,
            passes: 0,
            said: String::new(),
            turn,
            turns: Vec::new(),
            kept: None,
            text: (0, 0),
            made: 0,
            bytes: 0,
            seen: BTreeMap::new(),
            end: None,
            stopped: None,
        }
    }

    /// Takes note of what was said; looks for the request's stop sequences in what was drawn.
    pub(super) fn note(&mut self, said: &[Segment], drawn: bool) {
        for segment in said {
            match segment {
                Segment::Thinking(text) => self.turn.thinking.push_str(text),
                Segment::Answer(text) => {
                    self.turn.text.push_str(text);
                    self.text.1 += text.len();
                }
            }
        }
        // Where the engine looks for them itself, it ends before them.
        if !self.plan.firm || self.stopped.is_some() {
            return;
        }
        if !drawn {
            self.stopping.skip(said);
        } else if let Some(at) = self.stopping.push(said) {
            self.turn.text.truncate(at);
            self.stopped = Some(self.text.0 + at);
        }
    }

    /// What stands between what was said in the turns before and what is said in this one.
    pub(super) fn separate(&mut self) -> Vec<Segment> {
        let gap = "\n\n".to_owned();
        let mut gaps = Vec::new();
        if self.turns.iter().any(|turn| !turn.thinking.is_empty()) {
            gaps.push(Segment::Thinking(gap.clone()));
        }
        if self.text.0 > 0 && self.text.0 == self.text.1 {
            self.text = (self.text.0 + gap.len(), self.text.1 + gap.len());
            gaps.push(Segment::Answer(gap));
        }
        gaps
    }

    /// The tools that may be called next.
    pub(super) fn callable(&self) -> Vec<&ToolCard> {
        if self.forced { self.plan.forced() } else { self.plan.tools.iter().collect() }
    }

    pub(super) fn call_schema(&self, only: Option<&str>) -> Value {
        let named = only.and_then(|only| self.plan.tools.iter().find(|tool| tool.name == only));
        named.map_or_else(|| self.plan.schema(&self.callable()), CallStyle::arguments_schema)
    }

    pub(super) fn read(&self, json: &str, only: Option<&str>) -> Result<Call, String> {
        let Some(only) = only else { return call::read(json, &self.plan.style, &self.plan.tools) };
        let arguments = serde_json::from_str(json.trim());
        let arguments =
            arguments.map_err(|error| format!("the arguments of `{only}` are no JSON: {error}; write {{…}}"))?;
        call::named(only, arguments, &self.plan.tools)
    }

    pub(super) fn may_call_more(&self) -> bool {
        self.made as usize + self.turn.calls.len() < self.plan.limits.calls as usize
    }

    /// The turn's text is whole: calls that stand in it are taken out of it.
    pub(super) fn look_for_calls(&mut self) {
        self.state = State::Over;
        if !self.open {
            return;
        }
        let (calls, at) = if self.plan.firm { self.whole() } else { self.within() };
        if calls.is_empty() {
            return;
        }
        self.turn.text.truncate(at);
        self.turn.text.truncate(self.turn.text.trim_end().len());
        self.kept = Some(self.text.0 + self.turn.text.len());
        self.turn.calls = calls;
        self.close_turn();
    }

    /// An answer that is drawn to fit a schema, or a call.
    fn whole(&self) -> (Vec<Result<Call, String>>, usize) {
        let value = serde_json::from_str::<Value>(self.turn.text.trim()).ok();
        let known = |value: &Value| {
            let name = value.get("name").and_then(Value::as_str);
            let calls = value
                .as_object()
                .is_some_and(|fields| fields.len() == 2 && fields.contains_key(&self.plan.style.arguments));
            calls && name.is_some_and(|name| self.plan.tools.iter().any(|tool| tool.name == name))
        };
        let value = value.filter(known);
        let call = value.and_then(|value| call::of(&value, &self.plan.style, &self.plan.tools));
        (call.into_iter().collect(), 0)
    }

    fn within(&self) -> (Vec<Result<Call, String>>, usize) {
        let (mut calls, at) = call::in_text(&self.turn.text, &self.plan.style, &self.plan.tools);
        calls.truncate(if self.plan.parallel { self.plan.limits.calls as usize } else { 1 });
        (calls, at)
    }

    pub(super) fn close_turn(&mut self) {
        self.forced = false;
        let client = self.turn.calls.iter().flatten().any(|call| call.runs == Runs::Client);
        self.state = if client { State::Over } else { State::Waiting };
        if client {
            self.end = Some(Finish::Stop);
        }
    }

    /// Tells the model what came of its calls, and closes the tools where it has had its share of them.
    pub(super) fn observe(&mut self, told: Vec<Told>) {
        let mut told = told.into_iter();
        let calls = std::mem::take(&mut self.turn.calls);
        let style = self.plan.style.clone();
        for call in &calls {
            let (name, came) = match call {
                Ok(call) => {
                    self.made += 1;
                    self.count(call);
                    (call.tool.as_str(), told.next().unwrap_or_default())
                }
                Err(wrong) => ("", Told { text: wrong.clone(), error: true, ..Told::default() }),
            };
            let limits = self.plan.limits;
            let room = limits.result_bytes.min(limits.total_bytes.saturating_sub(self.bytes));
            let text = told::compose(&came, name, &style, room);
            self.bytes += text.len().min(room);
            self.turn.told.push(text);
        }
        self.turn.calls = calls;
        let rounds = self.turns.len() + 1;
        let limits = self.plan.limits;
        let over = rounds >= limits.rounds as usize || self.made >= limits.calls || self.bytes >= limits.total_bytes;
        if over || self.is_looping() {
            self.open = false;
            if let Some(last) = self.turn.told.last_mut() {
                last.push_str(CLOSED);
            }
        }
    }

    fn count(&mut self, call: &Call) {
        *self.seen.entry(call.canonical()).or_default() += 1;
    }

    /// The same calls, again and again.
    fn is_looping(&self) -> bool {
        self.seen.values().any(|times| *times >= SAME_CALLS)
    }

    pub(super) fn begin_turn(&mut self) {
        let turn = Turn { thinking: String::new(), text: String::new(), calls: Vec::new(), told: Vec::new() };
        self.turns.push(std::mem::replace(&mut self.turn, turn));
        self.state = State::Saying;
        self.stopping = Stops::new(&self.stops);
        let kept = self.kept.take().unwrap_or(self.text.1);
        self.text = (kept, kept);
    }
}
