//! Webhooks: who is told of what the audit log says, of quotas, and of policies that were refused; off every request's way.
//!
//! One supervised task reads the log behind where it read last, and makes what is to be told durable together with how far it
//! read. So nothing that has a record is lost, and no request waits for it. What it keeps lies in `webhooks/` in the data
//! directory ([ADR 20](../../../docs/adr/0020-webhooks-follow-the-log.md)).

mod counters;
mod feed;
mod post;
mod postman;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use forethought_actors::{AuditDesk, KillSwitch};
use forethought_policies::{PolicyDesk, Principal};
use forethought_schemas::RequestId;
use forethought_webhooks::{By, Event, News, PolicyNews};
use jiff::Timestamp;
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle, time::timeout};
use tracing::warn;

pub use counters::Counters;
pub use post::{Client, Posted};

/// Refusals of policies that may wait to be kept.
const MAX_REFUSALS: usize = 64;
/// How long the task may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Tells webhooks, in a task of its own. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    refused: mpsc::Sender<Event>,
    counters: Arc<Counters>,
    kill: KillSwitch,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Webhooks {
    /// Begins to tell webhooks what the log says, and keeps what is not told yet in `folder`. It never fails: what cannot be
    /// opened is tried again.
    #[must_use]
    pub fn start(folder: PathBuf, desk: Arc<PolicyDesk>, audit: AuditDesk, work: &Handle) -> Self {
        let (refused, receiver) = mpsc::channel(MAX_REFUSALS);
        let (counters, kill) = (Arc::new(Counters::default()), KillSwitch::new());
        let office = postman::Office {
            folder,
            desk,
            audit,
            refused: Arc::new(tokio::sync::Mutex::new(receiver)),
            counters: Arc::clone(&counters),
            kill: kill.clone(),
        };
        let task = work.spawn(postman::keep(office));
        Self { refused, counters, kill, task: Arc::new(Mutex::new(Some(task))) }
    }

    /// What is counted.
    #[must_use]
    pub const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Tells that a policy was not taken up, and which stays in force. No record tells of it: what is not kept when the
    /// process is killed, within half a second, is lost.
    pub fn policy_refused(&self, desk: &PolicyDesk, what: &str, by: Option<&Principal>, code: &'static str) {
        let policy = desk.policy();
        let by = by.map(|by| By {
            tenant: by.tenant().to_owned(),
            key: by.key_id().to_owned(),
            role: by.role().to_string(),
        });
        let news = PolicyNews {
            version: policy.version(),
            digest: policy.digest().to_owned(),
            what: what.to_owned(),
            by,
            code: Some(code),
        };
        let id = RequestId::generate().as_str().replace("req_", "policy_refused_");
        let event = Event::new(id, Timestamp::now(), &News::Refused(news));
        if self.refused.try_send(event).is_err() {
            warn!(what, code, "too many policies were refused at once; webhooks are not told of this one");
        }
    }

    /// Ends the task. What is not delivered is kept for the next start.
    pub async fn stop(&self) {
        self.kill.kill();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && timeout(STOP_WITHIN, task).await.is_err()
        {
            warn!("webhooks did not end in time; what was being sent may be sent again at the next start");
        }
    }
}
