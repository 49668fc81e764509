//! How fast the audit log takes records, beside the disk's own fdatasync in the same run.
//!
//! ```text
//! cargo run -p forethought-audit --example bench_log -- [--records 100000] [--writers 64] [--dir DIR]
//! ```

#![expect(clippy::print_stdout, clippy::expect_used, reason = "it is a program that prints")]

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use forethought_audit::{
    Admission, AdmissionDraft, AuditLog, Draft, OutcomeDraft, OutcomeStatus, PolicyRef, RetentionNote, SampleDraft,
    Signer, Spent, VoteDraft,
};
use forethought_schemas::{Budget, Effort, Facts, RecordId, RequestId, StrategyName};
use forethought_store::{JournalOptions, OpenCheck};
use jiff::Timestamp;

/// A record to append, and whom to tell.
type Waiting = (Draft, SyncSender<()>);

struct Args {
    records: usize,
    writers: usize,
    dir: PathBuf,
}

fn args() -> Args {
    let mut args = Args { records: 100_000, writers: 64, dir: std::env::temp_dir().join("forethought-bench-log") };
    let mut given = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (given.next(), given.next()) {
        match name.as_str() {
            "--records" => args.records = value.parse().expect("a number"),
            "--writers" => args.writers = value.parse().expect("a number"),
            "--dir" => args.dir = value.into(),
            other => panic!("unknown argument {other}"),
        }
    }
    args
}

fn main() {
    let args = args();
    std::fs::remove_dir_all(&args.dir).ok();
    std::fs::create_dir_all(&args.dir).expect("a folder");
    let syncs = fdatasyncs(&args.dir.join("syncs"), Duration::from_secs(2));
    println!("fdatasync: {syncs:.0}/s, of 4 KiB appended each");
    let data = args.dir.join("data");
    let (log, _) = open(&data);
    let early = args.records.min(10_000);
    let log = closed_loop(log, early, args.writers).0;
    let rss_early = rss();
    let (log, took, batches) = closed_loop(log, args.records - early, args.writers);
    let rate = (args.records - early) as f64 / took.as_secs_f64();
    println!(
        "{} writers, as fast as they can: {rate:.0} records/s, {:.2} times fdatasync; {batches} batches",
        args.writers,
        rate / syncs
    );
    println!("memory: {} KiB after {early} records, {} KiB after {}", rss_early, rss(), args.records);
    let log = open_loop(log, rate / 2.0, args.writers, 1.0 / syncs);
    proofs(&log);
    drop(log);
    let start = Instant::now();
    let (log, _) = open(&data);
    println!("start: {:?} with {} records", start.elapsed(), log.tree_size());
    drop(log);
    std::fs::remove_dir_all(&args.dir).ok();
}

fn open(data: &Path) -> (AuditLog, forethought_audit::OpenReport) {
    let options = JournalOptions { check: OpenCheck::LastSegment, ..JournalOptions::default() };
    AuditLog::open(data, options, Timestamp::now()).expect("opens")
}

/// Appends of 4 KiB that are made durable one by one, a second.
fn fdatasyncs(file: &Path, time: Duration) -> f64 {
    let mut file = OpenOptions::new().create(true).append(true).open(file).expect("a file");
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < time {
        file.write_all(&[7; 4096]).expect("written");
        file.sync_data().expect("synced");
        count += 1;
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// One writer takes what waits as one batch.
fn commit(mut log: AuditLog, waiting: &Receiver<Waiting>) -> (AuditLog, u64) {
    let mut batches = 0;
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(255));
        let (drafts, told): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        log.append(&drafts).expect("appended");
        batches += 1;
        told.into_iter().for_each(|told| drop(told.send(())));
    }
    (log, batches)
}

