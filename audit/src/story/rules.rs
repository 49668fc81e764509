//! Which rules of law and which safeguards had a say, and what each did.

use super::{Part, words};
use crate::{Admission, ClassifierNote, LawNote, Outcome, RetentionDays, RetentionNote, SafeguardNote};

pub(super) fn rules(admission: &Admission, outcome: Option<&Outcome>) -> Vec<Part> {
    let mut told: Vec<String> = admission.laws.iter().map(law).collect();
    told.extend(admission.safeguards.iter().map(|note| safeguard("what was asked", note)));
    if let Some(outcome) = outcome {
        told.extend(outcome.safeguards.iter().map(|note| safeguard("what was answered", note)));
        told.extend(outcome.classifiers.iter().map(classifier));
    }
    if told.is_empty() {
        told.push("No rule of law and no safeguard had a say.".to_owned());
    }
    told.extend(kept(&admission.retention));
    told.into_iter().map(Part::sentence).collect()
}

/// What a rule did, or would have done.
fn law(note: &LawNote) -> String {
    let LawNote { rule, state, effect, assessment } = note;
    let asks = effect.as_deref().map_or_else(|| "has a say".to_owned(), asks_for);
    let by = assessment.as_ref().map(|digest| format!(" Assessment: {digest}.")).unwrap_or_default();
    match state.as_str() {
        "enforced" => format!("The rule `{rule}` {asks}, and was enforced.{by}"),
        "shadow" => format!("The rule `{rule}` {asks}. It was only noted, not enforced (shadow).{by}"),
        "undetermined" => format!("Nobody can say whether the rule `{rule}` applies; where it does, it {asks}.{by}"),
        other => format!("The rule `{rule}` {asks} (state `{other}`).{by}"),
    }
}

fn asks_for(effect: &str) -> String {
    let told = match effect {
        "forbid" => "forbids such a request",
        "require" => "asks for something to be on file",
        "review" => "asks that a person decides on the answer",
        "disclose" => "asks that people are told of it",
        "owe" => "asks for something to be done afterwards",
        "safeguards" => "asks that what is asked and answered is looked through",
        "retain" => "asks that records stay for some time",
        "limit" => "limits how long contents stay",
        "erase" => "asks that contents go when their person wants it",
        "assessed" => "is met by an impact assessment",
        other => return format!("has the effect `{other}`"),
    };
    told.to_owned()
}

fn done(action: &str) -> String {
    let told = match action {
        "flag" => "noted",
        "redact" => "blacked out",
        "hold" => "held for a person",
        "block" => "blocked",
        other => return format!("`{other}`"),
    };
    told.to_owned()
}

pub(super) fn safeguard(side: &str, note: &SafeguardNote) -> String {
    let SafeguardNote { kind, list, action, count } = note;
    let list = list.as_ref().map(|list| format!(" of the deny list `{list}`")).unwrap_or_default();
    format!("A safeguard found `{kind}`{list} in {side}, {}: {}.", words::count((*count).into(), "time"), done(action))
}

fn classifier(note: &ClassifierNote) -> String {
    let ClassifierNote { id, stage, verdict, action, categories, .. } = note;
    let side = match stage.as_str() {
        "input" => "what was asked",
        "output" => "what was answered",
        other => other,
    };
    let said = match verdict.as_str() {
        "passed" => "nothing was wrong",
        "violated" => "violated",
        "classifier_failed" => "nothing that counts, it failed",
        other => other,
    };
    let named = if categories.is_empty() { String::new() } else { format!(" ({})", words::list(categories)) };
    let action = action.as_ref().map(|action| format!(": {}", done(action))).unwrap_or_default();
    format!("The classifier `{id}` said of {side}: {said}{named}{action}.")
}

/// How long its records and contents stay.
fn kept(note: &RetentionNote) -> Vec<String> {
    let days = |what: &str, days: &Option<RetentionDays>| {
        let days = days.as_ref()?;
        Some(format!("{what} {} (rule `{}`).", words::count(days.days.into(), "day"), days.rule))
    };
    let mut told: Vec<String> = [
        days("Its records stay at least", &note.records),
        days("Its contents stay at least", &note.contents),
        days("Its contents are gone after", &note.limit),
        days("Its contents go when their person asks, but not before", &note.erase),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !note.open.is_empty() {
        told.push(format!(
            "Rules disagree on how long contents stay, a person has to decide: {}.",
            words::list(&note.open)
        ));
    }
    told
}
