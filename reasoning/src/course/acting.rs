//! What one turn of a sample has come to, and what its turns may still do.

use std::{collections::BTreeMap, sync::Arc};

use forethought_schemas::{Runs, ToolCard};
use serde_json::Value;

use super::{Call, CallStyle, Told, ToolUse, Turn, call, told};
use crate::{Finish, Part, Pass, Segment, Trace, thinking::Stops};

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
    Calling {
        pass: Pass,
        json: String,
        only: Option<String>,
        /// Bytes that were said in calls before it.
        said: usize,
    },
    /// It is seen whether another call follows.
    Asking { pass: Pass },
    /// Calls are to be made.
    Waiting,
    /// The sample is over.
    Over,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of its own")]
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
    /// Bytes of the sample's text before this turn.
    before: usize,
    /// Bytes of this turn's text that were given out.
    given: usize,
    /// Whether the marker stands for itself in this turn.
    pub(super) spells_marker: bool,
    /// Calls of this turn that were one too many.
    pub(super) left_out: u32,
    pub(super) made: u32,
    pub(super) bytes: usize,
    pub(super) seen: BTreeMap<String, u32>,
    pub(super) end: Option<Finish>,
    /// Whether a stop sequence was met.
    pub(super) stopped: bool,
}

impl Acting {
    pub(super) fn new(plan: Arc<ToolUse>, stops: Vec<String>) -> Self {
        let stopping = Stops::new(&stops);
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
            turn: Turn::default(),
            turns: Vec::new(),
            before: 0,
            given: 0,
            spells_marker: false,
            left_out: 0,
            made: 0,
            bytes: 0,
            seen: BTreeMap::new(),
            end: None,
            stopped: false,
        }
    }

    /// Takes note of what was said, looks for the request's stop sequences in what was drawn, and gives what is certain by now.
    pub(super) fn note(&mut self, said: Vec<Segment>, drawn: bool) -> Vec<Segment> {
        // Where the engine looks for them itself, it ends before them.
        let looks = self.plan.firm && !self.stopped;
        let stop = match (looks, drawn) {
            (true, true) => self.stopping.push(&said),
            (true, false) => {
                self.stopping.skip(&said);
                None
            }
            (false, _) => None,
        };
        let mut certain = Vec::new();
        for segment in said {
            match segment {
                Segment::Answer(text) if !self.stopped => self.turn.text.push_str(&text),
                Segment::Answer(_) => {}
                Segment::Thinking(text) => {
                    self.turn.thinking.push_str(&text);
                    certain.push(Segment::Thinking(text));
                }
            }
        }
        if let Some(at) = stop {
            self.turn.text.truncate(at);
            self.stopped = true;
        }
        certain.extend(self.give(self.certain()));
        certain
    }

    /// Bytes of this turn's text that stay whatever comes.
    fn certain(&self) -> usize {
        let text = &self.turn.text;
        let begun = text.trim_start();
        if !self.plan.firm || self.stopped {
            text.len()
        } else if self.open && (begun.is_empty() || begun.starts_with('{')) {
            // As a whole it may turn out to be a call, and then nothing of it stays.
            0
        } else {
            self.stopping.certain()
        }
    }

    /// Gives out this turn's text up to here.
    fn give(&mut self, to: usize) -> Option<Segment> {
        let text = self.turn.text.get(self.given..to).filter(|text| !text.is_empty())?.to_owned();
        self.given = to;
        Some(Segment::Answer(text))
    }

    /// Gives out what was held back, where nothing more comes in this turn.
    pub(super) fn rest(&mut self) -> Option<Segment> {
        let ends = matches!(self.state, State::Waiting | State::Over);
        ends.then(|| self.give(self.turn.text.len())).flatten()
    }

    /// Bytes of the sample's text, this turn's included.
    pub(super) fn kept(&self) -> usize {
        self.before + self.turn.text.len()
    }

    /// Whether a marker that was met here stands for itself: bare JSON is a call only where the turn's text begins with it.
    pub(super) fn is_spoken(&self) -> bool {
        self.plan.style.is_bare() && !self.turn.text.trim().is_empty()
    }

    /// Tokens that are left to this turn, of its trace.
    pub(super) fn left(&self, trace: &Trace) -> u32 {
        trace.left().saturating_sub(self.drawn)
    }

    /// A pass behind all that this turn has said.
    pub(super) fn behind(&self, trace: &Trace, max_tokens: u32) -> Pass {
        let begun = format!("{}{}", trace.raw(), self.said);
        Pass { number: trace.passes() + self.passes, begun, max_tokens, part: Part::Answer }
    }

    /// What stands between what was said in the turns before and what is said in this one.
    pub(super) fn separate(&mut self) -> Vec<Segment> {
        let gap = "\n\n".to_owned();
        let mut gaps = Vec::new();
        if self.turns.iter().any(|turn| !turn.thinking.is_empty()) {
            gaps.push(Segment::Thinking(gap.clone()));
        }
        if self.before > 0 {
            self.before += gap.len();
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
        let left = self.plan.limits.calls.saturating_sub(self.made);
        self.turn.calls.len() < if self.plan.parallel { left as usize } else { 1 }
    }

    /// Adds a call to the turn, unless it is one too many.
    pub(super) fn add(&mut self, call: Result<Call, String>) {
        let canonical = call.as_ref().ok().map(Call::canonical);
        let times = canonical.as_ref().and_then(|call| self.seen.get(call)).copied().unwrap_or_default();
        if times >= SAME_CALLS || !self.may_call_more() {
            self.left_out += 1;
            return;
        }
        if let Some(canonical) = canonical {
            self.seen.insert(canonical, times + 1);
        }
        self.turn.calls.push(call);
    }

    /// The turn's text is whole: calls that stand in it are taken out of it.
    pub(super) fn look_for_calls(&mut self) {
        self.state = State::Over;
        if !self.open {
            return;
        }
        let (calls, at) = if self.plan.firm {
            self.whole()
        } else {
            call::in_text(&self.turn.text, &self.plan.style, &self.plan.tools)
        };
        if calls.is_empty() {
            return;
        }
        self.turn.text.truncate(at);
        self.turn.text.truncate(self.turn.text.trim_end().len());
        for call in calls {
            self.add(call);
        }
        self.close_turn();
    }

    /// The text as a whole, where it is a call: one that is drawn to fit a schema may be.
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

    /// No further call comes in this turn.
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
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            self.tell_more(&format!("\n[{left_out} more calls were not made: too many at once, or the same again.]"));
        }
        let rounds = self.turns.len() + 1;
        let limits = self.plan.limits;
        let over = rounds >= limits.rounds as usize || self.made >= limits.calls || self.bytes >= limits.total_bytes;
        if over || self.is_looping() {
            self.open = false;
            self.tell_more(CLOSED);
        }
    }

    fn tell_more(&mut self, text: &str) {
        if let Some(last) = self.turn.told.last_mut() {
            last.push_str(text);
        }
    }

    /// The same calls, again and again.
    fn is_looping(&self) -> bool {
        self.seen.values().any(|times| *times >= SAME_CALLS)
    }

    pub(super) fn begin_turn(&mut self) {
        (self.before, self.given) = (self.kept(), 0);
        self.turns.push(std::mem::take(&mut self.turn));
        self.state = State::Saying;
        self.stopping = Stops::new(&self.stops);
        self.spells_marker = false;
    }
}
