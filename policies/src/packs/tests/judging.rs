//! What comes of several rules together, and of what is not known.

use super::*;

fn ids(cites: &[Cite]) -> Vec<&str> {
    cites.iter().map(|cite| cite.id.as_str()).collect()
}

/// A pack of these rules.
fn pack(rules: &[(&str, &str)]) -> Packs {
    let rules: String = rules.iter().map(|(id, then)| rule(id, then)).collect();
    written(&format!("{}rules:\n{rules}", head("t")))
}

const HERE: &str = r#"{"regions":["DE"]}"#;

#[test]
fn without_packs_or_where_no_law_holds_everything_passes() {
    let check = |packs: &Packs, json: &str| {
        assert_eq!(packs.judge(&facts(json), checked()), Judgement::default(), "{json}");
    };
    check(&Packs::default(), "{}");
    check(&Packs::default(), r#"{"purpose":"social_scoring","regions":["DE"]}"#);
    check(&all(), r#"{"purpose":"social_scoring","regions":["CH"]}"#);
    check(&all(), r#"{"purpose":"social_scoring","regions":[]}"#);
}

#[test]
fn laws_of_every_region_that_is_named_bind() {
    let check = |regions: &str, expected: &[&str]| {
        let json = format!(r#"{{"regions":[{regions}],"purpose":"child_abuse_material"}}"#);
        let forbidden = all().judge(&facts(&json), at("2027-01-01T12:00:00Z")).forbidden;
        let found = forbidden.map(|one| [vec![one.rule], one.also].concat()).unwrap_or_default();
        assert_eq!(ids(&found), expected, "{regions}");
    };
    check(r#""DE""#, &["eu-ai-act/5-1-bb"]);
    check(r#""DE","FR""#, &["eu-ai-act/5-1-bb"]);
    check(r#""US-TX","DE""#, &["eu-ai-act/5-1-bb", "texas-hb-149/552-057"]);
    check(r#""US-TX""#, &["texas-hb-149/552-057"]);
    check(r#""us-tx""#, &["texas-hb-149/552-057"]);
    check(r#""US""#, &[]);
}

#[test]
fn a_law_that_holds_in_several_regions_is_judged_once() {
    let with = |regions: &str| {
        let json =
            format!(r#"{{"regions":[{regions}],"purpose":"credit","interaction":"consumer","decision":"decides"}}"#);
        all().judge(&facts(&json), checked())
    };
    assert_eq!(with(r#""DE","FR-IDF","EU""#), with(r#""DE""#));
    assert!(with(r#""DE""#).applied.len() > 5);
}

#[test]
fn a_ban_is_told_before_a_condition_and_a_condition_before_what_is_unknown() {
    let unknown = "when: { purposes: [credit] }, then: { erase: {} }";
    let wanted = "then: { require: { grounds: [consent], reason: ask first } }";
    let packs = |ban: &str| {
        let rules: String = rule("a", unknown) + &rule("b", wanted) + &rule("c", ban);
        written(&format!("{}when_unknown: forbid\nrules:\n{rules}", head("t")))
    };
    let check = |ban: &str, json: &str, expected: (&str, &str, Option<&str>), also: &[&str]| {
        let forbidden = packs(ban).judge(&facts(json), checked()).forbidden.unwrap();
        let (rule, reason, mend) = expected;
        assert_eq!((forbidden.rule.id.as_str(), forbidden.reason.as_str()), (rule, reason));
        assert_eq!(forbidden.mend.as_deref(), mend);
        assert_eq!(ids(&forbidden.also), also);
    };
    let mend = Some("have this on file for the use: consent");
    check("then: { forbid: { reason: never } }", HERE, ("t/c", "never", None), &["t/a", "t/b"]);
    check("then: { erase: {} }", HERE, ("t/b", "ask first", mend), &["t/a"]);
    let consent = r#"{"regions":["DE"],"grounds":["consent"]}"#;
    let told = "whether \"about a\" applies hangs on what the request does not say: `purpose`";
    check("then: { erase: {} }", consent, ("t/a", told, Some("say `purpose` in the request")), &[]);
}

#[test]
fn what_is_unknown_is_told_and_done_as_the_pack_or_the_operator_says() {
    let text = |header: &str, more: &str| {
        let rule = rule(
            "r",
            &format!("when: {{ purposes: [credit], sectors: [finance] }}, {more} then: {{ forbid: {{ reason: no }} }}"),
        );
        format!("{}{header}rules:\n{rule}", head("t"))
    };
    let check = |header: &str, choice: Option<WhenUnknown>, json: &str, verdict: Verdict, missing: &[Fact]| {
        let packs = with(&text(header, ""), |settings| settings.when_unknown = choice);
        let judgement = packs.judge(&facts(json), checked());
        assert_eq!(judgement.verdict(), verdict, "{header} {choice:?} {json}");
        let found: Vec<_> = judgement.undetermined.iter().flat_map(|open| open.missing.clone()).collect();
        assert_eq!(found, missing, "{json}");
    };
    let purpose = r#"{"regions":["DE"],"purpose":"credit"}"#;
    check("", None, HERE, Verdict::Allowed, &[Fact::Purpose, Fact::Sectors]);
    check("", None, purpose, Verdict::Allowed, &[Fact::Sectors]);
    check("", None, "{}", Verdict::Allowed, &[Fact::Regions, Fact::Purpose, Fact::Sectors]);
    check("when_unknown: review\n", None, purpose, Verdict::Review, &[Fact::Sectors]);
    check("when_unknown: forbid\n", None, purpose, Verdict::Forbidden, &[Fact::Sectors]);
    check("when_unknown: forbid\n", Some(WhenUnknown::Allow), purpose, Verdict::Allowed, &[Fact::Sectors]);
    check("", Some(WhenUnknown::Forbid), purpose, Verdict::Forbidden, &[Fact::Sectors]);
    // Whatever the sector is, another purpose is enough to know.
    let other = r#"{"regions":["DE"],"purpose":"research"}"#;
    check("when_unknown: forbid\n", None, other, Verdict::Allowed, &[]);
    check("when_unknown: forbid\n", None, r#"{"regions":["CH"]}"#, Verdict::Allowed, &[]);
}

#[test]
fn what_is_unknown_decides_nothing_for_a_rule_that_has_no_effect_yet() {
    let rule = |more: &str| {
        format!(
            "  - {{ id: r, title: t, citation: c, {more}, when: {{ purposes: [credit] }}, then: {{ erase: {{}} }} }}\n"
        )
    };
    let check = |more: &str, set: fn(&mut PackChoice), expected: Verdict| {
        let text = format!("{}when_unknown: forbid\nrules:\n{}", head("t"), rule(more));
        let judgement = with(&text, set).judge(&facts(HERE), checked());
        assert_eq!(judgement.verdict(), expected, "{more}");
        assert_eq!(judgement.undetermined.len(), 1);
    };
    let in_force = "status: in_force, effective: { from: 2026-01-01 }, confidence: statute";
    check(in_force, |_| {}, Verdict::Forbidden);
    check(in_force, |choice| choice.mode = Mode::Shadow, Verdict::Allowed);
    check("status: enacted, effective: { from: 2027-01-01 }, confidence: statute", |_| {}, Verdict::Allowed);
    check("status: in_force, effective: { from: 2026-01-01 }, confidence: unconfirmed", |_| {}, Verdict::Allowed);
    check("status: proposed, effective: { from: 2026-01-01 }, confidence: statute", |_| {}, Verdict::Allowed);
    let stayed = "status: stayed, effective: { from: 2026-01-01 }, confidence: statute";
    check(stayed, |_| {}, Verdict::Allowed);
    check(stayed, |choice| choice.enforce_stayed = true, Verdict::Forbidden);
}

#[test]
fn what_is_not_known_excepts_nobody() {
    let packs =
        pack(&[("r", "unless: [{ purposes: [research], sectors: [education] }], then: { forbid: { reason: no } }")]);
    let check = |json: &str, expected: bool| {
        assert_eq!(packs.judge(&facts(json), checked()).forbidden.is_some(), expected, "{json}");
    };
    check(HERE, true);
    check(r#"{"regions":["DE"],"purpose":"research"}"#, true);
    check(r#"{"regions":["DE"],"purpose":"research","sectors":["education"]}"#, false);
}

#[test]
fn settings_say_what_has_effect() {
    let scoring = r#"{"regions":["DE"],"purpose":"social_scoring"}"#;
    let talk = r#"{"regions":["DE"],"interaction":"consumer"}"#;
    let hiring = r#"{"regions":["US-CO"],"purpose":"employment","decision":"assists"}"#;
    let judge = |pack: &str, set: fn(&mut PackChoice), json: &str| {
        let mut choice = PackChoice::new(pack);
        set(&mut choice);
        let packs = Packs::load(&[choice], Path::new("")).unwrap();
        packs.judge(&facts(json), at("2027-06-01T12:00:00Z"))
    };
    assert!(judge("eu-ai-act", |_| {}, scoring).forbidden.is_some());
    let shadow = judge("eu-ai-act", |choice| choice.mode = Mode::Shadow, scoring);
    assert_eq!((shadow.forbidden, shadow.disclosures.len()), (None, 0));
    assert_eq!(shadow.applied[0].state, State::Shadow(ShadowReason::PackInShadow));
    assert_eq!(judge("eu-ai-act", |_| {}, talk).marks().len(), 2);
    assert_eq!(judge("eu-ai-act", |choice| choice.role = Role::Provider, talk).marks().len(), 2);
    assert_eq!(judge("eu-ai-act", |choice| choice.role = Role::Deployer, talk).marks().len(), 0);
    let stayed = judge("colorado-sb-26-189", |_| {}, hiring);
    assert_eq!((stayed.disclosures.len(), stayed.owed.len(), stayed.retention.records), (0, 0, None));
    let enforced = judge("colorado-sb-26-189", |choice| choice.enforce_stayed = true, hiring);
    assert_eq!((enforced.disclosures.len(), enforced.owed.len()), (1, 4));
    assert_eq!(enforced.retention.records.unwrap().days, 1096);
}

#[test]
fn what_covers_each_other_is_said_once_and_the_rest_is_shown() {
    let agency = r#"{"regions":["US-TX","DE"],"sectors":["government"],"interaction":"consumer"}"#;
    let judgement = all().judge(&facts(agency), checked());
    let told: Vec<_> = judgement.disclosures.iter().filter(|told| told.disclose.notice.is_some()).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(ids(&told[0].rules), ["eu-ai-act/50-1", "texas-hb-149/552-051-agency"]);
    let covered = judgement.applied.iter().find(|applied| applied.rule.id == "texas-hb-149/552-051-agency").unwrap();
    assert!(matches!(&covered.standing, Standing::CoveredBy(rule) if rule.id == "eu-ai-act/50-1"));
    let marks = judgement.marks();
    assert_eq!(marks["ai-interaction"].iter().collect::<Vec<_>>(), [&"disclosed"]);
    assert_eq!(marks["ai-generated"].iter().collect::<Vec<_>>(), [&"true"]);
}

#[test]
fn the_strictest_wins_and_those_it_covers_are_shown() {
    let packs = pack(&[
        ("a", "then: { review: { reason: look }, retain: { records_days: 10 } }"),
        ("b", "then: { review: { reason: look twice, reviewers: 2 }, retain: { records_days: 20 } }"),
        ("c", "then: { retain: { records_days: 20 }, limit: { contents_days: 50 } }"),
        ("d", "then: { limit: { contents_days: 40 } }"),
        ("e", "then: { disclose: { mark: { k: v } } }"),
        ("f", "then: { disclose: { mark: { k: w } } }"),
    ]);
    let judgement = packs.judge(&facts(HERE), checked());
    let review = judgement.review.as_ref().unwrap();
    assert_eq!((review.reviewers, review.reasons[0].0.as_str(), review.reasons.len()), (2, "look twice", 2));
    let retention = &judgement.retention;
    assert_eq!(retention.records.as_ref().map(|bound| (bound.days, bound.rule.id.as_str())), Some((20, "t/b")));
    assert_eq!(retention.limit.as_ref().map(|bound| (bound.days, bound.rule.id.as_str())), Some((40, "t/d")));
    let covered: Vec<(&str, &str, &str)> = judgement
        .applied
        .iter()
        .filter_map(|applied| match &applied.standing {
            Standing::CoveredBy(by) => Some((applied.rule.id.as_str(), applied.effect.name(), by.id.as_str())),
            _ => None,
        })
        .collect();
    let expected =
        [("t/a", "review", "t/b"), ("t/a", "retain", "t/b"), ("t/c", "retain", "t/b"), ("t/c", "limit", "t/d")];
    assert_eq!(covered, expected);
    assert_eq!(judgement.marks()["k"].iter().collect::<Vec<_>>(), [&"v", &"w"]);
}

#[test]
fn safeguards_of_packs_only_make_stricter() {
    use forethought_safeguards::{Action, Kind, Rules, Safeguards};
    let search = r#"{"regions":["IE"],"purpose":"bias_detection","data_classes":["special_category"]}"#;
    let judgement = all().judge(&facts(search), checked());
    let ids: Vec<&str> = judgement.safeguards.iter().map(|screening| screening.rule.id.as_str()).collect();
    assert_eq!(ids, ["eu-ai-act/4a-redact"]);
    let own: Rules = serde_json::from_str(r#"{"kinds":{"email":"block","phone":"flag"}}"#).unwrap();
    let check = |rules: Vec<&Rules>| {
        let made = Safeguards::new(&[vec![&own], rules].concat());
        let actions = [Kind::Email, Kind::Phone, Kind::Card].map(|kind| made.action(kind));
        assert_eq!(actions, [Action::Block, Action::Redact, Action::Redact]);
    };
    check(judgement.input_rules());
    check(judgement.output_rules());
}

#[test]
fn erasure_against_keeping_goes_by_what_is_written_and_else_to_a_person() {
    let credit =
        r#"{"regions":["DE"],"purpose":"credit","data_classes":["financial"],"grounds":["trained_overseers"]}"#;
    let judgement = all().judge(&facts(credit), at("2027-12-02T12:00:00Z"));
    let retention = &judgement.retention;
    assert_eq!(retention.records.as_ref().unwrap().days, 184);
    assert_eq!(retention.contents.as_ref().unwrap().rule.id, "eu-ai-act/hr-19-contents");
    assert_eq!(retention.erase.as_ref().map(|erase| (erase.not_before_days, erase.within_days)), Some((0, None)));
    assert!(!retention.is_open());
    let Outcome::AgainstFirst(reason) = &retention.conflicts[0].outcome else { panic!("{retention:?}") };
    assert_eq!(reason.citation, "Regulation (EU) 2024/1689, Art. 19(1)");
    let yields = judgement.applied.iter().find(|applied| applied.rule.id == "eu-ai-act/hr-19-contents").unwrap();
    assert!(matches!(&yields.standing, Standing::YieldsTo(rule) if rule.id == "eu-gdpr/17"));

    // A floor that no pack ranks: the books of the template's law.
    let mut packs = all();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    packs.add(open(&PackChoice::new("template.yaml"), &folder).unwrap()).unwrap();
    packs = reindexed(packs);
    let both = r#"{"regions":["DE","US-XX"],"sectors":["finance"],"data_classes":["personal"]}"#;
    let judgement = packs.judge(&facts(both), checked());
    let retention = &judgement.retention;
    assert!(retention.is_open());
    let open: Vec<_> = retention.conflicts.iter().filter(|one| one.outcome == Outcome::Open).collect();
    assert_eq!((open[0].keep.id.as_str(), open[0].against.id.as_str()), ("example-act/books", "eu-gdpr/17"));
    // The right of the same law waits for its books, as that law says.
    assert_eq!(
        retention.erase.as_ref().map(|erase| (erase.not_before_days, erase.rule.id.as_str())),
        Some((731, "example-act/erase"))
    );
    let gdpr = judgement.applied.iter().find(|applied| applied.rule.id == "eu-gdpr/17").unwrap();
    assert!(matches!(&gdpr.standing, Standing::Open(rule) if rule.id == "example-act/books"));
}

/// The same packs with a new index.
fn reindexed(mut packs: Packs) -> Packs {
    packs.by_region.clear();
    packs.index();
    packs
}

#[test]
fn orders_of_a_pack_that_is_only_tried_decide_nothing() {
    let two =
        rule("keep", "then: { retain: { contents_days: 9 } }") + &rule("gone", "then: { limit: { contents_days: 5 } }");
    let order = "order:\n  - { first: [o/*], then: [t/keep], citation: c, why: w }\n  - { first: [t/gone], then: [t/keep], citation: c, why: w }\n";
    let check = |mode: Mode, expected: Option<u32>| {
        let mut packs = written(&format!("{}rules:\n{two}", head("t")));
        let text = format!("{}{order}rules:\n{}", head("o"), rule("x", "then: { retain: { records_days: 1 } }"));
        let mut choice = PackChoice::new("o.yaml");
        choice.mode = mode;
        packs.add(file::parse(Path::new("o.yaml"), text.as_bytes(), &choice).unwrap()).unwrap();
        let retention = reindexed(packs).judge(&facts(HERE), checked()).retention;
        assert_eq!(retention.limit.map(|bound| bound.days), expected, "{mode:?}");
    };
    check(Mode::Enforce, Some(5));
    check(Mode::Shadow, None);
}
