//! One sample of a model that thinks: how much it may think, and that it answers all the same.
//!
//! *Budget forcing* (s1, Muennighoff et al., arXiv 2501.19393): at the cap the thought is closed with a sentence and the
//! closing marker, and the answer is drawn from what was kept back for it; a thought that ends too early goes on after a
//! "Wait". Both are continuations of a begun answer, so a sample is one or more *passes* through an engine.

mod stops;
mod style;

use std::sync::Arc;

use crate::{Finish, Room, Segment, Segments};
pub(crate) use stops::Stops;
pub use style::{StyleError, ThinkingStyle};

/// What one sample may generate, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// All tokens, at least 1.
    pub tokens: u32,
    /// Of them, tokens of a thought, markers included; cut to what the reserve leaves.
    pub thinking: u32,
    /// A thought that ends before this many goes on, as long as there are extensions.
    pub min_thinking: u32,
    /// How often a thought may be made to go on.
    pub extensions: u32,
    /// Tokens that are kept back for the answer, at least 1 where `tokens` is more than 1.
    pub reserve: u32,
}

impl Allowance {
    /// Everything to think with but the [usual reserve](Self::usual_reserve).
    #[must_use]
    pub fn new(tokens: u32) -> Self {
        let reserve = Self::usual_reserve(tokens);
        Self { tokens, thinking: tokens.saturating_sub(reserve), min_thinking: 0, extensions: 0, reserve }
    }

    /// A quarter for the answer, at least 1 and at most 256 tokens.
    #[must_use]
    pub fn usual_reserve(tokens: u32) -> u32 {
        (tokens / 4).clamp(1, 256)
    }

    /// The most that a thought may have.
    #[must_use]
    pub fn cap(&self) -> u32 {
        self.thinking.min(self.tokens.saturating_sub(self.reserve))
    }

    /// What a thought may still have, as this allowance for the [whole](Room::share), where all that was drawn is thought.
    #[must_use]
    pub fn thought_left(&self, room: Room) -> u32 {
        self.cap().saturating_sub(room.drawn).min(room.left.saturating_sub(self.reserve))
    }
}

/// One step of an answer that is drawn step by step.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The answer so far, markers included; empty for the first step.
    pub begun: &'a str,
    /// Tokens that the step may generate, at least 1.
    pub tokens: u32,
    /// Tokens that a thought may still have, in this step and after it, see [`Allowance::thought_left`].
    pub thought: u32,
    /// The step ends before this text.
    pub until: &'a str,
    /// The answer ends before the first of these.
    pub stop: &'a [String],
}

/// One call of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Which one it is, from 0; each draws from a seed of its own.
    pub number: u32,
    /// What the answer begins with; empty for a new one.
    pub begun: String,
    /// Tokens that it may generate, at least 1.
    pub max_tokens: u32,
    /// What is drawn.
    pub part: Part,
}

/// What a pass draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Thought and answer.
    Whole,
    /// A thought alone; it ends before a closing marker.
    Thought,
    /// An answer alone: the request's stop sequences and schema hold.
    Answer,
}

/// Tries of an answer that turned out empty.
const ANSWER_TRIES: u32 = 3;

/// One sample on its way through its passes. Sans-IO: it takes what the engine gives and says what to ask next.
#[derive(Clone, Debug)]
pub struct Trace {
    style: Option<Arc<ThinkingStyle>>,
    allowance: Allowance,
    segments: Segments,
    /// All that was said, markers included: what another pass goes on from.
    raw: String,
    /// What that began with, before the first token.
    opening: Vec<Segment>,
    pass: Option<Pass>,
    passes: u32,
    used: u32,
    thinking: u32,
    /// Tokens before the first that shows whether a thought opens.
    undecided: u32,
    extensions: u32,
    answer_tries: u32,
    answered: bool,
    /// Of a step: where it ends, and what the answer ends at.
    step: Option<(String, Stops)>,
    /// Bytes of the answer before a stop sequence.
    stopped: Option<usize>,
    /// How a step ended, where that is not how its last pass did.
    end: Option<Finish>,
}

