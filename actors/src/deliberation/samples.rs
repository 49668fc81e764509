//! What is known of each sample.

use std::sync::Arc;

use forethought_engine::{Channel, Usage};
use forethought_reasoning::{
    AnswerKind, Ask, Call, Course, Finish, Observation, Room, SampleResult, Segment, Told as ToolTold, Trace,
    TraceConfidence, Watch, canonical_calls, extract, token_confidence,
};

use crate::{KillSwitch, sampler::Token};
use forethought_schemas::RecordId;

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
    /// The ids of the tokens of its last try, or of its last step in a search, without end tokens. Zeros are of an engine that tells none.
    pub ids: Vec<u32>,
    /// Its thoughts.
    pub thinking: String,
    /// Its answer.
    pub text: String,
    /// The calls of tools that whoever asked is to make: its answer, beside the text.
    pub calls: Vec<Call>,
    /// Calls of tools that were made for it.
    pub acts: Vec<Acted>,
    /// Tokens that it generated, over all its tries, thinking and judgements included.
    pub tokens: u32,
    /// Those of them that were thought, in all steps of a search; a try that broke off counts as lost.
    pub thinking_tokens: u32,
    /// Those of them that tries generated which broke off.
    pub lost_tokens: u32,
    /// Those of them that a judge generated. The rest is the answer's.
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
    /// Whether a safeguard lets no more of its answer out than there is.
    pub withheld: bool,
}

/// A call of a tool that was made for a sample, or that was not.
#[derive(Clone, Debug, PartialEq)]
pub struct Acted {
    /// The turn of the sample, from 0.
    pub round: u32,
    /// The place within the turn, from 0.
    pub place: u32,
    /// What was called.
    pub call: Call,
    /// The record of the call, where there is one.
    pub record: Option<RecordId>,
    /// What came of it: `done`, `failed`, `refused` and so on.
    pub state: String,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// What it cost, in thousandths of a unit.
    pub cost: u64,
    /// What the model was told.
    pub told: String,
}

/// What a call of a tool came to, whatever has become of its sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSpent {
    /// The tool.
    pub tool: String,
    /// What came of it: `done`, `failed`, `refused` and so on.
    pub state: String,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// What it cost, in thousandths of a unit.
    pub cost: u64,
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
    /// Tools that it called are run.
    Act,
}

