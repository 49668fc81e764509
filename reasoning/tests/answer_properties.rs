//! What holds for every text: no panic, one form for one value, and linear time.

#![expect(clippy::unwrap_used, reason = "the helpers of tests may panic")]

use std::time::{Duration, Instant};

use forethought_reasoning::{AnswerKind, MAX_TEXT_BYTES, extract};
use proptest::prelude::*;

fn kinds() -> [AnswerKind; 9] {
    let json = |pointer: Option<&str>| AnswerKind::Json { pointer: pointer.map(str::to_owned) };
    let regex = |pattern| AnswerKind::regex(pattern).unwrap();
    [
        AnswerKind::Text,
        AnswerKind::Number,
        AnswerKind::Choice,
        json(None),
        json(Some("/a/0")),
        AnswerKind::Boxed,
        regex("answer( is)?"),
        regex(".*?\\d|a"),
        regex("(?s)a.*z|\\s*"),
    ]
}

fn canonical(kind: &AnswerKind, text: &str) -> Option<String> {
    extract(kind, text).map(|answer| answer.canonical)
}

fn is_idempotent(text: &str) {
    for kind in [AnswerKind::Text, AnswerKind::Number, AnswerKind::Choice, AnswerKind::Json { pointer: None }] {
        if let Some(form) = canonical(&kind, text) {
            assert_eq!(canonical(&kind, &form).as_ref(), Some(&form), "{kind:?} {text:?}");
        }
    }
    if let Some(form) = canonical(&AnswerKind::Boxed, text) {
        assert_eq!(canonical(&AnswerKind::Boxed, &format!("\\boxed{{{form}}}")), Some(form), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        for kind in &kinds() {
 drop(extract(kind, &text));
}
    }

    #[test]
    fn canonical_forms_are_idempotent(text in r#"([0-9]{1,4}|[-−+*/=.,:$%e(){}\[\]" ?\n]|\\frac|\\boxed\{|answer is|answer:|A|b|"a"|İ|ß|Σ){0,30}"#) {
        is_idempotent(&text);
    }

    #[test]
    fn equal_numbers_have_equal_forms(p in -1_000_000_i64..1_000_000, q in 1_i64..1000, k in 1_i64..1000, zeros in 0_usize..30) {
        let form = |text: String| canonical(&AnswerKind::Number, &text);
        prop_assert_eq!(form(format!("{p}/{q}")), form(format!("{}/{}", p * k, q * k)));
        prop_assert_eq!(form(format!("{p}/{q}")), form(format!("The answer is {p}.0/{q}.")));
        prop_assert_eq!(form(format!("{p}")), form(format!("= {p}.{}", "0".repeat(zeros))));
        prop_assert_eq!(form(format!("{p}")), form(format!("{p}{}e-{zeros}", "0".repeat(zeros))));
        prop_assert_eq!(form(format!("{p}")), Some(p.to_string()));
        prop_assert_ne!(form(format!("{p}/{q}")), form(format!("{}/{q}", p + 1)));
    }

    #[test]
    fn equal_objects_have_equal_forms(map in proptest::collection::btree_map("[a-c]{1,3}", -1000_i64..1000, 1..6)) {
        let write = |items: Vec<String>| canonical(&AnswerKind::Json { pointer: None }, &format!("see {{{}}}!", items.join(",")));
        let plain = map.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let odd = map.iter().rev().map(|(key, value)| format!(" \"{key}\" :\n{value}.0e0 ")).collect();
        prop_assert_eq!(write(plain), write(odd));
    }
}

#[test]
fn long_texts_take_linear_time() {
    let pieces = [
        "[",
        "{",
        "{\"a\":",
        "answer ",
        "answer is 1 ",
        "1",
        "1 ",
        "1 + ",
        "= ",
        "1/",
        "1,000",
        "-",
        "\\frac{",
        "\\boxed{",
        "(",
        "A ",
        "A\n",
        "1.1.",
        "\"",
        "\\",
        "=1?",
        " ",
        "e9",
        "the answer is ",
    ];
    for piece in pieces {
        let text = piece.repeat(4 * MAX_TEXT_BYTES / piece.len());
        let begin = Instant::now();
        for kind in &kinds() {
            drop(extract(kind, &text));
        }
        assert!(begin.elapsed() < Duration::from_secs(2), "{piece:?} took {:?}", begin.elapsed());
    }
}
