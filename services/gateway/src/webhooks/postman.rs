//! The task that reads the log, keeps the outbox and sends what is due.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    env,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use forethought_actors::{AuditDesk, KillSwitch, ReadError, catch};
use forethought_audit::Tail;
use forethought_policies::{PolicyDesk, Webhook};
use forethought_store::{RealDisk, StoreError};
use forethought_webhooks::{Answer, Book, Bounds, Change, Delivery, Ended, Event, Fate, HookId, Outbox, Read};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet, spawn_blocking},
    time::{Instant, sleep, timeout},
};
use tracing::{debug, error, info, warn};

use super::{
    Client, Counters, Posted,
    feed::{self, About},
};

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long to wait after the outbox could not be written.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Entries of the log that are looked at together.
const AT_ONCE: usize = 256;
/// Deliveries under way at the same time, to as many webhooks.
const MAX_FLYING: usize = 64;
/// How long it may take until how far the log was read is kept, where nothing was to be told.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// How long it may take until it is kept that something was delivered: who is killed before tells it again.
const KEEP_ENDED_WITHIN: Duration = Duration::from_millis(50);
/// How long what is under way may take when the service stops.
const LAND_WITHIN: Duration = Duration::from_secs(1);
/// For how long it is waited that a policy of which there is a record decides.
const IN_FORCE_WITHIN: SignedDuration = SignedDuration::from_secs(10);
/// The first and the longest wait before the task begins anew.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// By how much the numbers differ from which is drawn how much of a delay is taken off.
const SPREAD: u32 = 0x9e37_79b9;

/// What the task works with.
#[derive(Clone)]
pub struct Office {
    pub folder: PathBuf,
    pub desk: Arc<PolicyDesk>,
    pub audit: AuditDesk,
    pub refused: Arc<tokio::sync::Mutex<mpsc::Receiver<Event>>>,
    pub counters: Arc<Counters>,
    pub kill: KillSwitch,
}

/// Why the task has to begin anew.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The outbox cannot be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A thread or a task was lost.
    #[error("work was lost")]
    Lost,
}

