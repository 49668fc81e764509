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

/// Plays to the end. `sample` gives the sample with an index; a strategy gets the same one whenever it asks for it.
///
/// # Panics
/// When the strategy asks for something else than samples, such as a judgement, or waits for nothing.
#[must_use]
#[expect(clippy::panic, reason = "a measurement that cannot be made must not give a figure")]
pub fn replay(mut strategy: Box<dyn Strategy>, sample: &dyn Fn(u32) -> Recorded) -> Played {
    let mut running: BTreeMap<u32, (u64, Recorded)> = BTreeMap::new();
    let (mut now, mut tokens, mut begun) = (0, 0, 0);
    let mut actions = strategy.next(Observation::Start);
    loop {
        let mut verdict = None;
        for action in std::mem::take(&mut actions) {
            match action {
                Action::Sample { index, .. } => {
                    let drawn = sample(index);
                    begun += 1;
                    running.insert(index, (now + u64::from(drawn.tokens), drawn));
                }
                Action::Cancel { index } => {
                    if let Some((end, drawn)) = running.remove(&index) {
                        tokens += u64::from(drawn.tokens) - (end - now);
                    }
                }
                Action::Judge { .. } => panic!("a replay has no judge"),
                Action::Finish(chosen) => verdict = Some(chosen),
            }
        }
        if let Some(verdict) = verdict {
            tokens += running.values().map(|(end, drawn)| u64::from(drawn.tokens) - (end - now)).sum::<u64>();
            return Played { verdict, tokens, begun, steps: now };
        }
        let next = running.iter().min_by_key(|(index, (end, _))| (*end, **index)).map(|(index, _)| *index);
        let Some((index, (end, drawn))) = next.and_then(|index| running.remove_entry(&index)) else {
            panic!("the strategy waits for nothing");
        };
        now = end;
        tokens += u64::from(drawn.tokens);
        actions = strategy.next(Observation::Sample(SampleResult {
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
