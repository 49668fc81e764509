//! Equations that a trace writes down are worked out again.

use forethought_reasoning::{Equation, equations};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

/// Checks which equations are found, and whether they hold.
fn check(text: &str, expect: &[(&str, bool)]) {
    let found = equations(text);
    let found: Vec<(&str, bool)> = found.iter().map(|Equation { text, holds, .. }| (text.as_str(), *holds)).collect();
    assert_eq!(found, expect, "{text:?}");
}

#[test]
fn equations_are_found_and_judged() {
    check("5 + 4 = 9.", &[("5 + 4 = 9", true)]);
    check("So 5 * 4 = 21, and 21 - 1 = 20", &[("5 * 4 = 21", false), ("21 - 1 = 20", true)]);
    check("2 + 3 = 5 = 10 / 2", &[("2 + 3 = 5", true), ("5 = 10 / 2", true)]);
    check("x = 5 + 4 = 9", &[("5 + 4 = 9", true)]);
    check("20 = 5*4", &[("20 = 5*4", true)]);
    check("2 + 3 * 4 = 14 but (2 + 3) * 4 = 14", &[("2 + 3 * 4 = 14", true), ("(2 + 3) * 4 = 14", false)]);
    check("**5 + 4 = 9**", &[("5 + 4 = 9", true)]);
    check("$5 + $4 = $9", &[("5 + $4 = $9", true)]);
    check("1,000 + 200 = 1,200", &[("1,000 + 200 = 1,200", true)]);
    check("5 × 4 = 20; 5 x 4 = 20; 20 ÷ 4 = 5", &[("5 × 4 = 20", true), ("5 x 4 = 20", true), ("20 ÷ 4 = 5", true)]);
    check("5 \\times 4 = 20 \\\\", &[("5 \\times 4 = 20", true)]);
    check("3 - 5 = -2, 3 − 5 = 2", &[("3 - 5 = -2", true), ("3 − 5 = 2", false)]);
    check("2^10 = 1024", &[("2^10 = 1024", true)]);
    check("1. 5 + 4 = 9\n2. 9 + 1 = 11", &[("5 + 4 = 9", true), ("9 + 1 = 11", false)]);
    check("21 + 49 = 70 quarters", &[("21 + 49 = 70", true)]);
}

#[test]
fn decimals_may_be_rounded_or_cut() {
    check(
        "10 / 3 = 3.33, 20 / 3 = 6.66, 20 / 3 = 6.67",
        &[("10 / 3 = 3.33", true), ("20 / 3 = 6.66", true), ("20 / 3 = 6.67", true)],
    );
    check("10 / 3 = 3.4", &[("10 / 3 = 3.4", true)]);
    check("10 / 3 = 3.5, 10 / 4 = 2", &[("10 / 3 = 3.5", false), ("10 / 4 = 2", false)]);
    check("0.1 + 0.2 = 0.3", &[("0.1 + 0.2 = 0.3", true)]);
}

#[test]
fn what_cannot_be_read_with_certainty_is_left_alone() {
    for text in [
        "",
        "5 = 5",
        "x = 5",
        "3 apples + 4 = 7",
        "apples - 3 = 2",
        "2x + 3 = 7",
        "x2 = 5 + 1 x",
        "5 + 4 = 9x",
        "5 + 4 = ?",
        "20% of 50 = 10",
        "5 / 0 = 1",
        "10 / 3 = 3 remainder 1",
        "10 / 3 = 3 R1",
        "5 + 4 <= 10",
        "5 + 4 != 10",
        "2^99999 = 1",
        "99999999999999999999 + 1 = 2",
        "5 + = 5",
        "((5 + 4 = 9",
        "5 + 4 =\n9",
        "1.2.3 + 1 = 4",
        "3 * 2 = 6 million",
    ] {
        check(text, &[]);
    }
}

#[test]
fn the_value_says_what_is_right() {
    let found = equations("7 * 8 = 54 and 10 / 4 = 2");
    let values: Vec<&str> = found.iter().map(|equation| equation.value.as_str()).collect();
    assert_eq!(values, ["56", "5/2"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn right_sums_hold_and_wrong_ones_do_not(a in -9999_i64..9999, b in -9999_i64..9999, off in -3_i64..4) {
        for (sign, result) in [('+', a + b), ('-', a - b), ('*', a * b)] {
            let found = equations(&format!("We get {a} {sign} ({b}) = {}", result + off));
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(found[0].holds, off == 0);
        }
    }

    #[test]
    fn any_text_is_survived(text in any::<String>(), signs in "[0-9+*/^()=. x-]{0,60}") {
        let found = equations(&text).len() + equations(&signs).len();
        prop_assert!(found <= text.len() + signs.len());
    }
}
