//! What a record costs of one processor, from a draft to its place in the log, beside what the disk does: the log is best put on a disk in
//! memory. Processor time is counted, which other programs disturb less than time that goes by.
//!
//! `cargo run -p forethought-audit --example append_cost -- <folder> <records> <records a batch>`

#![allow(clippy::print_stdout, clippy::expect_used, reason = "it is a program that prints")]
#![allow(clippy::cast_precision_loss, reason = "it divides")]

use std::{fs, path::PathBuf};

use forethought_audit::{
    Admission, AdmissionDraft, AuditLog, Draft, OutcomeDraft, OutcomeStatus, PolicyRef, RetentionNote, SampleDraft,
    Spent, VoteDraft,
};
use forethought_schemas::{Budget, Effort, Facts, RecordId, RequestId, StrategyName};
use forethought_store::JournalOptions;
use jiff::Timestamp;

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| std::env::temp_dir().join("forethought-append-cost"), PathBuf::from);
    let mut number = |unless: usize| args.next().map_or(unless, |text| text.parse().expect("a number"));
    let (records, batch) = (number(100_000), number(64));
    fs::remove_dir_all(&dir).ok();
    let (mut log, _) = AuditLog::open(&dir, JournalOptions::default(), Timestamp::now()).expect("opens");
    let (mut whole, mut preparing, mut writing) = (0, 0, 0);
    for at in 0..records.div_ceil(2 * batch) {
        let (first, second): (Vec<_>, Vec<_>) = (0..batch).map(|_| request()).unzip();
        for drafts in [first, second] {
            let begin = processor();
            if at % 2 == 0 {
                log.append(&drafts).expect("durable");
                whole += processor() - begin;
                continue;
            }
            let preparer = log.preparer();
            let early: Vec<_> = drafts.into_iter().map(|draft| preparer.prepare(draft)).collect();
            let between = processor();
            log.append_early(&early).expect("durable");
            log.settle();
            preparing += between - begin;
            writing += processor() - between;
        }
    }
    let each = |spent: u64| spent as f64 / 1e3 / (records / 2) as f64;
    println!("{:.2} us of processor a record, {batch} a batch", each(whole));
    println!("{:.2} us to prepare it, and {:.2} us to write it when it is its turn", each(preparing), each(writing));
    drop(log);
    fs::remove_dir_all(&dir).ok();
}

/// What this thread has had of a processor, nanoseconds.
fn processor() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    text.split_whitespace().next().and_then(|time| time.parse().ok()).expect("a number")
}

/// An admission and its outcome, as a vote of three short samples leaves them.
fn request() -> (Draft, Draft) {
    let admission = admission();
    let outcome = OutcomeDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: admission.record_id.clone(),
        status: OutcomeStatus::Answered,
        error_code: None,
        finish_reason: Some("stop".to_owned()),
        samples: (0..3).map(sample).collect(),
        votes: vec![VoteDraft { answer: "20".to_owned(), count: 3 }],
        spent: Spent { prompt_tokens: 80, generated_tokens: 360, samples: 3, wall_ms: 900 },
        answer: Some(vec![b'y'; 500]),
        cost: 0,
        safeguards: Vec::new(),
        classifiers: Vec::new(),
        review: None,
        disclosures: None,
        stop: None,
        chosen: Vec::new(),
        tokens: None,
        tools: None,
    };
    (admission.into(), outcome.into())
}

fn admission() -> AdmissionDraft {
    let admission = Admission {
        request_id: RequestId::generate(),
        tenant: "acme".to_owned(),
        key_id: "k_0123456789abcdef".to_owned(),
        model: "qwen2.5-0.5b-instruct".to_owned(),
        weights_digest: format!("sha256:{}", "ab".repeat(32)),
        policy: PolicyRef { version: "7".to_owned(), digest: format!("sha256:{}", "cd".repeat(32)) },
        effort: Effort::Medium,
        strategy: StrategyName::SelfConsistency,
        budget: Budget { max_samples: 3, total_tokens: 3000, sample_tokens: 1000, deadline_ms: 5000 },
        seed: 7,
        n: 1,
        thinking_tokens: None,
        safeguards: Vec::new(),
        facts: Facts::default(),
        laws: Vec::new(),
        retention: RetentionNote::default(),
    };
    let (record_id, time) = (RecordId::generate(), Timestamp::now());
    AdmissionDraft { record_id, time, admission, prompt: vec![b'z'; 800], subject: None }
}

fn sample(index: u32) -> SampleDraft {
    SampleDraft {
        index,
        seed: u64::from(index),
        finish_reason: Some("stop".to_owned()),
        tokens: 120,
        thinking_tokens: 0,
        check: None,
        text: Some(vec![b'x'; 500]),
        answer: Some("20".to_owned()),
        counted: true,
        cancelled: false,
    }
}
