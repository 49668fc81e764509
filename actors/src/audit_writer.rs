//! The one writer of the audit log: what waits while a batch is written goes into the next one (group commit). Whoever asks seals the
//! record first, so that a batch takes little more than its sync.

#[cfg(test)]
pub(crate) mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture, fut::ActorFutureExt};
use forethought_audit::{Appended, AuditError, AuditLog, Draft, EarlyRecord, OpenReport, Preparer, Usage, VaultError};
use forethought_store::{JournalOptions, OpenCheck, StoreError};
use jiff::{Timestamp, tz::TimeZone};
use tokio::{
    sync::{Mutex as FairMutex, oneshot},
    time::Instant,
};
use tracing::{error, info, warn};

use crate::{KillSwitch, Life, SendError, Supervised, SupervisedAddr, Supervision};

/// Records that may wait for the next batch; each is one running request's, so more means a fault.
const MAX_PENDING: usize = 4096;
/// How long a record may take to become durable before its request is refused.
const APPEND_WITHIN: Duration = Duration::from_secs(30);
/// Contents, in bytes, that are sealed in the thread of whoever asks, which takes less than a tenth of a millisecond. More of them
/// would hold up those who share it.
const SEALED_AT_ONCE: usize = 32 << 10;

/// Why a record could not be made durable, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The log does not take such a record, now or later; it is not there.
    #[error("{0}")]
    Refused(String),
    /// The record may be there, or come to be there.
    #[error("{0}")]
    Unknown(String),
    /// The record is not there; it may be sent again.
    #[error("{0}")]
    Failed(String),
}

impl From<SendError> for AppendError {
    fn from(error: SendError) -> Self {
        if error.may_have_acted() { Self::Unknown(error.to_string()) } else { Self::Failed(error.to_string()) }
    }
}

struct Append(EarlyRecord);

impl Message for Append {
    type Result = Result<Appended, AppendError>;
}

/// Something that reads the log as it stands.
struct Read(Box<dyn FnOnce(&AuditLog) + Send>);

impl Message for Read {
    type Result = ();
}

/// Something that changes the log in another way than by records of requests.
struct Change(Box<dyn FnOnce(&mut AuditLog) + Send>);

impl Message for Change {
    type Result = ();
}

type Waiting = (EarlyRecord, oneshot::Sender<Result<Appended, AppendError>>);

/// What waits for the next batch.
#[derive(Default)]
struct Queue {
    pending: Vec<Waiting>,
    /// Whether a thread writes, which takes what waits when it comes to it.
    writing: bool,
}

impl Queue {
    /// What goes into the next batch; when that is nothing, whoever writes has ended.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        self.writing = !self.pending.is_empty();
        self.writing.then(|| std::mem::take(&mut self.pending))
    }
}

pub(crate) struct AuditWriter {
    life: Life<Self>,
    /// Fair: who reads or changes the log comes between two batches, however many wait.
    log: Arc<FairMutex<AuditLog>>,
    queue: Arc<Mutex<Queue>>,
}

impl Actor for AuditWriter {
    type Context = Context<Self>;
}

impl Handler<Append> for AuditWriter {
    type Result = ResponseFuture<Result<Appended, AppendError>>;

    fn handle(&mut self, Append(record): Append, ctx: &mut Context<Self>) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        let idle = {
            let mut queue = lock(&self.queue);
            if queue.pending.len() >= MAX_PENDING {
                let full = AppendError::Failed(format!("{MAX_PENDING} records wait already"));
                return Box::pin(async { Err(full) });
            }
            queue.pending.push((record, reply));
            !std::mem::replace(&mut queue.writing, true)
        };
        if idle {
            self.write(ctx);
        }
        // A writer that stops does not stop the batch that is being written.
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(AppendError::Unknown("the writer stopped".to_owned()))) })
    }
}

impl Handler<Read> for AuditWriter {
    type Result = ();

    /// Reads between two batches, where it holds up nobody's thread.
    fn handle(&mut self, Read(read): Read, _: &mut Context<Self>) {
        let log = Arc::clone(&self.log);
        tokio::task::spawn_blocking(move || read(&log.blocking_lock()));
    }
}

impl Handler<Change> for AuditWriter {
    type Result = ();

    /// Changes between two batches.
    fn handle(&mut self, Change(change): Change, ctx: &mut Context<Self>) {
        let log = Arc::clone(&self.log);
        let work = tokio::task::spawn_blocking(move || {
            let mut log = log.blocking_lock();
            change(&mut log);
            log.refusing().map(ToString::to_string)
        });
        ctx.spawn(work.into_actor(self).map(|changed, writer, ctx| match changed {
            Ok(None) => {}
            Ok(Some(refusal)) => writer.life.fail(ctx, refusal),
            Err(panicked) => writer.life.fail(ctx, panicked),
        }));
    }
}

