//! The clock is moved: before the first day, on it, on the last day and after it.

use jiff::{SignedDuration, civil::Date};

use super::*;

/// The first moment of a day, by the offset that the place has had on it.
fn midnight(zone: &str, day: Date) -> Timestamp {
    let summer = (4..=10).contains(&day.month());
    let offset = match (zone, summer) {
        ("Europe/Brussels", true) => "+02:00",
        ("Europe/Brussels", false) => "+01:00",
        ("America/Denver", false) => "-07:00",
        ("America/Chicago", false) => "-06:00",
        _ => panic!("{zone} on {day}"),
    };
    format!("{day}T00:00:00{offset}").parse().unwrap()
}

fn zone(pack: &str) -> &'static str {
    match pack {
        "eu-ai-act" | "eu-gdpr" => "Europe/Brussels",
        "colorado-sb-26-189" => "America/Denver",
        "texas-hb-149" => "America/Chicago",
        _ => panic!("{pack}"),
    }
}

fn state_of(packs: &Packs, rule: &Rule, facts: &Facts, at: Timestamp) -> Option<State> {
    let judgement = packs.judge(facts, at);
    judgement.applied.iter().find(|applied| applied.rule == *rule.cite()).map(|applied| applied.state)
}

#[test]
fn every_rule_begins_with_its_first_day_in_its_place() {
    let packs = all();
    for rule in packs.rules() {
        let (from, _) = rule.effective();
        let first = midnight(zone(rule.pack().id()), from);
        let firing = rule.examples.iter().find(|example| matches!(example.expect, Expect::Enforced | Expect::Shadow));
        let facts = &firing.unwrap().facts;
        let settled = match (rule.status(), rule.cite().confidence) {
            (_, Confidence::Unconfirmed) => State::Shadow(ShadowReason::Unconfirmed),
            (Status::Stayed, _) => State::Shadow(ShadowReason::Stayed),
            _ => State::Enforced,
        };
        let check = |seconds: i64, expected| {
            let at = first + SignedDuration::from_secs(seconds);
            assert_eq!(state_of(&packs, rule, facts, at), Some(expected), "{} at {at}", rule.cite());
        };
        check(-86_400, State::Shadow(ShadowReason::NotYet { from }));
        check(-1, State::Shadow(ShadowReason::NotYet { from }));
        check(0, settled);
        check(86_400, settled);
        check(86_400 * 3650, settled);
    }
}

#[test]
fn a_rule_ends_with_its_last_day_in_its_place() {
    let packs = template();
    let facts =
        facts(r#"{"regions":["US-XX"],"purpose":"housing","decision":"decides","sectors":[],"data_classes":[]}"#);
    let check = |moment: &str, forbidden: bool, told: &str| {
        let explained = packs.explain(&facts, at(moment));
        assert_eq!(explained.judgement.forbidden.is_some(), forbidden, "{moment}");
        assert!(explained.to_string().contains(told), "{moment}: {explained}");
    };
    check("2026-01-01T04:59:59Z", false, "in shadow: not yet effective, from 2026-01-01 on");
    check("2026-01-01T05:00:00Z", true, "forbidden by example-act/ban");
    check("2029-12-31T04:59:59Z", true, "forbidden by example-act/ban");
    check("2029-12-31T05:00:00Z", true, "forbidden by example-act/ban");
    check("2030-01-01T04:59:59Z", true, "forbidden by example-act/ban");
    check("2030-01-01T05:00:00Z", false, "example-act/ban (Example Act 2026, § 1): ended with 2029-12-31");
}

#[test]
fn known_moments() {
    let packs = all();
    let check = |json: &str, moment: &str, forbidden: Option<&str>| {
        let judgement = packs.judge(&facts(json), at(moment));
        assert_eq!(judgement.forbidden.map(|one| one.rule.id.clone()).as_deref(), forbidden, "{json} at {moment}");
    };
    // Brussels is an hour ahead: its second of December begins on the first of UTC.
    let pictures = r#"{"regions":["BE"],"purpose":"intimate_imagery"}"#;
    check(pictures, "2026-12-01T22:59:59Z", None);
    check(pictures, "2026-12-01T23:00:00Z", Some("eu-ai-act/5-1-ba"));
    let scoring = r#"{"regions":["US-TX"],"purpose":"social_scoring","sectors":["government"]}"#;
    check(scoring, "2026-01-01T05:59:59Z", None);
    check(scoring, "2026-01-01T06:00:00Z", Some("texas-hb-149/552-053"));
}

#[test]
fn days_of_summer_time_are_those_of_the_place() {
    let rule = "  - { id: r, title: t, citation: c, status: in_force, effective: { from: 2026-03-08, until: 2026-03-08 }, \
                confidence: statute, then: { forbid: { reason: no } } }\n";
    // In Havana clocks go forward at midnight of this day, which begins at one o'clock and has 23 hours.
    let text = format!("{}rules:\n{rule}", head("t")).replace("Etc/UTC", "America/Havana");
    let packs = written(&text);
    let check = |moment: &str, expected: bool| {
        let judgement = packs.judge(&facts(r#"{"regions":["DE"]}"#), at(moment));
        assert_eq!(judgement.forbidden.is_some(), expected, "{moment}");
    };
    check("2026-03-08T04:59:59Z", false);
    check("2026-03-08T05:00:00Z", true);
    check("2026-03-09T03:59:59Z", true);
    check("2026-03-09T04:00:00Z", false);
}
