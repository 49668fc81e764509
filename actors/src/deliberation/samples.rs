//! What is known of each sample.

use std::sync::Arc;

use forethought_engine::{Channel, Usage};
use forethought_reasoning::{
    AnswerKind, Ask, Finish, SampleResult, Segment, Trace, TraceConfidence, Watch, extract, token_confidence,
};

use crate::{KillSwitch, sampler::Token};

/// Where a sample stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleState {
    /// It is being drawn.
    Running,
    /// It ended by itself.
    Finished,
    /// It broke off.
    Failed,
    /// It was stopped from outside.
    Cancelled,
}

/// One sample, as the response and the audit log tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleReport {
    /// Its place, from 0.
    pub index: u32,
    /// Its own seed.
    pub seed: u64,
    /// Everything that it said as far as it came, with the markers of its thoughts and what was said for it.
    pub raw: String,
    /// Its thoughts.
    pub thinking: String,
    /// Its answer.
    pub text: String,
    /// Tokens that it generated, over all its tries, thinking and judgements included.
    pub tokens: u32,
    /// Those of them that were thought by the try that gave the answer.
    pub thinking_tokens: u32,
    /// Those of them that tries generated which broke off.
    pub lost_tokens: u32,
    /// Those of them that a judge generated.
    pub judge_tokens: u32,
    /// Prompt tokens of all its passes; of one that was cut short the request's own.
    pub prompt_tokens: u64,
    /// Those of them that were computed before.
    pub cached_tokens: u64,
    /// Its canonical answer.
    pub answer: Option<String>,
    /// Where it stands.
    pub state: SampleState,
    /// Why it ended.
    pub finish: Option<Finish>,
}

/// What the reader has of the try before.
#[derive(Default)]
struct Told {
    thinking: String,
    text: String,
}

/// What is being done for a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// It is drawn.
    Draw,
    /// A model judges it.
    Judge,
}

/// A sample at work.
pub(super) struct Sample {
    pub report: SampleReport,
    /// Which call of an engine it is, over all tries: what an earlier one reports is late.
    pub run: u32,
    pub work: Option<Work>,
    pub kill: KillSwitch,
    pub ask: Ask,
    pub trace: Trace,
    pub watch: Option<Watch>,
    confidence: Option<TraceConfidence>,
    /// Bytes that the answer began with, before this try.
    begun: usize,
    /// Tokens of this try that came before this pass.
    before_pass: u32,
    /// The sum over the tokens that were seen, and how many they are. An end token has none.
    logprobs: (f64, u32),
    /// What a judge has said.
    pub judgement: String,
    /// Tokens that this judge generated.
    pub judge_tokens: u32,
    told: Told,
}

impl Sample {
    pub(super) fn new(index: u32, seed: u64, kill: KillSwitch) -> Self {
        let report = SampleReport {
            index,
            seed,
            raw: String::new(),
            thinking: String::new(),
            text: String::new(),
            tokens: 0,
            thinking_tokens: 0,
            lost_tokens: 0,
            judge_tokens: 0,
            prompt_tokens: 0,
            cached_tokens: 0,
            answer: None,
            state: SampleState::Running,
            finish: None,
        };
        Self {
            report,
            run: 0,
            work: None,
            kill,
            ask: Ask::Question,
            trace: Trace::plain(1),
            watch: None,
            confidence: None,
            begun: 0,
            before_pass: 0,
            logprobs: (0.0, 0),
            judgement: String::new(),
            judge_tokens: 0,
            told: Told::default(),
        }
    }

    /// Begins a try, or a step. Of the try before, the reader has the first bytes of the thoughts and of the text.
    pub(super) fn begin(&mut self, ask: Ask, trace: Trace, watch: Option<Watch>, told: (usize, usize)) {
        let had = |text: &str, told| text.get(..told).unwrap_or_default().to_owned();
        self.told = Told { thinking: had(&self.report.thinking, told.0), text: had(&self.report.text, told.1) };
        if self.report.state == SampleState::Failed {
            self.report.lost_tokens += self.trace.tokens();
        }
        self.report.raw.clear();
        self.report.thinking.clear();
        self.report.text.clear();
        self.report.state = SampleState::Running;
        self.confidence = watch.map(|watch| TraceConfidence::new(watch.window));
        self.before_pass = 0;
        self.logprobs = (0.0, 0);
        (self.ask, self.trace, self.watch) = (ask, trace, watch);
        self.begun = self.trace.raw().len();
        let opening = self.trace.begun();
        self.say(opening);
    }

