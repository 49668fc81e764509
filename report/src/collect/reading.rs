//! From records to what a report keeps of them.

use std::sync::Arc;

use forethought_audit::{
    Act, Admission, ClassifierNote, Erasure, LawNote, Outcome, Record, RetentionDays, RetentionNote, SafeguardNote,
};
use jiff::Timestamp;

use crate::{
    EntryAt,
    request::{By, Done, Erased, Fate, Found, Keeping, Names, Note, Request, Waiting},
};

pub(super) fn request(names: &mut Names, entry: EntryAt, record: &Record, admission: &Admission) -> Request {
    Request {
        admission: entry,
        time: record.time,
        end: None,
        fate: Fate::Open,
        model: names.get(&admission.model),
        weights: names.get(&admission.weights_digest),
        strategy: admission.strategy,
        effort: admission.effort,
        budget_tokens: admission.budget.total_tokens.into(),
        spent: None,
        cost: 0,
        error: None,
        votes: None,
        laws: admission.laws.iter().map(|law| note(names, law)).collect(),
        safeguards: admission.safeguards.iter().map(|found| safeguard(names, "input", found)).collect(),
        classifiers: Vec::new(),
        purpose: admission.facts.purpose.as_deref().map(|purpose| names.get(purpose)),
        regions: names.all(&admission.facts.regions),
        data_classes: names.all(&admission.facts.data_classes),
        keeping: keeping(names, &admission.retention),
        waiting: None,
        decided: None,
        calls: Vec::new(),
        is_sealed: record.contents.iter().any(|content| content.name == "prompt"),
    }
}

pub(super) fn outcome(names: &mut Names, request: &mut Request, time: Timestamp, outcome: &Outcome) {
    request.fate = Fate::of(outcome.status);
    request.spent = Some(outcome.spent);
    request.cost = outcome.cost;
    request.error = outcome.error_code.as_deref().map(|code| names.get(code));
    request.safeguards.extend(outcome.safeguards.iter().map(|found| safeguard(names, "output", found)));
    request.classifiers = outcome.classifiers.iter().map(|found| classifier(names, found)).collect();
    request.waiting = outcome.review.as_ref().map(|review| Waiting { since: time, until: review.until });
    let votes = || outcome.votes.iter().map(|vote| u64::from(vote.count));
    request.votes = votes().max().map(|most| (most, votes().sum()));
}

fn note(names: &mut Names, law: &LawNote) -> Note {
    Note {
        rule: names.get(&law.rule),
        state: names.get(&law.state),
        effect: names.get(law.effect.as_deref().unwrap_or_default()),
        has_assessment: law.assessment.is_some(),
    }
}

fn safeguard(names: &mut Names, side: &'static str, found: &SafeguardNote) -> Found {
    let kind = match &found.list {
        Some(list) => names.get(&format!("{}: {list}", found.kind)),
        None => names.get(&found.kind),
    };
    Found { side, kind, action: names.get(&found.action), count: found.count.into() }
}

fn classifier(names: &mut Names, found: &ClassifierNote) -> Found {
    let side = if found.stage == "output" { "output" } else { "input" };
    Found { side, kind: names.get(&found.id), action: names.get(&found.verdict), count: 1 }
}

fn keeping(names: &mut Names, note: &RetentionNote) -> Keeping {
    let mut days = |days: &Option<RetentionDays>| days.as_ref().map(|days| (days.days, names.get(&days.rule)));
    Keeping {
        records: days(&note.records),
        contents: days(&note.contents),
        limit: days(&note.limit),
        is_open: !note.open.is_empty(),
    }
}

pub(super) fn done(names: &mut Names, entry: EntryAt, act: &Act, tenant: Option<&str>, is_later: bool) -> Done {
    let by = match &act.by {
        None => By::Service,
        Some(by) if tenant.is_none_or(|tenant| tenant == by.tenant) => {
            By::Key { id: names.get(&by.key_id), role: names.get(&by.role) }
        }
        Some(_) => By::Elsewhere,
    };
    let erasure = act.erasure.as_ref().map(|erasure| erased(names, erasure));
    Done { entry, what: names.get(&act.what), by, erasure, is_later }
}

fn erased(names: &mut Names, erasure: &Erasure) -> Erased {
    let mut why: Vec<Arc<str>> = erasure.refused.iter().map(|key| names.get(&key.why)).collect();
    why.sort();
    why.dedup();
    Erased { cause: erasure.cause, keys: erasure.keys.len() as u64, refused: erasure.refused_count, why }
}
