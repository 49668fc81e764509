//! The log's promises, at every point at which the power can go and for every byte that can be wrong.

mod contents;
mod crash;
mod early;
mod erasing;
mod proving;
mod publishing;
mod queries;
mod reading;
mod searching;
mod tailing;
mod tamper;
mod tools;

use std::{ops::Range, sync::Arc};

use forethought_schemas::{Budget, Effort, RecordId, RequestId, StrategyName};
use forethought_store::{Disk, Index, JournalOptions, OpenCheck, SimDisk};
use jiff::Timestamp;

use crate::{
    Actor, Admission, AdmissionDraft, Asked, AuditError, AuditLog, Draft, OpenReport, OutcomeDraft, OutcomeStatus,
    PolicyRef, SampleDraft, Spent, ToolCallDraft, ToolDecision, ToolResultDraft, VerifyReport, VoteDraft, verify_on,
};

pub(crate) const PROMPT: &str = "is the patient in bed four allergic to penicillin";
const ANSWER: &str = "the patient is allergic to penicillin";
pub(crate) const ARGUMENTS: &str = r#"{"bed":4}"#;
pub(crate) const RESULT: &str = "penicillin: hives in 2019";
const SAMPLE: &str = "thinking about what the chart of bed four says";

/// Small segments, so that a short run has several.
pub(crate) const SMALL: JournalOptions =
    JournalOptions { max_entry_bytes: 4096, max_segment_bytes: 8192, check: OpenCheck::Everything };

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

pub(crate) fn open(disk: &SimDisk) -> Result<(AuditLog, OpenReport), AuditError> {
    AuditLog::open_on(Arc::new(disk.clone()), Index::temporary().expect("an index"), SMALL, at(1_000_000))
}

pub(crate) fn verified(disk: &SimDisk) -> VerifyReport {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    verify_on(&disk).expect("readable")
}

/// Who asks for erasures.
fn asked() -> Asked {
    Asked {
        by: Some(Actor { tenant: "house".to_owned(), key_id: "k_1".to_owned(), role: "privacy_officer".to_owned() }),
        reason: Some("request 17".to_owned()),
        policy: PolicyRef { version: "7".to_owned(), digest: "sha256:11".to_owned() },
    }
}

/// The id of the record with this number.
pub(crate) fn id(number: u32) -> RecordId {
    format!("rec_{number:032x}").into()
}

pub(crate) fn request(number: u32) -> RequestId {
    format!("req_{number:032x}").into()
}

pub(crate) fn admission(number: u32, tenant: &str) -> Draft {
    AdmissionDraft {
        record_id: id(number),
        time: at(i64::from(number)),
        admission: Admission {
            request_id: request(number),
            tenant: tenant.to_owned(),
            key_id: "key_1".to_owned(),
            model: "qwen".to_owned(),
            weights_digest: "sha256:00".to_owned(),
            policy: PolicyRef { version: "7".to_owned(), digest: "sha256:11".to_owned() },
            effort: Effort::Medium,
            strategy: StrategyName::SelfConsistency,
            budget: Budget { max_samples: 3, total_tokens: 300, sample_tokens: 100, deadline_ms: 5000 },
            seed: u64::MAX,
            n: 1,
            thinking_tokens: None,
            safeguards: Vec::new(),
            facts: forethought_schemas::Facts::default(),
            laws: Vec::new(),
            retention: crate::RetentionNote::default(),
        },
        prompt: PROMPT.into(),
        subject: None,
    }
    .into()
}

pub(crate) fn sample(index: u32) -> SampleDraft {
    SampleDraft {
        index,
        seed: u64::from(index),
        finish_reason: Some("stop".to_owned()),
        tokens: 20,
        thinking_tokens: 0,
        check: None,
        text: Some(SAMPLE.into()),
        answer: Some(ANSWER.to_owned()),
        counted: true,
        cancelled: false,
    }
}