impl Trace {
    /// A sample of a model that marks no thoughts, or none of which is told apart.
    #[must_use]
    pub fn plain(tokens: u32) -> Self {
        let mut trace = Self::empty(None, Allowance::new(tokens), Segments::none());
        trace.pass = Some(Pass { number: 0, begun: String::new(), max_tokens: tokens, part: Part::Answer });
        trace
    }

    /// One step further in an answer. A thought that has had its tokens is closed before it, and one that ends without an
    /// answer is closed behind it, so that the answer is drawn from what is kept back for it.
    #[must_use]
    pub fn step(style: Option<Arc<ThinkingStyle>>, opened: bool, step: Step<'_>) -> Self {
        let Step { begun, tokens, thought, until, stop } = step;
        // Where it was only going to think because we ask it to, it does not mark anything else, either.
        let thinks =
            |style: &Arc<ThinkingStyle>| opened || begun.starts_with(&style.begin) || (begun.is_empty() && thought > 0);
        let style = style.filter(thinks);
        let segments = style.as_ref().map_or_else(Segments::none, |style| Segments::new(style.markers.clone(), opened));
        let mut trace = Self::empty(style.clone(), Allowance::new(tokens), segments);
        let begin = style.as_ref().map(|style| style.begin.as_str()).filter(|_| !opened && thought > 0);
        trace.opening = trace.say(if begun.is_empty() { begin.unwrap_or_default() } else { begun });
        trace.answered = has_answered(&trace.opening, style.as_deref());
        if let Some(style) = style.filter(|_| thought == 0 && trace.is_open()) {
            let said = if begun.is_empty() { style.no_thought(opened) } else { style.closing.clone() };
            let closed = trace.say(&said);
            trace.opening.extend(closed);
        }
        let mut stops = Stops::new(stop);
        stops.skip(&trace.opening);
        trace.step = Some((until.to_owned(), stops));
        let (part, max_tokens) =
            if trace.is_open() { (Part::Whole, tokens.min(thought)) } else { (Part::Answer, tokens) };
        trace.pass = Some(Pass { number: 0, begun: trace.raw.clone(), max_tokens, part });
        trace
    }

    /// A sample in one pass, for an engine that cannot go on with an answer that has begun: thoughts are told apart, and
    /// neither capped nor closed.
    #[must_use]
    pub fn uncapped(style: &ThinkingStyle, opened: bool, tokens: u32) -> Self {
        let mut trace = Self::empty(None, Allowance::new(tokens), Segments::new(style.markers.clone(), opened));
        trace.pass = Some(Pass { number: 0, begun: String::new(), max_tokens: tokens, part: Part::Whole });
        trace
    }

    /// Whether what is drawn next may be a thought.
    fn is_open(&self) -> bool {
        self.segments.is_thinking() || self.segments.is_undecided()
    }

    /// A sample of a model that thinks. `opened` says that the chat template has opened the thought already;
    /// `split` that thought and answer must be drawn apart, because stop sequences or a schema hold for the answer only.
    #[must_use]
    pub fn thinking(style: Arc<ThinkingStyle>, opened: bool, split: bool, allowance: Allowance) -> Self {
        if allowance.cap() == 0 && !opened && !style.begin.is_empty() {
            // It was only going to think because we ask it to.
            return Self::plain(allowance.tokens);
        }
        let split = split || allowance.min_thinking > 0;
        let cap = allowance.cap();
        let part = match (cap, split) {
            (0, _) => Part::Answer,
            (_, true) => Part::Thought,
            (_, false) => Part::Whole,
        };
        let begun = match part {
            Part::Answer => style.no_thought(opened),
            _ if opened => String::new(),
            Part::Thought => style.opening(),
            Part::Whole => style.begin.clone(),
        };
        let segments = Segments::new(style.markers.clone(), opened);
        let mut trace = Self::empty(Some(style), allowance, segments);
        trace.opening = trace.say(&begun);
        let max_tokens = if part == Part::Answer { allowance.tokens } else { cap };
        trace.pass = Some(Pass { number: 0, begun: trace.raw.clone(), max_tokens, part });
        trace
    }

    fn empty(style: Option<Arc<ThinkingStyle>>, allowance: Allowance, segments: Segments) -> Self {
        Self {
            style,
            allowance,
            segments,
            raw: String::new(),
            opening: Vec::new(),
            pass: None,
            passes: 0,
            used: 0,
            thinking: 0,
            undecided: 0,
            extensions: allowance.extensions,
            answer_tries: 0,
            answered: false,
            step: None,
            stopped: None,
            end: None,
        }
    }

