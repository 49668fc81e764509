//! A month of made-up traffic: busy weekdays and quiet weekends, several models and laws, reviews, erasures, holds, crashes.

#[path = "draw.rs"]
mod draw;

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use forethought_audit::{Act, ActDraft, Actor, Asked, AuditLog, Draft, Owner, PolicyRef, Scope, Signer, VerifierKey};
use forethought_policies::{PackChoice, Packs};
use forethought_schemas::RecordId;
use forethought_store::JournalOptions;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

pub use draw::TENANT;
use draw::{Drawn, Traffic};

/// The first moment of the period.
pub const START: &str = "2026-11-01T00:00:00Z";
/// The first moment behind it.
pub const END: &str = "2026-12-01T00:00:00Z";
/// Drafts of one append.
const BATCH: usize = 128;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What is to be made.
pub struct Month {
    /// Requests of all tenants.
    pub requests: usize,
    /// What every draw comes from.
    pub seed: u64,
}

/// Something that happens at a moment.
enum Event {
    Append(Draft),
    Erase(Scope, &'static str),
    Hold(&'static str),
    /// The process ends, and begins again; with what a torn write leaves, if so.
    Crash {
        is_torn: bool,
    },
}

/// The log, and which requests a crash has ended.
struct Writer {
    dir: PathBuf,
    /// Not open only between a crash and the next start.
    log: Option<AuditLog>,
    waiting: Vec<Draft>,
    dead: BTreeSet<RecordId>,
}

impl Month {
    /// Writes the log into a data directory, and gives the keys that its checkpoint verifies with.
    pub fn write(&self, dir: &Path) -> Outcome<Vec<VerifierKey>> {
        let start: Timestamp = START.parse()?;
        let (log, _) = AuditLog::open(dir, JournalOptions::default(), start)?;
        let mut writer = Writer { dir: dir.to_owned(), log: Some(log), waiting: Vec::new(), dead: BTreeSet::new() };
        for (time, event) in self.events()? {
            writer.happens(time, event)?;
        }
        writer.flush()?;
        let signer: Signer = writer.log()?.signer(Some("example.com/forethought"))?;
        writer.log()?.checkpoint(&signer)?;
        Ok(signer.verifiers().cloned().collect())
    }

    fn events(&self) -> Outcome<Vec<(Timestamp, Event)>> {
        let choices: Vec<PackChoice> = Packs::shipped().map(PackChoice::new).collect();
        let packs = Packs::load(&choices, Path::new("."))?;
        let mut traffic = Traffic { random: ChaCha12Rng::seed_from_u64(self.seed), packs, start: START.parse()? };
        let mut events = Vec::new();
        for number in 0..self.requests {
            let Drawn { admission, outcome, review } = traffic.request(number)?;
            for (time, draft) in std::iter::once(admission).chain(outcome).chain(review) {
                events.push((time, Event::Append(draft)));
            }
        }
        events.extend(acts(&mut traffic)?);
        events.extend(happenings(&traffic)?);
        events.sort_by_key(|(time, _)| *time);
        Ok(events)
    }
}

/// Policy changes, and reads of contents.
fn acts(traffic: &mut Traffic) -> Outcome<Vec<(Timestamp, Event)>> {
    let mut events = Vec::new();
    for (day, what, by, changes) in [
        (0, Act::POLICY_IN_FORCE, None, 1),
        (3, "policy.replace", Some(("k_owner", "policy_owner")), 4),
        (11, "key.create", Some(("k_admin", "admin")), 1),
        (16, "policy.replace", Some(("k_owner", "policy_owner")), 2),
        (17, "policy.rollback", Some(("k_owner", "policy_owner")), 2),
        (24, Act::POLICY_IN_FORCE, None, 3),
    ] {
        let time = traffic.at(day, 9.5)?;
        events.push((time, Event::Append(act(time, what, by, changes))));
    }
    for _ in 0..14 {
        let (day, hour) = (traffic.random.random_range(0..30), traffic.random.random_range(8.0..18.0));
        let time = traffic.at(day, hour)?;
        let by = if traffic.random.random_bool(0.7) { ("k_reviewer_1", "reviewer") } else { ("k_auditor", "auditor") };
        events.push((time, Event::Append(act(time, "contents.read", Some(by), 0))));
    }
    Ok(events)
}

fn act(time: Timestamp, what: &str, by: Option<(&str, &str)>, changes: usize) -> Draft {
    let act = Act {
        what: what.to_owned(),
        by: by.map(|(key, role)| actor(key, role)),
        object: None,
        policy: policy(),
        changes: (0..changes).map(|at| format!("line {at} of what changed")).collect(),
        reason: None,
        erasure: None,
    };
    ActDraft { record_id: RecordId::generate(), time, act }.into()
}

fn actor(key: &str, role: &str) -> Actor {
    Actor { tenant: TENANT.to_owned(), key_id: key.to_owned(), role: role.to_owned() }
}

fn policy() -> PolicyRef {
    PolicyRef { version: "12".to_owned(), digest: format!("sha256:{}", "7c".repeat(32)) }
}

/// Erasures, a hold, and crashes.
fn happenings(traffic: &Traffic) -> Outcome<Vec<(Timestamp, Event)>> {
    let owner = |subject: &str| Scope::Owner(Owner { tenant: TENANT.to_owned(), subject: Some(subject.to_owned()) });
    Ok(vec![
        (traffic.at(6, 10.0)?, Event::Erase(owner("customer-3"), "ticket 4711")),
        (traffic.at(8, 3.1)?, Event::Crash { is_torn: false }),
        (traffic.at(12, 15.0)?, Event::Hold("customer-5")),
        (traffic.at(13, 11.0)?, Event::Erase(owner("customer-5"), "ticket 4802")),
        (traffic.at(19, 14.7)?, Event::Crash { is_torn: true }),
        (traffic.at(21, 9.0)?, Event::Erase(owner("customer-9"), "ticket 4899")),
        (traffic.at(27, 16.0)?, Event::Erase(owner("customer-nobody"), "ticket 4931")),
        (traffic.at(32, 9.0)?, Event::Erase(owner("customer-1"), "ticket 5002")),
    ])
}

impl Writer {
    fn log(&mut self) -> Outcome<&mut AuditLog> {
        self.log.as_mut().ok_or_else(|| "the log could not be opened again".into())
    }

    fn happens(&mut self, time: Timestamp, event: Event) -> Outcome<()> {
        match event {
            Event::Append(draft) => {
                self.waiting.push(draft);
                if self.waiting.len() >= BATCH { self.flush() } else { Ok(()) }
            }
            Event::Erase(scope, reason) => {
                self.flush()?;
                self.log()?.erase(&scope, &asked(reason), time)?;
                Ok(())
            }
            Event::Hold(subject) => {
                self.flush()?;
                self.log()?.place_hold(TENANT, Some(subject), &asked("a lawsuit"), time)?;
                Ok(())
            }
            Event::Crash { is_torn } => self.crash(time, is_torn),
        }
    }

    /// Appends what waits, without what belongs to requests that a crash has ended.
    fn flush(&mut self) -> Outcome<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let drafts: Vec<Draft> = waiting.into_iter().filter(|draft| !self.is_dead(draft)).collect();
        self.log()?.append(&drafts)?;
        Ok(())
    }

    fn is_dead(&self, draft: &Draft) -> bool {
        match draft {
            Draft::Outcome(outcome) => self.dead.contains(&outcome.admission),
            Draft::Review(review) => self.dead.contains(&review.admission),
            Draft::ToolCall(call) => self.dead.contains(&call.admission),
            Draft::ToolResult(result) => self.dead.contains(&result.admission),
            Draft::Admission(_) | Draft::Act(_) => false,
        }
    }

    fn crash(&mut self, time: Timestamp, is_torn: bool) -> Outcome<()> {
        self.flush()?;
        drop(self.log.take());
        if is_torn {
            let segments = fs::read_dir(&self.dir)?.filter_map(|entry| Some(entry.ok()?.path()));
            let last = segments.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).max();
            let mut segment = fs::OpenOptions::new().append(true).open(last.ok_or("there is no journal")?)?;
            segment.write_all(&[0x5a; 41])?;
        }
        let (log, report) = AuditLog::open(&self.dir, JournalOptions::default(), time + SignedDuration::from_secs(30))?;
        self.log = Some(log);
        self.dead.extend(report.interrupted);
        Ok(())
    }
}

fn asked(reason: &str) -> Asked {
    Asked { by: Some(actor("k_privacy", "privacy_officer")), reason: Some(reason.to_owned()), policy: policy() }
}
