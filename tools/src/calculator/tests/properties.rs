//! What holds for every expression.

use num_bigint::BigInt;
use num_rational::Ratio;
use num_traits::{CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, Zero};
use proptest::prelude::*;

use super::{calculate, *};

type Fraction = Ratio<i128>;

/// An expression as text, and its value worked out apart; `None` where it has none, or none that fits.
#[derive(Clone, Debug)]
struct Sum {
    text: String,
    value: Option<Fraction>,
}

fn number() -> impl Strategy<Value = Sum> {
    prop_oneof![
        (0..2000_i128).prop_map(|number| Sum { text: number.to_string(), value: Some(number.into()) }),
        (0..2000_i128, 0..100_i128).prop_map(|(whole, hundredths)| Sum {
            text: format!("{whole}.{hundredths:02}"),
            value: Some(Fraction::new(whole * 100 + hundredths, 100)),
        }),
        (1..100_i128, 0..1000_i128)
            .prop_map(|(high, low)| Sum { text: format!("{high},{low:03}"), value: Some((high * 1000 + low).into()) }),
    ]
}

fn both(left: &Sum, sign: &str, right: &Sum) -> Sum {
    let rule = |left: &Fraction, right: &Fraction| match sign.trim() {
        "+" => left.checked_add(right),
        "-" | "−" => left.checked_sub(right),
        "*" | "×" | "·" => left.checked_mul(right),
        "mod" => {
            let times = left.checked_div(right).filter(|_| !right.is_zero())?.floor();
            left.checked_sub(&times.checked_mul(right)?)
        }
        _ => left.checked_div(right).filter(|_| !right.is_zero()),
    };
    let value = left.value.as_ref().zip(right.value.as_ref());
    let value = value.filter(|(_, right)| !right.is_zero() || matches!(sign.trim(), "+" | "-" | "−" | "*" | "×" | "·"));
    Sum {
        text: format!("({}{sign}{})", left.text, right.text),
        value: value.and_then(|(left, right)| rule(left, right)),
    }
}

fn sum() -> impl Strategy<Value = Sum> {
    let signs = ["+", " - ", "*", " / ", " × ", "÷", "−", " · ", " mod "];
    number().prop_recursive(5, 24, 2, move |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(signs.to_vec()), inner.clone())
                .prop_map(|(left, sign, right)| both(&left, sign, &right)),
            inner.clone().prop_map(|sum| Sum { text: format!("-{}", sum.text), value: sum.value.map(|value| -value) }),
            inner.clone().prop_map(|sum| Sum {
                text: format!("abs({})", sum.text.replace(',', "")),
                value: sum.value.map(|value| if value < Fraction::zero() { -value } else { value })
            }),
            (inner, 0..4_u32).prop_map(|(sum, power)| {
                let value = sum
                    .value
                    .and_then(|value| (0..power).try_fold(Fraction::from(1), |so_far, _| so_far.checked_mul(&value)));
                Sum { text: format!("({})^{power}", sum.text), value }
            }),
        ]
    })
}

/// Reads what is exact of a result without a unit.
fn read(result: &str) -> Option<Ratio<BigInt>> {
    let exact = result.split(" ≈ ").next()?;
    if let Some((over, under)) = exact.split_once('/') {
        return Some(Ratio::new(over.parse().ok()?, under.parse().ok()?));
    }
    let (whole, decimals) = exact.split_once('.').unwrap_or((exact, ""));
    let scale = BigInt::from(10).pow(u32::try_from(decimals.len()).ok()?);
    Some(Ratio::new(format!("{whole}{decimals}").parse().ok()?, scale))
}

fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "1",
        "2",
        "0",
        "9",
        "7.5",
        "1,200",
        "(",
        ")",
        "((",
        "))",
        "+",
        "-",
        "*",
        "/",
        "^",
        "**",
        "%",
        "!",
        ",",
        ", ",
        " ",
        " mod ",
        " of ",
        " in ",
        " to ",
        " per ",
        "km",
        "m",
        "in",
        "h",
        "min",
        "kg",
        "degC",
        "K",
        "F",
        "month",
        "sqrt(",
        "max(",
        "min(",
        "round(",
        "gcd(",
        "factorial(",
        "pi",
        "e",
        "1e9",
        "1e-9",
        "e5",
        "=",
        "?",
        "$",
        "€",
        "°",
        "²",
        "x",
        "_",
        "≈",
        ".",
        "..",
        "99999999999999999999",
        "ton",
        "1/3",
        "cbrt(",
        "lcm(",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24).prop_map(|pieces| pieces.concat())
}

