//! How results are written: exact, without separators, and so that they can be read again.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};

use super::{
    exact::{Exact, ten_to},
    problem::Problem,
    span::Span,
    work::{MAX_BITS, Work, too_long, words},
};

/// Digits of the approximation beside a fraction.
const BESIDE: u64 = 12;
/// Digits of a number that is not exact.
const ALONE: u64 = 30;
/// Approximations with more zeros than these in front or behind are written with an exponent.
const PLAIN: std::ops::RangeInclusive<i64> = -7..=30;
/// 5^27, the highest power of five in a machine word.
const FIVES: u64 = 7_450_580_596_923_828_125;

/// A number with its unit, which may be empty: `0.5`, `1/3 ≈ 0.333333333333`, `≈ 1.41…`, `(1/3) km ≈ 0.333333333333 km`.
pub(super) fn written(span: &Span, unit: &str, work: &Work) -> Result<String, Problem> {
    let with_unit = |number: String| match unit {
        "" => number,
        "%" => format!("{number}%"),
        _ => format!("{number} {unit}"),
    };
    let Some(exact) = span.exact() else {
        return Ok(format!("≈ {}", with_unit(certain(span, work)?)));
    };
    if let Some(decimal) = decimal(exact, work)? {
        return Ok(with_unit(decimal));
    }
    work.take_square(exact.numer().bits())?;
    work.take_square(exact.denom().bits())?;
    let fraction = format!("{}/{}", exact.numer(), exact.denom());
    let fraction = if unit.is_empty() { fraction } else { format!("({fraction})") };
    Ok(format!("{} ≈ {}", with_unit(fraction), with_unit(rounded(exact, BESIDE, work)?)))
}

/// A number whose decimals come to an end.
fn decimal(number: &Exact, work: &Work) -> Result<Option<String>, Problem> {
    let Some(places) = decimal_places(number.denom(), work)? else { return Ok(None) };
    let scale = ten_to(places, work)?;
    work.take_product(number.numer(), &scale)?;
    let digits = number.numer() * scale / number.denom();
    work.take_square(digits.bits())?;
    Ok(Some(pointed(&digits, places)))
}

/// The number of decimals of one over a number, where they come to an end.
fn decimal_places(denom: &BigInt, work: &Work) -> Result<Option<u64>, Problem> {
    work.take(words(denom).saturating_mul(denom.bits() / 60 + 30))?;
    let twos = denom.trailing_zeros().unwrap_or(0);
    let mut rest = denom >> twos;
    let mut fives = 0;
    for (power, number) in [(FIVES, 27), (5, 1)] {
        let power = BigInt::from(power);
        loop {
            let (quotient, left) = rest.div_rem(&power);
            if !left.is_zero() {
                break;
            }
            rest = quotient;
            fives += number;
        }
    }
    Ok(rest.is_one().then_some(twos.max(fives)))
}

/// Digits with a point so many places from their end.
fn pointed(digits: &BigInt, places: u64) -> String {
    let places = usize::try_from(places).unwrap_or(usize::MAX);
    let magnitude = digits.abs().to_string();
    let magnitude = format!("{magnitude:0>width$}", width = places.saturating_add(1));
    let (whole, decimals) = magnitude.split_at(magnitude.len() - places);
    let sign = if digits.is_negative() { "-" } else { "" };
    let decimals = decimals.trim_end_matches('0');
    if decimals.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{decimals}") }
}

/// The digits of which a number that is not exact is sure.
fn certain(span: &Span, work: &Work) -> Result<String, Problem> {
    for digits in (1..=ALONE).rev() {
        let low = rounded(span.low(), digits, work)?;
        if low == rounded(span.high(), digits, work)? {
            return Ok(low);
        }
    }
    // Around zero no digit is sure, however close it is.
    let tiny = |end: &Exact| end.is_zero() || end.magnitude() < -100;
    if tiny(span.low()) && tiny(span.high()) {
        return Ok("0".to_owned());
    }
    Err(Problem::meaning("the result is not known closely enough to be written"))
}

/// A number rounded to so many significant digits.
fn rounded(number: &Exact, digits: u64, work: &Work) -> Result<String, Problem> {
    if number.is_zero() {
        return Ok("0".to_owned());
    }
    let (mut figures, mut exponent) = figures(number, digits, work)?;
    while (&figures % 10u32).is_zero() {
        figures /= 10;
        exponent += 1;
    }
    let last = i64::try_from(figures.abs().to_string().len()).unwrap_or(i64::MAX) - 1;
    if !PLAIN.contains(&(exponent + last)) {
        let mantissa = pointed(&figures, last.unsigned_abs());
        return Ok(format!("{mantissa}e{}", exponent + last));
    }
    if exponent < 0 {
        return Ok(pointed(&figures, exponent.unsigned_abs()));
    }
    Ok((figures * ten_to(exponent.unsigned_abs(), work)?).to_string())
}

/// So many significant digits of a number that is not zero, and the power of ten that they are to be multiplied with.
fn figures(number: &Exact, digits: u64, work: &Work) -> Result<(BigInt, i64), Problem> {
    let wanted = i64::try_from(digits).map_err(|_| too_long())?;
    // log10(2) is 0.30103. The guess is one or two too high or too low, which the digits show.
    let mut exponent = number.magnitude() * 30_103 / 100_000 - wanted;
    let (least, most) = (ten_to(digits - 1, work)?, ten_to(digits, work)?);
    for _ in 0..6 {
        let figures = over_ten_to(number, exponent, work)?;
        match figures.abs() {
            few if few < least => exponent -= 1,
            many if many >= most => exponent += 1,
            _ => return Ok((figures, exponent)),
        }
    }
    Err(too_long())
}

/// A number over a power of ten, rounded.
fn over_ten_to(number: &Exact, exponent: i64, work: &Work) -> Result<BigInt, Problem> {
    let scale = ten_to(exponent.unsigned_abs().min(4 * MAX_BITS), work)?;
    let (mut over, mut under) = (number.numer().clone(), number.denom().clone());
    let scaled = if exponent < 0 { &mut over } else { &mut under };
    work.take_product(scaled, &scale)?;
    *scaled *= scale;
    work.take_product(&over, &under)?;
    let twice: BigInt = over.abs() * 2 + &under;
    let rounded = twice.div_floor(&(under * 2));
    Ok(if over.is_negative() { -rounded } else { rounded })
}
