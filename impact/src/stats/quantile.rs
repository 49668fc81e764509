//! Quantiles of the normal and of Student's distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The share of a standard normal distribution below a value, to seven digits after the point: Abramowitz and Stegun
/// (1964), 7.1.26.
#[must_use]
pub fn normal_below(value: f64) -> f64 {
    let x = value.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let above = t * series.iter().fold(0.0, |sum, term| sum * t + term) * (-x * x).exp() / 2.0;
    if value > 0.0 { 1.0 - above } else { above }
}

/// The value below which a share of a standard normal distribution is, to eight digits: Acklam (2003). Infinite at 0
/// and 1.
#[must_use]
pub fn normal(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return if share <= 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if share > 0.5 {
        return -normal(1.0 - share);
    }
    if share < 0.024_25 { lower_tail(share) } else { middle(share) }
}

fn polynomial(terms: &[f64], x: f64) -> f64 {
    terms.iter().fold(0.0, |sum, term| sum * x + term)
}

fn lower_tail(share: f64) -> f64 {
    let above = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    let below = [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    let q = (-2.0 * share.ln()).sqrt();
    polynomial(&above, q) / polynomial(&below, q)
}

fn middle(share: f64) -> f64 {
    let above = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    let below = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    let q = share - 0.5;
    polynomial(&above, q * q) * q / polynomial(&below, q * q)
}

/// The value below which a share of Student's distribution is: exact for one and two degrees of freedom, else the expansion
/// of Abramowitz and Stegun (1964), 26.7.5. Infinite for none.
#[must_use]
pub fn student(share: f64, freedom: usize) -> f64 {
    match freedom {
        0 => {
            if share < 0.5 {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            }
        }
        1 => (PI * (share - 0.5)).tan(),
        2 => (2.0 * share - 1.0) / (2.0 * share * (1.0 - share)).sqrt(),
        _ => expanded(normal(share), forethought_eval::stats::real(freedom)),
    }
}

fn expanded(x: f64, n: f64) -> f64 {
    let powers = |terms: &[f64]| polynomial(terms, x * x) * x;
    let terms = [
        powers(&[1.0, 1.0]) / 4.0,
        powers(&[5.0, 16.0, 3.0]) / 96.0,
        powers(&[3.0, 19.0, 17.0, -15.0]) / 384.0,
        powers(&[79.0, 776.0, 1482.0, -1920.0, -945.0]) / 92_160.0,
    ];
    x + terms.iter().rev().fold(0.0, |sum, term| (sum + term) / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_that_of_tables() {
        let check = |value: f64, share: f64| {
            assert!((normal_below(value) - share).abs() < 2e-7, "{value}: {}", normal_below(value));
            assert!((normal(share) - value).abs() < 1e-6, "{share}: {}", normal(share));
        };
        check(0.0, 0.5);
        check(1.959_963_985, 0.975);
        check(-1.959_963_985, 0.025);
        check(1.0, 0.841_344_746);
        check(-2.326_347_874, 0.01);
        check(3.090_232_306, 0.999);
        assert!(normal(0.0).is_infinite() && normal(1.0).is_infinite());
    }

    #[test]
    fn students_distribution_is_that_of_tables() {
        let check = |share, freedom, value: f64, within: f64| {
            let got = student(share, freedom);
            assert!((got - value).abs() < within, "{share} with {freedom}: {got}");
        };
        check(0.975, 1, 12.7062, 1e-3);
        check(0.975, 2, 4.3027, 1e-3);
        check(0.975, 3, 3.1824, 0.01);
        check(0.975, 10, 2.2281, 1e-3);
        check(0.975, 23, 2.0687, 1e-3);
        check(0.9995, 23, 3.7676, 2e-3);
        check(0.8, 23, 0.8583, 1e-3);
        check(0.025, 23, -2.0687, 1e-3);
        assert!(student(0.9, 0).is_infinite());
    }
}
