//! One sample of a model that thinks: how much it may think, and that it answers all the same.
//!
//! *Budget forcing* (s1, Muennighoff et al., arXiv 2501.19393): at the cap the thought is closed with a sentence and the
//! closing marker, and the answer is drawn from what was kept back for it; a thought that ends too early goes on after a
//! "Wait". Both are continuations of a begun answer, so a sample is one or more *passes* through an engine.

mod style;

use std::sync::Arc;

use crate::{Finish, Segment, Segments};
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
}

impl Trace {
    /// A sample of a model that marks no thoughts, or none of which is told apart.
    #[must_use]
    pub fn plain(tokens: u32) -> Self {
        let mut trace = Self::empty(None, Allowance::new(tokens), Segments::none());
        trace.pass = Some(Pass { number: 0, begun: String::new(), max_tokens: tokens, part: Part::Answer });
        trace
    }

    /// One step further in an answer that has begun: thoughts are told apart, but not capped. `begun` may be empty.
    #[must_use]
    pub fn step(style: Option<&ThinkingStyle>, opened: bool, begun: &str, tokens: u32) -> Self {
        let segments = style.map_or_else(Segments::none, |style| Segments::new(style.markers.clone(), opened));
        let mut trace = Self::empty(None, Allowance::new(tokens), segments);
        trace.opening = trace.say(begun);
        trace.pass = Some(Pass { number: 0, begun: begun.to_owned(), max_tokens: tokens, part: Part::Whole });
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
        said
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
        let Some(done) = self.pass.take() else { return said };
        self.passes += 1;
        if self.allowance.tokens > self.used {
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
