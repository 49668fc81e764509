//! Draws one token from logits, repeatably: the draw depends on the seed and the position alone.
//!
//! The model's own sampler shares one generator among all sequences, so what runs beside a sample would change it. Here
//! each draw takes its uniform number from `ChaCha` at a place given by the position, and inverts the cumulative
//! distribution. Sums run in token order in `f64`, so the same logits give the same token.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::Sampling;

/// A logit this far below the highest has a probability under 2e-11: it cannot matter, and skipping it saves its `exp`.
const NEGLIGIBLE: f32 = 25.0;

/// A drawn token.
#[derive(Debug, PartialEq)]
pub(crate) struct Drawn {
    pub id: u32,
    /// Natural logarithm of its probability at temperature 1, before penalties and cuts.
    pub logprob: f32,
    /// The likeliest tokens with theirs, best first.
    pub top: Vec<(u32, f32)>,
}

/// Draws the tokens of one sample.
#[derive(Debug)]
pub(crate) struct Drawer {
    sampling: Sampling,
    seed: u64,
    top_logprobs: usize,
}

impl Drawer {
    pub(crate) fn new(sampling: Sampling, seed: u64, top_logprobs: u8) -> Self {
        Self { sampling, seed, top_logprobs: usize::from(top_logprobs) }
    }

    /// The token at `position` (0 is the first generated), given what was generated before it.
    ///
    /// `None` when no logit is finite: the model failed.
    pub(crate) fn draw(&self, logits: &[f32], position: u32, generated: &[u32]) -> Option<Drawn> {
        let id = if self.sampling.temperature <= 0.0 {
            self.with_penalties(logits, generated, argmax)
        } else {
            self.with_penalties(logits, generated, |logits| self.draw_from(logits, uniform(self.seed, position)))
        }?;
        self.as_drawn(logits, id)
    }

    /// A token as if it were drawn from these logits, with its probability under them.
    pub(crate) fn as_drawn(&self, logits: &[f32], id: u32) -> Option<Drawn> {
        let log_total = log_sum_exp(logits)?;
        let logprob = |id: u32| logits.get(id as usize).map_or(f32::NEG_INFINITY, |l| l - log_total);
        let top = if self.top_logprobs == 0 {
            Vec::new()
        } else {
            likeliest(logits, self.top_logprobs).into_iter().map(|id| (id, logprob(id))).collect()
        };
        Some(Drawn { id, logprob: logprob(id), top })
    }

    fn with_penalties<T>(&self, logits: &[f32], generated: &[u32], then: impl FnOnce(&[f32]) -> T) -> T {
        let Sampling { frequency_penalty, presence_penalty, .. } = self.sampling;
        if (frequency_penalty == 0.0 && presence_penalty == 0.0) || generated.is_empty() {
            return then(logits);
        }
        let mut counts = std::collections::BTreeMap::<u32, f32>::new();
        for id in generated {
            *counts.entry(*id).or_default() += 1.0;
        }
        let mut changed = logits.to_vec();
        for (id, count) in counts {
            if let Some(logit) = changed.get_mut(id as usize) {
                *logit -= count * frequency_penalty + presence_penalty;
            }
        }
        then(&changed)
    }

    fn draw_from(&self, logits: &[f32], uniform: f64) -> Option<u32> {
        let Sampling { temperature, top_p, top_k, min_p, .. } = self.sampling;
        let max = logits.iter().copied().filter(|l| l.is_finite()).reduce(f32::max)?;
        let floor = max - NEGLIGIBLE * temperature;
        let mut kept: Vec<(u32, f64)> = (0u32..)
            .zip(logits)
            .filter(|(_, logit)| **logit >= floor)
            .map(|(id, logit)| (id, f64::from(((logit - max) / temperature).exp())))
            .collect();
        if min_p > 0.0 {
            kept.retain(|(_, weight)| *weight >= f64::from(min_p));
        }
        if top_k > 0 || top_p < 1.0 {
            kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            if top_k > 0 {
                kept.truncate(top_k as usize);
            }
            let share = f64::from(top_p) * kept.iter().map(|(_, weight)| weight).sum::<f64>();
            let mut sum = 0.0;
            let enough = kept.iter().position(|(_, weight)| {
                sum += weight;
                sum >= share
            });
            kept.truncate(enough.map_or(kept.len(), |at| at + 1));
        }
        let goal = uniform * kept.iter().map(|(_, weight)| weight).sum::<f64>();
        let mut sum = 0.0;
        let found = kept.iter().find(|(_, weight)| {
            sum += weight;
            sum > goal
        });
        found.or(kept.last()).map(|(id, _)| *id)
    }
}

/// A number in [0, 1) that depends on the seed and the position alone.
fn uniform(seed: u64, position: u32) -> f64 {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_word_pos(u128::from(position) * 2);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    let bits = (rng.next_u64() >> 11) as f64;
    bits * 2f64.powi(-53)
}

