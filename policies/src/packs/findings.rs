//! What is wrong with a pack beyond what a schema can say, each at its place.

use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
};

use serde_json::Value;

use super::{
    file::{Written, WrittenRule},
    region::Region,
    rule::Status,
    words::{DataClass, Decision, Ground, Interaction, Purpose, Sector, UnknownWord},
};
use crate::{document::Document, problem::Problem, screens::ScreenRules, whole};

/// Words that are not in the vocabulary, ids that stand twice, orders that name nothing, phrases that could never be found,
/// rules of whole texts that could not be kept.
pub(super) fn of_words(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let rules = list(&value, "/rules");
    let mut found: Vec<Problem> = rules.iter().enumerate().flat_map(|(at, rule)| of_rule(document, rule, at)).collect();
    found.extend(of_regions(document, &value));
    found.extend(twice(document, rules));
    found.extend(of_orders(document, &value));
    found
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn of_rule(document: &Document, rule: &Value, at: usize) -> Vec<Problem> {
    let rule_at = format!("/rules/{at}");
    let exceptions = (0..list(rule, "/unless").len()).map(|exception| format!("/unless/{exception}"));
    let mut found: Vec<Problem> = exceptions
        .chain(["/when".to_owned()])
        .flat_map(|place| of_condition(document, rule, &rule_at, &place))
        .collect();
    found.extend(of_list::<Ground>(document, rule, &rule_at, "/then/require/grounds"));
    let examples = list(rule, "/examples").iter().enumerate();
    found.extend(
        examples.filter_map(|(example, value)| of_example(document, value, &format!("{rule_at}/examples/{example}"))),
    );
    found.extend(["input", "output"].iter().filter_map(|side| of_phrases(document, rule, &rule_at, side)));
    found.extend(of_wholes(document, &rule_at));
    found
}

fn of_condition(document: &Document, rule: &Value, rule_at: &str, place: &str) -> Vec<Problem> {
    let at = |field: &str| format!("{place}/{field}");
    [
        of_list::<Purpose>(document, rule, rule_at, &at("purposes")),
        of_list::<Sector>(document, rule, rule_at, &at("sectors")),
        of_list::<DataClass>(document, rule, rule_at, &at("data_classes")),
        of_list::<Interaction>(document, rule, rule_at, &at("interactions")),
        of_list::<Decision>(document, rule, rule_at, &at("decisions")),
        of_list::<Ground>(document, rule, rule_at, &at("grounds")),
    ]
    .concat()
}

/// Words of one list that are not known. What is no text is told by the schema.
fn of_list<W: FromStr<Err = UnknownWord>>(
    document: &Document,
    rule: &Value,
    rule_at: &str,
    place: &str,
) -> Vec<Problem> {
    let words = list(rule, place).iter().enumerate().filter_map(|(at, word)| Some((at, word.as_str()?)));
    let wrong = words.filter_map(|(at, word)| Some((at, word.parse::<W>().err()?)));
    wrong.map(|(at, error)| document.problem(&format!("{rule_at}{place}/{at}"), told(&error), error.mend)).collect()
}

fn told(error: &UnknownWord) -> String {
    format!("`{}` is no {} that is known", error.word, error.what)
}

/// An example that cannot be read: its facts are checked by their own types.
fn of_example(document: &Document, example: &Value, at: &str) -> Option<Problem> {
    let facts = example.get("facts")?;
    let error = serde_json::from_value::<super::facts::Facts>(facts.clone()).err()?;
    Some(document.problem(&format!("{at}/facts"), format!("these facts cannot be read: {error}"), "correct them"))
}

fn of_phrases(document: &Document, rule: &Value, rule_at: &str, side: &str) -> Option<Problem> {
    let screens: ScreenRules = serde_json::from_value(rule.pointer("/then/safeguards")?.clone()).ok()?;
    let (list, phrase) = if side == "input" { screens.input } else { screens.output }.empty_phrase()?;
    let at = format!("{rule_at}/then/safeguards/{side}/deny/{list}/phrases/{phrase}");
    let told = "the phrase has no letter or digit, so it is never found";
    Some(document.problem(&at, told, "write words, or remove it"))
}

/// Rules of whole texts that could not be kept. A pack stands for itself: the schema of a contract stands in it.
fn of_wholes(document: &Document, rule_at: &str) -> Vec<Problem> {
    let (value, owner) = (document.value(), format!("{rule_at}/then"));
    let mut found = whole::problems(document, &value, &owner);
    let file = format!("{owner}/safeguards/output/contract/file");
    if value.pointer(&file).is_some() {
        found.push(document.problem(&file, "a pack names no files", "write the schema itself, under `schema`"));
    }
    found
}

fn of_regions(document: &Document, value: &Value) -> Vec<Problem> {
    let regions = list(value, "/regions").iter().enumerate().filter_map(|(at, region)| Some((at, region.as_str()?)));
    let wrong = regions.filter(|(_, region)| region.parse::<Region>().is_err());
    let problem = |(at, region)| {
        let mend = "write a country such as `DE`, a part of one such as `US-CO`, or `EU`";
        document.problem(&format!("/regions/{at}"), format!("`{region}` is no region"), mend)
    };
    wrong.map(problem).collect()
}

fn twice(document: &Document, rules: &[Value]) -> Vec<Problem> {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let ids = rules.iter().enumerate().filter_map(|(at, rule)| Some((at, rule.get("id")?.as_str()?)));
    let again = ids.filter_map(|(at, id)| first.insert(id, at).map(|_| (at, id)));
    let problem = |(at, id)| {
        let told = format!("the rule id `{id}` stands twice");
        document.problem(&format!("/rules/{at}/id"), told, "give each rule its own id")
    };
    again.map(problem).collect()
}

/// Orders that name a rule of this very pack that is not there. Those of other packs need not be loaded.
fn of_orders(document: &Document, value: &Value) -> Vec<Problem> {
    let pack = value.get("id").and_then(Value::as_str).unwrap_or_default();
    let ids: HashSet<&str> = list(value, "/rules").iter().filter_map(|rule| rule.get("id")?.as_str()).collect();
    let unknown = |name: &str| {
        let rule = name.split_once('/').filter(|(of, _)| *of == pack).map(|(_, rule)| rule);
        rule.is_some_and(|rule| rule != "*" && !ids.contains(rule))
    };
    let orders = 0..list(value, "/order").len();
    let places = orders.flat_map(|at| ["first", "then"].map(|side| format!("/order/{at}/{side}")));
    let named = places.flat_map(|place| {
        let names = list(value, &place).iter().enumerate();
        names.filter_map(|(at, name)| Some((format!("{place}/{at}"), name.as_str()?))).collect::<Vec<_>>()
    });
    let problem = |(at, name): (String, &str)| {
        document.problem(&at, format!("this pack has no rule `{name}`"), "correct the id, or write `<pack>/*`")
    };
    named.filter(|(_, name)| unknown(name)).map(problem).collect()
}

/// Dates, statuses and days that contradict each other.
pub(super) fn of_sense(document: &Document, written: &Written, zone: bool) -> Vec<Problem> {
    let mut found = Vec::new();
    if !zone {
        let told = format!("`{}` is no time zone that is known", written.timezone);
        found.push(document.problem("/timezone", told, "write a name of the IANA database, such as Europe/Brussels"));
    }
    for (at, rule) in written.rules.iter().enumerate() {
        let wrong = [of_dates(rule), of_status(rule, written), of_days(rule)];
        found.extend(
            wrong
                .into_iter()
                .flatten()
                .map(|(field, told, mend)| document.problem(&format!("/rules/{at}/{field}"), told, mend)),
        );
    }
    found
}

/// A field, what is wrong, and the mend.
type Wrong = (&'static str, String, &'static str);

fn of_dates(rule: &WrittenRule) -> Option<Wrong> {
    let from = rule.effective.from;
    let until = rule.effective.until.filter(|until| *until < from)?;
    let told = format!("the last day {until} is before the first day {from}");
    Some(("effective/until", told, "`until` is the last day on which the rule holds"))
}

/// `in_force` and `enacted` are told apart by the day on which the pack was checked, so that neither goes stale unseen.
fn of_status(rule: &WrittenRule, written: &Written) -> Option<Wrong> {
    let (from, checked) = (rule.effective.from, written.checked_on);
    match rule.status {
        Status::InForce if from > checked => {
            let told = format!("it is in force only from {from} on, and the pack was checked on {checked}");
            Some(("status", told, "write `enacted` until then"))
        }
        Status::Enacted if from <= checked => {
            let told = format!("it was in force since {from} when the pack was checked on {checked}");
            Some(("status", told, "write `in_force`"))
        }
        _ => None,
    }
}

fn of_days(rule: &WrittenRule) -> Option<Wrong> {
    let told = || "contents would have to be gone before they may go".to_owned();
    rule.then.ends_too_early().then(|| ("then/limit", told(), "make `limit` at least as long as `retain`"))
}
