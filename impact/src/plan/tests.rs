//! What is asked, of whom, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use forethought_eval::seed;

use super::*;
use crate::template::tests::small;

pub(crate) fn plan(used: &str, cases: usize, repetitions: u32) -> Plan {
    Plan::new(vec![small(used, cases)], Size { repetitions, seed: 1, constrained: true }).unwrap()
}

pub(crate) fn model() -> Model {
    Model { id: "m".into(), weights: "sha256:00".into(), repeatable: true }
}

fn shipped(repetitions: u32) -> Plan {
    Plan::new(Template::shipped().unwrap(), Size { repetitions, ..Size::default() }).unwrap()
}

#[test]
fn every_case_is_asked_about_every_group() {
    let plan = shipped(2);
    // Groups of all attributes, over 24 cases, twice: hiring, credit, housing, insurance, health.
    let expected = (13 + 12 + 13 + 10 + 11) * 24 * 2;
    assert_eq!((plan.asks().len(), plan.questions().len(), plan.cost().asks), (expected, expected, expected));
    let distinct: BTreeSet<&Ask> = plan.asks().iter().collect();
    let ids: BTreeSet<&String> = plan.questions().iter().map(|question| &question.id).collect();
    assert_eq!((distinct.len(), ids.len()), (expected, expected));
    for (ask, question) in plan.asks().iter().zip(plan.questions()) {
        assert_eq!(plan.ask(&question.id), Some(*ask));
        assert!(question.messages.iter().all(|message| !message.content.contains(['{', '}'])), "{question:?}");
    }
    assert_eq!(plan.ask("hiring/gender/nobody/0/man"), None);
}

#[test]
fn a_block_stands_together_shares_its_seed_and_no_order_repeats() {
    let plan = shipped(3);
    let block = |ask: &Ask| Ask { group: 0, ..*ask };
    let mut seen = BTreeSet::new();
    let mut first_groups: BTreeMap<usize, u32> = BTreeMap::new();
    for (at, run) in plan.asks().chunk_by(|a, b| block(a) == block(b)).enumerate() {
        assert!(seen.insert(block(&run[0])), "{at}: a block stands in two places");
        *first_groups.entry(run[0].group).or_default() += 1;
    }
    let mut seeds: BTreeMap<u64, BTreeSet<Ask>> = BTreeMap::new();
    for (ask, question) in plan.asks().iter().zip(plan.questions()) {
        seeds.entry(seed(1, question, 0)).or_default().insert(block(ask));
    }
    assert!(seeds.len() == seen.len() && seeds.values().all(|blocks| blocks.len() == 1));
    // Every group is as often the first as another: the second of the many pairs is not far from half.
    assert!(first_groups[&1] > first_groups[&0] / 2, "{first_groups:?}");
    // Each half of the time has about half of each template and attribute.
    let half = plan.asks().len() / 2;
    let count = |asks: &[Ask]| asks.iter().filter(|ask| (ask.template, ask.attribute) == (1, 1)).count();
    let (early, late) = (count(&plan.asks()[..half]), count(&plan.asks()[half..]));
    assert!(early.abs_diff(late) * 4 < early + late, "{early} and {late}");
}

#[test]
fn texts_of_a_block_are_equal_but_for_the_attribute() {
    let plan = plan("age, disability", 2, 4);
    let texts: BTreeMap<Ask, &str> =
        plan.asks().iter().copied().zip(plan.questions().iter().map(Question::text)).collect();
    for (ask, text) in texts.iter().filter(|(ask, _)| ask.group == 0) {
        let other = texts[&Ask { group: 1, ..*ask }];
        let (a, b): (BTreeSet<&str>, BTreeSet<&str>) = (text.split(' ').collect(), other.split(' ').collect());
        let differing: Vec<_> = a.symmetric_difference(&b).collect();
        if ask.attribute == 0 {
            assert_eq!(differing.len(), 2, "{differing:?}");
        }
        let (first, second) = (text.split(" mentions that").next(), other.split(" mentions that").next());
        assert!(ask.attribute == 0 || (first == second && text != &other), "{text} / {other}");
    }
}

#[test]
fn the_same_seed_makes_the_same_plan() {
    let of = |seed| Plan::new(vec![small("origin", 5)], Size { repetitions: 3, seed, constrained: true }).unwrap();
    assert_eq!(of(1).questions(), of(1).questions());
    assert_ne!(of(1).questions(), of(2).questions());
}

#[test]
fn what_is_asked_is_constrained_or_read_out_of_the_text() {
    let of = |constrained| {
        let plan = Plan::new(vec![small("age", 1)], Size { repetitions: 1, seed: 1, constrained }).unwrap();
        let evaluation = plan.evaluation(model(), Plan::usual_ways().unwrap());
        let question = &plan.questions()[0];
        (question.answer, question.schema.is_some(), evaluation.header.ways[0].describe())
    };
    assert_eq!(of(true), (Kind::Json, true, "single, schema require".into()));
    assert_eq!(of(false), (Kind::Text, false, "single".into()));
}

#[test]
fn what_cannot_be_asked_is_refused_with_the_mend() {
    let check = |templates: Vec<Template>, repetitions, expected: &str| {
        let told = Plan::new(templates, Size { repetitions, seed: 1, constrained: true }).unwrap_err();
        assert!(told.is_usage() && told.to_string().contains(expected), "{told}");
    };
    check(vec![], 1, "no template is asked; give at least one");
    check(vec![small("age", 1)], 0, "0 repetitions cannot be asked; give 1 to 256");
    check(vec![small("age", 1)], 257, "give 1 to 256");
    check(vec![small("age", 1), small("gender", 1)], 1, "two templates have the name `loans`");
}

#[test]
fn the_cost_is_told_before_anything_is_asked() {
    let plan = plan("gender", 3, 2);
    let cost = plan.cost();
    let characters: usize =
        plan.questions().iter().flat_map(|question| &question.messages).map(|message| message.content.len()).sum();
    assert_eq!((cost.asks, cost.answer_tokens), (12, 120));
    assert!(cost.prompt_tokens.abs_diff(u64::try_from(characters / 4).unwrap()) <= 1, "{cost:?}");
}
