//! The packs that ship: examples, citations, days, and the page that tells of them.

mod days;
mod explaining;
mod files;
mod judging;
mod properties;

use std::{fs, path::Path};

use jiff::Timestamp;

use super::*;

/// Packs by names, without settings.
fn shipped(names: &[&str]) -> Packs {
    let choices: Vec<PackChoice> = names.iter().map(|name| PackChoice::new(*name)).collect();
    Packs::load(&choices, Path::new("/nonexistent")).unwrap()
}

fn all() -> Packs {
    shipped(&Packs::shipped().collect::<Vec<_>>())
}

/// The template, which no name leads to.
fn template() -> Packs {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    Packs::load(&[PackChoice::new("template.yaml")], &folder).unwrap()
}

/// A pack written within a test.
fn written(text: &str) -> Packs {
    with(text, |_| {})
}

/// The same, with settings of an operator's.
fn with(text: &str, set: impl FnOnce(&mut PackChoice)) -> Packs {
    let mut choice = PackChoice::new("t.yaml");
    set(&mut choice);
    let mut packs = Packs::default();
    packs.add(file::parse(Path::new("t.yaml"), text.as_bytes(), &choice).unwrap()).unwrap();
    packs.index();
    packs
}

/// What stands at the beginning of a pack within a test.
fn head(id: &str) -> String {
    format!(
        "version: 1\nid: {id}\ntitle: t\nlaw: {{ name: n, citation: c, source: https://example.org/ }}\nregions: [DE]\n\
         timezone: Etc/UTC\nchecked_on: 2026-06-01\n"
    )
}

/// A rule in force, that does this.
fn rule(id: &str, then: &str) -> String {
    format!(
        "  - {{ id: {id}, title: about {id}, citation: c {id}, status: in_force, effective: {{ from: 2026-01-01 }}, \
         confidence: statute, {then} }}\n"
    )
}

fn facts(json: &str) -> Facts {
    serde_json::from_str(json).unwrap()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The day on which the packs were checked.
fn checked() -> Timestamp {
    at("2026-11-26T12:00:00Z")
}

#[test]
fn every_example_comes_out_and_every_rule_has_one_that_fires_and_one_that_does_not() {
    for packs in [all(), template()] {
        let wrong: Vec<String> = packs.try_examples().iter().map(ToString::to_string).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn judging_is_open_to_every_thread() {
    fn check<T: Send + Sync>() {}
    check::<Packs>();
    check::<Judgement>();
}

#[test]
fn a_wrong_example_is_told() {
    let example = |expect: &str, more: &str| {
        format!("{{ at: 2026-06-01T00:00:00Z, facts: {{ regions: [DE] }}, expect: {expect}{more} }}")
    };
    let check = |examples: &str, expected: &[&str]| {
        let rule = rule("r", &format!("then: {{ forbid: {{ reason: no }} }}, examples: [{examples}]"));
        let wrong = written(&format!("{}rules:\n{rule}", head("t"))).try_examples();
        let wrong: Vec<_> = wrong.into_iter().map(|wrong| wrong.wrong).collect();
        assert_eq!(wrong, expected, "{examples}");
    };
    let silent = "{ at: 2026-06-01T00:00:00Z, facts: { regions: [FR] }, expect: silent }";
    check("", &["no example to which it applies", "no example to which it does not apply"]);
    check(&format!("{}, {silent}", example("enforced", ", outcome: forbidden")), &[]);
    check(&format!("{}, {silent}", example("shadow", "")), &["examples[0]: expected Shadow, found Enforced"]);
    check(
        &format!("{}, {silent}", example("enforced", ", outcome: allowed")),
        &["examples[0]: expected the outcome Allowed, found Forbidden"],
    );
    check(&example("silent", ""), &["no example to which it applies", "examples[0]: expected Silent, found Enforced"]);
}

#[test]
fn every_file_in_the_folder_is_a_pack_and_ships_but_the_template() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "template")
        .collect();
    names.sort();
    assert_eq!(names, Packs::shipped().collect::<Vec<_>>());
    for name in names {
        let by_path = Packs::load(&[PackChoice::new(format!("{name}.yaml"))], &folder).unwrap();
        assert_eq!(by_path.packs()[0].id(), name);
        assert_eq!(by_path.packs()[0].digest(), shipped(&[&name]).packs()[0].digest());
    }
}

#[test]
fn every_rule_is_cited_and_sourced() {
    let packs = all();
    assert!(packs.rules().count() >= 45);
    for rule in packs.rules() {
        let cite = rule.cite();
        assert!(cite.citation.contains(|c: char| c.is_ascii_digit()), "{cite}");
        assert!(cite.source.starts_with("https://"), "{cite}");
        assert!(cite.id.starts_with(rule.pack().id()), "{cite}");
        assert!(rule.pack().checked_on() >= jiff::civil::date(2026, 11, 26), "{cite}");
        assert!(!rule.effects().is_empty(), "{cite}");
    }
}

#[test]
fn what_is_unconfirmed_or_stayed_never_decides() {
    let packs = all();
    let never = |rule: &&Rule| rule.cite().confidence == Confidence::Unconfirmed || rule.status() == Status::Stayed;
    let rules: Vec<&Rule> = packs.rules().filter(never).collect();
    assert_eq!(rules.iter().filter(|rule| rule.pack().id() == "colorado-sb-26-189").count(), 7);
    assert_eq!(rules.iter().filter(|rule| rule.cite().confidence == Confidence::Unconfirmed).count(), 2);
    for rule in rules {
        for example in &rule.examples {
            let judgement = packs.judge(&example.facts, at("2040-01-01T00:00:00Z"));
            let mine: Vec<_> = judgement.applied.iter().filter(|applied| applied.rule == *rule.cite()).collect();
            assert!(mine.iter().all(|applied| matches!(applied.state, State::Shadow(_))), "{}", rule.cite());
            assert!(judgement.forbidden.iter().all(|forbidden| forbidden.rule != *rule.cite()));
        }
    }
}

#[test]
fn the_page_about_packs_tells_every_rule_and_every_word() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/packs.md")).unwrap();
    for rule in all().rules() {
        let (from, _) = rule.effective();
        let names: Vec<&str> = rule.effects().iter().map(|effect| effect.name()).collect();
        let short = rule.cite().id.split_once('/').unwrap().1;
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{short}` |")) && line.contains(&rule.cite().citation));
        let row = row.unwrap_or_else(|| panic!("{} has no row", rule.cite()));
        assert!(row.contains(&from.to_string()), "{row}");
        assert!(names.iter().all(|name| row.contains(name)), "{row}: {names:?}");
        let marked = [(Confidence::Derived, "derived"), (Confidence::Unconfirmed, "unconfirmed")];
        for (confidence, word) in marked {
            assert_eq!(row.contains(word), rule.cite().confidence == confidence, "{row}");
        }
    }
    let words = [Purpose::WORDS, Sector::WORDS, DataClass::WORDS, Interaction::WORDS, Decision::WORDS, Ground::WORDS];
    for word in words.into_iter().flatten() {
        assert!(page.contains(&format!("`{word}`")), "{word}");
    }
}
