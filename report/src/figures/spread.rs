//! How times are spread: the middle one, and those that few exceed.

use forethought_audit::ReviewDecision;
use serde::Serialize;

use crate::{EntryAt, Figure, collect::Collected, request::Request};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// A spread of times, in milliseconds, with the entries that say them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Its name in links and in JSON: letters and `-`.
    pub id: &'static str,
    /// Its title, for people.
    pub title: &'static str,
    /// What is measured.
    pub about: &'static str,
    /// How many there are.
    pub count: u64,
    /// Half of them took no longer (the nearest rank), in milliseconds.
    pub median_ms: u64,
    /// Nine of ten took no longer, in milliseconds.
    pub p90_ms: u64,
    /// All but one of a hundred took no longer, in milliseconds.
    pub p99_ms: u64,
    /// The longest, in milliseconds.
    pub longest_ms: u64,
    /// How many took how long; each entry stands in one.
    pub steps: Vec<Figure>,
}

/// Steps up to so many milliseconds, and what they are called.
type Steps = &'static [(u64, &'static str)];

const ANSWERS: Steps = &[
    (1_000, "up to 1 s"),
    (2_000, "1 to 2 s"),
    (5_000, "2 to 5 s"),
    (10_000, "5 to 10 s"),
    (30_000, "10 to 30 s"),
    (MINUTE, "30 to 60 s"),
    (u64::MAX, "over a minute"),
];

const DECISIONS: Steps = &[
    (5 * MINUTE, "up to 5 min"),
    (15 * MINUTE, "5 to 15 min"),
    (HOUR, "15 to 60 min"),
    (4 * HOUR, "1 to 4 h"),
    (24 * HOUR, "4 to 24 h"),
    (u64::MAX, "over a day"),
];

pub(super) fn all(found: &Collected) -> Vec<Spread> {
    let wall = |request: &Request| Some((request.end?, request.spent?.wall_ms));
    let decided = |request: &Request| {
        let (decided, waiting) = (request.decided.as_ref()?, request.waiting?);
        let millis = decided.time.duration_since(waiting.since).as_millis();
        let by_person = decided.decision != ReviewDecision::TimedOut;
        by_person.then(|| (decided.entry, u64::try_from(millis).unwrap_or(0)))
    };
    vec![
        spread(
            ("answer-times", "Time to the end of a request"),
            "From the moment at which a request was let in to its end, without the time that an answer waited for a person.",
            ANSWERS,
            &found.requests.iter().filter_map(wall).collect::<Vec<_>>(),
        ),
        spread(
            ("decision-times", "Time to a person's decision"),
            "From the moment at which an answer was held to the decision of a person. Answers on which nobody decided in time are not \
             in it.",
            DECISIONS,
            &found.requests.iter().filter_map(decided).collect::<Vec<_>>(),
        ),
    ]
}

fn spread(
    (id, title): (&'static str, &'static str),
    about: &'static str,
    steps: Steps,
    all: &[(EntryAt, u64)],
) -> Spread {
    let mut sorted: Vec<u64> = all.iter().map(|(_, ms)| *ms).collect();
    sorted.sort_unstable();
    let mut figures: Vec<Figure> = steps.iter().map(|(_, name)| Figure::new(*name)).collect();
    for (entry, ms) in all {
        let step = steps.iter().zip(&mut figures).find(|((most, _), _)| ms <= most);
        if let Some((_, figure)) = step {
            figure.entries.push(*entry);
        }
    }
    let rank = |percent| nearest_rank(&sorted, percent);
    Spread {
        id,
        title,
        about,
        count: sorted.len() as u64,
        median_ms: rank(50),
        p90_ms: rank(90),
        p99_ms: rank(99),
        longest_ms: rank(100),
        steps: figures,
    }
}

/// The least of sorted values that so many of a hundred do not exceed (the nearest rank); 0 of nothing.
fn nearest_rank(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len().saturating_mul(percent)).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_nearest() {
        let check = |values: &[u64], percent, expected| assert_eq!(nearest_rank(values, percent), expected);
        check(&[], 50, 0);
        check(&[7], 1, 7);
        check(&[1, 2, 3, 4], 50, 2);
        check(&[1, 2, 3, 4], 51, 3);
        check(&[1, 2, 3, 4], 100, 4);
    }

    #[test]
    fn every_time_stands_in_one_step() {
        for steps in [ANSWERS, DECISIONS] {
            let all: Vec<(EntryAt, u64)> = (0..).zip([0, 1, 1_000, 1_001, MINUTE, HOUR, HOUR + 1, u64::MAX]).collect();
            let spread = spread(("id", "title"), "", steps, &all);
            let in_steps: u64 = spread.steps.iter().map(Figure::count).sum();
            assert_eq!((in_steps, spread.count, spread.longest_ms), (8, 8, u64::MAX));
        }
    }
}
