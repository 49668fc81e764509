//! Duties that ship agree with the packs, and wrong files are told with their places.

use std::{collections::BTreeMap, path::Path};

use forethought_policies::{
    PackChoice, Packs,
    packs::{Rule, Status},
};

use crate::{Duties, DutyStatus, ReportError};

fn shipped() -> Vec<Duties> {
    Duties::load_all(Duties::shipped()).expect("what ships is good")
}

fn packs() -> Packs {
    let choices: Vec<PackChoice> = Packs::shipped().map(PackChoice::new).collect();
    Packs::load(&choices, Path::new(".")).expect("what ships is good")
}

#[test]
fn files_have_the_names_of_their_duties() {
    for name in Duties::shipped() {
        assert_eq!(Duties::load(name).expect("good").id, name);
    }
}

/// A duty may not say another day, status, law or source than the rules of requests that it is about.
#[test]
fn duties_agree_with_the_rules_of_packs() {
    let packs = packs();
    let rules: BTreeMap<&str, &Rule> = packs.rules().map(|rule| (rule.cite().id.as_str(), rule)).collect();
    let mut seen = 0;
    for duties in shipped() {
        if let Some(pack) = packs.packs().iter().find(|pack| Some(pack.id()) == duties.pack.as_deref()) {
            assert_eq!((&duties.law, duties.checked_on), (pack.law(), pack.checked_on()), "{}", duties.id);
            assert_eq!(duties.regions, pack.regions(), "{}", duties.id);
        }
        for duty in &duties.duties {
            for pattern in duty.check.rules() {
                let own: Vec<&&Rule> = rules.iter().filter(|(id, _)| pattern.is(id)).map(|(_, rule)| rule).collect();
                assert!(!own.is_empty(), "{}/{}: no rule is `{}`", duties.id, duty.id, pattern.as_str());
                for rule in own {
                    seen += 1;
                    let what = format!("{}/{} and {}", duties.id, duty.id, rule.cite().id);
                    assert_eq!(duty.in_force_from, Some(rule.effective().0), "{what}");
                    assert_eq!(duties.source_of(duty), rule.cite().source, "{what}");
                    assert_eq!(duty.status == DutyStatus::Stayed, rule.status() == Status::Stayed, "{what}");
                }
            }
        }
    }
    assert!(seen > 35, "{seen} rules were compared");
}

#[test]
fn the_laws_that_lawyers_ask_for_are_there() {
    let all = shipped();
    let check = |id: &str, article: &str| {
        let duties = all.iter().find(|duties| duties.id == id).expect("duties");
        let is = |text: &str| text.contains(article);
        assert!(duties.duties.iter().any(|duty| is(&duty.article)), "{id}: {article}");
    };
    for article in [
        "Art. 5(1)",
        "Art. 12(1)",
        "Art. 14(4)",
        "Art. 19(1)",
        "26(6)",
        "Art. 50(1)",
        "Art. 50(2)",
        "Art. 50(3)",
        "Art. 50(4)",
    ] {
        check("eu-ai-act", article);
    }
    for article in ["Art. 5(1)(e)", "Art. 15", "Art. 16", "Art. 17", "Art. 30", "Art. 32"] {
        check("eu-gdpr", article);
    }
    for article in ["6-1-1704(1)", "6-1-1704(3)", "6-1-1705(1)(a)(I)", "6-1-1705(1)(a)(II)", "6-1-1703"] {
        check("colorado-sb-26-189", article);
    }
    for article in ["552.051", "552.052", "552.103", "503.001"] {
        check("texas-hb-149", article);
    }
    check("us-sectors", "164.312(b)");
    check("us-sectors", "240.17a-4");
    let tags = all.iter().flat_map(|duties| &duties.duties).flat_map(|duty| duty.tags.clone()).collect::<Vec<_>>();
    for tag in ["govern", "map", "measure", "manage"] {
        assert!(tags.iter().any(|own| own == tag), "{tag}");
    }
}

const GOOD: &str = "version: 1
id: house
title: House rules
law: { name: House rules, citation: HR 1, source: https://example.com/rules }
checked_on: 2026-11-26
duties:
  - id: a
    title: A
    article: HR 1
    asks: Something.
    in_force_from: 2026-01-01
    status: law
    confidence: statute
    check: log_is_whole
";

#[test]
fn wrong_files_are_told_with_place_and_mend() {
    let parse = |text: &str| Duties::parse(Path::new("house.yaml"), text.as_bytes());
    assert_eq!(parse(GOOD).expect("good").duties.len(), 1);
    let check = |from: &str, to: &str, place: &str, told: &str| {
        assert!(GOOD.contains(from), "{from}");
        let error = parse(&GOOD.replace(from, to)).expect_err(to).to_string();
        assert!(error.starts_with(&format!("house.yaml:{place}")) && error.contains(told), "{to}: {error}");
    };
    check("log_is_whole", "log_is_hole", "14:", "check");
    check("log_is_whole", "{ applied: {} }", "14:", "");
    check("log_is_whole", "{ applied: { rules: [\"<script>\"] } }", "14:", "");
    check("    in_force_from: 2026-01-01\n", "", "7:", "in_force_from");
    check("status: law", "status: perhaps", "12:", "status");
    check("https://example.com/rules", "javascript:alert(1)", "4:", "");
    check("2026-11-26", "yesterday", "5:", "");
    check("version: 1", "version: 2", "1:", "upgrade");
    let twice = format!("{GOOD}{}", GOOD.split_once("duties:\n").expect("duties").1);
    assert!(parse(&twice).expect_err("twice").to_string().contains("is there twice"));
}

#[test]
fn names_and_files_are_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("house.yaml");
    std::fs::write(&path, GOOD).expect("written");
    let path = path.display().to_string();
    assert_eq!(Duties::load(&path).expect("good").id, "house");
    let twice = Duties::load_all([path.as_str(), path.as_str()]).expect_err("twice");
    assert!(matches!(twice, ReportError::Twice { .. }), "{twice}");
    let unknown = Duties::load("eu-ai-akt").expect_err("unknown").to_string();
    assert!(unknown.contains("eu-ai-act"), "{unknown}");
    assert!(matches!(Duties::load("./nothing.yaml"), Err(ReportError::File(_))));
}
