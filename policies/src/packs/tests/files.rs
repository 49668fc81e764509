//! Files that are wrong, and what is told of them.

use proptest::prelude::*;

use super::*;

/// A good pack with a change, and the lines of the error.
fn errors(from: &str, to: &str) -> Vec<String> {
    let rules =
        rule("r", "then: { forbid: { reason: no } }") + &rule("s", "when: { purposes: [credit] }, then: { erase: {} }");
    let order = "order:\n  - { first: [t/r], then: [t/s], citation: c, why: w }\n";
    let good = format!("{}{order}rules:\n{rules}", head("t"));
    assert!(good.contains(from), "{from}");
    let text = good.replacen(from, to, 1);
    match file::parse(Path::new("t.yaml"), text.as_bytes(), &PackChoice::new("t.yaml")) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

#[track_caller]
fn check_wrong(from: &str, to: &str, expected: &str) {
    let found = errors(from, to);
    assert!(found.iter().any(|line| line.contains(expected)), "{from} to {to}: {found:#?}");
}

#[test]
fn what_a_rule_does_wrong_is_told_with_its_line_and_mend() {
    let check = check_wrong;
    check(
        "purposes: [credit]",
        "purposes: [credits]",
        "t.yaml:12:136: rules[1].when.purposes[0]: `credits` is no purpose that is known; did you mean `credit`?",
    );
    check(
        "when: { purposes: [credit] }",
        "unless: [{ sectors: [shop] }]",
        "rules[1].unless[0].sectors[0]: `shop` is no sector",
    );
    check("when: { purposes: [credit] }", "when: { grounds: [conssent] }", "did you mean `consent`?");
    check("when: { purposes: [credit] }", "when: {}", "rules[1].when");
    check(
        "when: { purposes: [credit] }",
        "wen: { purposes: [credit] }",
        "unknown key `wen` in rules[1]; did you mean `when`?",
    );
    check("then: { forbid: { reason: no } }", "then: {}", "t.yaml:11:117: rules[0].then: the mapping is empty");
    check("then: { forbid: { reason: no } }", "then: { disclose: {} }", "rules[0].then.disclose");
    check("then: { erase: {} }", "then: { limit: { contents_days: 0 } }", "0 is too small, the least is 1");
    check(
        "then: { erase: {} }",
        "then: { retain: { contents_days: 9 }, limit: { contents_days: 8 } }",
        "rules[1].then.limit: contents would have to be gone before they may go; make `limit` at least",
    );
    check(
        "then: { erase: {} }",
        "then: { require: { grounds: [permit], reason: r } }",
        "rules[1].then.require.grounds[0]: `permit` is no ground",
    );
    check(
        "then: { erase: {} }",
        "then: { safeguards: { output: { deny: [{ id: a, action: flag, phrases: ['…'] }] } } }",
        "rules[1].then.safeguards.output.deny[0].phrases[0]: the phrase has no letter or digit",
    );
    check("then: { erase: {} }", "then: { safeguards: { output: { kinds: { ibn: flag } } } }", "did you mean `iban`?");
    check(
        "then: { erase: {} }",
        "then: { owe: { what: w, after: sunday } }",
        "known values: adverse_decision, request, demand",
    );
    check("then: { erase: {} }", "then: { review: { reason: r, reviewers: 0 } }", "0 is too small");
}

#[test]
fn what_else_is_wrong_is_told_with_its_line_and_mend() {
    let check = check_wrong;
    check("id: s", "id: r", "t.yaml:12:7: rules[1].id: the rule id `r` stands twice; give each rule its own id");
    check("id: r", "id: 5", "rules[0].id: expected text, found 5; put it in quotes");
    check("id: r", "id: R", "rules[0].id: the text `R` has the wrong form");
    check("regions: [DE]", "regions: [Germany]", "t.yaml:5:11: regions[0]: `Germany` is no region; write a country");
    check("regions: [DE]", "regions: []", "the list is empty");
    check(
        "timezone: Etc/UTC",
        "timezone: Berlin",
        "t.yaml:6:1: timezone: `Berlin` is no time zone that is known; write a name",
    );
    check(
        "checked_on: 2026-06-01",
        "checked_on: yesterday",
        "t.yaml:7:1: checked_on: the text `yesterday` is not a time",
    );
    check(
        "checked_on: 2026-06-01",
        "checked_on: 2025-06-01",
        "rules[0].status: it is in force only from 2026-01-01 on, and the pack was checked on 2025-06-01; write `enacted`",
    );
    check(
        "in_force",
        "enacted",
        "rules[0].status: it was in force since 2026-01-01 when the pack was checked on 2026-06-01; write `in_force`",
    );
    check("in_force", "in force", "known values: in_force, enacted, stayed, repealed, proposed");
    check(
        "{ from: 2026-01-01 }",
        "{ from: 2026-13-01 }",
        "rules[0].effective.from: the text `2026-13-01` is not a time",
    );
    check(
        "{ from: 2026-01-01 }",
        "{ from: 2026-01-01, until: 2025-12-31 }",
        "rules[0].effective.until: the last day 2025-12-31 is before the first day",
    );
    check(
        "{ from: 2026-01-01 }",
        "{ from: 2026-01-01, until: 9999-12-31 }",
        "rules[0].effective: the day is beyond the calendar",
    );
    check("{ from: 2026-01-01 }", "{ until: 2026-01-01 }", "the key `from` is missing");
    check(
        "first: [t/r]",
        "first: [t/x]",
        "t.yaml:9:15: order[0].first[0]: this pack has no rule `t/x`; correct the id",
    );
    check("first: [t/r]", "first: [r]", "order[0].first[0]: the text `r` has the wrong form");
    check("version: 1", "version: 2", "was written by a newer version of forethought");
    check("source: https://example.org/", "source: http://example.org/", "law.source");
    check("citation: c r, ", "", "rules[0]: the key `citation` is missing; add `citation:` (Where the law says so");
    check(
        "confidence: statute, then",
        "confidence: statute, examples: [{ at: noon, facts: {}, expect: silent }], then",
        "rules[0].examples[0].at",
    );
    check(
        "confidence: statute, then",
        "confidence: statute, examples: [{ at: 2026-01-01T00:00:00Z, facts: { purpose: loan }, expect: silent }], then",
        "rules[0].examples[0].facts: these facts cannot be read: `loan` is no purpose",
    );
}

#[test]
fn what_is_right_is_read() {
    let check = |from: &str, to: &str| assert_eq!(errors(from, to), Vec::<String>::new(), "{to}");
    check("id: t", "id: t");
    check("first: [t/r]", "first: [other/x, t/*]");
    check("purposes: [credit]", "purposes: [x-anything]");
    check("{ from: 2026-01-01 }", "{ from: 2026-01-01, until: 2026-01-01 }");
    check("in_force", "stayed");
    check("version: 1", "version: 1\nwhen_unknown: forbid");
}

#[test]
fn packs_that_cannot_be_loaded() {
    let check = |names: &[&str], expected: &str| {
        let choices: Vec<PackChoice> = names.iter().map(|name| PackChoice::new(*name)).collect();
        let error = Packs::load(&choices, Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        &["eu-ai-akt"],
        "there is no pack `eu-ai-akt`; did you mean `eu-ai-act`? packs that ship: colorado-sb-26-189,",
    );
    check(&[""], "there is no pack ``; packs that ship:");
    check(&["eu-ai-act", "texas-hb-149", "eu-ai-act"], "the pack `eu-ai-act` is named twice");
    check(&["mine.yaml"], "/nonexistent/mine.yaml: there is no jurisdiction pack here; name a pack that ships");
    check(&["./eu-ai-act"], "there is no jurisdiction pack here");
}

#[test]
fn a_choice_is_read_as_an_operator_writes_it() {
    let choice: PackChoice = serde_json::from_str(r#"{"pack":"eu-ai-act"}"#).unwrap();
    assert_eq!(choice, PackChoice::new("eu-ai-act"));
    let text = r#"{"pack":"p.yaml","mode":"shadow","when_unknown":"forbid","role":"deployer","enforce_stayed":true}"#;
    let choice: PackChoice = serde_json::from_str(text).unwrap();
    assert_eq!((choice.mode, choice.role, choice.enforce_stayed), (Mode::Shadow, Role::Deployer, true));
    assert!(serde_json::from_str::<PackChoice>(r#"{"pack":"a","mod":"shadow"}"#).is_err());
}

proptest! {
    /// Whatever is cut out of a pack or put in twice: it is read, or something is told, at a line that it has.
    #[test]
    fn a_torn_file_is_read_or_told(from in 0..4000usize, many in 0..300usize, again in any::<bool>()) {
        let text = include_str!("../../../packs/template.yaml");
        let at = |place: usize| text.char_indices().nth(place).map_or(text.len(), |(at, _)| at);
        let (start, end) = (at(from), at(from + many));
        let torn = if again { text[..end].to_owned() + &text[start..] } else { text[..start].to_owned() + &text[end..] };
        if let Err(error) = file::parse(Path::new("t.yaml"), torn.as_bytes(), &PackChoice::new("t.yaml")) {
            let FileError::Invalid { problems, .. } = error else { panic!("{error}") };
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!((1..=torn.lines().count() + 1).contains(&problem.place.line), "{}", problem);
            }
        }
    }
}