/// Has the task run until the service stops; whatever ends it before, it begins anew, after a wait that grows.
pub async fn keep(office: Office) {
    let mut wait = RESTART.0;
    while !office.kill.is_killed() {
        let begun = Instant::now();
        let ended = catch(run(office.clone())).await;
        let why = match ended {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        office.counters.failure();
        error!(why, folder = %office.folder.display(), "webhooks are not told for now; requests go on, and it is tried again");
        if begun.elapsed() > RESTART.1 {
            wait = RESTART.0;
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = office.kill.killed() => {}
        }
        wait = (wait * 2).min(RESTART.1);
    }
}

async fn run(office: Office) -> Result<(), Failure> {
    let folder = office.folder.clone();
    let opened = spawn_blocking(move || Book::open(Arc::new(RealDisk::open(folder)?)));
    let (book, outbox) = opened.await.map_err(|_| Failure::Lost)??;
    let now = Instant::now();
    let postman = Postman {
        office,
        kept: outbox.read(),
        book: Arc::new(Mutex::new(book)),
        outbox,
        hooks: HashMap::new(),
        told: HashSet::new(),
        digest: Arc::from(""),
        unkept: Vec::new(),
        refused: VecDeque::new(),
        flying: JoinSet::new(),
        client: Client::new(),
        begun: now,
        look_at: now,
        kept_at: now,
        failing: false,
        random: u32::try_from(Timestamp::now().as_microsecond() & 0x7fff_ffff).unwrap_or_default(),
    };
    postman.work().await
}

struct Postman {
    office: Office,
    book: Arc<Mutex<Book>>,
    outbox: Outbox,
    /// Those of the policy with this digest.
    hooks: HashMap<HookId, Webhook>,
    digest: Arc<str>,
    /// Webhooks whose secret is missing, of which the log was told.
    told: HashSet<HookId>,
    /// What ended and is not kept yet.
    unkept: Vec<Change>,
    /// Refusals that are not kept yet.
    refused: VecDeque<Event>,
    flying: JoinSet<(Delivery, Posted)>,
    client: Client,
    begun: Instant,
    look_at: Instant,
    /// How far the log was read as far as it is kept, and since when.
    kept: Read,
    kept_at: Instant,
    /// Whether the outbox could not be written the last time.
    failing: bool,
    random: u32,
}

impl Postman {
    async fn work(mut self) -> Result<(), Failure> {
        let kill = self.office.kill.clone();
        while !kill.is_killed() {
            if Instant::now() >= self.look_at {
                self.look().await?;
            }
            self.send();
            self.office.counters.pending(self.outbox.pending());
            tokio::select! {
                () = kill.killed() => {}
                () = tokio::time::sleep_until(self.look_at) => {}
                Some(sent) = self.flying.join_next() => self.sent(sent)?,
            }
        }
        self.land().await
    }

    /// Waits a little for what is under way, and keeps what came of it.
    async fn land(mut self) -> Result<(), Failure> {
        let landed = async {
            while let Some(sent) = self.flying.join_next().await {
                self.sent(sent)?;
            }
            Ok::<_, Failure>(())
        };
        _ = timeout(LAND_WITHIN, landed).await;
        self.keep(vec![Change::Read(self.outbox.read())]).await.map(drop)
    }

    /// Looks at the policy, the log, the quotas and what was refused, and keeps what is to be told.
    async fn look(&mut self) -> Result<(), Failure> {
        self.look_at = Instant::now() + LOOK_EVERY;
        self.policy();
        self.outbox.forget(Timestamp::now());
        self.refusals();
        let before = self.outbox.read();
        if self.hooks.is_empty() {
            self.refused.clear();
            let idle = Read { cursor: None, ..before };
            return self.keep_if(before.cursor.is_some(), vec![Change::Read(idle)]).await.map(drop);
        }
        let (read, events) = match self.news(before).await {
            Ok(news) => news,
            Err(busy) => {
                debug!(%busy, "the audit log cannot be read for webhooks now");
                return Ok(());
            }
        };
        let (told, quotas) = self.quotas();
        let refused = self.refused.iter().map(|event| self.addressed(About { event: event.clone(), tenant: None }));
        let events: Vec<_> = events.into_iter().chain(quotas).chain(refused).filter(|(_, to)| !to.is_empty()).collect();
        let anything = !events.is_empty() || !self.unkept.is_empty();
        let mut changes = vec![Change::Read(read)];
        changes.extend(told);
        changes.extend(self.outbox.queueing(events, Timestamp::now()));
        let due = read != self.kept && self.kept_at.elapsed() >= KEEP_EVERY;
        if !anything && !due {
            self.outbox.apply(Change::Read(read));
            return Ok(());
        }
        if self.keep(changes).await? {
            self.refused.clear();
            let dropped = self.outbox.trim(Bounds::default());
            self.ended(dropped);
        }
        Ok(())
    }

    /// Takes note of another policy. What waits for webhooks that it does not have is told to nobody.
    fn policy(&mut self) {
        let policy = self.office.desk.policy();
        if *self.digest == *policy.digest() {
            return;
        }
        self.digest = Arc::from(policy.digest());
        self.hooks = policy.webhooks().iter().map(|webhook| (webhook.id.clone(), webhook.clone())).collect();
        self.told.clear();
        let removed = self.outbox.retain(&self.hooks.keys().cloned().collect());
        self.ended(removed);
    }

    fn refusals(&mut self) {
        // Nobody else holds it but a task that has ended.
        let Ok(mut receiver) = self.office.refused.try_lock() else { return };
        while self.refused.len() < super::MAX_REFUSALS
            && let Ok(event) = receiver.try_recv()
        {
            self.refused.push_back(event);
        }
    }

    /// What the log says behind where it was read last, to whom, and how far it is read then.
    async fn news(&mut self, before: Read) -> Result<(Read, Vec<(Event, Vec<HookId>)>), ReadError> {
        let last = self.office.audit.read(|log| Ok(log.last_seq())).await?;
        let mut read = match before.cursor {
            Some(cursor) if cursor <= last => before,
            Some(cursor) => {
                warn!(cursor, last, "the audit log is shorter than it was; webhooks are told from its end on");
                Read { cursor: Some(last), policy: self.office.desk.policy().version() }
            }
            None => self.first().await?,
        };
        let cursor = read.cursor.unwrap_or(last);
        if cursor == last {
            return Ok((Read { cursor: Some(cursor), ..read }, Vec::new()));
        }
        let Tail { records, last: seen } =
            self.office.audit.read(move |log| log.records_after(cursor, AT_ONCE)).await?;
        let (in_force, now) = (self.office.desk.policy().version(), Timestamp::now());
        let mut events = Vec::new();
        read.cursor = Some(seen);
        for (seq, record) in records {
            // Who is told of a policy stands in that policy: it decides a moment after its record.
            let early = feed::version(&record).is_some_and(|version| version > in_force);
            if early && now.duration_since(record.time) < IN_FORCE_WITHIN {
                read.cursor = Some(seq - 1);
                break;
            }
            events.extend(feed::of_record(&record, &mut read.policy).map(|about| self.addressed(about)));
        }
        if read.cursor == Some(seen) && seen < last {
            self.look_at = Instant::now();
        }
        Ok((read, events))
    }

    /// Where the first webhook's policy came into force: from there on it is told.
    async fn first(&self) -> Result<Read, ReadError> {
        let act = self.office.audit.read(|log| Ok((log.last_policy_act()?, log.last_seq()))).await?;
        Ok(match act {
            (Some((seq, version)), _) => {
                Read { cursor: Some(seq.saturating_sub(1)), policy: version.saturating_sub(1) }
            }
            (None, last) => Read { cursor: Some(last), policy: 0 },
        })
    }

    fn addressed(&self, about: About) -> (Event, Vec<HookId>) {
        let to = about.heard_by(self.hooks.values());
        (about.event, to)
    }

    /// Quotas that are reached and were not told of.
    fn quotas(&self) -> (Vec<Change>, Vec<(Event, Vec<HookId>)>) {
        let now = Timestamp::now();
        let (mut told, mut events) = (Vec::new(), Vec::new());
        for (tenant, reached) in self.office.desk.quotas_reached() {
            let (about, until) = feed::of_quota(&tenant, &reached, now);
            if self.outbox.has_told(&about.event.id) {
                continue;
            }
            let (event, to) = self.addressed(about);
            if !to.is_empty() {
                told.push(Change::Told { id: event.id.clone(), until });
                events.push((event, to));
            }
        }
        (told, events)
    }

    async fn keep_if(&mut self, wanted: bool, changes: Vec<Change>) -> Result<bool, Failure> {
        if wanted || !self.unkept.is_empty() { self.keep(changes).await } else { Ok(true) }
    }

    /// Makes changes durable, behind those that are not yet, and only then makes them. Gives whether it could.
    async fn keep(&mut self, changes: Vec<Change>) -> Result<bool, Failure> {
        let batch: Vec<Change> = self.unkept.iter().chain(&changes).cloned().collect();
        let book = Arc::clone(&self.book);
        let written = spawn_blocking(move || book.lock().unwrap_or_else(PoisonError::into_inner).write(&batch));
        if let Err(failure) = written.await.map_err(|_| Failure::Lost)? {
            return self.not_kept(failure);
        }
        self.unkept.clear();
        for change in changes {
            self.outbox.apply(change);
        }
        (self.kept, self.kept_at) = (self.outbox.read(), Instant::now());
        if std::mem::take(&mut self.failing) {
            info!("the outbox of webhooks can be written again");
        }
        self.shorten().await.map(|()| true)
    }

    /// A book that takes nothing more is opened anew; another one may take the same later.
    fn not_kept(&mut self, failure: StoreError) -> Result<bool, Failure> {
        if let StoreError::NeedsReopen { .. } = failure {
            return Err(failure.into());
        }
        self.office.counters.failure();
        if !std::mem::replace(&mut self.failing, true) {
            error!(%failure, "the outbox of webhooks cannot be written; requests go on, and it is tried again");
        }
        self.look_at = Instant::now() + AFTER_FAILURE;
        Ok(false)
    }

    /// Writes the book anew where most of it is of no use any more. That it cannot be is no harm yet.
    async fn shorten(&mut self) -> Result<(), Failure> {
        let book = Arc::clone(&self.book);
        let snapshot = {
            let long = book.lock().unwrap_or_else(PoisonError::into_inner).is_long();
            if !long {
                return Ok(());
            }
            self.outbox.snapshot()
        };
        let written = spawn_blocking(move || book.lock().unwrap_or_else(PoisonError::into_inner).write_anew(&snapshot));
        if let Err(failure) = written.await.map_err(|_| Failure::Lost)? {
            warn!(%failure, "the outbox of webhooks cannot be shortened; it is tried again");
            self.office.counters.failure();
        }
        Ok(())
    }

    /// Sends what is due.
    fn send(&mut self) {
        while self.flying.len() < MAX_FLYING
            && let Some(delivery) = self.outbox.due(self.begun.elapsed())
        {
            let Some(webhook) = self.hooks.get(&delivery.to).cloned() else {
                // It is taken out when the policy is looked at.
                self.settle(&delivery, Answer::Away(None));
                continue;
            };
            let secrets = match webhook.secrets(|name| env::var(name).ok()) {
                Ok(secrets) => secrets,
                Err(problem) => {
                    if self.told.insert(webhook.id.clone()) {
                        error!(webhook = %webhook.id, %problem, "a webhook has no secret, so it is told nothing; what waits for it is kept");
                    }
                    self.settle(&delivery, Answer::Away(None));
                    continue;
                }
            };
            let client = self.client.clone();
            self.flying.spawn(async move {
                let posted = client.post(&webhook.hook, &secrets, &delivery.event).await;
                (delivery, posted)
            });
        }
    }

    /// A delivery that was lost, by a panic, has the task begin anew, and is made again then.
    fn sent(&mut self, sent: Result<(Delivery, Posted), JoinError>) -> Result<(), Failure> {
        let (delivery, Posted { answer, told }) = sent.map_err(|_| Failure::Lost)?;
        if answer != Answer::Accepted {
            warn!(webhook = %delivery.to, event = delivery.event.id, told, "an event was not delivered");
        }
        self.settle(&delivery, answer);
        Ok(())
    }

    fn settle(&mut self, delivery: &Delivery, answer: Answer) {
        if answer != Answer::Accepted {
            self.office.counters.delivery(delivery.event.kind, "failed");
        }
        // Weyl's sequence: spread evenly, which is all that delays need.
        self.random = self.random.wrapping_add(SPREAD);
        let ended = self.outbox.settle(delivery, answer, self.begun.elapsed(), Timestamp::now(), self.random);
        self.ended(ended);
    }

    fn ended(&mut self, ended: Vec<Ended>) {
        for ended in ended {
            self.office.counters.delivery(ended.event.kind, ended.fate.as_str());
            if ended.fate != Fate::Delivered {
                let (webhook, event, fate) = (&ended.to, &ended.event.id, ended.fate.as_str());
                error!(%webhook, event, fate, "an event is not told to a webhook");
            }
            self.unkept.push(ended.change());
            if !self.failing {
                self.look_at = self.look_at.min(Instant::now() + KEEP_ENDED_WITHIN);
            }
        }
    }
}