/// A sample at work.
pub(super) struct Sample {
    pub report: SampleReport,
    /// Which call of an engine it is, over all tries: what an earlier one reports is late.
    pub run: u32,
    pub work: Option<Work>,
    pub kill: KillSwitch,
    pub ask: Ask,
    pub course: Course,
    /// Tokens that this try may generate.
    pub max_tokens: u32,
    pub watch: Option<Watch>,
    confidence: Option<TraceConfidence>,
    /// Bytes that a step goes on from, as they were said; and of them those of the answer.
    begun: (usize, usize),
    /// Tokens that were thought before this try.
    thought_before: u32,
    /// The last call of a try that broke off.
    lost_until: u32,
    /// The calls that were judgements.
    judgements: Vec<u32>,
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
            ids: Vec::new(),
            thinking: String::new(),
            text: String::new(),
            calls: Vec::new(),
            acts: Vec::new(),
            tokens: 0,
            thinking_tokens: 0,
            lost_tokens: 0,
            judge_tokens: 0,
            prompt_tokens: 0,
            cached_tokens: 0,
            answer: None,
            state: SampleState::Running,
            finish: None,
            withheld: false,
        };
        Self {
            report,
            run: 0,
            work: None,
            kill,
            ask: Ask::Question,
            course: Course::plain(Trace::plain(1)),
            max_tokens: 1,
            watch: None,
            confidence: None,
            begun: (0, 0),
            thought_before: 0,
            lost_until: 0,
            judgements: Vec::new(),
            before_pass: 0,
            logprobs: (0.0, 0),
            judgement: String::new(),
            judge_tokens: 0,
            told: Told::default(),
        }
    }

    /// Begins a try, or a step. Of the try before, the reader has the first bytes of the thoughts and of the text.
    pub(super) fn begin(&mut self, ask: Ask, course: Course, watch: Option<Watch>, told: (usize, usize)) {
        let had = |text: &str, told| text.get(..told).unwrap_or_default().to_owned();
        self.told = Told { thinking: had(&self.report.thinking, told.0), text: had(&self.report.text, told.1) };
        self.thought_before = self.report.thinking_tokens;
        self.report.finish = None;
        self.report.raw.clear();
        self.report.ids.clear();
        self.report.thinking.clear();
        self.report.text.clear();
        self.report.calls.clear();
        self.report.acts.clear();
        self.report.state = SampleState::Running;
        self.confidence = watch.map(|watch| TraceConfidence::new(watch.window));
        self.before_pass = 0;
        self.logprobs = (0.0, 0);
        (self.ask, self.course, self.watch) = (ask, course, watch);
        let opening = self.course.begun();
        self.say(opening);
        let begun = if let Ask::Step { begun, .. } = &self.ask { begun.len() } else { 0 };
        self.begun = (begun, self.report.text.len());
    }

    /// Takes note that a model is asked to judge it.
    pub(super) fn begin_judgement(&mut self) {
        (self.run, self.work) = (self.run + 1, Some(Work::Judge));
        self.judgements.push(self.run);
        self.judgement.clear();
        self.judge_tokens = 0;
    }

    /// Takes a token.
    pub(super) fn token(&mut self, token: &Token) {
        self.report.tokens += 1;
        self.report.ids.push(token.id);
        if !token.logprob.is_nan() {
            self.logprobs = (self.logprobs.0 + f64::from(token.logprob), self.logprobs.1 + 1);
        }
        let said = match token.channel {
            Channel::Raw => self.course.token(&token.text),
            Channel::Thinking => self.course.told_apart(Segment::Thinking(token.text.clone())),
            Channel::Answer => self.course.told_apart(Segment::Answer(token.text.clone())),
        };
        self.say(said);
        self.count_thought();
    }

    /// Counts tokens of an earlier call, or of one that was stopped: drawn before its engine heard of the end.
    pub(super) fn late(&mut self, run: u32, tokens: u32) {
        let report = &mut self.report;
        report.tokens += tokens;
        if self.judgements.contains(&run) {
            report.judge_tokens += tokens;
        } else if run <= self.lost_until {
            report.lost_tokens += tokens;
        } else if self.course.is_thinking() {
            report.thinking_tokens += tokens;
        }
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
        let unseen = usage.completion_tokens.saturating_sub(self.course.tokens() - self.before_pass);
        self.report.tokens += unseen;
        self.report.prompt_tokens += u64::from(usage.prompt_tokens);
        self.report.cached_tokens += u64::from(usage.cached_tokens);
        let said = self.course.ended(text, finish, unseen);
        self.say(said);
        self.count_thought();
        self.before_pass = self.course.tokens();
        unseen
    }

    /// Takes what came of its calls, and goes on with a trace of what is left.
    pub(super) fn acted(&mut self, told: Vec<ToolTold>, acts: Vec<Acted>, trace: Trace) {
        self.course.observe(told);
        let texts = self.course.observed();
        self.report.acts.extend(acts.into_iter().zip(texts).map(|(act, told)| Acted { told, ..act }));
        self.course.turn(trace);
        let begun = self.course.begun();
        self.say(begun);
        self.before_pass = self.course.tokens();
    }

    /// Takes the end of the try, and gives what the strategy is told.
    pub(super) fn finish(&mut self, finish: Finish, kind: &AnswerKind) -> Observation {
        self.report.state = SampleState::Finished;
        self.report.raw = self.course.raw();
        let goes_on = matches!(self.ask, Ask::Step { .. }) && matches!(finish, Finish::Matched | Finish::Length);
        // Should nothing come of what it goes on with, it was cut here.
        self.report.finish = Some(if goes_on { Finish::Length } else { finish });
        self.report.calls = self.course.client_calls();
        let called = Some(&self.report.calls).filter(|calls| !calls.is_empty()).map(|calls| canonical_calls(calls));
        let extracted = || extract(kind, &self.report.text).map(|answer| answer.canonical);
        self.report.answer = called.clone().or_else(extracted);
        let result = SampleResult {
            index: self.report.index,
            thinking: self.report.thinking.clone(),
            text: self.report.text.clone(),
            calls: called,
            finish,
            tokens: self.course.tokens(),
            mean_logprob: (self.logprobs.1 > 0).then(|| self.logprobs.0 / f64::from(self.logprobs.1)),
            confidence: self.confidence.as_ref().and_then(TraceConfidence::lowest),
        };
        if goes_on {
            let said = self.report.raw.get(self.begun.0..).unwrap_or_default().to_owned();
            Observation::Stepped { result, said }
        } else {
            Observation::Sample(result)
        }
    }

    /// Keeps what a try that broke off has said.
    pub(super) fn break_off(&mut self, state: SampleState, prompt_tokens: u32) {
        self.report.raw = self.course.raw();
        let drawn = self.work == Some(Work::Draw);
        if drawn && self.course.tokens() > self.before_pass {
            self.report.prompt_tokens += u64::from(prompt_tokens);
        }
        if drawn && state == SampleState::Failed {
            self.report.lost_tokens += self.course.tokens();
            self.report.thinking_tokens = self.thought_before;
            self.lost_until = self.run;
        }
        self.work = None;
        self.report.state = state;
    }

    /// Leaves of a step that was stopped what it went on from: no verifier has seen more.
    pub(super) fn cut_step(&mut self, kind: &AnswerKind) {
        if !matches!(self.ask, Ask::Step { .. }) {
            return;
        }
        self.report.text.truncate(self.begun.1);
        self.report.text.truncate(self.report.text.trim_end().len());
        self.report.answer = extract(kind, &self.report.text).map(|answer| answer.canonical);
        self.report.finish = Some(Finish::Length);
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
        if let Some(end) = self.course.kept() {
            self.report.text.truncate(end);
        }
    }

    fn count_thought(&mut self) {
        self.report.thinking_tokens = self.thought_before + self.course.thinking_tokens();
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

    /// What a thought may still have that has come so far, step by step.
    pub(super) fn thought_left(&self, room: Room) -> u32 {
        self.allowance(room.share).thought_left(room)
    }
}