/// The outcome, with two samples of the same answer, of the admission with this number.
pub(crate) fn outcome(number: u32, admission: u32, status: OutcomeStatus) -> Draft {
    OutcomeDraft {
        record_id: id(number),
        time: at(i64::from(number)),
        admission: id(admission),
        status,
        error_code: (status == OutcomeStatus::Failed).then(|| "engine_down".to_owned()),
        finish_reason: Some("stop".to_owned()),
        samples: (0..2).map(sample).collect(),
        votes: vec![VoteDraft { answer: ANSWER.to_owned(), count: 2 }],
        spent: Spent { prompt_tokens: 12, generated_tokens: 40, samples: 2, wall_ms: 900 },
        answer: Some(ANSWER.into()),
        cost: 0,
        safeguards: Vec::new(),
        classifiers: Vec::new(),
        review: None,
        disclosures: None,
        stop: None,
        chosen: Vec::new(),
        tokens: None,
        tools: None,
    }
    .into()
}

/// A call of a tool in the request with this number.
pub(crate) fn call(number: u32, admission: u32, decision: ToolDecision) -> Draft {
    ToolCallDraft {
        record_id: id(number),
        time: at(i64::from(number)),
        admission: id(admission),
        sample: 0,
        round: 0,
        call: number,
        tool: "chart.read".to_owned(),
        spec: "sha256:22".to_owned(),
        effect: "reads".to_owned(),
        decision,
        because: vec!["tools/1".to_owned()],
        policy: None,
        safeguards: Vec::new(),
        until: (decision == ToolDecision::Held).then(|| at(9000)),
        arguments: ARGUMENTS.into(),
    }
    .into()
}

/// What came of the call with this number.
pub(crate) fn result(number: u32, admission: u32, call: u32, state: &str) -> Draft {
    ToolResultDraft {
        record_id: id(number),
        time: at(i64::from(number)),
        admission: id(admission),
        call: id(call),
        state: state.to_owned(),
        wall_ms: 120,
        left_out: 0,
        cost: 0,
        safeguards: Vec::new(),
        result: RESULT.into(),
    }
    .into()
}

/// Batches as several requests fill them: admissions and outcomes mixed, and two requests that are never finished.
fn script() -> Vec<Vec<Draft>> {
    let answered = OutcomeStatus::Answered;
    vec![
        vec![admission(1, "ward"), admission(2, "bank")],
        vec![outcome(3, 1, answered)],
        vec![admission(4, "ward"), outcome(5, 4, OutcomeStatus::Failed), outcome(6, 2, OutcomeStatus::Cancelled)],
        vec![admission(7, "bank"), admission(8, "ward")],
        vec![outcome(9, 8, answered), admission(10, "ward")],
    ]
}

/// A log of so many records in batches of some: requests of `bank` and of `ward` in turn, the last of which may have no end.
pub(crate) fn log_of(disk: &SimDisk, records: u32) -> AuditLog {
    let (mut log, _) = open(disk).expect("opens");
    let tenant = |number: u32| if (number / 2).is_multiple_of(3) { "bank" } else { "ward" };
    let draft = |number: u32| match number % 2 {
        0 => admission(number, tenant(number)),
        _ => outcome(number, number - 1, OutcomeStatus::Answered),
    };
    let numbers: Vec<u32> = (0..records).collect();
    for some in numbers.chunks(2) {
        log.append(&some.iter().map(|number| draft(*number)).collect::<Vec<_>>()).expect("appended");
    }
    log
}

/// Appends until the first failure, and gives back the batches that were acknowledged.
fn run(disk: &SimDisk, script: &[Vec<Draft>]) -> usize {
    let Ok((mut log, _)) = open(disk) else { return 0 };
    script.iter().take_while(|batch| log.append(batch).is_ok()).count()
}

/// Every segment, with the places of its entries.
fn segments(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list("").expect("listed").into_iter().filter(|name| name.starts_with("journal-"));
    names
        .map(|name| {
            let bytes = disk.read(&name, 0, usize::MAX).expect("read");
            (name, bytes)
        })
        .collect()
}

/// Where a segment's entries begin and end.
fn entries(segment: &[u8]) -> Vec<Range<usize>> {
    let mut at = 24;
    std::iter::from_fn(|| {
        let len = u32::from_le_bytes(*segment.get(at..)?.first_chunk()?);
        let entry = at..at + 17 + len as usize;
        at = entry.end;
        Some(entry)
    })
    .collect()
}
