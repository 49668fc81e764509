//! From figures to places on the chart, and the round figures at its edges.

use crate::stats::real;

/// Ticks that an axis has at most.
const TICKS: usize = 9;
/// From this ratio of the largest to the smallest on, an axis is logarithmic.
const WIDE: f64 = 12.0;

/// One axis.
pub(super) struct Scale {
    low: f64,
    high: f64,
    /// Where the low and the high end are drawn.
    from: f64,
    to: f64,
    log: bool,
    ticks: Vec<f64>,
}

impl Scale {
    /// Where a value is drawn.
    pub(super) fn at(&self, value: f64) -> f64 {
        let form = |value: f64| if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let (low, high) = (form(self.low), form(self.high));
        let share = if high > low { ((form(value) - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
        self.from + share * (self.to - self.from)
    }

    /// The round values, each with its place.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, f64)> {
        self.ticks.iter().map(|value| (*value, self.at(*value)))
    }

    /// Whether equal ways are equal ratios.
    pub(super) fn is_log(&self) -> bool {
        self.log
    }
}

/// Shares of right answers: tens of percent around what is there.
pub(super) fn shares(low: f64, high: f64, from: f64, to: f64) -> Scale {
    let low = ((low * 10.0 + 1e-9).floor() / 10.0).clamp(0.0, 0.9);
    let high = ((high * 10.0 - 1e-9).ceil() / 10.0).clamp(low + 0.1, 1.0);
    let ticks = (0..=10_u8).map(|tenth| f64::from(tenth) / 10.0);
    let ticks = ticks.filter(|tick| (low - 1e-9..=high + 1e-9).contains(tick)).collect();
    Scale { low, high, from, to, log: false, ticks }
}

/// Tokens: from zero, or logarithmic where some ways take many times what others do.
pub(super) fn tokens(least: f64, most: f64, from: f64, to: f64) -> Scale {
    let most = if most > 0.0 { most } else { 1.0 };
    if least > 0.0 && most / least >= WIDE {
        let (low, high) = (least / 1.25, most * 1.25);
        return Scale { low, high, from, to, log: true, ticks: log_ticks(low, high) };
    }
    let step = step(most * 1.05);
    let high = (most * 1.05 / step).ceil() * step;
    let ticks = (0..=TICKS + 1).map(|at| step * real(at)).filter(|tick| *tick <= high * (1.0 + 1e-9)).collect();
    Scale { low: 0.0, high, from, to, log: false, ticks }
}

/// 1, 2 or 5 times a power of ten, so that there are not too many steps.
fn step(most: f64) -> f64 {
    let power = 10.0_f64.powf((most / real(TICKS)).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| most / step <= real(TICKS)).unwrap_or(10.0 * power)
}

/// 1, 2 and 5 times powers of ten; only the powers where those would be too many.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let within = |factors: &[f64]| -> Vec<f64> {
        let powers = (-3..=12).map(|power| 10.0_f64.powi(power));
        let all = powers.flat_map(|power| factors.iter().map(move |factor| factor * power));
        all.filter(|tick| (low..=high).contains(tick)).collect()
    };
    let many = within(&[1.0, 2.0, 5.0]);
    if many.len() <= TICKS { many } else { within(&[1.0]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(scale: &Scale) -> Vec<f64> {
        scale.ticks().map(|(value, _)| (value * 1000.0).round() / 1000.0).collect()
    }

    #[track_caller]
    fn check(scale: &Scale, log: bool, expect: &[f64]) {
        assert_eq!((scale.is_log(), ticks(scale)), (log, expect.to_vec()));
    }

    #[test]
    fn ticks_are_round_and_few() {
        check(&shares(0.43, 0.78, 100.0, 0.0), false, &[0.4, 0.5, 0.6, 0.7, 0.8]);
        check(&shares(0.0, 1.0, 100.0, 0.0), false, &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]);
        check(&shares(1.0, 1.0, 100.0, 0.0), false, &[0.9, 1.0]);
        check(&tokens(30.0, 80.0, 0.0, 100.0), false, &[0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]);
        check(&tokens(5.0, 230.0, 0.0, 100.0), true, &[5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
        check(&tokens(0.0, 0.0, 0.0, 100.0), false, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]);
        check(&tokens(3.0, 4e6, 0.0, 100.0), true, &[10.0, 100.0, 1e3, 1e4, 1e5, 1e6]);
    }

    #[test]
    fn places_lie_between_the_ends_in_order() {
        for scale in [tokens(5.0, 230.0, 66.0, 880.0), tokens(30.0, 80.0, 66.0, 880.0), tokens(0.0, 0.0, 66.0, 880.0)] {
            let places: Vec<f64> = scale.ticks().map(|(_, place)| place).collect();
            assert!(places.is_sorted() && places.iter().all(|place| (66.0..=880.0).contains(place)), "{places:?}");
        }
        let up = shares(0.4, 0.8, 400.0, 0.0);
        assert!(
            (up.at(0.4) - 400.0).abs() < 1e-9 && (up.at(0.8) - 0.0).abs() < 1e-9 && (up.at(0.6) - 200.0).abs() < 1e-6
        );
    }
}
