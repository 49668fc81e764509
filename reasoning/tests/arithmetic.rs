//! Equations that a trace writes down are worked out again.

use forethought_reasoning::{Equation, equations};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

/// What comes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// There are equations, and all of them hold.
    Holds,
    /// One does not.
    Wrong,
    /// There is nothing that can be judged.
    Unknown,
}

use Verdict::{Holds, Unknown, Wrong};

#[track_caller]
fn judge(text: &str, expect: Verdict) {
    let found = equations(text);
    let verdict = match found.iter().all(|equation| equation.holds) {
        _ if found.is_empty() => Unknown,
        true => Holds,
        false => Wrong,
    };
    assert_eq!(verdict, expect, "{text:?}: {found:?}");
}

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
    check("10 / 3 = 3.4, 1/3 = 0.4", &[("10 / 3 = 3.4", false), ("1/3 = 0.4", false)]);
    check(
        "2/3 = 0.66, 2/3 = 0.67, -2/3 = -0.67",
        &[("2/3 = 0.66", true), ("2/3 = 0.67", true), ("-2/3 = -0.67", true)],
    );
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
        "5 + 4 =\n9",
        "1.2.3 + 1 = 4",
        "3 * 2 = 6 million",
    ] {
        check(text, &[]);
    }
}

#[test]
fn marks_of_lists_are_no_signs() {
    for (text, expect) in [
        ("- 5 + 4 = 9\n- 9 * 2 = 18", Holds),
        ("– 5 + 4 = 9\n– 9 * 2 = 18", Holds),
        ("  - 5 + 4 = 10", Wrong),
        ("* 5 + 4 = 10", Wrong),
        ("• 5 + 4 = 10", Wrong),
        ("1) 5 + 4 = 10", Wrong),
        ("(1) 5 + 4 = 10", Wrong),
        ("a) 5 + 4 = 10", Wrong),
        ("(3) + 4 = 7", Holds),
        ("(3) - 1 + 4 = 6", Holds),
        ("Step 1 - 5 + 4 = 9", Unknown),
        ("**Step 1** - 5 + 4 = 9", Unknown),
        ("Method 2 – 5 + 4 = 9", Unknown),
        ("1 - 5 + 4 = 9\n2 - 9 * 2 = 18", Unknown),
        ("-5 + 4 = 9", Unknown),
        ("-5 + 3 = -2", Holds),
        ("So: -5 + 3 = -2", Holds),
        ("So 10 - 3 = 8", Wrong),
        ("10 - 3 = 3", Wrong),
        ("50 - 4 + 3 = 7", Wrong),
        ("25\n- 5 + 4 = 24", Unknown),
        ("3 +\n4 + 5 = 12", Unknown),
        ("10 + 20 = 5 * 3\n+ 15", Unknown),
    ] {
        judge(text, expect);
    }
}

#[test]
fn what_follows_may_change_the_number() {
    for (text, expect) in [
        ("17 / 5 = 3 with a remainder of 2", Unknown),
        ("17 ÷ 5 = 3, remainder 2", Unknown),
        ("17 / 5 = 3, with 2 left over", Unknown),
        ("17 / 5 = 3 (integer division)", Unknown),
        ("10 - 3 = 8 left", Wrong),
        ("7 / 2 = 3 and 1/2", Unknown),
        ("5 / 2 = 2 and a half", Unknown),
        ("90 / 60 = 1 hour 30 minutes", Unknown),
        ("90 / 60 = 1 hour and 30 minutes", Unknown),
        ("90 / 60 = 1 hour, 30 minutes", Unknown),
        ("3 * $0.25 = 75 cents", Unknown),
        ("$2 = 4 * 50 cents", Unknown),
        ("3/5 = 60 percent", Unknown),
        ("3/5 = 60%", Unknown),
        ("3/5 = 60\\%", Unknown),
        ("60 + 60 = 2 hours", Unknown),
        ("4 * 25 = $1", Unknown),
        ("10 + 5 = 3 pm", Unknown),
        ("10 + 5 = 3 p.m.", Unknown),
        ("10 + 7 = 5 (mod 12)", Unknown),
        ("10 + 5 = 12 apples + 3 apples", Unknown),
        ("10 = 4 + 3!", Unknown),
        ("5 + 4 = 10!", Wrong),
        ("5 + 4 = 10 (because of the tip)", Wrong),
        ("8 - 4 = 2(y + 1)", Unknown),
        ("8 - 4 = 2 (y + 1)", Unknown),
        ("10 / 3 = 3...", Unknown),
        ("1 / 3 = 0.(3)", Unknown),
        ("1 / 3 = 0.\\overline{3}", Unknown),
        ("10 / 3 = 3 (rounded down)", Unknown),
        ("5 + 4 = 10 and 9 + 1 = 10", Wrong),
    ] {
        judge(text, expect);
    }
}