    /// Takes a token.
    pub(super) fn token(&mut self, token: &Token) {
        self.report.tokens += 1;
        if !token.logprob.is_nan() {
            self.logprobs = (self.logprobs.0 + f64::from(token.logprob), self.logprobs.1 + 1);
        }
        let said = match token.channel {
            Channel::Raw => self.trace.token(&token.text),
            Channel::Thinking => self.trace.told_apart(Segment::Thinking(token.text.clone())),
            Channel::Answer => self.trace.told_apart(Segment::Answer(token.text.clone())),
        };
        self.say(said);
        self.count_thought();
    }

    /// Whether the trace has become too unsure to go on.
    pub(super) fn is_weak(&mut self, token: &Token) -> bool {
        let (Some(confidence), Some(sure)) = (self.confidence.as_mut(), token_confidence(&token.top)) else {
            return false;
        };
        let window = confidence.push(sure);
        let threshold = self.watch.and_then(|watch| watch.threshold);
        window.zip(threshold).is_some_and(|(window, threshold)| window < threshold)
    }

    /// Takes the end of a pass, and gives the tokens that had no event of their own.
    pub(super) fn pass_ended(&mut self, text: &str, finish: Finish, usage: Usage) -> u32 {
        // The end token is counted by the engine and has no event of its own.
        let unseen = usage.completion_tokens.saturating_sub(self.trace.tokens() - self.before_pass);
        self.report.tokens += unseen;
        self.report.prompt_tokens += u64::from(usage.prompt_tokens);
        self.report.cached_tokens += u64::from(usage.cached_tokens);
        let said = self.trace.ended(text, finish, unseen);
        self.say(said);
        self.count_thought();
        self.before_pass = self.trace.tokens();
        unseen
    }

    /// Takes the end of the try, and gives what the strategy is told.
    pub(super) fn finish(&mut self, finish: Finish, kind: &AnswerKind) -> SampleResult {
        self.report.state = SampleState::Finished;
        self.report.finish = Some(finish);
        self.trace.raw().clone_into(&mut self.report.raw);
        // A step that goes on is gone on from as it was said; one that is the end is told apart, to be compared.
        let goes_on = matches!(finish, Finish::Matched | Finish::Length);
        let step = goes_on && matches!(self.ask, Ask::Step { .. });
        let step = step.then(|| self.report.raw.get(self.begun..).unwrap_or_default().to_owned());
        self.report.answer = extract(kind, &self.report.text).map(|answer| answer.canonical);
        SampleResult {
            index: self.report.index,
            thinking: if step.is_some() { String::new() } else { self.report.thinking.clone() },
            text: step.unwrap_or_else(|| self.report.text.clone()),
            finish,
            tokens: self.trace.tokens(),
            mean_logprob: (self.logprobs.1 > 0).then(|| self.logprobs.0 / f64::from(self.logprobs.1)),
            confidence: self.confidence.as_ref().and_then(TraceConfidence::lowest),
        }
    }

    /// Keeps what a try that broke off has said.
    pub(super) fn break_off(&mut self, state: SampleState, prompt_tokens: u32) {
        self.trace.raw().clone_into(&mut self.report.raw);
        if self.work == Some(Work::Draw) && self.trace.tokens() > self.before_pass {
            self.report.prompt_tokens += u64::from(prompt_tokens);
        }
        self.work = None;
        self.report.state = state;
    }

    /// Whether this try says, as far as it came, what the reader has of the one before.
    pub(super) fn agrees(&self) -> bool {
        let same = |told: &str, said: &str| told.starts_with(said) || said.starts_with(told);
        same(&self.told.thinking, &self.report.thinking) && same(&self.told.text, &self.report.text)
    }

    /// Whether this try ended before it had said all that the reader has of the one before.
    pub(super) fn falls_short(&self) -> bool {
        self.report.text.len() < self.told.text.len() || self.report.thinking.len() < self.told.thinking.len()
    }

    fn say(&mut self, segments: Vec<Segment>) {
        for segment in segments {
            match segment {
                Segment::Thinking(text) => self.report.thinking.push_str(&text),
                Segment::Answer(text) => self.report.text.push_str(&text),
            }
        }
    }

    fn count_thought(&mut self) {
        self.report.thinking_tokens = self.trace.thinking_tokens();
    }
}

