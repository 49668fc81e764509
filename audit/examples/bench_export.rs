//! How long exports and backups take, and the memory that they need: `bench_export <records> <folder>`.
//!
//! Makes a log of so many records in a new folder, exports it whole and one tenant of it, verifies both, backs it up, and restores that.
//! What was exported stays, to be verified by other programs.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use std::{error::Error, fs, ops::ControlFlow, path::Path, time::Instant};

use forethought_audit::{
    Admission, AdmissionDraft, AuditLog, Backup, Draft, ExportScope, OutcomeDraft, OutcomeStatus, PolicyRef,
    RetentionNote, Selection, Signer, Spent, export, restore, verify_export,
};
use forethought_schemas::{Budget, Effort, RecordId, RequestId, StrategyName};
use forethought_store::JournalOptions;
use jiff::Timestamp;

type Outcome<T> = Result<T, Box<dyn Error>>;

const BATCH: u32 = 512;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let (Some(records), Some(dir)) = (args.next(), args.next()) else {
        return Err("usage: bench_export <records> <new folder>".into());
    };
    let (records, dir): (u32, _) = (records.parse()?, Path::new(&dir));
    fs::create_dir(dir)?;
    let (mut log, _) = AuditLog::open(dir.join("data"), JournalOptions::default(), Timestamp::now())?;
    timed("append", records, || fill(&mut log, records))?;
    let signer = log.signer(Some("example.com/log"))?;
    let keys: Vec<_> = signer.verifiers().cloned().collect();
    let part = Selection { tenant: Some("tenant-7".to_owned()), ..Selection::default() };
    for (name, scope) in [("whole", ExportScope::Whole { receipts: None }), ("part", ExportScope::Part(part))] {
        let to = dir.join(name);
        timed(&format!("export {name}"), records, || export_to(&log, &signer, &scope, &to))?;
        timed(&format!("verify {name}"), records, || Ok(verify_export(&to, &keys, None)?))?;
    }
    let (backup, restored) = (dir.join("backup"), dir.join("restored"));
    timed("backup", records, || Ok(Backup::of(&log.snapshot()?).write(&backup, Timestamp::now())?))?;
    timed("backup again", records, || Ok(Backup::of(&log.snapshot()?).write(&backup, Timestamp::now())?))?;
    timed("restore", records, || Ok(restore(&backup, &restored)?))
}

fn export_to(log: &AuditLog, signer: &Signer, scope: &ExportScope, to: &Path) -> Outcome<()> {
    let snapshot = log.signed_snapshot(signer)?;
    export(&snapshot, scope, to, Timestamp::now(), &mut |_| ControlFlow::Continue(()))?;
    Ok(())
}

fn timed<T>(what: &str, records: u32, act: impl FnOnce() -> Outcome<T>) -> Outcome<()> {
    let start = Instant::now();
    act()?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{what:>14} {seconds:8.2} s {:>10.0} records/s {:>8} KiB at most", f64::from(records) / seconds, peak());
    Ok(())
}

/// The most memory that was in use so far, in KiB, where the system tells.
fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "?".to_owned(), |line| line.trim().trim_end_matches(" kB").to_owned())
}

/// Requests with an outcome each, so that a record in two is an admission.
fn fill(log: &mut AuditLog, records: u32) -> Outcome<()> {
    let mut left = records;
    while left > 0 {
        let some = left.min(BATCH);
        let drafts = (0..some.div_ceil(2)).flat_map(|number| request((left - number) % 100));
        log.append(&drafts.take(some as usize).collect::<Vec<_>>())?;
        left -= some;
    }
    Ok(())
}

fn request(tenant: u32) -> [Draft; 2] {
    let id = RecordId::generate();
    let outcome = OutcomeDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: id.clone(),
        status: OutcomeStatus::Answered,
        error_code: None,
        finish_reason: Some("stop".to_owned()),
        samples: Vec::new(),
        votes: Vec::new(),
        spent: Spent { prompt_tokens: 12, generated_tokens: 40, samples: 2, wall_ms: 900 },
        answer: Some("no".into()),
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
    [admission(id, tenant), outcome.into()]
}

fn admission(record_id: RecordId, tenant: u32) -> Draft {
    let admission = Admission {
        request_id: RequestId::generate(),
        tenant: format!("tenant-{tenant}"),
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
        retention: RetentionNote::default(),
    };
    AdmissionDraft {
        record_id,
        time: Timestamp::now(),
        admission,
        prompt: "is the patient in bed four allergic to penicillin".into(),
        subject: None,
    }
    .into()
}