impl AuditWriter {
    /// Writes what waits in a thread of its own, batch after batch, until nothing waits.
    fn write(&mut self, ctx: &mut Context<Self>) {
        let (log, queue) = (Arc::clone(&self.log), Arc::clone(&self.queue));
        let write = tokio::task::spawn_blocking(move || write_all(&log, &queue));
        ctx.spawn(write.into_actor(self).map(|written, writer, ctx| match written {
            Ok(None) => {}
            // What was not synced may be half there: only opening the log again tells.
            Ok(Some(refusal)) => writer.life.fail(ctx, refusal),
            Err(panicked) => writer.life.fail(ctx, panicked),
        }));
    }
}

/// A panic elsewhere leaves what is in it whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes until nothing waits; gives the reason when the log refuses further writes, and leaves what waits then.
fn write_all(log: &FairMutex<AuditLog>, queue: &Mutex<Queue>) -> Option<String> {
    loop {
        let mut log = log.blocking_lock();
        // Not before it is this thread's turn: what has come meanwhile shares the sync.
        let batch = lock(queue).next()?;
        if let Some(refusal) = write_batch(&mut log, batch) {
            return Some(refusal);
        }
        // Once all are answered: nobody waits for it.
        log.settle();
    }
}

/// Writes one batch and answers each of its waiters; gives the reason when the log refuses further writes.
fn write_batch(log: &mut AuditLog, mut batch: Vec<Waiting>) -> Option<String> {
    while !batch.is_empty() {
        let (records, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match log.append_early(&records) {
            Ok(appended) => {
                for (reply, appended) in replies.into_iter().zip(appended) {
                    let _ = reply.send(Ok(appended));
                }
                return None;
            }
            Err(AuditError::Draft { index, source }) => {
                // One wrong draft refuses the whole batch: take it out and write the others.
                batch = records.into_iter().zip(replies).collect();
                if index >= batch.len() {
                    error!(%source, "the audit log refused a record that is not in the batch");
                    return None;
                }
                let (_, reply) = batch.remove(index);
                let _ = reply.send(Err(AppendError::Refused(source.to_string())));
            }
            // The fault may be one tenant's, such as a damaged key file, or that of the batch's size.
            Err(failure) if records.len() > 1 && log.refusing().is_none() && !failure.is_full() => {
                warn!(%failure, "audit records could not be written together; each is written alone");
                return records.into_iter().zip(replies).find_map(|waiting| write_batch(log, vec![waiting]));
            }
            Err(failure) => {
                error!(%failure, "audit records could not be written");
                let error = append_error(log, &failure);
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
                return log.refusing().map(ToString::to_string);
            }
        }
    }
    None
}

fn append_error(log: &AuditLog, failure: &AuditError) -> AppendError {
    let text = failure.to_string();
    match failure {
        AuditError::Store(StoreError::BatchTooLarge { .. })
        | AuditError::Vault(VaultError::Sealing { .. } | VaultError::Subject { .. }) => AppendError::Refused(text),
        // What could not be cut back is found when the log is opened again.
        _ if log.refusing().is_some() => AppendError::Unknown(text),
        _ => AppendError::Failed(text),
    }
}

/// Makes audit records durable.
#[derive(Clone)]
pub struct AuditDesk {
    writer: SupervisedAddr<AuditWriter>,
    /// Of the log that is open.
    preparer: Arc<Mutex<Preparer>>,
}

impl AuditDesk {
    /// Makes one record durable; it may share its sync with others. It is sealed before it waits for its turn, so that records of
    /// several threads are sealed at once, and while a batch is written.
    ///
    /// # Errors
    /// [`AppendError`] when it may not be durable: what it guards must not happen.
    pub async fn append(&self, draft: impl Into<Draft>) -> Result<Appended, AppendError> {
        let record = self.prepare(draft.into()).await?;
        let sent = self.writer.send(Append(record), Instant::now() + APPEND_WITHIN).await;
        sent?
    }

    async fn prepare(&self, draft: Draft) -> Result<EarlyRecord, AppendError> {
        let preparer = lock(&self.preparer).clone();
        if draft.content_bytes() <= SEALED_AT_ONCE {
            return Ok(preparer.prepare(draft));
        }
        let sealed = tokio::task::spawn_blocking(move || preparer.prepare(draft)).await;
        sealed.map_err(|error| AppendError::Failed(format!("the record could not be prepared: {error}")))
    }
}

/// Why the log could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The log is being opened again, or is busy: it may be asked again.
    #[error("the audit log cannot be read now: {0}")]
    Busy(String),
    /// What is there cannot be read.
    #[error("{0}")]
    Broken(String),
}