/// What the reasoning crate calls the end of a sample.
pub(super) const fn finish(finish: forethought_engine::Finish) -> Finish {
    match finish {
        forethought_engine::Finish::Length => Finish::Length,
        forethought_engine::Finish::Matched => Finish::Matched,
        forethought_engine::Finish::Stop | forethought_engine::Finish::Cancelled => Finish::Stop,
    }
}

/// How samples of a model that thinks are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Thinking {
    /// The model's markers and sentences.
    pub style: Arc<forethought_reasoning::ThinkingStyle>,
    /// Whether the chat template opens the thought.
    pub opened: bool,
    /// Tokens that a sample may think, markers included; `None` where the engine cannot go on with an answer that has
    /// begun: then thoughts are told apart, but neither capped nor prolonged.
    pub tokens: Option<u32>,
    /// A thought shorter than this goes on, as often as there are extensions.
    pub min_tokens: u32,
    /// How often a thought may be made to go on.
    pub extensions: u32,
    /// Tokens kept back for the answer.
    pub reserve: u32,
}

impl Thinking {
    /// What a sample of so many tokens may think.
    pub(super) fn allowance(&self, tokens: u32) -> forethought_reasoning::Allowance {
        forethought_reasoning::Allowance {
            tokens,
            thinking: self.tokens.unwrap_or(tokens),
            min_thinking: self.min_tokens,
            extensions: self.extensions,
            // A second try may have less left than was planned.
            reserve: self.reserve.min(tokens.div_ceil(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str, logprob: f32) -> Token {
        Token { text: text.to_owned(), channel: Channel::Raw, logprob, top: Vec::new() }
    }

    #[test]
    fn an_end_token_makes_no_answer_surer() {
        let mut sample = Sample::new(0, 0, KillSwitch::new());
        let usage = |completion_tokens| Usage { prompt_tokens: 5, cached_tokens: 4, completion_tokens };
        sample.begin(Ask::Question, Trace::plain(10), None, (0, 0));
        sample.token(&token("4", -1.0));
        sample.token(&token("2", -3.0));
        assert_eq!(sample.pass_ended("", Finish::Stop, usage(3)), 1);
        let result = sample.finish(Finish::Stop, &AnswerKind::Number);
        assert_eq!((result.tokens, result.mean_logprob, result.text.as_str()), (3, Some(-2.0), "42"));
        sample.begin(Ask::Question, Trace::plain(10), None, (0, 0));
        sample.pass_ended("", Finish::Stop, usage(0));
        let result = sample.finish(Finish::Stop, &AnswerKind::Number);
        assert_eq!((result.tokens, result.mean_logprob), (0, None));
        assert_eq!((sample.report.prompt_tokens, sample.report.cached_tokens, sample.report.tokens), (10, 8, 3));
    }

    #[test]
    fn a_step_is_told_as_it_was_said_and_an_end_as_a_whole() {
        let style = forethought_reasoning::ThinkingStyle::new(forethought_reasoning::Markers::default());
        let step = |begun: &str, said: &str, finish| {
            let mut sample = Sample::new(0, 0, KillSwitch::new());
            let ask = Ask::Step { begun: begun.into(), until: "\n\n".into() };
            sample.begin(ask, Trace::step(Some(&style), false, begun, 10), None, (0, 0));
            sample.token(&token(said, -1.0));
            sample.pass_ended("", finish, Usage { prompt_tokens: 5, cached_tokens: 4, completion_tokens: 1 });
            let result = sample.finish(finish, &AnswerKind::Number);
            (result.thinking, result.text)
        };
        let told = |thinking: &str, text: &str| (thinking.to_owned(), text.to_owned());
        assert_eq!(step("<think>a\n\n", "b</think>", Finish::Matched), told("", "b</think>"));
        assert_eq!(step("<think>a\n\nb</think>\n\n", "It is 5", Finish::Length), told("", "It is 5"));
        assert_eq!(step("<think>a\n\nb</think>\n\n", "It is 5", Finish::Stop), told("a\n\nb", "It is 5"));
    }

    #[test]
    fn a_trace_that_becomes_unsure_is_weak() {
        let mut sample = Sample::new(0, 0, KillSwitch::new());
        let watch = Watch { window: 2, threshold: Some(1.0) };
        sample.begin(Ask::Question, Trace::plain(10), Some(watch), (0, 0));
        let mut weak = |top: f32| sample.is_weak(&Token { top: vec![top], ..token("a", 0.0) });
        assert!(!weak(-0.1), "there is no full window yet");
        assert!(!weak(-2.0));
        assert!(!weak(-0.5), "the window's mean is 1.25");
        assert!(weak(-0.5));
    }
}