#[test]
fn words_before_may_belong_to_the_sum() {
    for (text, expect) in [
        ("3 times 4 + 2 = 14", Unknown),
        ("5 plus 3 * 2 = 11", Unknown),
        ("20% of 50 + 5 = 15", Unknown),
        ("half of 10 + 3 = 8", Unknown),
        ("3/4 of 20 + 5 = 20", Unknown),
        ("twice 5 - 3 = 7", Unknown),
        ("negative 5 + 3 = -2", Unknown),
        ("17 mod 5 + 1 = 3", Unknown),
        ("the square of 3 + 1 = 10", Unknown),
        ("3 multiplied by 4 + 2 = 14", Unknown),
        ("20 % 6 + 1 = 3", Unknown),
        ("7 div 2 + 1 = 4", Unknown),
        ("half of\n10 + 3 = 8", Unknown),
        ("3 more than 5 * 2 = 13", Unknown),
        ("the product of 3 and 4 + 2 = 14", Unknown),
        ("subtract 3 from 10 * 2 = 17", Unknown),
        ("a total of 5 * 4 = 21", Wrong),
        ("The sum of 5 + 4 = 10", Wrong),
        ("He has 7 pears and 5 + 4 = 10 apples", Wrong),
        ("if 3 + 4 = 8", Unknown),
    ] {
        judge(text, expect);
    }
}

#[test]
fn questions_and_trials_are_not_held_against_a_trace() {
    for (text, expect) in [
        ("Try 3: is 3 + 4 = 8? No, 7.", Unknown),
        ("Is 3 + 4 = 7?", Unknown),
        ("3 + 4 = 8, right?", Unknown),
        ("3 + 4 = 8. Wait, that is wrong.", Unknown),
        ("3 + 4 = 8 ✗", Unknown),
        ("3 + 4 = 8 is not correct", Unknown),
        ("It is wrong that 3 + 4 = 8", Unknown),
        ("5 * 4 = 21\n\nNo, 20.", Unknown),
        ("3 + 4 = 8. Let me see. So 3 + 4 = 7.", Holds),
        ("21 = 5 * 4. I mean 20 = 5 × 4.", Holds),
        ("3 + 4 = 7. And 3 + 4 = 8.", Wrong),
        ("5 + 4 = 9 * 2 = 18", Holds),
        ("5 + 4 = 9 * 2", Wrong),
        ("5 + 4 = 9 * 2 = 19", Wrong),
        ("(5 + 4) * 2 = 10 * 2 = 20", Wrong),
    ] {
        judge(text, expect);
    }
}