/// Writers that each wait for their record before the next one.
fn closed_loop(log: AuditLog, records: usize, writers: usize) -> (AuditLog, Duration, u64) {
    let (send, waiting) = sync_channel::<Waiting>(4096);
    let committer = thread::spawn(move || commit(log, &waiting));
    let start = Instant::now();
    let each = records / writers / 2;
    let threads: Vec<_> = (0..writers)
        .map(|_| {
            let send = send.clone();
            thread::spawn(move || {
                let (tell, told) = sync_channel(1);
                for _ in 0..each {
                    for draft in request() {
                        send.send((draft, tell.clone())).expect("taken");
                        told.recv().expect("durable");
                    }
                }
            })
        })
        .collect();
    drop(send);
    threads.into_iter().for_each(|thread| thread.join().expect("ended"));
    let took = start.elapsed();
    let (log, batches) = committer.join().expect("ended");
    (log, took, batches)
}

/// Records that come at their own times, whether the ones before are durable or not.
fn open_loop(log: AuditLog, rate: f64, writers: usize, sync: f64) -> AuditLog {
    let (send, waiting) = sync_channel::<Waiting>(1 << 16);
    let committer = thread::spawn(move || commit(log, &waiting));
    let mut latencies: Vec<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..writers.min(8))
            .map(|_| {
                let send = send.clone();
                scope.spawn(move || arrivals(&send, rate / writers.min(8) as f64))
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("ended")).collect()
    });
    drop(send);
    latencies.sort_by(f64::total_cmp);
    let at = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    println!(
        "{rate:.0} records/s, arriving openly: p50 {:.0} us ({:.2} fdatasyncs), p99 {:.0} us; {} records",
        at(0.5) * 1e6,
        at(0.5) / sync,
        at(0.99) * 1e6,
        latencies.len()
    );
    committer.join().expect("ended").0
}

/// Records a millisecond's worth at a time, each with a thread of its own that waits would cost more than they; a collector takes
/// the times.
fn arrivals(send: &SyncSender<Waiting>, rate: f64) -> Vec<f64> {
    let (start, time) = (Instant::now(), Duration::from_secs(3));
    let (tell, told) = sync_channel(1 << 16);
    let mut sent = Vec::new();
    let mut latencies = Vec::new();
    let mut pending: Vec<Draft> = Vec::new();
    while start.elapsed() < time {
        let due = (start.elapsed().as_secs_f64() * rate) as usize;
        while sent.len() < due {
            if pending.is_empty() {
                pending = request().into_iter().rev().collect();
            }
            let at = Instant::now();
            // An outcome may not come before its admission is durable: both are sent when they are due all the same, as one batch
            // takes them in order.
            send.send((pending.pop().expect("a draft"), tell.clone())).expect("taken");
            sent.push(at);
        }
        while told.try_recv().is_ok() {
            latencies.push(sent[latencies.len()].elapsed().as_secs_f64());
        }
        thread::sleep(Duration::from_micros(50));
    }
    while latencies.len() < sent.len() {
        told.recv().expect("durable");
        latencies.push(sent[latencies.len()].elapsed().as_secs_f64());
    }
    latencies
}

/// Inclusion proofs all over the log.
fn proofs(log: &AuditLog) {
    let (count, size) = (2_000, log.tree_size());
    let start = Instant::now();
    for number in 0..count {
        log.prove_leaf(number * 7919 % size).expect("proved");
    }
    println!("a proof in {size} records: {:.0} us by its place", start.elapsed().as_secs_f64() / count as f64 * 1e6);
    let signer = Signer::generate(None).expect("a key").0;
    let start = Instant::now();
    for _ in 0..100 {
        log.checkpoint(&signer).expect("signed");
    }
    println!("a checkpoint that is known: {:.0} us", start.elapsed().as_secs_f64() / 100.0 * 1e6);
}

/// Resident memory of this process, KiB.
fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// An admission and its outcome, as a vote of three short samples leaves them.
fn request() -> Vec<Draft> {
    let record_id = RecordId::generate();
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
    let sample = |index| SampleDraft {
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
    };
    let outcome = OutcomeDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: record_id.clone(),
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
    };
    let prompt = vec![b'z'; 800];
    let admission = AdmissionDraft { record_id, time: Timestamp::now(), admission, prompt };
    vec![admission.into(), outcome.into()]
}
