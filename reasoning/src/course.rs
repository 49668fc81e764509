//! One sample that may act while it thinks: think, call tools, read what they say, go on.
//!
//! A sample is one or more *turns*. Each turn is a [`Trace`]; one that calls tools is followed by another, until a turn calls none
//! or the limits close the tools. To a strategy it is one sample: so any strategy can use it. Sans-IO: what is to be run is asked
//! for with [`Course::pending`], and what came of it is told with [`Course::observe`] and [`Course::turn`].

mod acting;
mod call;
mod plan;
mod style;
#[cfg(test)]
mod tests;
mod told;

use std::sync::Arc;

use forethought_schemas::Runs;
use serde_json::Value;

use crate::{Finish, Part, Pass, Segment, Trace};
use acting::{Acting, State};
pub use call::{Call, canonical_calls};
pub use plan::{ToolLimits, ToolUse};
pub use style::CallStyle;
pub use told::Told;

/// A turn that called tools, and what it was told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// What it thought.
    pub thinking: String,
    /// What it said beside its calls.
    pub text: String,
    /// What it called. One that could not be read stands among them with what was wrong with it.
    pub calls: Vec<Result<Call, String>>,
    /// What it was told of each, as the model reads it.
    pub told: Vec<String>,
}

/// A call that is to be made, or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Its place within the turn, from 0.
    pub place: u32,
    /// What is called.
    pub call: Call,
}

/// A sample on its way through its turns.
#[derive(Clone, Debug)]
pub struct Course {
    trace: Trace,
    acting: Option<Box<Acting>>,
    /// Of the turns before.
    before: Before,
}

#[derive(Clone, Debug, Default)]
struct Before {
    passes: u32,
    used: u32,
    thinking: u32,
    raw: String,
}

impl Course {
    /// A sample that calls no tools.
    #[must_use]
    pub fn plain(trace: Trace) -> Self {
        Self { trace, acting: None, before: Before::default() }
    }

    /// A sample that may call tools. Its text ends before the first of `stops`.
    #[must_use]
    pub fn acting(trace: Trace, plan: Arc<ToolUse>, stops: Vec<String>) -> Self {
        let mut acting = Box::new(Acting::new(plan, stops));
        acting.forced = !acting.plan.forced().is_empty();
        let mut course = Self { trace, acting: Some(acting), before: Before::default() };
        course.force();
        course
    }

    /// The pass that is to be run now; `None` while [calls](Self::pending) are waited for, and after the end. Its number counts over
    /// all turns.
    #[must_use]
    pub fn pass(&self) -> Option<Pass> {
        let (pass, passed) = match self.acting.as_deref() {
            None => (self.trace.pass(), 0),
            Some(acting) => match &acting.state {
                State::Saying => (self.trace.pass(), acting.passes),
                State::Calling { pass, .. } | State::Asking { pass } => (Some(pass), 0),
                State::Waiting | State::Over => (None, 0),
            },
        };
        pass.map(|pass| Pass { number: pass.number + self.before.passes + passed, ..pass.clone() })
    }

    /// What the engine is to stop at in an answer, where answers must fit this; `None` where calls are not noticed by a marker. One
    /// that must fit a schema is looked at as a whole: it may hold the marker.
    #[must_use]
    pub fn marker(&self, answer: Option<&Arc<Value>>) -> Option<&str> {
        let acting = self.acting.as_deref().filter(|acting| acting.plan.firm)?;
        let looks = match acting.state {
            State::Calling { .. } => false,
            State::Asking { .. } => true,
            State::Saying | State::Waiting | State::Over => answer.is_none() && !acting.spells_marker,
        };
        looks.then_some(acting.plan.style.marker.as_str())
    }

    /// Whether its calls are drawn to fit, and its stop sequences are looked for here.
    #[must_use]
    pub fn is_firm(&self) -> bool {
        self.acting.as_deref().is_some_and(|acting| acting.plan.firm)
    }

