//! Consequential purposes: what is demanded, what shows it, and what is said where nothing does.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use forethought_schemas::{Effort, Facts, StrategyName};
use tempfile::TempDir;

use super::*;
use crate::{DeskClock, History, Policy, PolicyDesk, PolicyFile};

/// An assessment of this crate's own: words in a line, `model weights strategy effort first-day verdict`.
#[derive(Debug)]
struct Line(Vec<String>, String);

impl Line {
    fn word(&self, at: usize) -> &str {
        &self.0[at]
    }
}

fn read(bytes: &[u8]) -> Result<Arc<dyn Assessed>, String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if words.len() != 6 {
        return Err("this is no assessment; make one".to_owned());
    }
    Ok(Arc::new(Line(words, format!("sha256:{}", text.trim().replace(' ', "-")))))
}

impl Assessed for Line {
    fn digest(&self) -> &str {
        &self.1
    }

    fn about(&self) -> About {
        let day = self.word(4).parse().unwrap();
        About {
            model: self.word(0).into(),
            weights: self.word(1).into(),
            way: format!("{}, {}", self.word(2), self.word(3)),
            strategy: serde_json::from_value(serde_json::json!(self.word(2))).ok(),
            effort: serde_json::from_value(serde_json::json!(self.word(3))).ok(),
            from: Timestamp::from_second(day).unwrap(),
            until: Timestamp::MAX,
            verdict: self.word(5).into(),
        }
    }

    fn meets(&self, demand: &Demand<'_>) -> Result<(), Shortfall> {
        let Asked { model, weights, strategy, effort } = demand.asked;
        let age = demand.at.as_second() - self.word(4).parse::<i64>().unwrap();
        let checks = [
            (self.word(0) == model, "of another model"),
            (weights.is_none_or(|weights| self.word(1) == weights), "of other weights"),
            (self.word(2) == strategy.as_str() && self.word(3) == effort.as_str(), "of another way"),
            (age <= i64::from(demand.max_age_days) * 86400, "too old"),
            (self.word(5) == "passed", "not passed"),
        ];
        let first = checks.iter().enumerate().find(|(_, (good, _))| !good);
        first.map_or(Ok(()), |(at, (_, why))| {
            Err(Shortfall { nearness: u8::try_from(at).unwrap(), why: (*why).to_owned() })
        })
    }
}

const RULE: &str =
    "purposes:\n  employment: { assessment: { templates: [hiring], files: [evidence], max_age_days: 10 } }\n";

/// A folder with a policy and assessments.
struct House(TempDir);

impl House {
    fn new(evidence: &[(&str, &str)]) -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        fs::create_dir(house.path("evidence")).unwrap();
        for (name, text) in evidence {
            house.put(name, text);
        }
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path("evidence").join(name), text).unwrap();
    }

    fn load(&self, more: &str) -> Result<Policy, String> {
        fs::write(self.path("p.yaml"), format!("version: 1\ntenants: []\n{more}")).unwrap();
        Policy::load_with(&self.path("p.yaml"), read)
            .map_err(|wrong| wrong.to_string().replace(&self.0.path().display().to_string(), "~"))
    }
}

fn asked(weights: Option<&str>) -> Asked<'_> {
    Asked { model: "m", weights, strategy: StrategyName::Single, effort: Effort::Low }
}

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86400).unwrap()
}

const GOOD: &str = "m w single low 0 passed";

#[test]
fn a_purpose_is_licensed_by_an_assessment_that_meets_the_demand() {
    let check = |evidence: &[(&str, &str)], purpose: Option<&str>, day, expected: Result<Option<&str>, &str>| {
        let policy = House::new(evidence).load(RULE).unwrap();
        match (policy.purposes().licence(purpose, &asked(Some("w")), at(day)), expected) {
            (Licence::Free, Ok(None)) => {}
            (Licence::Met { assessment, .. }, Ok(Some(digest))) => assert_eq!(assessment, digest),
            (Licence::Unmet(unmet), Err(why)) => assert!(unmet.why.contains(why), "{why}: {}", unmet.why),
            (found, _) => panic!("{evidence:?} {purpose:?} {day}: {found:?}"),
        }
    };
    check(&[], Some("credit"), 0, Ok(None));
    check(&[], None, 0, Ok(None));
    check(&[], Some("employment"), 0, Err("the policy finds none"));
    let good = Ok(Some("sha256:m-w-single-low-0-passed"));
    check(&[("a.json", GOOD)], Some("employment"), 10, good);
    check(&[("a.json", GOOD)], Some("employment"), 11, Err("too old"));
    check(&[("a.json", "m w single low 0 flagged")], Some("employment"), 1, Err("not passed"));
    check(&[("a.json", "m w single high 0 passed")], Some("employment"), 1, Err("of another way"));
    check(&[("a.json", "m v single low 0 passed")], Some("employment"), 1, Err("of other weights"));
    // One that is enough is enough, whatever lies beside it.
    let several = [("a.json", "m v single low 0 passed"), ("b.json", GOOD), ("c.json", "m w single low 0 flagged")];
    check(&several, Some("employment"), 1, good);
    // The nearest says what is missing.
    check(&several[..1], Some("employment"), 1, Err("of other weights"));
    let near = [("a.json", "x w single low 0 passed"), ("b.json", "m w single low 0 flagged")];
    check(&near, Some("employment"), 1, Err("not passed"));
    // What is not an assessment by its name is none: `forethought impact` writes others beside it.
    check(&[("a.json.new", GOOD), ("a.md", "x")], Some("employment"), 1, Err("the policy finds none"));
}

