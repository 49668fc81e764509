//! How long searches take, beside reading the whole log: `bench_search <records> <new folder>`.
//!
//! Makes a log of so many records, one rule in ten thousand requests, and prints the time of each search with its share of the time
//! that reading all records takes in the same run, and how many pages it took.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use std::{error::Error, fs, path::Path, time::Instant};

use forethought_audit::{
    Admission, AdmissionDraft, AuditLog, AuditReader, Cursor, Draft, Filter, LawNote, OutcomeDraft, OutcomeStatus,
    PolicyRef, RetentionNote, Spent, Status,
};
use forethought_schemas::{Budget, Effort, RecordId, RequestId, StrategyName};
use forethought_store::JournalOptions;
use jiff::Timestamp;

type Outcome<T> = Result<T, Box<dyn Error>>;

const BATCH: u32 = 512;
/// One request in so many has the rare rule, and another one the rare status.
const RARE: u32 = 10_000;
/// Entries that are read at once.
const READ: usize = 4096;

fn main() -> Outcome<()> {
    let mut args = std::env::args().skip(1);
    let (Some(records), Some(dir)) = (args.next(), args.next()) else {
        return Err("usage: bench_search <records> <new folder>".into());
    };
    let (records, dir): (u32, _) = (records.parse()?, Path::new(&dir));
    fs::create_dir(dir)?;
    let (mut log, _) = AuditLog::open(dir, JournalOptions::default(), Timestamp::now())?;
    fill(&mut log, records)?;
    let start = Instant::now();
    let read = read_all(&log)?;
    let scan = start.elapsed().as_secs_f64();
    println!("{:>24} {scan:9.4} s, {read} records", "reading all records");
    let any = Filter::default;
    let text = |value: &str| Some(value.to_owned());
    let rule = Filter { rule: text("rare"), ..any() };
    searched("rare rule, all", &log, &rule, usize::MAX, scan)?;
    searched("rare status, all", &log, &failed(), usize::MAX, scan)?;
    searched("common model, a page", &log, &Filter { model: text("qwen"), limit: Some(50), ..any() }, 1, scan)?;
    searched("no match, all", &log, &Filter { model: text("none"), ..any() }, usize::MAX, scan)?;
    let both = Filter { rule: text("rare"), ..failed() };
    searched("no match of two, all", &log, &both, usize::MAX, scan)?;
    last_page(&log, scan)?;
    let start = Instant::now();
    let reader = AuditReader::open(dir)?;
    println!("{:>24} {:9.4} s", "opening a reader", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let found = reader.search(&rule, None)?.items.len();
    println!("{:>24} {:9.4} s, {found} found", "a page of a reader", start.elapsed().as_secs_f64());
    Ok(())
}

fn failed() -> Filter {
    Filter { status: Some(Status::Ended(OutcomeStatus::Failed)), ..Filter::default() }
}

fn read_all(log: &AuditLog) -> Outcome<usize> {
    let (mut after, mut read) = (0, 0);
    while after < log.last_seq() {
        let tail = log.records_after(after, READ)?;
        read += tail.records.len();
        after = tail.last;
    }
    Ok(read)
}

/// Reads up to so many pages.
fn searched(what: &str, log: &AuditLog, filter: &Filter, most: usize, scan: f64) -> Outcome<()> {
    let mut cursor: Option<Cursor> = None;
    let (mut found, mut pages, mut longest) = (0, 0, 0_f64);
    let start = Instant::now();
    while pages < most {
        let begin = Instant::now();
        let page = log.search(filter, cursor.as_ref())?;
        longest = longest.max(begin.elapsed().as_secs_f64());
        found += page.items.len();
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let ratio = seconds / scan;
    println!(
        "{what:>24} {seconds:9.4} s, {ratio:7.4} of reading all, {found} found, {pages} pages of at most {longest:.4} s"
    );
    Ok(())
}

/// The page that ends with the first record.
fn last_page(log: &AuditLog, scan: f64) -> Outcome<()> {
    let filter = Filter::default();
    let mut cursor = None;
    loop {
        let page = log.search(&filter, cursor.as_ref())?;
        let Some(next) = page.next else { break };
        cursor = Some(next);
    }
    let start = Instant::now();
    let found = log.search(&filter, cursor.as_ref())?.items.len();
    let seconds = start.elapsed().as_secs_f64();
    println!("{:>24} {seconds:9.4} s, {:7.4} of reading all, {found} found", "the last page", seconds / scan);
    Ok(())
}

/// Requests with an outcome each, so that a record in two is an admission.
fn fill(log: &mut AuditLog, records: u32) -> Outcome<()> {
    let requests: Vec<u32> = (0..records / 2).collect();
    for some in requests.chunks(BATCH as usize) {
        log.append(&some.iter().flat_map(|number| request(*number)).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn request(number: u32) -> [Draft; 2] {
    let id = RecordId::generate();
    let is_failed = number % RARE == RARE / 2;
    let outcome = OutcomeDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: id.clone(),
        status: if is_failed { OutcomeStatus::Failed } else { OutcomeStatus::Answered },
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
    [admission(id, number), outcome.into()]
}

fn admission(record_id: RecordId, number: u32) -> Draft {
    let law = LawNote { rule: "rare".to_owned(), state: "enforced".to_owned(), effect: None, assessment: None };
    let admission = Admission {
        request_id: RequestId::generate(),
        tenant: format!("tenant-{}", number % 100),
        key_id: format!("key_{}", number % 300),
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
        laws: number.is_multiple_of(RARE).then_some(law).into_iter().collect(),
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
