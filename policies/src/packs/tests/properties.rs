//! Several packs together: in whatever order, and never weaker than any one of them.

use std::sync::LazyLock;

use proptest::{option, prelude::*, sample::select, test_runner::TestCaseResult};

use super::*;

const NAMES: [&str; 4] = ["colorado-sb-26-189", "eu-ai-act", "eu-gdpr", "texas-hb-149"];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Option<&'static str>> {
    option::weighted(0.8, select(words))
}

fn words(words: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<&'static str>>> {
    option::weighted(0.8, prop::collection::vec(select(words), 0..3))
}

fn any_facts() -> impl Strategy<Value = Facts> {
    const REGIONS: &[&str] = &["DE", "FR-IDF", "EU", "US-TX", "US-CO", "US", "CH"];
    let parts = (
        word(Purpose::WORDS),
        words(Sector::WORDS),
        words(REGIONS),
        words(DataClass::WORDS),
        word(Interaction::WORDS),
        word(Decision::WORDS),
        prop::collection::vec(select(Ground::WORDS), 0..3),
    );
    parts.prop_map(|(purpose, sectors, regions, data, interaction, decision, grounds)| {
        let set = |words: Option<Vec<&str>>| serde_json::to_value(words).unwrap();
        let json = serde_json::json!({
            "purpose": purpose, "sectors": set(sectors), "regions": set(regions), "data_classes": set(data),
            "interaction": interaction, "decision": decision, "grounds": grounds,
        });
        serde_json::from_value(json).unwrap()
    })
}

/// Moments about the days of the packs.
fn any_moment() -> impl Strategy<Value = Timestamp> {
    (at("2024-12-01T00:00:00Z").as_second()..at("2028-12-31T00:00:00Z").as_second())
        .prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn any_when_unknown() -> impl Strategy<Value = WhenUnknown> {
    select(vec![WhenUnknown::Allow, WhenUnknown::Review, WhenUnknown::Forbid])
}

fn choices(names: &[&str], unknown: WhenUnknown) -> Vec<PackChoice> {
    let choice =
        |name: &&str| PackChoice { when_unknown: Some(unknown), enforce_stayed: true, ..PackChoice::new(*name) };
    names.iter().map(choice).collect()
}

fn load(names: &[&str], unknown: WhenUnknown) -> Packs {
    Packs::load(&choices(names, unknown), Path::new("")).unwrap()
}

static EVERY: LazyLock<Packs> = LazyLock::new(|| load(&NAMES, WhenUnknown::Allow));

fn not_weaker(together: &Judgement, alone: &Judgement) -> TestCaseResult {
    prop_assert!(alone.forbidden.is_none() || together.forbidden.is_some());
    let reviewers = |judgement: &Judgement| judgement.review.as_ref().map_or(0, |review| review.reviewers);
    prop_assert!(reviewers(together) >= reviewers(alone));
    for applied in &alone.applied {
        let same = |other: &&Applied| other.rule == applied.rule && other.effect == applied.effect;
        prop_assert_eq!(together.applied.iter().find(same).map(|other| other.state), Some(applied.state));
    }
    for told in &alone.disclosures {
        prop_assert!(together.disclosures.iter().any(|other| other.disclose == told.disclose));
    }
    prop_assert!(alone.owed.iter().all(|owed| together.owed.contains(owed)));
    prop_assert!(alone.safeguards.iter().all(|one| together.safeguards.contains(one)));
    prop_assert!(alone.undetermined.iter().all(|one| together.undetermined.contains(one)));
    let days = |judgement: &Judgement| judgement.retention.records.as_ref().map_or(0, |bound| bound.days);
    prop_assert!(days(together) >= days(alone));
    let contents = |judgement: &Judgement| judgement.retention.contents.as_ref().map_or(0, |bound| bound.days);
    prop_assert!(contents(together) >= contents(alone));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn packs_together_are_never_weaker_than_one_and_their_order_is_nothing(
        requests in prop::collection::vec((any_facts(), any_moment()), 12),
        unknown in any_when_unknown(),
        names in Just(NAMES.to_vec()).prop_shuffle(),
        many in 1..=NAMES.len(),
    ) {
        let names = &names[..many];
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        let (shuffled, sorted) = (load(names, unknown), load(&sorted, unknown));
        let single: Vec<Packs> = names.iter().map(|name| load(&[name], unknown)).collect();
        for (facts, moment) in &requests {
            let together = shuffled.judge(facts, *moment);
            prop_assert_eq!(&sorted.judge(facts, *moment), &together);
            for alone in &single {
                not_weaker(&together, &alone.judge(facts, *moment))?;
            }
        }
    }
}

proptest! {
    #[test]
    fn an_index_finds_what_looking_at_every_rule_finds(facts in any_facts(), moment in any_moment()) {
        let packs = &*EVERY;
        let explained = packs.explain(&facts, moment);
        let judgement = &explained.judgement;
        for rule in packs.rules() {
            let applied = judgement.applied.iter().any(|applied| applied.rule == *rule.cite());
            let open = judgement.undetermined.iter().any(|open| open.rule == *rule.cite());
            let passed = explained.unapplied.iter().any(|passed| passed.rule == *rule.cite());
            prop_assert_eq!(u8::from(applied) + u8::from(open) + u8::from(passed), 1, "{}", rule.cite());
        }
    }

    #[test]
    fn saying_more_never_excuses_from_a_ban_that_was_sure(facts in any_facts(), moment in any_moment()) {
        let packs = &*EVERY;
        let before = packs.judge(&facts, moment);
        let mut fuller = facts.clone();
        fuller.purpose = facts.purpose.or(Some(Purpose::Assistance));
        fuller.sectors = facts.sectors.or(Some([Sector::Retail].into()));
        fuller.interaction = facts.interaction.or(Some(Interaction::Consumer));
        fuller.decision = facts.decision.or(Some(Decision::None));
        let after = packs.judge(&fuller, moment);
        prop_assert!(before.forbidden.is_none() || after.forbidden.is_some());
    }
}