    /// Whether what is drawn now is a call.
    #[must_use]
    pub fn is_calling(&self) -> bool {
        self.acting.as_deref().is_some_and(|acting| matches!(acting.state, State::Calling { .. }))
    }

    /// What the pass must fit, where answers must fit this.
    #[must_use]
    pub fn schema(&self, answer: Option<&Arc<Value>>) -> Option<Arc<Value>> {
        let own = || answer.cloned().filter(|_| self.pass().is_some_and(|pass| pass.part != Part::Thought));
        let Some(acting) = self.acting.as_deref().filter(|acting| acting.plan.firm) else { return own() };
        match &acting.state {
            State::Calling { only, .. } => Some(Arc::new(acting.call_schema(only.as_deref()))),
            State::Asking { .. } => None,
            State::Saying if acting.open => own().map(|answer| Arc::new(acting.plan.or_call(&answer))),
            _ => own(),
        }
    }

    /// The calls that are to be made now.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        let Some(acting) = self.acting.as_deref().filter(|acting| acting.state == State::Waiting) else {
            return Vec::new();
        };
        let calls = (0u32..).zip(&acting.turn.calls);
        calls.filter_map(|(place, call)| Some(Pending { place, call: call.as_ref().ok()?.clone() })).collect()
    }

    /// Whether calls are waited for.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.acting.as_deref().is_some_and(|acting| acting.state == State::Waiting)
    }

    /// The calls that whoever asked is to make: the sample's answer, with its text.
    #[must_use]
    pub fn client_calls(&self) -> Vec<Call> {
        let over = self.acting.as_deref().filter(|acting| acting.state == State::Over);
        let calls = over.map(|acting| acting.turn.calls.as_slice()).unwrap_or_default();
        calls.iter().flatten().filter(|call| call.runs == Runs::Client).cloned().collect()
    }

    /// The turns that called tools, and were told what came of it.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        self.acting.as_deref().map(|acting| acting.turns.as_slice()).unwrap_or_default()
    }

    /// The round that is under way, from 0.
    #[must_use]
    pub fn round(&self) -> u32 {
        u32::try_from(self.turns().len()).unwrap_or(u32::MAX)
    }

    /// All that was said so far, markers, calls and what we said for it included; one turn a paragraph.
    #[must_use]
    pub fn raw(&self) -> String {
        let said = self.acting.as_deref().map_or("", |acting| acting.said.as_str());
        format!("{}{}{said}", self.before.raw, self.trace.raw())
    }

    /// Tokens generated so far.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        self.before.used + self.trace.tokens() + self.acting.as_deref().map_or(0, |acting| acting.drawn)
    }

    /// Those of them that were thought, markers included.
    #[must_use]
    pub fn thinking_tokens(&self) -> u32 {
        self.before.thinking + self.trace.thinking_tokens()
    }

    /// Whether the text so far ends in the middle of a thought.
    #[must_use]
    pub fn is_thinking(&self) -> bool {
        self.trace.is_thinking()
    }

    /// Bytes of the sample's text that stay, where less than all that was given may: what stands behind was a call, or behind a stop
    /// sequence.
    #[must_use]
    pub fn kept(&self) -> Option<usize> {
        self.acting.as_deref().map_or_else(|| self.trace.stopped(), |acting| Some(acting.kept()))
    }

    /// Whether a stop sequence of the request was met: what the engine still draws is not wanted.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.acting.as_deref().map_or(self.trace.stopped().is_some(), |acting| acting.stopped)
    }

    /// How it ended, when its last pass ended so.
    #[must_use]
    pub fn end(&self, last: Finish) -> Finish {
        let acted = self.acting.as_deref().and_then(|acting| acting.end);
        acted.unwrap_or_else(|| self.trace.end(last))
    }

    /// What we have said ourselves before the first token of this turn, once.
    pub fn begun(&mut self) -> Vec<Segment> {
        let said = self.trace.begun();
        let Some(acting) = self.acting.as_deref_mut() else { return said };
        let mut begun = acting.separate();
        begun.extend(acting.note(said, false));
        begun
    }

    /// Takes one token's text and gives what is certain by now: what may become a stop sequence of the request, or a call, is held
    /// back.
    pub fn token(&mut self, text: &str) -> Vec<Segment> {
        let Some(acting) = self.acting.as_deref_mut() else { return self.trace.token(text) };
        match &mut acting.state {
            State::Calling { json, .. } => json.push_str(text),
            State::Asking { .. } => {}
            _ => {
                let said = self.trace.token(text);
                return acting.note(said, true);
            }
        }
        acting.drawn += 1;
        Vec::new()
    }

    /// Takes a token whose part the engine has told apart itself.
    pub fn told_apart(&mut self, segment: Segment) -> Vec<Segment> {
        let said = self.trace.told_apart(segment);
        match self.acting.as_deref_mut() {
            Some(acting) => acting.note(said, true),
            None => said,
        }
    }

    /// Takes the end of a pass, see [`Trace::ended`]. Then either [`pass`](Self::pass) tells how it goes on, or calls are
    /// [waited for](Self::is_waiting), or the sample is over.
    pub fn ended(&mut self, text: &str, finish: Finish, unseen: u32) -> Vec<Segment> {
        let Some(acting) = self.acting.as_deref_mut() else { return self.trace.ended(text, finish, unseen) };
        let state = std::mem::replace(&mut acting.state, State::Saying);
        if matches!(state, State::Calling { .. } | State::Asking { .. }) {
            acting.drawn += unseen;
            acting.passes += 1;
        }
        let mut said = Vec::new();
        match state {
            State::Calling { mut json, only, said, .. } => {
                json.push_str(text);
                self.call_ended(&json, only.as_deref(), said, finish);
            }
            State::Asking { .. } if finish == Finish::Matched => self.begin_call(),
            State::Asking { .. } => acting.close_turn(),
            State::Saying | State::Waiting | State::Over => said = self.said(text, finish, unseen),
        }
        said.extend(self.acting.as_deref_mut().and_then(Acting::rest));
        said
    }

    /// Takes what came of the [pending](Self::pending) calls, in their order; then the next [turn](Self::turn) begins.
    pub fn observe(&mut self, told: Vec<Told>) {
        let Some(acting) = self.acting.as_deref_mut().filter(|acting| acting.state == State::Waiting) else { return };
        acting.observe(told);
    }

    /// What the model is told of the calls that were [pending](Self::pending), once they are observed.
    #[must_use]
    pub fn observed(&self) -> Vec<String> {
        let Some(acting) = self.acting.as_deref() else { return Vec::new() };
        let told = acting.turn.calls.iter().zip(&acting.turn.told);
        told.filter(|(call, _)| call.is_ok()).map(|(_, told)| told.clone()).collect()
    }

    /// Tokens that are left of so many.
    #[must_use]
    pub fn left(&self, of: u32) -> u32 {
        of.saturating_sub(self.tokens())
    }

    /// Begins the next turn with a trace of what is [left](Self::left).
    pub fn turn(&mut self, trace: Trace) {
        let Some(acting) = self.acting.as_deref_mut() else { return };
        let trace = std::mem::replace(&mut self.trace, trace);
        let before = &mut self.before;
        before.passes += trace.passes() + std::mem::take(&mut acting.passes);
        before.used += trace.tokens() + std::mem::take(&mut acting.drawn);
        before.thinking += trace.thinking_tokens();
        before.raw.push_str(trace.raw());
        before.raw.push_str(&std::mem::take(&mut acting.said));
        before.raw.push_str("\n\n");
        acting.begin_turn();
    }
}

