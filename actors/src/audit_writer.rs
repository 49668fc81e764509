//! The one writer of the audit log: what waits while a batch is written goes into the next one (group commit).

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture, fut::ActorFutureExt};
use forethought_audit::{Appended, AuditError, AuditLog, Draft, OpenReport};
use forethought_store::{JournalOptions, StoreError};
use jiff::Timestamp;
use tokio::{sync::oneshot, time::Instant};
use tracing::{error, info, warn};

use crate::{KillSwitch, Life, SendError, Supervised, SupervisedAddr, Supervision};

/// Records that may wait for the next batch; each is one running request's, so more means a fault.
const MAX_PENDING: usize = 4096;
/// How long a record may take to become durable before its request is refused.
const APPEND_WITHIN: Duration = Duration::from_secs(30);

/// Why a record could not be made durable.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AppendError(String);

struct Append(Draft);

impl Message for Append {
    type Result = Result<Appended, AppendError>;
}

type Waiting = (Draft, oneshot::Sender<Result<Appended, AppendError>>);

pub(crate) struct AuditWriter {
    life: Life<Self>,
    log: Arc<Mutex<AuditLog>>,
    pending: Vec<Waiting>,
    writing: bool,
}

impl Actor for AuditWriter {
    type Context = Context<Self>;
}

impl Handler<Append> for AuditWriter {
    type Result = ResponseFuture<Result<Appended, AppendError>>;

    fn handle(&mut self, Append(draft): Append, ctx: &mut Context<Self>) -> Self::Result {
        if self.pending.len() >= MAX_PENDING {
            let full = AppendError(format!("{MAX_PENDING} records wait already"));
            return Box::pin(async { Err(full) });
        }
        let (reply, answer) = oneshot::channel();
        self.pending.push((draft, reply));
        self.write_next(ctx);
        Box::pin(async { answer.await.unwrap_or_else(|_| Err(AppendError("the writer stopped".to_owned()))) })
    }
}

impl AuditWriter {
    fn write_next(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.pending.is_empty() {
            return;
        }
        self.writing = true;
        let batch = std::mem::take(&mut self.pending);
        let log = Arc::clone(&self.log);
        let write = tokio::task::spawn_blocking(move || {
            write_batch(&mut log.lock().unwrap_or_else(PoisonError::into_inner), batch)
        });
        ctx.spawn(write.into_actor(self).map(|written, writer, ctx| {
            writer.writing = false;
            match written {
                Ok(None) => writer.write_next(ctx),
                // What was not synced may be half there: only opening the log again tells.
                Ok(Some(refusal)) => writer.life.fail(ctx, refusal),
                Err(panicked) => writer.life.fail(ctx, panicked),
            }
        }));
    }
}

/// Writes one batch and answers each of its waiters; gives the reason when the log refuses further writes.
fn write_batch(log: &mut AuditLog, mut batch: Vec<Waiting>) -> Option<String> {
    while !batch.is_empty() {
        let (drafts, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        match log.append(&drafts) {
            Ok(appended) => {
                for (reply, appended) in replies.into_iter().zip(appended) {
                    let _ = reply.send(Ok(appended));
                }
                return None;
            }
            Err(AuditError::Draft { index, source }) => {
                // One wrong draft refuses the whole batch: take it out and write the others.
                batch = drafts.into_iter().zip(replies).collect();
                if index >= batch.len() {
                    error!(%source, "the audit log refused a record that is not in the batch");
                    return None;
                }
                let (_, reply) = batch.remove(index);
                let _ = reply.send(Err(AppendError(source.to_string())));
            }
            Err(failure) => {
                error!(%failure, "audit records could not be written");
                for reply in replies {
                    let _ = reply.send(Err(AppendError(failure.to_string())));
                }
                return log.refusing().map(ToString::to_string);
            }
        }
    }
    None
}

/// Makes audit records durable.
#[derive(Clone)]
pub struct AuditDesk {
    writer: SupervisedAddr<AuditWriter>,
}

impl AuditDesk {
    /// Makes one record durable; it may share its sync with others.
    ///
    /// # Errors
    /// [`AppendError`] when it may not be durable: what it guards must not happen.
    pub async fn append(&self, draft: impl Into<Draft>) -> Result<Appended, AppendError> {
        let sent = self.writer.send(Append(draft.into()), Instant::now() + APPEND_WITHIN).await;
        sent.map_err(|error: SendError| AppendError(error.to_string()))?
    }
}

/// Opens the log, closes what a crash interrupted, and keeps a writer alive under `parent`.
///
/// # Errors
/// When the log cannot be opened: locked, damaged, of a newer version.
pub(crate) fn start(
    directory: PathBuf,
    parent: &KillSwitch,
) -> Result<(Supervised<AuditWriter>, AuditDesk), AuditError> {
    let mut first = Some(open(&directory)?);
    let writer = Supervision::new("audit-writer").mailbox(1024).start(parent, move |life| {
        let ready = first.take();
        let directory = directory.clone();
        async move {
            let log = match ready {
                Some(log) => log,
                None => reopen(directory).await?,
            };
            Ok::<_, AuditError>(AuditWriter {
                life,
                log: Arc::new(Mutex::new(log)),
                pending: Vec::new(),
                writing: false,
            })
        }
    });
    let desk = AuditDesk { writer: writer.addr().clone() };
    Ok((writer, desk))
}

async fn reopen(directory: PathBuf) -> Result<AuditLog, AuditError> {
    tokio::task::spawn_blocking(move || open(&directory)).await.unwrap_or_else(|panicked| {
        Err(AuditError::Store(StoreError::io("open", "the audit log", std::io::Error::other(panicked.to_string()))))
    })
}

fn open(directory: &std::path::Path) -> Result<AuditLog, AuditError> {
    let (log, report) = AuditLog::open(directory, JournalOptions::default(), Timestamp::now())?;
    tell(&report);
    Ok(log)
}

fn tell(report: &OpenReport) {
    let recovery = &report.recovery;
    info!(records = recovery.entries, interrupted = report.interrupted.len(), "audit log opened");
    if let Some(tail) = &recovery.tail {
        warn!(segment = %tail.segment, offset = tail.offset, bytes = tail.bytes, "a damaged tail was cut back");
    }
    if let Some(lost) = &recovery.acknowledged_lost {
        error!(first = lost.start(), last = lost.end(), "acknowledged audit entries are gone");
    }
    if let Some(why) = &report.index_rebuilt {
        info!(%why, "the audit index was rebuilt");
    }
}
