//! What a card says, and that no text of an entry becomes markup.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    Revocation,
    testing::{day, entries, entry, named, refusing, registry},
};

fn card(change: impl Fn(&mut Entry)) -> Card {
    let mut model = entry("tiny", vec![named("m.gguf", b"weights"), named("tokenizer.json", b"{}")]);
    change(&mut model);
    let base = Entry { fingerprint: Some(refusing(20)), ..entry("base", vec![named("b", b"")]) };
    Card::new(&registry(Path::new(""), vec![base, model]), "tiny").unwrap()
}

#[test]
fn the_text_says_what_the_entry_says_and_what_it_does_not() {
    let check = |change: &dyn Fn(&mut Entry), expected: &[&str]| {
        let text = card(change).to_markdown();
        for part in expected {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    };
    check(
        &|_| {},
        &[
            "# Model card of tiny",
            "Together: 9 bytes",
            "Apache-2.0",
            "Approved by Ada on 2026-11-26",
            "It may be loaded",
        ],
    );
    check(
        &|_| {},
        &["No evaluation is registered", "No fingerprint was taken", "not registered which model it was made from"],
    );
    check(&|entry| entry.approved = None, &["Nobody approved it", "It may not be loaded"]);
    let stale = |entry: &mut Entry| entry.approved.as_mut().unwrap().digest = Some(Digest::of(b"old"));
    check(&stale, &["the approval has ended", "It may not be loaded"]);
    let revoked = |entry: &mut Entry| {
        entry.revoked = Some(Revocation { by: "Bob".to_owned(), on: day(), why: "it leaks".to_owned() });
    };
    check(&revoked, &["Revoked by Bob on 2026-11-26: it leaks", "It may not be loaded"]);
    let derived = |entry: &mut Entry| {
        entry.base = Some("base".to_owned());
        entry.fingerprint = Some(refusing(0));
    };
    check(
        &derived,
        &["Made from: base", "safeguards are weaker than the base's", "no refusals to lose", "0 of 24 harmful"],
    );
    let base = Entry { revoked: card(revoked).model.revoked, ..entry("base", vec![named("b", b"")]) };
    let model = Entry { base: Some("base".to_owned()), ..entry("tiny", vec![named("m", b"")]) };
    let text = Card::new(&registry(Path::new(""), vec![base, model]), "tiny").unwrap().to_markdown();
    assert!(text.contains("made from base, which was revoked"), "{text}");
    let evaluated = |entry: &mut Entry| {
        let figures = vec![Figure { name: "right".to_owned(), value: 0.5, interval: Some([0.4, 0.6]) }];
        entry.evaluations = vec![Evaluation { set: "sums".to_owned(), results: None, on: day(), figures }];
        entry.impact = vec![Digest::of(b"x")];
    };
    check(&evaluated, &["sums on 2026-11-26: right 0.5 (0.4 to 0.6)", "Impact assessment: sha256:"]);
}

#[test]
fn the_json_holds_the_whole_entry() {
    let card = card(|entry| entry.fingerprint = Some(refusing(4)));
    let value: Value = serde_json::from_str(&card.to_json()).unwrap();
    assert_eq!(value["entry"], card.model.digest().to_string());
    let model: Entry = serde_json::from_value(value["model"].clone()).unwrap();
    assert_eq!(model.digest(), card.model.digest());
    assert!(Card::new(&registry(Path::new(""), Vec::new()), "tiny").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Nobody who names a model can write headings, links, pages or lines of the card.
    #[test]
    fn no_text_of_an_entry_becomes_markup(model in entries()) {
        let card = Card::new(&registry(Path::new(""), vec![model.clone()]), &model.id).unwrap();
        let text = card.to_markdown();
        prop_assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 8);
        prop_assert!(text.lines().all(|line| line.is_empty() || line.starts_with("- ") || line.starts_with("## ") || line.starts_with("# ")));
        prop_assert!(!text.contains(['<', '\u{202e}', '\r']), "{}", text);
        let value: Value = serde_json::from_str(&card.to_json()).unwrap();
        let read: Entry = serde_json::from_value(value["model"].clone()).unwrap();
        prop_assert_eq!(read.digest(), model.digest());
    }
}