/// What happens at the end of passes.
impl Course {
    /// The trace's pass ended.
    fn said(&mut self, text: &str, finish: Finish, unseen: u32) -> Vec<Segment> {
        let Some(acting) = self.acting.as_deref_mut() else { return Vec::new() };
        let part = self.trace.pass().map(|pass| pass.part);
        let said = self.trace.ended(text, finish, unseen);
        let mut said = acting.note(said, true);
        let mut calls = acting.plan.firm && finish == Finish::Matched && part == Some(Part::Answer);
        if calls && !acting.stopped && acting.is_spoken() {
            (calls, acting.spells_marker) = (false, true);
            let marker = self.trace.go_on(&acting.plan.style.marker);
            said.extend(acting.note(marker, true));
            acting.end = self.trace.pass().is_none().then_some(Finish::Length);
        }
        if acting.stopped {
            (acting.state, acting.end) = (State::Over, Some(Finish::Stop));
        } else if calls {
            if acting.open {
                self.begin_call();
            } else {
                (acting.state, acting.end) = (State::Over, Some(Finish::Length));
            }
        } else if self.trace.pass().is_none() {
            acting.look_for_calls();
        }
        self.force();
        said
    }

    /// Where a call must come, it does as soon as the thought is over.
    fn force(&mut self) {
        let forced = self
            .acting
            .as_deref()
            .is_some_and(|acting| acting.plan.firm && acting.forced && acting.state == State::Saying);
        if forced && self.trace.pass().is_some_and(|pass| pass.part == Part::Answer) {
            self.begin_call();
        }
    }

