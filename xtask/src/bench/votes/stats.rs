//! Intervals: how sure a measured share, mean or difference is. All are at 95 %.

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A value and the interval around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// What was measured.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// A share, with the interval of Wilson (1927), which is sound for small numbers and shares near 0 or 1 too.
pub fn share(hits: usize, of: usize) -> Estimate {
    let n = real(of);
    if of == 0 {
        return Estimate { value: 0.0, low: 0.0, high: 1.0 };
    }
    let p = real(hits) / n;
    let spread = Z * Z / n;
    let middle = (p + spread / 2.0) / (1.0 + spread);
    let half = Z * (p * (1.0 - p) / n + spread / (4.0 * n)).sqrt() / (1.0 + spread);
    Estimate { value: p, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// A mean, with the interval of its normal approximation. Of one value nothing is known: the interval is boundless.
pub fn mean(values: &[f64]) -> Estimate {
    let n = real(values.len());
    let value = average(values);
    if values.len() < 2 {
        return Estimate { value, low: f64::NEG_INFINITY, high: f64::INFINITY };
    }
    let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
    let half = Z * (variance / n).sqrt();
    Estimate { value, low: value - half, high: value + half }
}

/// The mean of the differences `after - before` over the same questions, with the normal approximation's interval. That
/// each question is its own control makes it narrower than the intervals of the two sides.
pub fn paired(before: &[f64], after: &[f64]) -> Estimate {
    let differences: Vec<f64> = before.iter().zip(after).map(|(before, after)| after - before).collect();
    mean(&differences)
}

/// The mean alone; 0 of nothing.
pub fn average(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / real(values.len()) }
}

/// No file has so many questions that this is not exact.
fn real(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(got: Estimate, value: f64, low: f64, high: f64) {
        let close = |a: f64, b: f64| (a - b).abs() < 5e-5;
        assert!(close(got.value, value) && close(got.low, low) && close(got.high, high), "{got:?}");
    }

    #[test]
    fn shares_have_wilsons_interval() {
        // Figures of Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        check(share(81, 263), 0.3080, 0.2553, 0.3662);
        check(share(15, 148), 0.1014, 0.0624, 0.1605);
        check(share(0, 20), 0.0, 0.0, 0.1611);
        check(share(1, 29), 0.0345, 0.0061, 0.1718);
        check(share(20, 20), 1.0, 0.8389, 1.0);
        check(share(0, 0), 0.0, 0.0, 1.0);
    }

    #[test]
    fn means_have_the_normal_interval() {
        // A standard deviation of 1 over 4 values: half of it is the standard error.
        check(mean(&[0.5, 1.0, 2.0, 2.5]), 1.5, 1.5 - Z * 0.456_435, 1.5 + Z * 0.456_435);
        check(mean(&[3.0, 3.0, 3.0]), 3.0, 3.0, 3.0);
        let one = mean(&[1.0]);
        assert!(one.low.is_infinite() && one.high.is_infinite());
        assert!(average(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn a_paired_difference_looks_at_each_question_by_itself() {
        // 10 of 40 become right, 2 become wrong: McNemar's setting, b = 10, c = 2.
        let mut pairs = vec![(0.0, 1.0); 10];
        pairs.extend([(1.0, 0.0); 2]);
        pairs.extend([(1.0, 1.0); 18]);
        pairs.extend([(0.0, 0.0); 10]);
        let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        // Sum of squares 12, mean 0.2, so the variance is (12 - 40 · 0.04) / 39.
        let half = Z * ((12.0 - 1.6) / 39.0 / 40.0_f64).sqrt();
        check(paired(&before, &after), 0.2, 0.2 - half, 0.2 + half);
        check(paired(&before, &before), 0.0, 0.0, 0.0);
    }
}
