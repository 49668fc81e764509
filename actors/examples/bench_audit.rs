//! How fast the audit log takes records, through the actor that writes it for requests, beside the disk's own fdatasync in the same
//! run. `cargo xtask bench audit` runs it.

#![allow(clippy::print_stdout, clippy::expect_used, clippy::panic, reason = "it is a program that prints")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it divides")]

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use forethought_actors::{AuditDesk, Root};
use forethought_audit::{
    Admission, AdmissionDraft, Draft, OutcomeDraft, OutcomeStatus, PolicyRef, RetentionNote, SampleDraft, Spent,
    VoteDraft,
};
use forethought_schemas::{Budget, Effort, Facts, RecordId, RequestId, StrategyName};
use jiff::Timestamp;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Proofs that are measured.
const PROOFS: u64 = 2000;
/// Records before memory is looked at for the first time.
const EARLY: usize = 10_000;

struct Args {
    records: usize,
    writers: usize,
    dir: PathBuf,
}

fn args() -> Args {
    let mut args = Args { records: 1_000_000, writers: 64, dir: std::env::temp_dir().join("forethought-bench-audit") };
    let mut given = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (given.next(), given.next()) {
        match name.as_str() {
            "--records" => args.records = value.parse().expect("a number"),
            "--writers" => args.writers = value.parse().expect("a number"),
            "--dir" => args.dir = value.into(),
            other => panic!("unknown argument {other}; known are --records, --writers and --dir"),
        }
    }
    args
}

fn main() {
    let args = args();
    fs::remove_dir_all(&args.dir).ok();
    fs::create_dir_all(&args.dir).expect("a folder");
    actix_rt::System::new().block_on(measure(&args));
    fs::remove_dir_all(&args.dir).ok();
}

async fn measure(args: &Args) {
    let data = args.dir.join("data");
    let syncs = fdatasyncs(&args.dir.join("syncs"), Duration::from_secs(2));
    println!("fdatasync          {syncs:.0} a second, of 4 KiB appended each");
    let root = Root::start(data.clone(), Vec::new(), 1).expect("opens");
    let desk = root.rooms().audit;
    let early = EARLY.min(args.records);
    closed_loop(&desk, early, args.writers).await;
    let before = resident();
    let (rest, start) = (args.records - early, Instant::now());
    closed_loop(&desk, rest, args.writers).await;
    let rate = rest as f64 / start.elapsed().as_secs_f64();
    let after = fdatasyncs(&args.dir.join("syncs"), Duration::from_secs(2));
    println!("fdatasync          {after:.0} a second, once more");
    let syncs = f64::midpoint(syncs, after);
    println!("{} writers         {rate:.0} records a second: {:.2} times fdatasync", args.writers, rate / syncs);
    println!("bytes a record     {:.0}, contents included", bytes(&data) as f64 / args.records as f64);
    println!("memory             {} KiB after {early} records, {} KiB after {}", before, resident(), args.records);
    open_loop(&desk, rate / 2.0, 1.0 / syncs).await;
    let (size, took) = proofs(&desk).await;
    println!("proof              {:.0} us each, in {size} records", took * 1e6);
    root.stop();
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(root);
    let start = Instant::now();
    let root = Root::start(data, Vec::new(), 1).expect("opens again");
    println!("start              {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    root.stop();
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

/// Writers that each wait for their record before the next one.
async fn closed_loop(desk: &AuditDesk, records: usize, writers: usize) {
    let each = records / writers / 2;
    let writing = (0..writers).map(|_| {
        let desk = desk.clone();
        tokio::spawn(async move {
            for _ in 0..each {
                for draft in request() {
                    desk.append(draft).await.expect("durable");
                }
            }
        })
    });
    for writer in writing.collect::<Vec<_>>() {
        writer.await.expect("ended");
    }
}

/// Requests that come at their own times, whether those before are durable or not: an admission, and its outcome once that is.
async fn open_loop(desk: &AuditDesk, rate: f64, sync: f64) {
    let time = Duration::from_secs(5);
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let (handle, from, into) = (tokio::runtime::Handle::current(), desk.clone(), Arc::clone(&latencies));
    let coming = tokio::task::spawn_blocking(move || {
        let (start, mut sent, mut running) = (Instant::now(), 0, Vec::new());
        while start.elapsed() < time {
            let due = (start.elapsed().as_secs_f64() * rate / 2.0) as usize;
            for _ in sent..due {
                running.push(handle.spawn(one_request(from.clone(), Arc::clone(&into))));
            }
            sent = due.max(sent);
            std::thread::sleep(Duration::from_micros(50));
        }
        running
    });
    for one in coming.await.expect("ended") {
        one.await.expect("ended");
    }
    let mut latencies = latencies.lock().expect("whole").clone();
    latencies.sort_by(f64::total_cmp);
    let at = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    println!(
        "half that load     {:.0} records a second, arriving openly: p50 {:.0} us ({:.2} fdatasyncs), p99 {:.0} us",
        latencies.len() as f64 / time.as_secs_f64(),
        at(0.5) * 1e6,
        at(0.5) / sync,
        at(0.99) * 1e6
    );
}

async fn one_request(desk: AuditDesk, latencies: Arc<Mutex<Vec<f64>>>) {
    for draft in request() {
        let start = Instant::now();
        desk.append(draft).await.expect("durable");
        latencies.lock().expect("whole").push(start.elapsed().as_secs_f64());
    }
}

/// Inclusion proofs all over the log: how many records it has, and how long one proof takes in seconds.
async fn proofs(desk: &AuditDesk) -> (u64, f64) {
    let measure = |log: &forethought_audit::AuditLog| {
        let (size, start) = (log.tree_size(), Instant::now());
        for number in 0..PROOFS {
            log.prove_leaf(number * 7919 % size)?;
        }
        Ok((size, start.elapsed().as_secs_f64() / PROOFS as f64))
    };
    desk.read(measure).await.expect("proved")
}

/// Resident memory of this process, KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Bytes of all files in a folder.
fn bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(
            |entry| {
                if entry.path().is_dir() { bytes(&entry.path()) } else { entry.metadata().map_or(0, |file| file.len()) }
            },
        )
        .sum()
}

/// An admission and its outcome, as a vote of three short samples leaves them.
fn request() -> [Draft; 2] {
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
        stop: None,
        chosen: Vec::new(),
        tokens: None,
        tools: None,
    };
    let admission =
        AdmissionDraft { record_id, time: Timestamp::now(), admission, prompt: vec![b'z'; 800], subject: None };
    [admission.into(), outcome.into()]
}
