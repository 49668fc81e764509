//! Whether a way of answering is better than what fixed ways come to at as many tokens.
//!
//! Who may toss a coin between two fixed ways gets every point of their chord. So what fixed ways can do is the upper
//! convex hull of their points, accuracy over mean tokens, from the cheapest to the best one. Hull and chord are found
//! anew in every draw of the bootstrap, as their points are no surer than the way that is held against them.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::stats::{self, Estimate};

/// How often the bootstrap draws the questions anew.
const DRAWS: usize = 10_000;

/// What a way did on each question, in one order for all ways.
#[derive(Clone, Copy, Debug)]
pub struct Played<'a> {
    /// The share of right answers.
    pub right: &'a [f64],
    /// The mean tokens of an answer.
    pub tokens: &'a [f64],
}

/// Where a way stands against the hull.
#[derive(Clone, Debug, PartialEq)]
pub struct Above {
    /// How much more often it is right than the hull at its tokens: beyond the hull's best point than that one, below its
    /// cheapest point than that one.
    pub accuracy: Estimate,
    /// The places of the fixed ways whose chord it is held against, the cheaper one first; one where it is past an end.
    pub neighbours: Vec<usize>,
}

/// A way's point.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    /// The way's place.
    at: usize,
    tokens: f64,
    right: f64,
}

/// Holds each way against the hull of the fixed ones; the draws come from `seed` and are the same for all. Nothing comes
/// of it without a fixed way or a question.
#[must_use]
pub fn above(ways: &[Played<'_>], fixed: &[Played<'_>], seed: u64) -> Vec<Above> {
    let questions = ways.iter().chain(fixed).map(|way| way.right.len().min(way.tokens.len())).min().unwrap_or_default();
    if questions == 0 || fixed.is_empty() {
        return Vec::new();
    }
    let all: Vec<usize> = (0..questions).collect();
    let measured = differences(ways, fixed, &all);
    let mut drawn: Vec<Vec<f64>> = vec![Vec::with_capacity(DRAWS); ways.len()];
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    for _ in 0..DRAWS {
        let draw: Vec<usize> = all.iter().map(|_| random.random_range(0..questions)).collect();
        for (of_way, (difference, _)) in drawn.iter_mut().zip(differences(ways, fixed, &draw)) {
            of_way.push(difference);
        }
    }
    let estimate = |value: f64, mut drawn: Vec<f64>| {
        drawn.sort_by(f64::total_cmp);
        Estimate { value, low: stats::quantile(&drawn, 0.025), high: stats::quantile(&drawn, 0.975) }
    };
    let ways = measured.into_iter().zip(drawn);
    ways.map(|((value, neighbours), drawn)| Above { accuracy: estimate(value, drawn), neighbours }).collect()
}

/// How far each way is above the hull over these questions, and the hull's points beside it.
fn differences(ways: &[Played<'_>], fixed: &[Played<'_>], questions: &[usize]) -> Vec<(f64, Vec<usize>)> {
    let hull = hull(fixed.iter().enumerate().map(|(at, way)| point(at, way, questions)).collect());
    let against = |way: &Played<'_>| {
        let point = point(0, way, questions);
        let (height, neighbours) = height(&hull, point.tokens);
        (point.right - height, neighbours)
    };
    ways.iter().map(against).collect()
}

fn point(at: usize, way: &Played<'_>, questions: &[usize]) -> Point {
    let of = |values: &[f64]| questions.iter().filter_map(|question| values.get(*question)).sum::<f64>();
    let count = stats::real(questions.len());
    Point { at, tokens: of(way.tokens) / count, right: of(way.right) / count }
}