#[test]
fn what_becomes_of_a_request_is_what_the_policy_says() {
    let check = |rule: &str, purpose: Option<&str>, refused: Option<(&str, &str)>, held: bool| {
        let policy = House::new(&[]).load(rule).unwrap();
        let licence = policy.purposes().licence(purpose, &asked(Some("w")), at(0));
        let refusal = licence.refusal();
        let said = refusal.as_ref().map(|refusal| (refusal.code, refusal.kind.status()));
        assert_eq!(said, refused.map(|(code, _)| (code, 403)), "{rule}");
        if let (Some(refusal), Some((_, told))) = (refusal, refused) {
            assert!(refusal.message.contains(told), "{told}: {}", refusal.message);
        }
        assert_eq!(licence.holds().is_some(), held, "{rule}");
    };
    let mend = "forethought impact --model m --only hiring --way assessed=single,effort=low --results";
    check(RULE, Some("employment"), Some((ASSESSMENT_REQUIRED, mend)), false);
    let with = |word: &str| RULE.replace("max_age_days: 10", &format!("otherwise: {word}"));
    check(&with("refuse"), Some("employment"), Some((ASSESSMENT_REQUIRED, "m")), false);
    check(&with("hold"), Some("employment"), None, true);
    check(&with("flag"), Some("employment"), None, false);
    check(RULE, None, None, false);
    let undeclared = |word: &str| format!("{RULE}undeclared_purpose: {word}\n");
    check(&undeclared("refuse"), None, Some((PURPOSE_REQUIRED, "send `deliberation.purpose`")), false);
    check(&undeclared("refuse"), Some("credit"), None, false);
    check(&undeclared("hold"), None, None, true);
    check(&undeclared("flag"), None, None, false);
    check(&undeclared("allow"), None, None, false);
}

#[test]
fn a_wrong_rule_or_file_refuses_the_policy_at_its_line() {
    let check = |evidence: &[(&str, &str)], rule: &str, said: &str| {
        let error = House::new(evidence).load(rule).unwrap_err();
        assert!(error.contains(said), "{said}: {error}");
        assert!(error.starts_with("~/p.yaml:4:"), "{error}");
    };
    let broken = [("a.json", GOOD), ("b.json", "x")];
    check(&broken, RULE, ": evidence/b.json: this is no assessment; make one");
    let missing = RULE.replace("evidence", "nowhere");
    check(&[], &missing, "purposes.employment.assessment.files[0]: cannot read nowhere: ");
    check(&[], &missing, "make the folder");
    check(&[], &RULE.replace("evidence", "x.json"), "make it with `forethought impact`");
    check(&[], &RULE.replace("employment", "employmnt"), "did you mean `employment`?");
    check(&[], &RULE.replace("[hiring]", "[]"), "the list is empty");
    check(&[], &RULE.replace("max_age_days: 10", "max_age_days: 0"), "the least is 1");
    check(&[], &RULE.replace("max_age_days: 10", "otherwise: ignore"), "known values: refuse, hold, flag");
    check(&[], &RULE.replace("max_age_days: 10", "limits: { ratio: 0.1 }"), "0.1 is too small");
    assert!(House::new(&[]).load(&RULE.replace("employment", "x-loans")).is_ok(), "a purpose of one's own");
}

