//! Plays samples that are there already, recorded or made up, to a strategy: what it would have answered and spent.
//!
//! Time is counted in tokens. All running samples get a token in each step, as from an engine with a slot for each; a
//! sample ends at its own length, and one that is cancelled has spent what it got until then.

use std::collections::BTreeMap;

use forethought_reasoning::{Action, Finish, Observation, SampleResult, Strategy, Verdict};

/// A sample that a strategy may get.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its answer's text.
    pub text: String,
    /// Tokens that it generated, at least 1.
    pub tokens: u32,
    /// Why it ended.
    pub finish: Finish,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Played {
    /// What the strategy chose.
    pub verdict: Verdict,
    /// Tokens of all samples, those of cancelled ones too.
    pub tokens: u64,
    /// Samples that were begun.
    pub begun: u32,
    /// Tokens of the longest chain of samples that waited for one another: the time, on an engine with enough slots.
    pub steps: u64,
}

/// A sample at work: when it began, and what becomes of it.
struct Running {
    began: u64,
    drawn: Recorded,
}

impl Running {
    fn end(&self) -> u64 {
        self.began + u64::from(self.drawn.tokens)
    }
}

/// What a strategy plays in.
struct World<'a> {
    strategy: Box<dyn Strategy>,
    sample: &'a dyn Fn(u32) -> Recorded,
    running: BTreeMap<u32, Running>,
    now: u64,
    tokens: u64,
    begun: u32,
    verdict: Option<Verdict>,
}

impl World<'_> {
    #[expect(clippy::panic, reason = "a measurement that cannot be made must not give a figure")]
    fn tell(&mut self, observation: Observation) {
        for action in self.strategy.next(observation) {
            match action {
                Action::Sample { index, .. } => {
                    let running = Running { began: self.now, drawn: (self.sample)(index) };
                    self.begun += 1;
                    self.running.insert(index, running);
                }
                Action::Cancel { index } => {
                    self.tokens += self.running.remove(&index).map_or(0, |running| self.now - running.began);
                }
                Action::Judge { .. } => panic!("a replay has no judge"),
                Action::Finish(verdict) => self.verdict = Some(verdict),
            }
        }
    }

    /// A step goes by in which every running sample has a token.
    fn step(&mut self) {
        self.now += 1;
        let indices: Vec<u32> = self.running.keys().copied().collect();
        for index in indices {
            let Some(running) = self.running.get(&index) else { continue };
            let tokens = u32::try_from(self.now - running.began).unwrap_or(u32::MAX);
            self.tell(Observation::Reached { index, tokens });
        }
    }

    /// Ends those whose last token has come.
    fn end(&mut self) {
        while let Some(index) = self.running.iter().find(|(_, run)| run.end() <= self.now).map(|(index, _)| *index) {
            let Some(Running { drawn, .. }) = self.running.remove(&index) else { return };
            self.tokens += u64::from(drawn.tokens);
            self.tell(Observation::Sample(SampleResult {
                calls: None,
                index,
                thinking: String::new(),
                text: drawn.text,
                finish: drawn.finish,
                tokens: drawn.tokens,
                mean_logprob: None,
                confidence: None,
            }));
        }
    }
}

/// Plays to the end. `sample` gives the sample with an index; a strategy gets the same one whenever it asks for it.
///
/// # Panics
/// When the strategy asks for something else than samples, such as a judgement, or waits for nothing.
#[must_use]
pub fn replay(strategy: Box<dyn Strategy>, sample: &dyn Fn(u32) -> Recorded) -> Played {
    let mut world = World { strategy, sample, running: BTreeMap::new(), now: 0, tokens: 0, begun: 0, verdict: None };
    world.tell(Observation::Start);
    loop {
        if let Some(verdict) = world.verdict.take() {
            let cut: u64 = world.running.values().map(|running| world.now - running.began).sum();
            return Played { verdict, tokens: world.tokens + cut, begun: world.begun, steps: world.now };
        }
        assert!(!world.running.is_empty(), "the strategy waits for nothing");
        world.step();
        world.end();
    }
}

#[cfg(test)]
mod tests {
    use forethought_reasoning::{AnswerKind, Params, strategy};
    use forethought_schemas::{Budget, StrategyName};

    use super::*;

    fn vote(wave: u32, answers: &'static [(&'static str, u32)]) -> Played {
        let samples = u32::try_from(answers.len()).unwrap();
        let budget = Budget { max_samples: samples, total_tokens: samples * 100, sample_tokens: 100, deadline_ms: 1 };
        let params = Params { samples: Some(samples), wave, thrifty: false, ..Params::default() };
        let vote = strategy(StrategyName::SelfConsistency, budget, 1, 1, AnswerKind::Number, params).unwrap();
        replay(vote, &|index| {
            let (text, tokens) = answers[index as usize];
            Recorded { text: text.to_owned(), tokens, finish: Finish::Stop }
        })
    }

    #[test]
    fn samples_that_are_no_longer_needed_have_spent_what_they_got() {
        let played = vote(6, &[("7", 10), ("7", 10), ("7", 20), ("7", 30), ("9", 90), ("9", 90)]);
        assert_eq!(played.verdict.answer.unwrap().canonical, "7");
        // Three of six decide it at step 20; the three that ran beside them had 20 tokens each.
        assert_eq!((played.begun, played.steps, played.tokens), (6, 20, 10 + 10 + 20 + 3 * 20));
    }

    #[test]
    fn a_wave_of_one_waits_for_each() {
        let played = vote(1, &[("7", 10), ("7", 10), ("7", 20), ("7", 30), ("9", 90), ("9", 90)]);
        assert_eq!((played.begun, played.steps, played.tokens), (3, 40, 40));
    }
}