fn argmax(logits: &[f32]) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (id, logit) in (0u32..).zip(logits) {
        if logit.is_finite() && best.is_none_or(|(_, highest)| *logit > highest) {
            best = Some((id, *logit));
        }
    }
    best.map(|(id, _)| id)
}

fn log_sum_exp(logits: &[f32]) -> Option<f32> {
    let max = logits.iter().copied().filter(|l| l.is_finite()).reduce(f32::max)?;
    let sum: f64 = logits.iter().filter(|l| **l >= max - NEGLIGIBLE).map(|l| f64::from((l - max).exp())).sum();
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm needs no more than f32")]
    Some(max + sum.ln() as f32)
}

/// The ids of the `k` highest logits, best first; equal ones in id order.
fn likeliest(logits: &[f32], k: usize) -> Vec<u32> {
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(k + 1);
    for (id, logit) in (0u32..).zip(logits) {
        if !logit.is_finite() || (best.len() == k && best.last().is_some_and(|(lowest, _)| logit <= lowest)) {
            continue;
        }
        let at = best.partition_point(|(other, _)| other >= logit);
        best.insert(at, (*logit, id));
        best.truncate(k);
    }
    best.into_iter().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawer(change: impl FnOnce(&mut Sampling)) -> Drawer {
        let mut sampling = Sampling::default();
        change(&mut sampling);
        Drawer::new(sampling, 7, 3)
    }

    fn shares(drawer: &Drawer, logits: &[f32]) -> Vec<f64> {
        let mut counts = vec![0u32; logits.len()];
        for position in 0..20_000 {
            counts[drawer.draw(logits, position, &[]).unwrap().id as usize] += 1;
        }
        counts.into_iter().map(|c| f64::from(c) / 20_000.0).collect()
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = [1.0f32, 3.0, 2.0, -40.0];
        let total: f64 = logits.iter().map(|l| f64::from(*l).exp()).sum();
        for (share, logit) in shares(&drawer(|_| ()), &logits).iter().zip(logits) {
            assert!((share - f64::from(logit).exp() / total).abs() < 0.015, "{share}");
        }
        assert!(shares(&drawer(|s| s.temperature = 0.5), &logits)[1] > 0.85);
    }

    #[test]
    fn cuts_keep_the_likeliest() {
        let logits = [1.0f32, 3.0, 2.0, 0.0];
        assert!(shares(&drawer(|s| s.top_k = 1), &logits)[1] > 0.9999);
        assert!(shares(&drawer(|s| s.top_p = 0.6), &logits)[1] > 0.9999);
        let two = shares(&drawer(|s| s.top_p = 0.8), &logits);
        assert!(two[1] > 0.0 && two[2] > 0.0 && two[0] + two[3] < 1e-9);
        assert!(shares(&drawer(|s| s.min_p = 0.5), &logits)[1] > 0.9999);
    }

    #[test]
    fn logprobs_are_natural_and_of_the_model() {
        let drawn = drawer(|s| s.temperature = 0.0).draw(&[0.0, 1.0, 0.0], 0, &[]).unwrap();
        let expect = 1.0 - (1f32.exp() + 2.0).ln();
        assert_eq!(drawn.id, 1);
        assert!((drawn.logprob - expect).abs() < 1e-6);
        assert_eq!(drawn.top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 0, 2]);
    }

    #[test]
    fn penalties_weigh_on_what_was_generated() {
        let logits = [1.0f32, 1.5];
        assert_eq!(drawer(|s| s.temperature = 0.0).draw(&logits, 1, &[1]).unwrap().id, 1);
        let penalised = drawer(|s| (s.temperature, s.presence_penalty) = (0.0, 1.0));
        assert_eq!(penalised.draw(&logits, 1, &[1]).unwrap().id, 0);
    }

    #[test]
    fn a_failed_model_is_noticed() {
        assert_eq!(drawer(|_| ()).draw(&[f32::NAN, f32::NEG_INFINITY], 0, &[]), None);
    }

    #[test]
    fn the_seed_and_the_position_decide() {
        let logits: Vec<f32> = (0..500u16).map(|i| f32::from(i % 7)).collect();
        let run = |seed| {
            let drawer = Drawer::new(Sampling::default(), seed, 0);
            (0..64).map(|p| drawer.draw(&logits, p, &[]).unwrap().id).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    proptest! {
        #[test]
        fn never_draws_what_was_cut(logits in prop::collection::vec(-30f32..30.0, 1..200), seed: u64, k in 1u32..10) {
            let drawer = Drawer::new(Sampling { top_k: k, ..Sampling::default() }, seed, 20);
            let drawn = drawer.draw(&logits, 3, &[]).unwrap();
            let above = logits.iter().filter(|l| **l > logits[drawn.id as usize]).count();
            prop_assert!(above < k as usize);
            prop_assert!(drawn.top.windows(2).all(|w| w[0].1 >= w[1].1));
        }
    }
}
