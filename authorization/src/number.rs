//! A number of JSON between two whole ones. JSON bounds neither the digits nor the exponent of a number, and rules know whole
//! numbers of 64 bits.

/// The whole numbers around a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Around {
    /// The largest that is not above it; `i64::MIN` or `i64::MAX` where that is out of range.
    pub(crate) floor: i64,
    /// The least that is not below it, likewise.
    pub(crate) ceiling: i64,
    /// Whether it is both.
    pub(crate) whole: bool,
}

/// More digits than any number of 64 bits has.
const MOST_DIGITS: usize = 19;

impl Around {
    /// Reads a number as JSON writes it (RFC 8259, section 6), by its value: `10`, `10.0` and `1e1` are the same. `None` where it is
    /// no number.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{before}{after}");
        if before.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent_of(exponent)?;
        let Some(first) = digits.find(|digit| digit != '0') else { return Some(Self::of(negative, 0, false)) };
        let significant = digits.get(first..)?;
        let point = i64::try_from(before.len()).ok()? - i64::try_from(first).ok()?;
        let (magnitude, more) = split(significant, point.saturating_add(exponent));
        Some(Self::of(negative, magnitude, more))
    }

    /// A magnitude, and whether there is a fraction beyond it.
    fn of(negative: bool, magnitude: u128, more: bool) -> Self {
        let near = i128::try_from(magnitude).unwrap_or(i128::MAX);
        let far = near.saturating_add(i128::from(more));
        let (floor, ceiling) = if negative { (-far, -near) } else { (near, far) };
        let whole = !more && i64::try_from(floor).is_ok();
        Self { floor: saturated(floor), ceiling: saturated(ceiling), whole }
    }
}

/// The digits before the point, as a number, and whether anything stands after it. The first digit is not 0.
fn split(significant: &str, point: i64) -> (u128, bool) {
    let Ok(point) = usize::try_from(point) else { return (0, true) };
    if point > MOST_DIGITS {
        return (u128::MAX, false);
    }
    let before: String = significant.chars().chain(std::iter::repeat('0')).take(point).collect();
    let after = significant.get(point..).unwrap_or_default();
    (before.parse().unwrap_or(0), after.bytes().any(|digit| digit != b'0'))
}

fn exponent_of(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // One that is too long to read is as good as without end.
    let exponent = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -exponent } else { exponent })
}

fn saturated(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_stand_between_whole_ones() {
        let check = |text: &str, floor: i64, ceiling: i64, whole: bool| {
            assert_eq!(Around::read(text), Some(Around { floor, ceiling, whole }), "{text}");
        };
        check("0", 0, 0, true);
        check("-0.0", 0, 0, true);
        check("0e999999999999999999999", 0, 0, true);
        check("1000", 1000, 1000, true);
        check("1000.0", 1000, 1000, true);
        check("1e3", 1000, 1000, true);
        check("0.001E+6", 1000, 1000, true);
        check("120e-1", 12, 12, true);
        check("1000.01", 1000, 1001, false);
        check("-1000.01", -1001, -1000, false);
        check("1e-400", 0, 1, false);
        check("-1e-99999999999999999999", -1, 0, false);
        check("9223372036854775807", i64::MAX, i64::MAX, true);
        check("-9223372036854775808", i64::MIN, i64::MIN, true);
        check("9223372036854775808", i64::MAX, i64::MAX, false);
        check("-9223372036854775809", i64::MIN, i64::MIN, false);
        check("9223372036854775806.5", i64::MAX - 1, i64::MAX, false);
        check("1e400", i64::MAX, i64::MAX, false);
        check("-1e99999999999999999999", i64::MIN, i64::MIN, false);
        check(&format!("1{}.5", "0".repeat(10_000)), i64::MAX, i64::MAX, false);
        check(&format!("0.{}1", "0".repeat(10_000)), 0, 1, false);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", "NaN", "Infinity", "1e", "1e+", "1e1.5", ".5", "+1", "0x10", "1_000", "--1", "1 ", "٣"] {
            assert_eq!(Around::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_read_as_they_are(number: i64, zeros in 0..5_usize, exponent in 0..5_usize) {
            let expect = Some(Around { floor: number, ceiling: number, whole: true });
            prop_assert_eq!(Around::read(&format!("{number}.{}", "0".repeat(zeros))), expect);
            let written = format!("{number}{}e-{exponent}", "0".repeat(exponent));
            prop_assert_eq!(Around::read(&written), expect);
        }

        #[test]
        fn fractions_stand_within_one(number in -1e15..1e15_f64) {
            let around = Around::read(&number.to_string()).unwrap();
            #[expect(clippy::cast_possible_truncation, reason = "within the range of both")]
            let (floor, ceiling) = (number.floor() as i64, number.ceil() as i64);
            prop_assert_eq!((around.floor, around.ceiling, around.whole), (floor, ceiling, floor == ceiling));
        }

        #[test]
        fn no_text_at_all_panics(text in "\\PC{0,40}|[-0-9.eE+]{0,40}") {
            let _ = Around::read(&text);
        }
    }
}