#[cfg(test)]
mod tests {
    use forethought_reasoning::Step;

    use super::*;

    fn token(text: &str, logprob: f32) -> Token {
        Token { id: 1, text: text.to_owned(), channel: Channel::Raw, logprob, top: Vec::new() }
    }

    fn ended(sample: &mut Sample) -> SampleResult {
        match sample.finish(Finish::Stop, &AnswerKind::Number) {
            Observation::Sample(result) => result,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_end_token_makes_no_answer_surer() {
        let mut sample = Sample::new(0, 0, KillSwitch::new());
        let usage = |completion_tokens| Usage { prompt_tokens: 5, cached_tokens: 4, completion_tokens };
        sample.begin(Ask::Question, Course::plain(Trace::plain(10)), None, (0, 0));
        sample.token(&token("4", -1.0));
        sample.token(&token("2", -3.0));
        assert_eq!(sample.pass_ended("", Finish::Stop, usage(3)), 1);
        let result = ended(&mut sample);
        assert_eq!((result.tokens, result.mean_logprob, result.text.as_str()), (3, Some(-2.0), "42"));
        sample.begin(Ask::Question, Course::plain(Trace::plain(10)), None, (0, 0));
        sample.pass_ended("", Finish::Stop, usage(0));
        let result = ended(&mut sample);
        assert_eq!((result.tokens, result.mean_logprob), (0, None));
        assert_eq!((sample.report.prompt_tokens, sample.report.cached_tokens, sample.report.tokens), (10, 8, 3));
    }

    #[test]
    fn a_step_is_told_as_it_was_said_and_as_what_it_means() {
        let style = forethought_reasoning::ThinkingStyle::new(forethought_reasoning::Markers::default());
        let step = |begun: &str, said: &str, finish| {
            let mut sample = Sample::new(0, 0, KillSwitch::new());
            let room = Room { share: 20, drawn: 2, left: 18 };
            let ask = Ask::Step { begun: begun.into(), until: "\n\n".into(), room };
            let step = Step { begun, tokens: 10, thought: 10, until: "\n\n", stop: &[] };
            let trace = Trace::step(Some(Arc::new(style.clone())), false, step);
            sample.begin(ask, Course::plain(trace), None, (0, 0));
            sample.token(&token(said, -1.0));
            sample.pass_ended("", finish, Usage { prompt_tokens: 5, cached_tokens: 4, completion_tokens: 1 });
            let (result, said) = match sample.finish(finish, &AnswerKind::Number) {
                Observation::Stepped { result, said } => (result, said),
                Observation::Sample(result) => (result, String::new()),
                other => panic!("{other:?}"),
            };
            assert_eq!(sample.report.finish == Some(Finish::Length), finish != Finish::Stop, "it may be cut there");
            (result.thinking, result.text, said)
        };
        let told = |thinking: &str, text: &str, said: &str| (thinking.to_owned(), text.to_owned(), said.to_owned());
        assert_eq!(step("<think>a\n\n", "b</think>", Finish::Matched), told("a\n\nb", "", "b</think>"));
        let begun = "<think>a\n\nb</think>\n\n";
        assert_eq!(step(begun, "It is 5", Finish::Matched), told("a\n\nb", "It is 5", "It is 5"));
        assert_eq!(step(begun, "It is 5", Finish::Stop), told("a\n\nb", "It is 5", ""));
    }

    #[test]
    fn a_trace_that_becomes_unsure_is_weak() {
        let mut sample = Sample::new(0, 0, KillSwitch::new());
        let watch = Watch { window: 2, threshold: Some(1.0) };
        sample.begin(Ask::Question, Course::plain(Trace::plain(10)), Some(watch), (0, 0));
        let mut weak = |top: f32| sample.is_weak(&Token { top: vec![top], ..token("a", 0.0) });
        assert!(!weak(-0.1), "there is no full window yet");
        assert!(!weak(-2.0));
        assert!(!weak(-0.5), "the window's mean is 1.25");
        assert!(weak(-0.5));
    }
}