/// What is exact of a result is what it was read from.
fn reads_back(result: &str) {
    let exact = result.split(" ≈ ").next().unwrap();
    if !exact.starts_with('≈') && !exact.ends_with('%') {
        let unit = exact.trim_start_matches(|c: char| !c.is_alphabetic());
        let again = if unit.starts_with("deg") { format!("{exact} in {unit}") } else { exact.to_owned() };
        assert_eq!(calculate(&again).as_deref(), Ok(result), "{again}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn results_agree_with_fractions(sum in sum()) {
        let result = calculate(&sum.text);
        if let Some(expected) = sum.value {
            let result = result.expect(&sum.text);
            let expected = Ratio::new(BigInt::from(*expected.numer()), BigInt::from(*expected.denom()));
            prop_assert_eq!(read(&result), Some(expected), "{}", sum.text);
            reads_back(&result);
        }
    }

    #[test]
    fn nothing_breaks_it(text in "\\PC{0,80}") {
        if let Ok(result) = calculate(&text) {
            reads_back(&result);
        }
    }

    #[test]
    fn no_soup_of_pieces_breaks_it(text in soup()) {
        if let Ok(result) = calculate(&text) {
            reads_back(&result);
        }
    }

    #[test]
    fn every_conversion_can_be_turned_back(number in 1..100_000_i64, units in prop::sample::select(vec![
        ("km", "mi"), ("ft", "in"), ("kg", "lb"), ("degC", "degF"), ("K", "degF"), ("kWh", "kcal"), ("acre", "m^2"), ("mph", "m/s"), ("GB", "MiB"),
        ("psi", "bar"), ("gal", "L"), ("year", "month"), ("kn", "km/h"), ("hp", "kW"),
    ])) {
        let there = calculate(&format!("{number} {} in {}", units.0, units.1)).unwrap();
        let exact = there.split(" ≈ ").next().unwrap();
        prop_assert_eq!(calculate(&format!("{exact} in {}", units.0)), Ok(format!("{number} {}", units.0)));
    }

    #[test]
    fn roots_lie_where_they_say(number in 2..1_000_000_i64) {
        let result = calculate(&format!("sqrt({number})")).unwrap();
        if let Some(digits) = result.strip_prefix("≈ ") {
            // Half of the last of 30 digits to either side.
            let (root, squared) = (read(digits).unwrap(), Ratio::from(BigInt::from(number)));
            let off = &root / BigInt::from(10).pow(29);
            let (low, high) = (&root - &off, &root + &off);
            prop_assert!(&low * &low < squared && squared < &high * &high);
        } else {
            let root: i64 = result.parse().unwrap();
            prop_assert_eq!(root * root, number);
        }
    }
}

/// The angle whose tangent is one over a number, times a power of ten: Gregory's series.
fn arctangent(inverse: u32, scale: &BigInt) -> BigInt {
    let (mut power, mut sum, mut place) = (scale / inverse, BigInt::zero(), 1);
    while !power.is_zero() {
        let term = &power / place;
        sum = if place % 4 == 1 { sum + term } else { sum - term };
        power /= inverse * inverse;
        place += 2;
    }
    sum
}

#[test]
fn constants_are_what_their_series_say() {
    let scale = BigInt::from(10).pow(120);
    let pi: BigInt = (arctangent(5, &scale) * 4 - arctangent(239, &scale)) * 4;
    assert!(pi.to_string().starts_with(span::PI));
    let (mut e, mut term) = (BigInt::zero(), scale);
    for place in 1..200 {
        e += &term;
        term /= place;
    }
    assert!(e.to_string().starts_with(span::E));
    assert_eq!((span::PI.len(), span::E.len()), (101, 101));
}
