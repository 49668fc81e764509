//! When a vote may stop before all samples are in.

use super::{
    score::WHOLE,
    tally::{Count, Race, Standing},
};

/// Up to here a power of two is exact and far from the ends of a float.
const SCALE: i32 = 500;

/// The probability that the leading answer is the majority of an endless vote, given `a` votes for it and `b` for the
/// next: Σ_{k=0..a} C(a+b+1, k) / 2^(a+b+1), in 0 to 1.
///
/// Source: Adaptive-Consistency, arXiv 2305.11860, the Beta stopping criterion. Only additions, multiplications and
/// divisions are used, so the value is the same on every machine; the terms are rescaled on the way, so any count works.
#[must_use]
pub fn beta_confidence(a: u32, b: u32) -> f64 {
    let n = u64::from(a) + u64::from(b) + 1;
    let down = 2_f64.powi(-SCALE);
    let (mut term, mut sum, mut scales) = (1.0_f64, 0.0_f64, 0_u64);
    for k in 0..=u64::from(a) {
        sum += term;
        term = term * whole(n - k) / whole(k + 1);
        if term.max(sum) > 2_f64.powi(SCALE) {
            (term, sum, scales) = (term * down, sum * down, scales + 1);
        }
    }
    let halvings = i64::try_from(n).unwrap_or(i64::MAX) - i64::from(SCALE) * i64::try_from(scales).unwrap_or(i64::MAX);
    let halvings = i32::try_from(halvings).unwrap_or(i32::MAX);
    (sum * 2_f64.powi(-halvings)).clamp(0.0, 1.0)
}

/// Counts of samples are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "at most 2^33, which a float holds exactly")]
fn whole(n: u64) -> f64 {
    n as f64
}

/// Whether the Beta rule stops a vote. Weights count as so many whole votes.
pub(super) fn beta(count: &Count<'_>, threshold: f64) -> bool {
    let Some(Race { winner, others }) = count.race() else { return false };
    let votes = |weight: u64| u32::try_from(weight / WHOLE).unwrap_or(u32::MAX / 4).min(u32::MAX / 4);
    // The runner-up is rounded up: what cannot be counted in whole votes must not help the leader.
    let next = others.iter().map(|other| other.weight).max().unwrap_or(0);
    beta_confidence(votes(winner.weight), votes(next.saturating_add(WHOLE - 1))) >= threshold
}

/// Whether `left` more votes, whatever they say, cannot change the winner; each weighs `most` at most.
pub(super) fn decided(count: &Count<'_>, left: u32, most: u64) -> bool {
    let Some(Race { winner, others }) = count.race() else { return left == 0 };
    let left = u64::from(left) * most;
    let beaten = |other: &Standing| {
        let could = other.weight + left;
        // In a tie of whole votes the counts are the same, too, and what was counted first decides.
        could < winner.weight || (could == winner.weight && most == WHOLE && winner.first < other.first)
    };
    // An answer that nobody gave yet loses such a tie, since it is counted later.
    let fresh = left < winner.weight || (left == winner.weight && most == WHOLE);
    fresh && others.iter().all(beaten)
}

/// Whether the leader has this share of all weight.
pub(super) fn consensus(count: &Count<'_>, share: f64) -> bool {
    let Some(race) = count.race() else { return false };
    race.winner.weight > 0 && fraction(race.winner.weight, count.total()) >= share
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than a float holds")]
fn fraction(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// Whether the last whole window of answers is unanimous (ESC, arXiv 2401.10480). Windows do not overlap, so a rule that
/// is asked after each sample says yes only at the end of one. A sample without an answer agrees with none.
pub(super) fn window_agrees(answers: &[Option<&str>], window: usize) -> bool {
    if window == 0 || answers.is_empty() || !answers.len().is_multiple_of(window) {
        return false;
    }
    let last = answers.get(answers.len() - window..).unwrap_or_default();
    last.first().is_some_and(|first| first.is_some() && last.iter().all(|answer| answer == first))
}
