//! Exact numbers: decimals of any size written as digits and an exponent, and fractions.

/// Significant digits of a number; more are no answer.
const MAX_DIGITS: usize = 400;
/// The largest power of ten, either way. It is only ever written, never expanded.
const MAX_EXPONENT: i64 = 1_000_000_000;
/// Digits of a fraction's parts: ten times as much still fits 128 bits.
const MAX_PART_DIGITS: i64 = 36;
/// Longest run of digits that is written without an exponent.
const MAX_PLAIN: i64 = 40;

/// An exact number. No float is involved, so no two different numbers ever agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// ± digits · 10^exponent; digits without zeros at either end, empty for zero.
    Decimal { negative: bool, digits: String, exponent: i64 },
    /// ± p / q in lowest terms, for a q that has other factors than 2 and 5.
    Ratio { negative: bool, p: u128, q: u128 },
}

impl Number {
    /// From the digits before and after the point; `None` when it is too long or too large.
    pub(super) fn decimal(negative: bool, whole: &str, fraction: &str, exponent: i64) -> Option<Self> {
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Some(Self::Decimal { negative: false, digits: String::new(), exponent: 0 });
        }
        let shift = i64::try_from(digits.len() - kept.len()).ok()? - i64::try_from(fraction.len()).ok()?;
        let exponent = exponent.checked_add(shift)?;
        let fits = kept.len() <= MAX_DIGITS && exponent.abs() <= MAX_EXPONENT;
        fits.then(|| Self::Decimal { negative, digits: kept.to_owned(), exponent })
    }

    /// From plain text such as `-12.5e3`, with nothing around it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let sound = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
        sound.then(|| Self::decimal(negative, whole, fraction, exponent))?
    }

    /// `over / under`; `None` for a zero or a part that is too long.
    pub(super) fn ratio(over: &Self, under: &Self) -> Option<Self> {
        let (Self::Decimal { exponent: a, .. }, Self::Decimal { exponent: b, .. }) = (over, under) else { return None };
        let base = *a.min(b);
        let (p, q) = (over.scaled(base)?, under.scaled(base)?);
        Self::reduced(over.is_negative() != under.is_negative(), p, q)
    }

    /// A whole number and a proper fraction: `1 1/2`.
    pub(super) fn mixed(whole: &Self, part: &Self) -> Option<Self> {
        let (p, q) = match part {
            Self::Ratio { p, q, negative: false } => (*p, *q),
            Self::Decimal { exponent, negative: false, .. } if (-36..0).contains(exponent) => {
                (part.scaled(*exponent)?, 10_u128.checked_pow(u32::try_from(-exponent).ok()?)?)
            }
            _ => return None,
        };
        Self::reduced(whole.is_negative(), whole.scaled(0)?.checked_mul(q)?.checked_add(p)?, q)
    }

    /// The same number with the other sign.
    pub(super) fn negated(mut self) -> Self {
        match &mut self {
            Self::Decimal { negative, digits, .. } => *negative = !*negative && !digits.is_empty(),
            Self::Ratio { negative, .. } => *negative = !*negative,
        }
        self
    }

    pub(super) fn is_negative(&self) -> bool {
        matches!(self, Self::Decimal { negative: true, .. } | Self::Ratio { negative: true, .. })
    }

    /// Whether it is written as a whole number, however large.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Decimal { exponent: 0.., .. })
    }

    /// The one way to write this value, which reads back as the same value.
    pub(super) fn canonical(&self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        let (digits, exponent) = match self {
            Self::Ratio { p, q, .. } => return format!("{sign}{p}/{q}"),
            Self::Decimal { digits, .. } if digits.is_empty() => return "0".to_owned(),
            Self::Decimal { digits, exponent, .. } => (digits, *exponent),
        };
        let point = i64::try_from(digits.len()).unwrap_or(i64::MAX).saturating_add(exponent);
        let zeros = |n: i64| "0".repeat(usize::try_from(n).unwrap_or(0));
        let (head, tail) = digits.split_at(usize::try_from(point).unwrap_or(0).min(digits.len()));
        match (exponent, point) {
            (0.., ..=MAX_PLAIN) => format!("{sign}{digits}{}", zeros(exponent)),
            (_, 1..=MAX_PLAIN) => format!("{sign}{head}.{tail}"),
            (_, -20..=0) => format!("{sign}0.{}{digits}", zeros(-point)),
            _ => {
                let (first, rest) = digits.split_at(1);
                let dot = if rest.is_empty() { "" } else { "." };
                format!("{sign}{first}{dot}{rest}e{}", point - 1)
            }
        }
    }

    /// The magnitude as a whole number of 10^base.
    fn scaled(&self, base: i64) -> Option<u128> {
        let Self::Decimal { digits, exponent, .. } = self else { return None };
        if digits.is_empty() {
            return Some(0);
        }
        let zeros = exponent.checked_sub(base).filter(|n| (0..=MAX_PART_DIGITS).contains(n))?;
        if i64::try_from(digits.len()).ok()?.checked_add(zeros)? > MAX_PART_DIGITS {
            return None;
        }
        digits.parse::<u128>().ok()?.checked_mul(10_u128.checked_pow(u32::try_from(zeros).ok()?)?)
    }

    fn reduced(negative: bool, p: u128, q: u128) -> Option<Self> {
        if q == 0 || q > 10_u128.pow(36) {
            return None;
        }
        let shared = gcd(p, q);
        let (p, q) = (p / shared, q / shared);
        if strip(strip(q, 2), 5) != 1 {
            return Some(Self::Ratio { negative, p, q });
        }
        let (mut rest, mut fraction) = (p % q, String::new());
        while rest != 0 {
            fraction.push_str(&(rest * 10 / q).to_string());
            rest = rest * 10 % q;
        }
        Self::decimal(negative, &(p / q).to_string(), &fraction, 0)
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

fn strip(mut n: u128, factor: u128) -> u128 {
    while n != 0 && n.is_multiple_of(factor) {
        n /= factor;
    }
    n
}