#[test]
fn what_only_looks_like_a_sum_is_left_alone() {
    for text in [
        "8:30 - 2 = 6:30",
        "The ratio 1:2 + 3 = 5",
        "Level 1 = 10-20 points",
        "pages 10-12 = 3 pages",
        "Items 1 - 3 = 3 items",
        "...5 + 4 = 9",
        "2 + 2 = 22 (string concatenation)",
        "Day 1 = 2024-01-05",
        "Day 5 = 5/1/2024",
        "Day 1 = 3 + 2",
        "√16 + 2 = 6",
        "\\sqrt{16} + 2 = 6",
        "\\sqrt 16 + 2 = 6",
        "2x -4 = 10",
        "2x -4 + 1 = 10",
        "3x 4 + 2 = 14",
        "|x| - 4 = 0",
        "$x$ - 4 + 1 = 0",
        "3,5 + 1 = 4,5",
        "1.000 + 200 = 1.200",
        "1 200 + 300 = 1 500",
        "-4 = 10",
        "0x10 + 1 = 17",
        "1.5e3 + 1 = 1501",
        "10 apples -3 + 2 = 9",
        "~5 + 4 = 10~",
    ] {
        judge(text, Unknown);
    }
    judge("So 1 - 3 = 3", Wrong);
    judge("60 * 2 = 130 miles, 130 - 20 = 110 miles", Wrong);
    judge(".5 + .5 = 1", Holds);
    judge("5 + .5 = 6", Wrong);
    judge("18 = 2 × 3²", Holds);
    judge("2³ = 9", Wrong);
    judge("2^{10} = 1024", Holds);
    judge("3 × 10^{-2} = 0.03, 3 × 10^-2 = 0.03", Holds);
    judge("3 x £4 + 2 = 14", Holds);
    judge("3 x £4 + 2 = 15", Wrong);
    judge("\\frac{12}{4} = 3", Holds);
    judge("\\frac{12}{4} = 4", Wrong);
    judge("2 \\cdot \\left(3 + 4\\right) = 14", Holds);
    judge("\\(5 + 4 = 10\\)", Wrong);
    judge("(5 + 4 = 10)", Wrong);
    judge("\\boxed{5 + 4 = 10}", Wrong);
    judge("5 + 4 &= 10 \\\\ 1 + 1 &= 2", Wrong);
    judge("*5 + 4 = 10*", Wrong);
}