impl AuditDesk {
    /// Reads the log as it stands. Records wait meanwhile, so what `read` does is to be short.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&AuditLog) -> Result<T, AuditError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (reply, answer) = oneshot::channel();
        let ask = Read(Box::new(move |log| drop(reply.send(read(log).map_err(|error| error.to_string())))));
        let sent = self.writer.send(ask, Instant::now() + APPEND_WITHIN).await;
        sent.map_err(|error| ReadError::Busy(error.to_string()))?;
        answer.await.map_err(|_| ReadError::Busy("the reader was lost".to_owned()))?.map_err(ReadError::Broken)
    }
}

impl AuditDesk {
    /// Changes the log in another way than by records of requests, such as by an erasure. Records wait meanwhile. It is done also
    /// when whoever asked has left.
    ///
    /// # Errors
    /// [`ReadError`]: with [`ReadError::Busy`] it may come to be done.
    pub async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut AuditLog) -> Result<T, AuditError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (reply, answer) = oneshot::channel();
        let ask = Change(Box::new(move |log| drop(reply.send(change(log).map_err(|error| error.to_string())))));
        let sent = self.writer.send(ask, Instant::now() + APPEND_WITHIN).await;
        sent.map_err(|error| ReadError::Busy(error.to_string()))?;
        answer.await.map_err(|_| ReadError::Busy("the change was lost".to_owned()))?.map_err(ReadError::Broken)
    }
}

/// Opens the log, closes what a crash interrupted, and keeps a writer alive under `parent`. Tells what was spent this
/// month.
///
/// # Errors
/// When the log cannot be opened: locked, damaged, of a newer version.
pub(crate) fn start(
    directory: PathBuf,
    parent: &KillSwitch,
) -> Result<(Supervised<AuditWriter>, AuditDesk, Vec<Usage>), AuditError> {
    let now = Timestamp::now;
    // Closed segments are checked by `audit verify`, and by whoever reads them.
    let options = JournalOptions { check: OpenCheck::LastSegment, ..JournalOptions::default() };
    let first = tell(AuditLog::open(&directory, options, now())?);
    let month = now().to_zoned(TimeZone::UTC).date().first_of_month().to_zoned(TimeZone::UTC);
    let usage = first.usage(month.map_or(Timestamp::MIN, |month| month.timestamp()))?;
    let (writer, desk) = keep(first, parent, move || AuditLog::reopen(&directory, options, now()));
    Ok((writer, desk, usage))
}

/// Keeps a writer alive on a log that is opened again whenever the writer is built anew.
fn keep(
    first: AuditLog,
    parent: &KillSwitch,
    reopen: impl Fn() -> Result<(AuditLog, OpenReport), AuditError> + Send + Sync + 'static,
) -> (Supervised<AuditWriter>, AuditDesk) {
    let preparer = Arc::new(Mutex::new(first.preparer()));
    let current = Arc::clone(&preparer);
    let mut first = Some(first);
    let reopen = Arc::new(reopen);
    let writer = Supervision::new("audit-writer").mailbox(1024).start(parent, move |life| {
        let ready = first.take();
        let (reopen, current) = (Arc::clone(&reopen), Arc::clone(&current));
        async move {
            let log = match ready {
                Some(log) => log,
                None => blocking(move || reopen()).await.map(tell)?,
            };
            *lock(&current) = log.preparer();
            Ok::<_, AuditError>(AuditWriter { life, log: Arc::new(FairMutex::new(log)), queue: Arc::default() })
        }
    });
    let desk = AuditDesk { writer: writer.addr().clone(), preparer };
    (writer, desk)
}

async fn blocking<T: Send + 'static>(
    open: impl FnOnce() -> Result<T, AuditError> + Send + 'static,
) -> Result<T, AuditError> {
    tokio::task::spawn_blocking(open).await.unwrap_or_else(|panicked| {
        Err(AuditError::Store(StoreError::io("open", "the audit log", std::io::Error::other(panicked.to_string()))))
    })
}

fn tell((log, report): (AuditLog, OpenReport)) -> AuditLog {
    let recovery = &report.recovery;
    info!(entries = recovery.entries, interrupted = report.interrupted.len(), "audit log opened");
    if let Some(tail) = &recovery.tail {
        warn!(segment = %tail.segment, offset = tail.offset, bytes = tail.bytes, "a damaged tail was cut back");
    }
    if let Some(lost) = &recovery.acknowledged_lost {
        error!(first = lost.start(), last = lost.end(), "acknowledged audit entries are gone");
    }
    if let Some(why) = &report.index_rebuilt {
        info!(%why, "the audit index was rebuilt");
    }
    if let Some(why) = &report.tree_rebuilt {
        info!(%why, "the Merkle tree's files were rebuilt");
    }
    if !report.vault.missing.is_empty() || report.vault.damaged_holds > 0 {
        error!(missing = ?report.vault.missing, holds = report.vault.damaged_holds, "the key table is not whole: see docs/vault.md");
    }
    log
}