    fn begin_call(&mut self) {
        let Some(acting) = self.acting.as_deref_mut() else { return };
        let left = acting.left(&self.trace);
        // What is left is to be answered with, too.
        let tokens = left - (left / 4).min(256);
        if tokens == 0 {
            (acting.state, acting.end) = (State::Over, Some(Finish::Length));
            return;
        }
        let tools = acting.callable();
        let only = if let [tool] = tools.as_slice() { Some(tool.name.clone()) } else { None };
        let style = &acting.plan.style;
        let open = only.as_deref().map_or_else(|| style.open.clone(), |tool| style.open_named(tool));
        let said = acting.said.len();
        let open = if self.trace.raw().is_empty() || said == 0 { open } else { format!("\n{open}") };
        acting.said.push_str(&open);
        acting.state = State::Calling { pass: acting.behind(&self.trace, tokens), json: String::new(), only, said };
    }

    /// A call was drawn, behind so many bytes that were said in calls before it.
    fn call_ended(&mut self, json: &str, only: Option<&str>, said: usize, finish: Finish) {
        let Some(acting) = self.acting.as_deref_mut() else { return };
        acting.said.push_str(json);
        let call = acting.read(json, only);
        if finish == Finish::Length && call.is_err() {
            if !acting.turn.calls.is_empty() {
                // Those before it are whole.
                acting.said.truncate(said);
                acting.close_turn();
                return;
            }
            // It is answered without it, from what was kept back.
            (acting.open, acting.forced) = (false, false);
            self.answer_instead();
            return;
        }
        let close = only.map_or_else(|| acting.plan.style.close.clone(), |_| acting.plan.style.close_named());
        acting.said.push_str(&close);
        acting.add(call);
        // One that was left out is said again: no better one follows.
        let more = acting.left_out == 0 && !acting.plan.style.is_bare() && acting.may_call_more();
        let left = acting.left(&self.trace);
        if more && left > 1 {
            acting.state = State::Asking { pass: acting.behind(&self.trace, (left / 4).clamp(1, 16)) };
        } else {
            acting.close_turn();
        }
    }

    /// A call that came to no end.
    fn answer_instead(&mut self) {
        let Some(acting) = self.acting.as_deref_mut() else { return };
        acting.said.clear();
        self.trace.spend(std::mem::take(&mut acting.drawn));
        self.trace.go_on("");
        if self.trace.pass().is_none() {
            (acting.state, acting.end) = (State::Over, Some(Finish::Length));
        }
    }
}