/// The upper convex hull from the cheapest point to the best one, left to right; both its coordinates rise.
fn hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|a, b| a.tokens.total_cmp(&b.tokens).then(b.right.total_cmp(&a.right)));
    let mut hull: Vec<Point> = Vec::new();
    for point in points {
        // Whoever is not better than a cheaper one is below the hull.
        if hull.last().is_some_and(|last| point.right <= last.right) {
            continue;
        }
        while let [.., before, last] = hull.as_slice()
            && is_below(*last, *before, point)
        {
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

/// Whether a point is on or below the chord of the one before it and the one after it.
fn is_below(point: Point, before: Point, after: Point) -> bool {
    let rise = (after.right - before.right) * (point.tokens - before.tokens);
    (point.right - before.right) * (after.tokens - before.tokens) <= rise
}

/// The hull's height at so many tokens, and the places of its points on either side.
fn height(hull: &[Point], tokens: f64) -> (f64, Vec<usize>) {
    let right_of = hull.iter().position(|point| point.tokens > tokens);
    let left_of = right_of.map_or(hull.last(), |at| at.checked_sub(1).and_then(|at| hull.get(at)));
    match (left_of, right_of.and_then(|at| hull.get(at))) {
        (Some(left), Some(right)) => {
            let share = (tokens - left.tokens) / (right.tokens - left.tokens);
            ((1.0 - share) * left.right + share * right.right, vec![left.at, right.at])
        }
        (Some(end), None) | (None, Some(end)) => (end.right, vec![end.at]),
        (None, None) => (0.0, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(of: &[(f64, f64)]) -> Vec<Point> {
        of.iter().enumerate().map(|(at, (tokens, right))| Point { at, tokens: *tokens, right: *right }).collect()
    }

    #[test]
    fn a_hull_has_only_what_no_chord_passes_over() {
        let check = |of: &[(f64, f64)], expect: &[usize]| {
            let places: Vec<usize> = hull(points(of)).iter().map(|point| point.at).collect();
            assert_eq!(places, expect, "{of:?}");
        };
        check(&[(10.0, 0.2), (20.0, 0.4), (40.0, 0.5)], &[0, 1, 2]);
        // A vote of two is no better than one sample; a chord passes over it.
        check(&[(10.0, 0.2), (20.0, 0.2), (40.0, 0.5)], &[0, 2]);
        check(&[(10.0, 0.2), (20.0, 0.25), (30.0, 0.5), (25.0, 0.3)], &[0, 2]);
        check(&[(10.0, 0.2), (20.0, 0.3), (30.0, 0.4)], &[0, 2]);
        // Nobody pays more to be worse, and of two that cost the same the better one counts.
        check(&[(30.0, 0.1), (20.0, 0.4), (10.0, 0.2), (10.0, 0.3)], &[3, 1]);
        check(&[(10.0, 0.2)], &[0]);
    }

    #[test]
    fn a_hull_ends_at_its_cheapest_and_at_its_best_point() {
        let hull = hull(points(&[(10.0, 0.2), (30.0, 0.4), (50.0, 0.3)]));
        let check = |tokens: f64, expect: f64, neighbours: &[usize]| {
            let (height, beside) = height(&hull, tokens);
            assert!((height - expect).abs() < 1e-12 && beside == neighbours, "{tokens}: {height}, {beside:?}");
        };
        check(5.0, 0.2, &[0]);
        check(10.0, 0.2, &[0, 1]);
        check(25.0, 0.35, &[0, 1]);
        check(30.0, 0.4, &[1]);
        check(50.0, 0.4, &[1]);
    }

    #[test]
    fn a_way_is_held_against_the_chord_and_not_against_its_neighbour_in_a_list() {
        let right = |hits: usize| -> Vec<f64> { (0..100).map(|at| f64::from(u8::from(at < hits))).collect() };
        let (low, useless, high, way) = (right(20), right(20), right(60), right(45));
        let tokens = [10.0, 20.0, 50.0, 30.0].map(|tokens| vec![tokens; 100]);
        let fixed = [&low, &useless, &high].into_iter().zip(&tokens);
        let fixed: Vec<Played<'_>> = fixed.map(|(right, tokens)| Played { right, tokens }).collect();
        let above = above(&[Played { right: &way, tokens: &tokens[3] }], &fixed, 1);
        assert_eq!(above[0].neighbours, [0, 2]);
        // Half the way from 20 to 60 is 40.
        let Estimate { value, low, high } = above[0].accuracy;
        assert!((value - 0.05).abs() < 1e-12 && low < 0.0 && high > 0.05, "{above:?}");
    }

    #[test]
    fn the_tokens_of_a_draw_move_the_chord() {
        // The way is right where it is long, and on the chord in every draw: only who holds the share of the chord fast
        // sees it off the hull.
        let share: Vec<f64> = (0..60).map(|at| f64::from(at % 4) / 4.0).collect();
        let tokens: Vec<f64> = share.iter().map(|share| 100.0 * share).collect();
        let (none, all) = (vec![0.0; 60], vec![1.0; 60]);
        let (free, dear) = (vec![0.0; 60], vec![100.0; 60]);
        let fixed = [Played { right: &none, tokens: &free }, Played { right: &all, tokens: &dear }];
        let above = above(&[Played { right: &share, tokens: &tokens }], &fixed, 3);
        let Estimate { value, low, high } = above[0].accuracy;
        assert!(value.abs() < 1e-9 && low.abs() < 1e-9 && high.abs() < 1e-9, "{above:?}");
    }

    #[test]
    fn nothing_is_above_nothing() {
        let none = Played { right: &[], tokens: &[] };
        assert_eq!(above(&[none], &[none], 1), []);
        assert_eq!(above(&[Played { right: &[1.0], tokens: &[1.0] }], &[], 1), []);
    }
}