#[test]
fn rounded_operands_make_a_result_near() {
    judge("33.33 * 3 = 100", Holds);
    judge("100 / 7 = 14.29 and 14.29 * 7 = 100", Holds);
    judge("100 / 7 = 14.29. So 14.29 * 7 = 100.00.", Holds);
    judge("66.66 * 3 = 200", Holds);
    judge("33.33 * 3 = 101", Wrong);
    judge("$1.50 + $2.25 = $3.76", Wrong);
    judge("0.5 * 20 = 11", Wrong);
    judge("1.5 * 12 = 19", Wrong);
    judge("3.14 * 4 = 13", Wrong);
    judge("3.14 * 5^2 = 78.54", Holds);
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

/// Sentences as models write them.
const CORPUS: &[(&str, Verdict)] = &[
    ("Natalia sold 48 / 2 = 24 clips in May.", Holds),
    ("Natalia sold 48 / 2 = 26 clips in May.", Wrong),
    ("Natalia sold 48 + 24 = 72 clips altogether in April and May.", Holds),
    ("Weng earns 12 / 60 = $0.2 per minute.", Holds),
    ("Working 50 minutes, she earned 0.2 x 50 = $10.", Holds),
    ("Working 50 minutes, she earned 0.2 x 50 = $11.", Wrong),
    ("In the beginning, Betty has only 100 / 2 = $50.", Holds),
    ("This means, Betty needs 100 - 50 - 30 - 15 = $5 more.", Holds),
    ("This means, Betty needs 100 - 50 - 30 - 15 = $15 more.", Wrong),
    ("Maila read 12 x 2 = 24 pages today.", Holds),
    ("So she was able to read a total of 12 + 24 = 36 pages since yesterday.", Holds),
    ("There are 120 - 36 = 84 pages left to be read.", Holds),
    ("There are 120 - 36 = 94 pages left to be read.", Wrong),
    ("Since she wants to read half of the remaining pages, she should read 84 / 2 = 42 pages.", Holds),
    ("He writes each friend 3*2=6 pages a week", Holds),
    ("So he writes 6*2=12 pages every week", Holds),
    ("That means he writes 12*52=624 pages a year", Holds),
    ("That means he writes 12*52=<<12*52=634>>634 pages a year", Wrong),
    ("He ate 2 * 16 = 32 slices from the two large pizzas and 2 * 8 = 16 from the small ones.", Holds),
    ("He ate 2 * 16 = 34 slices from the two large pizzas and 2 * 8 = 16 from the small ones.", Wrong),
    ("The total weight is 2 + 4 + 4 = 10 pounds.", Holds),
    ("Ken's box: 2 pounds * 3 = 6 pounds, then 8 pounds.", Unknown),
    ("The cost is $16.50 + $22.50 + $42 = $81.", Holds),
    ("The cost is $16.50 + $22.50 + $42 = $91.", Wrong),
    ("The three children's total: 3 x $7.50 = $22.50", Holds),
    ("This is a profit of $80,000 + $50,000 = $130,000.", Holds),
    ("This is a profit of $200,000 - $130,000 = $80,000.", Wrong),
    ("1. First, add the apples: 5 + 4 = 9.\n2. Then double them: 9 * 2 = 18.", Holds),
    ("1. First, add the apples: 5 + 4 = 9.\n2. Then double them: 9 * 2 = 19.", Wrong),
    ("- Monday: 3 + 4 = 7\n- Tuesday: 7 + 2 = 10", Wrong),
    ("- Monday: 3 + 4 = 7\n- Tuesday: 7 + 2 = 9", Holds),
    ("| Day | Sum |\n|---|---|\n| 1 | 3 + 4 = 7 |", Holds),
    ("| Day | Sum |\n|---|---|\n| 1 | 3 + 4 = 8 |", Wrong),
    ("**Step 1:** 5 + 4 = 9\n**Step 2:** 9 - 10 = -1", Holds),
    ("**Step 1:** 5 + 4 = 9\n**Step 2:** 9 - 10 = 1", Wrong),
    ("### Step 2: Multiply\n\n\\[ 9 \\times 2 = 18 \\]", Holds),
    ("### Step 2: Multiply\n\n\\[ 9 \\times 2 = 17 \\]", Wrong),
    ("$$\\frac{3}{4} \\times 20 = 15$$", Holds),
    ("$$\\frac{3}{4} \\times 20 = 16$$", Wrong),
    ("Total = $5 \\times 4 = 20$ apples", Holds),
    ("Thus \\(x = 12 - 5 = 7\\).", Holds),
    ("Thus \\(x = 12 - 5 = 8\\).", Wrong),
    ("2x + 3 = 7\n2x = 7 - 3 = 4\nx = 4 / 2 = 2", Holds),
    ("2x + 3 = 7\n2x = 7 - 3 = 4\nx = 4 / 2 = 3", Wrong),
    ("x + 5 = 12, so x = 7", Unknown),
    ("f(3) = 2 * 3 + 1 = 7", Holds),
    ("f(3) = 2 * 3 + 1 = 8", Wrong),
    ("f(x) = x^2 - 4 = (x - 2)(x + 2)", Unknown),
    ("The area is 12 cm * 5 cm = 60 cm^2", Unknown),
    ("The area is 12 * 5 = 60 cm^2.", Holds),
    ("The area is 12 * 5 = 70 cm^2.", Wrong),
    ("Speed = 120 / 2 = 60 km/h", Holds),
    ("Speed = 120 / 2 = 50 km/h", Wrong),
    ("20% of 80 = 0.2 * 80 = 16", Holds),
    ("20% of 80 = 0.2 * 80 = 18", Wrong),
    ("The discount is 80 * 20 / 100 = 16 dollars.", Holds),
    ("100% - 20% = 80%, so 80 * 0.8 = 64", Holds),
    ("The share is 3 / 4 = 75%.", Unknown),
    ("The share is 3 / 4 = 0.75 = 75%.", Holds),
    ("Each gets 10 / 3 = 3.33 dollars.", Holds),
    ("Each gets 10 / 3 = 3.35 dollars.", Wrong),
    ("The average is (10 + 20 + 30) / 3 = 20.", Holds),
    ("The average is (10 + 20 + 30) / 3 = 25.", Wrong),
    ("The average is 10 + 20 + 30 / 3 = 20.", Unknown),
    ("45 minutes + 30 minutes = 75 minutes = 1 hour 15 minutes", Unknown),
    ("45 + 30 = 75 minutes, which is 1 hour 15 minutes.", Holds),
    ("45 + 30 = 85 minutes, which is 1 hour 25 minutes.", Wrong),
    ("3 hours * 60 = 180", Unknown),
    ("The train leaves at 9:15 and 9:15 + 0:45 = 10:00.", Unknown),
    ("From 2010-2015 = 5 years", Unknown),
    ("She was born in 2024 - 30 = 1994.", Holds),
    ("She was born in 2024 - 30 = 1984.", Wrong),
    ("Five times four is twenty.", Unknown),
    ("Five plus 4 = 9", Unknown),
    ("The answer is 42.", Unknown),
    ("Let's check: 7 * 6 = 42. ✓", Holds),
    ("Check: does 7 * 6 = 43? No.", Unknown),
    ("Hmm, 7 * 6 = 43. Wait, no. 7 * 6 = 42.", Holds),
    ("If we try 6, we get 7 * 6 = 42, which is right.", Holds),
    ("17 divided by 5 = 3 remainder 2", Unknown),
    ("17 // 5 = 3", Unknown),
    ("17 % 5 = 2", Unknown),
    ("assert 5 + 4 == 9", Unknown),
    ("total = 5 + 4\nprint(total)", Unknown),
    ("Therefore, 2 + 3 * 4 = 20.", Wrong),
    ("Therefore, 2 + 3 * 4 = 14.", Holds),
    ("5! = 5 * 4 * 3 * 2 * 1 = 120", Holds),
    ("5! = 5 * 4 * 3 * 2 * 1 = 125", Wrong),
    ("(8 - 3) * (2 + 2) = 20", Holds),
    ("(8 - 3) * (2 + 2) = 25", Wrong),
    ("8 / (3 - 8/3) = 24", Holds),
    ("1/2 + 1/4 = 3/4", Holds),
    ("1/2 + 1/4 = 2/6", Wrong),
    ("1 1/2 + 1/2 = 2", Unknown),
    ("1.2 × 10^3 = 1200", Holds),
    ("2 to the power of 3 = 8", Unknown),
    ("10 - 15 = -5 degrees", Holds),
    ("10 - 15 = 5 degrees", Wrong),
    ("1 dozen - 3 = 9 eggs", Unknown),
    ("12 - 3 = 9 eggs, i.e. 3/4 dozen", Holds),
    ("The sides are 3, 4 and 5: 3² + 4² = 9 + 16 = 25 = 5²", Holds),
    ("The sides are 3, 4 and 5: 3² + 4² = 9 + 16 = 26", Wrong),
    ("所以 5 + 4 = 9", Holds),
    ("Also 5 + 4 = 9, d. h. 9 Äpfel.", Holds),
    ("1,250.50 + 49.50 = 1,300", Holds),
    ("1,250.50 + 49.50 = 1,200", Wrong),
    ("3 boxes x 12 = 36 eggs", Unknown),
    ("The remaining 18 / 3 = 6 marbles are red.", Holds),
    ("= 5 + 4\n= 9", Unknown),
    ("<think>5 + 4 = 9</think>9", Holds),
    ("\"5 + 4 = 10\"", Wrong),
];

#[test]
fn sentences_of_models_are_read_as_they_are_meant() {
    let verdicts: Vec<Verdict> = CORPUS.iter().map(|(_, expect)| *expect).collect();
    for verdict in [Holds, Wrong, Unknown] {
        assert!(
            verdicts.iter().filter(|expect| **expect == verdict).count() >= 25 || verdict == Unknown,
            "{verdict:?} has its share"
        );
    }
    for (text, expect) in CORPUS {
        judge(text, *expect);
    }
}
