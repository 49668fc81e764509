//! Languages of the benign prompts in `tests/bypass`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use std::fs;

use forethought_safeguards::language::{Languages, Spoken};

/// Prompts of the benign set that are in other languages than English, or that are in English.
fn prompts(others: bool) -> Vec<String> {
    let path = format!("{}/../tests/bypass/benign.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let rows = rows.filter(|row| (row["group"] == "languages") == others);
    rows.map(|row| row["prompt"].as_str().unwrap().to_owned()).collect()
}

fn refused(allowed: &[&str], prompts: &[String]) -> Vec<String> {
    let languages = Languages::new(allowed.iter().copied()).unwrap();
    let told = prompts.iter().map(|prompt| (languages.check(prompt), prompt));
    let refused = told.filter(|(spoken, _)| !matches!(spoken, Spoken::Allowed | Spoken::Unknown));
    refused.map(|(spoken, prompt)| format!("{spoken:?}: {prompt}")).collect()
}

#[test]
fn english_is_hardly_ever_taken_for_another_language() {
    let prompts = prompts(false);
    assert!(prompts.len() > 250, "the suite is not there");
    let refused = refused(&["en"], &prompts);
    assert!(refused.len() * 50 <= prompts.len(), "more than 2 %: {refused:#?}");
}

#[test]
fn other_languages_are_told() {
    let prompts = prompts(true);
    let allowed = ["de", "fr", "es", "it", "pt", "nl", "pl", "ru", "ja", "zh", "ar", "hi", "ko", "sv", "tr"];
    assert_eq!(refused(&allowed, &prompts), Vec::<String>::new());
    let passed = prompts.len() - refused(&["en"], &prompts).len();
    assert!(passed * 10 <= prompts.len(), "{passed} of {} pass for English", prompts.len());
}