#[test]
fn which_assessments_there_are_is_part_of_the_policy() {
    let house = House::new(&[("a.json", GOOD)]);
    let before = house.load(RULE).unwrap();
    assert_eq!(before.digest(), house.load(RULE).unwrap().digest());
    // Who cannot read assessments still knows which policy it is.
    assert_eq!(before.digest(), Policy::load(&house.path("p.yaml")).unwrap().digest());
    house.put("b.json", "m v single low 0 passed");
    house.put("a.json", "m w single low 5 passed");
    let after = house.load(RULE).unwrap();
    assert_ne!(before.digest(), after.digest());
    let changes: Vec<String> = before.changes_to(&after).iter().map(ToString::to_string).collect();
    let expected = [
        "~ purposes.employment.assessment[evidence/a.json]: sha256:m-w-single-low-0-passed → sha256:m-w-single-low-5-passed",
        "+ purposes.employment.assessment[evidence/b.json]: sha256:m-v-single-low-0-passed",
    ];
    assert_eq!(changes, expected);
}

#[test]
fn whoever_reads_no_assessments_finds_none_enough() {
    let house = House::new(&[("a.json", GOOD)]);
    house.load(RULE).unwrap();
    let unread = Policy::load(&house.path("p.yaml")).unwrap();
    let licence = unread.purposes().licence(Some("employment"), &asked(Some("w")), at(0));
    assert!(matches!(licence, Licence::Unmet(_)), "{licence:?}");
    let read = PolicyFile::new(house.path("p.yaml")).reading(read).load().unwrap();
    let licence = read.purposes().licence(Some("employment"), &asked(Some("w")), at(0));
    assert!(matches!(licence, Licence::Met { .. }), "{licence:?}");
}

#[test]
fn a_policy_from_elsewhere_names_no_other_files() {
    let house = House::new(&[("a.json", GOOD)]);
    let known = house.load(RULE).unwrap();
    let proposed = |rule: &str| {
        let text = format!("version: 1\ntenants: []\n{rule}");
        Policy::parse_beside(&house.path("p.yaml"), text.as_bytes(), &known)
    };
    let same = proposed(&RULE.replace("10", "9")).unwrap();
    let licence = same.purposes().licence(Some("employment"), &asked(Some("w")), at(0));
    assert!(matches!(licence, Licence::Met { .. }), "{licence:?}");
    for path in ["/etc/passwd", "evidence/a.json", ".."] {
        let error =
            proposed(&RULE.replace("files: [evidence]", &format!("files: ['{path}']"))).unwrap_err().to_string();
        assert!(error.contains("is not named by the policy in force"), "{error}");
        assert!(!error.contains("No such file"), "nothing is told of files: {error}");
    }
}

#[test]
fn assessments_are_kept_beside_the_policies_that_were_in_force() {
    let house = House::new(&[("a.json", GOOD)]);
    let policy = house.load(RULE).unwrap();
    let history = History::new(house.path("policies"), house.path("p.yaml"));
    history.keep(&policy).unwrap();
    history.keep(&policy.numbered(2)).unwrap();
    let kept = house.path("policies/assessments/m-w-single-low-0-passed.json");
    assert_eq!(fs::read_to_string(kept).unwrap(), GOOD);
    assert_eq!(history.versions().unwrap(), [1, 2]);
}

#[test]
fn age_is_judged_by_the_time_of_the_request() {
    let policy = House::new(&[("a.json", GOOD)]).load(RULE).unwrap();
    let day = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let told = Arc::clone(&day);
    let now = move || Duration::from_secs(86400 * told.load(std::sync::atomic::Ordering::SeqCst));
    let desk = PolicyDesk::with_clock(policy, DeskClock::from_fn(now));
    let facts = Facts { purpose: Some("employment".to_owned()), ..Facts::default() };
    let check = |at: u64, met: bool| {
        day.store(at, std::sync::atomic::Ordering::SeqCst);
        let licence = desk.licence(&facts, &asked(Some("w")));
        assert_eq!(matches!(licence, Licence::Met { .. }), met, "{at}: {licence:?}");
    };
    check(0, true);
    check(10, true);
    check(11, false);
    check(5, true);
}

#[test]
fn what_is_demanded_and_on_file_is_explained() {
    let old = "m w single low -900000 passed";
    let policy = House::new(&[("a.json", GOOD), ("b.json", old)]).load(RULE).unwrap();
    let told = policy.purposes().explain(Some("employment"), at(1)).to_string();
    let expected = [
        "the purpose employment needs a passing impact assessment (hiring), at most 10 days old; without one the request is refused",
        "evidence/a.json sha256:m-w-single-low-0-passed",
        "good for this purpose",
        "not good: too old",
    ];
    for line in expected {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(policy.purposes().explain(Some("credit"), at(1)).to_string(), "");
    assert_eq!(policy.purposes().explain(None, at(1)).to_string(), "");
}