    /// The pass that is to be run now; `None` after the end.
    #[must_use]
    pub fn pass(&self) -> Option<&Pass> {
        self.pass.as_ref()
    }

    /// All that was said so far, markers and what we said for it included.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Tokens generated so far.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        self.used
    }

    /// Tokens that are left of its allowance.
    pub(crate) fn left(&self) -> u32 {
        self.allowance.tokens.saturating_sub(self.used)
    }

    /// Passes that have ended.
    pub(crate) fn passes(&self) -> u32 {
        self.passes
    }

    /// Takes tokens off its allowance that were drawn beside it.
    pub(crate) fn spend(&mut self, tokens: u32) {
        self.used += tokens;
    }

    /// Says this, and has an answer drawn behind it, if anything is left.
    pub(crate) fn go_on(&mut self, text: &str) -> Vec<Segment> {
        let said = self.say(text);
        let (number, max_tokens) = (self.passes, self.left());
        self.pass = (max_tokens > 0).then(|| Pass { number, begun: self.raw.clone(), max_tokens, part: Part::Answer });
        said
    }

    /// Those of them that were thought, markers included.
    #[must_use]
    pub fn thinking_tokens(&self) -> u32 {
        self.thinking
    }

    /// Whether the text so far ends in the middle of a thought.
    #[must_use]
    pub fn is_thinking(&self) -> bool {
        self.segments.is_thinking()
    }

    /// Bytes of the answer before a stop sequence of the request, where a [step](Self::step) met one. Then there is no
    /// further pass, and what the engine still draws is not wanted.
    #[must_use]
    pub fn stopped(&self) -> Option<usize> {
        self.stopped
    }

    /// How it ended, when its last pass ended so.
    #[must_use]
    pub fn end(&self, last: Finish) -> Finish {
        self.end.unwrap_or(last)
    }

    /// What we have said ourselves before the first token, once: the opening of a recipe, for whoever shows the thought.
    pub fn begun(&mut self) -> Vec<Segment> {
        std::mem::take(&mut self.opening)
    }

    /// Takes one token's text and gives what is certain by now.
    pub fn token(&mut self, text: &str) -> Vec<Segment> {
        let before = self.segments.is_thinking();
        self.used += 1;
        let said = self.say(text);
        self.count(1, before);
        self.look_for_answer(&said);
        let stopped = self.step.as_mut().and_then(|(_, stops)| stops.push(&said));
        self.stop(stopped);
        said
    }

    /// The end of a step's answer, where there is one.
    fn stop(&mut self, at: Option<usize>) {
        if at.is_some() {
            (self.stopped, self.end, self.pass) = (at, Some(Finish::Stop), None);
        }
    }

    /// Takes a token whose part the engine has told apart itself.
    pub fn told_apart(&mut self, segment: Segment) -> Vec<Segment> {
        self.used += 1;
        self.thinking += u32::from(matches!(segment, Segment::Thinking(_)));
        self.segments.tell(&segment);
        self.answered |= matches!(segment, Segment::Answer(_));
        vec![segment]
    }

    /// Takes the end of a pass: its last text and the tokens that had no text of their own, such as an end token. Gives
    /// what is certain by now; [`pass`](Self::pass) tells how it goes on.
    pub fn ended(&mut self, text: &str, finish: Finish, unseen: u32) -> Vec<Segment> {
        let before = self.segments.is_thinking();
        self.used += unseen;
        let mut said = self.say(text);
        self.count(unseen, before);
        self.look_for_answer(&said);
        if let Some((until, stops)) = &mut self.step {
            let matched = finish == Finish::Matched && !self.segments.is_thinking();
            let stopped = stops.push(&said).or_else(|| matched.then(|| stops.step_ended(until)).flatten());
            self.stop(stopped);
        }
        let Some(done) = self.pass.take() else { return said };
        self.passes += 1;
        if self.step.is_some() {
            let next = self.next_of_step(finish, &mut said);
            self.pass = next.map(|max_tokens| Pass {
                number: self.passes,
                begun: self.raw.clone(),
                max_tokens,
                part: Part::Answer,
            });
        } else if self.allowance.tokens > self.used {
            let next = self.next_part(done.part, finish, &mut said);
            self.pass =
                next.map(|(part, max_tokens)| Pass { number: self.passes, begun: self.raw.clone(), max_tokens, part });
        }
        if self.pass.is_none() {
            said.extend(self.segments.finish());
        }
        said
    }

    /// What is drawn next, and how much of it.
    fn next_part(&mut self, part: Part, finish: Finish, said: &mut Vec<Segment>) -> Option<(Part, u32)> {
        let style = Arc::clone(self.style.as_ref()?);
        let left = self.allowance.tokens - self.used;
        match part {
            Part::Answer => self.answer_again(finish).then_some((Part::Answer, left)),
            Part::Whole if !self.segments.is_thinking() => {
                // The cap was for a thought that is over; the answer goes on.
                if finish == Finish::Length && self.segments.is_undecided() {
                    said.extend(self.say(&style.no_thought(false)));
                }
                (finish == Finish::Length).then_some((Part::Answer, left))
            }
            Part::Thought if finish != Finish::Length && self.thinks_on() => {
                self.extensions -= 1;
                said.extend(self.say(&style.wait));
                Some((Part::Thought, self.allowance.cap() - self.thinking))
            }
            Part::Thought if finish == Finish::Matched => {
                said.extend(self.say(&style.close()));
                Some((Part::Answer, left))
            }
            Part::Whole | Part::Thought => {
                said.extend(self.say(&style.closing));
                Some((Part::Answer, left))
            }
        }
    }

    /// How much of the answer is drawn next, within one step.
    fn next_of_step(&mut self, finish: Finish, said: &mut Vec<Segment>) -> Option<u32> {
        let left = self.allowance.tokens.saturating_sub(self.used);
        let thinking = self.segments.is_thinking();
        let goes_on = match finish {
            Finish::Matched => false,
            // What is left was no longer to be thought with.
            Finish::Length => left > 0,
            Finish::Stop | Finish::Weak => thinking || (left > 0 && self.answer_again(finish)),
        };
        let style = self.style.clone().filter(|_| goes_on && self.is_open());
        if let Some(style) = style {
            let closed = self.say(&if thinking { style.closing.clone() } else { style.no_thought(false) });
            if let Some((_, stops)) = &mut self.step {
                stops.skip(&closed);
            }
            said.extend(closed);
            // The model has ended the thought with its last token; the answer is the next step.
            self.end = (left == 0).then_some(Finish::Length);
        }
        (goes_on && left > 0).then_some(left)
    }

    fn thinks_on(&self) -> bool {
        self.extensions > 0 && self.thinking < self.allowance.min_thinking && self.thinking < self.allowance.cap()
    }

    /// A model may end at once where an answer is due: it is asked again, with other draws.
    fn answer_again(&mut self, finish: Finish) -> bool {
        self.answer_tries += 1;
        finish == Finish::Stop && !self.answered && self.answer_tries < ANSWER_TRIES
    }

    fn say(&mut self, text: &str) -> Vec<Segment> {
        self.raw.push_str(text);
        self.segments.push(text)
    }

    /// What we begin an answer with ourselves is none.
    fn look_for_answer(&mut self, said: &[Segment]) {
        self.answered |= said.iter().any(|segment| matches!(segment, Segment::Answer(text) if !text.trim().is_empty()));
    }

    /// A token that opens or closes a thought belongs to it, and so do those before it that were held back.
    fn count(&mut self, tokens: u32, before: bool) {
        if before || self.segments.is_thinking() {
            self.thinking += tokens + std::mem::take(&mut self.undecided);
        } else if self.segments.is_undecided() {
            self.undecided += tokens;
        }
    }
}

/// Whether there is an answer, and not only what we begin one with ourselves.
fn has_answered(said: &[Segment], style: Option<&ThinkingStyle>) -> bool {
    let texts = said.iter().map(|segment| if let Segment::Answer(text) = segment { text.as_str() } else { "" });
    let answer: String = texts.collect();
    let ours = style.is_some_and(|style| style.closing.trim_end().ends_with(answer.trim()));
    !answer.trim().is_empty() && !ours
}
