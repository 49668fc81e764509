//! What rules of law, and of the policy for purposes, make of a request: a refusal, a review, what goes with the answer, and the
//! notes that a record keeps.

use forethought_actors::FORBIDDEN;
use forethought_audit::{LawNote, RetentionDays, RetentionNote};
use forethought_policies::{
    Judgement, Licence, OwnRetention, Unlicensed,
    packs::{Bound, Conflict, Disclosed, Erasure, Forbidden, Outcome, Reviewed, State},
};
use forethought_schemas::{ApiError, ErrorKind};
use serde_json::{Value, json};

/// The header that carries the marks of all disclosures, `key=value` with `, ` between.
pub(super) const MARKS: &str = "x-forethought-disclosure";

/// Why a request is refused, if it is.
pub(super) fn refusal(judgement: &Judgement) -> Option<ApiError> {
    let refused = |message| ApiError::new(ErrorKind::Permission, FORBIDDEN, message);
    if let Some(Forbidden { rule, reason, mend, also }) = &judgement.forbidden {
        let mend = mend.as_ref().map(|mend| format!("; {mend}")).unwrap_or_default();
        let also = match also.len() {
            0 => String::new(),
            more => format!(" ({more} more rules refuse it)"),
        };
        return Some(refused(format!("the rule `{}` forbids this: {reason} ({}){mend}{also}", rule.id, rule.citation)));
    }
    // One reviewer would not be what the rule asks for.
    let Reviewed { reviewers, reasons } = judgement.review.as_ref().filter(|review| review.reviewers > 1)?;
    let rules: Vec<&str> = reasons.iter().map(|(_, rule)| rule.id.as_str()).collect();
    Some(refused(format!(
        "{reviewers} different people must agree to this answer ({}), and this service asks one; ask without it, or have the \
         policy owner see to it",
        rules.join(", ")
    )))
}

/// Why an answer waits for a person.
pub(super) fn because(judgement: &Judgement) -> Vec<String> {
    let reasons = judgement.review.iter().flat_map(|review| &review.reasons);
    reasons.map(|(reason, rule)| format!("the rule `{}`: {reason} ({})", rule.id, rule.citation)).collect()
}

/// What goes with the answer; nothing where no law asks for anything.
pub(super) fn disclosures(judgement: &Judgement) -> Value {
    let told = |disclosed: &Disclosed| {
        let rules: Vec<Value> =
            disclosed.rules.iter().map(|rule| json!({ "id": rule.id, "citation": rule.citation })).collect();
        json!({ "notice": disclosed.disclose.notice, "mark": disclosed.disclose.mark, "rules": rules })
    };
    match judgement.disclosures.as_slice() {
        [] => Value::Null,
        disclosed => disclosed.iter().map(told).collect(),
    }
}

/// The marks of disclosures as a header has them.
pub(super) fn marks(disclosures: &Value) -> Option<String> {
    let marks = disclosures.as_array()?.iter().filter_map(|told| told.get("mark")?.as_object()).flatten();
    let mut marks: Vec<String> = marks.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    marks.sort();
    marks.dedup();
    (!marks.is_empty()).then(|| marks.join(", "))
}

/// What a record keeps of the rules that had a say.
pub(super) fn notes(judgement: &Judgement) -> Vec<LawNote> {
    let state = |state: &State| if *state == State::Enforced { "enforced" } else { "shadow" };
    let applied = judgement.applied.iter().map(|applied| LawNote {
        rule: applied.rule.id.clone(),
        state: state(&applied.state).to_owned(),
        effect: Some(applied.effect.name().to_owned()),
        assessment: None,
    });
    let undetermined = judgement.undetermined.iter().map(|open| LawNote {
        rule: open.rule.id.clone(),
        state: "undetermined".to_owned(),
        effect: None,
        assessment: None,
    });
    applied.chain(undetermined).collect()
}

/// How long a record and its contents stay, as the record keeps it: as laws have it, and as the tenant wants it where they leave room.
pub(super) fn retention(judgement: &Judgement, tenant: &str, wanted: OwnRetention) -> RetentionNote {
    let retention = &judgement.retention;
    let days = |bound: &Option<Bound>| {
        bound.as_ref().map(|Bound { days, rule }| RetentionDays { days: *days, rule: rule.id.clone() })
    };
    let erase = retention
        .erase
        .as_ref()
        .map(|Erasure { not_before_days, rule, .. }| RetentionDays { days: *not_before_days, rule: rule.id.clone() });
    let open = retention.conflicts.iter().filter(|conflict| conflict.outcome == Outcome::Open);
    let mut open: Vec<String> =
        open.flat_map(|Conflict { keep, against, .. }| [keep.id.clone(), against.id.clone()]).collect();
    open.sort();
    open.dedup();
    let own = |days: Option<u32>| days.map(|days| RetentionDays { days, rule: format!("tenants/{tenant}") });
    let (least, most) = (own(wanted.contents_at_least_days), own(wanted.contents_at_most_days));
    let contents = days(&retention.contents).into_iter().chain(least).max_by_key(|bound| bound.days);
    // A ceiling below a floor waits for it: the vault sees to that.
    let limit = days(&retention.limit).into_iter().chain(most).min_by_key(|bound| bound.days);
    RetentionNote { records: days(&retention.records), contents, limit, erase, open }
}

/// What a record keeps of what a purpose demands; nothing where nothing is demanded.
pub(super) fn licence_note(licence: &Licence) -> Option<LawNote> {
    let note = |purpose: Option<&str>, effect: &str, assessment| LawNote {
        rule: purpose.map_or_else(|| "undeclared_purpose".to_owned(), |purpose| format!("purposes/{purpose}")),
        state: "enforced".to_owned(),
        effect: Some(effect.to_owned()),
        assessment,
    };
    match licence {
        Licence::Free => None,
        Licence::Met { purpose, assessment } => Some(note(Some(purpose), "assessed", Some(assessment.clone()))),
        Licence::Unmet(Unlicensed { purpose, otherwise, .. }) => {
            Some(note(purpose.as_deref(), otherwise.effect(), None))
        }
    }
}
