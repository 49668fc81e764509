//! What people and programs are told.

use serde_json::Value;

use super::*;

#[test]
fn every_rule_stands_in_exactly_one_place() {
    let packs = all();
    for json in
        ["{}", r#"{"regions":["DE"],"purpose":"credit"}"#, r#"{"regions":["US-TX","DE"],"sectors":["workplace"]}"#]
    {
        let explained = packs.explain(&facts(json), checked());
        let judgement = &explained.judgement;
        let applied = judgement.applied.iter().map(|applied| applied.rule.id.as_str());
        let mut seen: Vec<&str> = applied.collect();
        seen.dedup();
        seen.extend(judgement.undetermined.iter().map(|open| open.rule.id.as_str()));
        seen.extend(explained.unapplied.iter().map(|passed| passed.rule.id.as_str()));
        seen.sort_unstable();
        let rules: Vec<&str> = packs.rules().map(|rule| rule.cite().id.as_str()).collect();
        assert_eq!(seen, rules, "{json}");
    }
}

#[test]
fn people_read_why() {
    let check = |packs: &Packs, json: &str, moment: &str, lines: &[&str]| {
        let text = packs.explain(&facts(json), at(moment)).to_string();
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line}\n---\n{text}");
        }
    };
    let emotions = r#"{"regions":["DE"],"purpose":"emotion_inference","sectors":["workplace"]}"#;
    check(
        &all(),
        emotions,
        "2026-11-26T12:00:00Z",
        &[
            "forbidden by eu-ai-act/5-1-f (Regulation (EU) 2024/1689, Art. 5(1)(f)): inferring emotions at work or in education is \
         prohibited in the European Union",
            "  eu-ai-act/5-1-f (Regulation (EU) 2024/1689, Art. 5(1)(f)), enforced",
            "    no inference of emotions at work or in education, but for medical reasons or safety",
            "    https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:02024R1689-20260727",
            "  eu-ai-act/hr-26-6 (Regulation (EU) 2024/1689, Art. 26(6)), in shadow: not yet effective, from 2027-12-02 on",
            "  eu-ai-act/50-1 (Regulation (EU) 2024/1689, Art. 50(1), (5)), enforced: say interaction; passes",
            "  texas-hb-149/552-053 (Tex. Bus. & Com. Code § 552.053): differs in regions",
            "  eu-ai-act/5-1-a (Regulation (EU) 2024/1689, Art. 5(1)(a)): differs in purpose",
        ],
    );
    let loan = r#"{"regions":["US-XX"],"purpose":"credit","sectors":["finance"],"data_classes":["personal"],"decision":"assists",
        "grounds":["consent","x-branch-licence"]}"#;
    check(
        &template(),
        loan,
        "2027-03-01T12:00:00Z",
        &[
            "held until 2 people agree:",
            "  two officers look at each loan, by example-act/paper (Example Act 2026, § 2)",
            "    require: consent, x-branch-licence [on file]",
            "    owe: the reasons in writing, after an adverse decision, within 30 days",
            "  records stay at least 731 days, by example-act/books (Example Act 2026, § 8)",
            "  contents are gone after 1827 days, by example-act/erase (Example Act 2026, § 9(1))",
            "  contents are erased on request, not before 731 days, by example-act/erase (Example Act 2026, § 9(1))",
            "  example-act/books against example-act/erase: example-act/books goes first: a person's contents stay as long as books \
         have to be kept (Example Act 2026, § 9(2))",
        ],
    );
    check(&Packs::default(), "{}", "2026-11-26T12:00:00Z", &["allowed"]);
}

#[test]
fn programs_read_the_same() {
    let json = r#"{"regions":["DE"],"purpose":"social_scoring"}"#;
    let explained = all().explain(&facts(json), checked());
    let value: Value = serde_json::to_value(&explained).unwrap();
    let check = |pointer: &str, expected: &str| {
        assert_eq!(value.pointer(pointer).and_then(Value::as_str), Some(expected), "{pointer}: {value:#}");
    };
    check("/at", "2026-11-26T12:00:00Z");
    check("/facts/purpose", "social_scoring");
    check("/judgement/forbidden/rule/id", "eu-ai-act/5-1-c");
    check("/judgement/forbidden/rule/citation", "Regulation (EU) 2024/1689, Art. 5(1)(c)");
    check("/judgement/applied/1/state", "enforced");
    check("/judgement/applied/1/standing", "stands");
    check("/judgement/applied/0/state/shadow/not_yet/from", "2026-12-02");
    check("/judgement/disclosures/0/mark/ai-generated", "true");
    check("/judgement/disclosures/0/rules/0/id", "eu-ai-act/50-2");
    check("/judgement/undetermined/0/missing/0", "interaction");
    check("/unapplied/0/why/differs/fact", "regions");
}
