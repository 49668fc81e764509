//! What a server may send that nobody asked it for.
//!
//! Notifications are ignored but for that its list of tools has changed. Questions of the server are refused by the handler,
//! and more of them than a server needs, or than it takes the refusals of, end the connection.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use rmcp::{
    RoleClient,
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage, ServerNotification},
    transport::Transport,
};

use crate::{end::End, flow::Flow};

/// Notifications, and questions, that may come at once, and each second after that.
const NOTIFICATIONS: (f64, f64) = (10e3, 1e3);
const QUESTIONS: (f64, f64) = (64.0, 8.0);
/// Answers that may come beyond those that were asked for.
const SPARE_ANSWERS: u64 = 64;
/// Refusals that may wait for the server to read them.
const REFUSALS: usize = 64;

/// A transport whose server is watched.
pub(crate) struct Watched<T> {
    through: T,
    end: End,
    notifications: Flow,
    questions: Flow,
    asked: u64,
    answered: u64,
    refusals: Arc<AtomicUsize>,
}

impl<T> Watched<T> {
    pub(crate) fn new(through: T, end: End) -> Self {
        let flow = |(most, per_second)| Flow::new(most, per_second);
        let (notifications, questions) = (flow(NOTIFICATIONS), flow(QUESTIONS));
        Self { through, end, notifications, questions, asked: 0, answered: 0, refusals: Arc::default() }
    }

    /// Whether the message goes on to whom it is for.
    fn passes(&mut self, message: &ServerJsonRpcMessage, now: Instant) -> Result<bool, &'static str> {
        match message {
            ServerJsonRpcMessage::Notification(notification) => {
                if !self.notifications.take(1.0, now) {
                    return Err("it floods with notifications");
                }
                Ok(matches!(
                    notification.notification,
                    ServerNotification::ToolListChangedNotification(_)
                        | ServerNotification::SubscriptionsAcknowledgedNotification(_)
                ))
            }
            ServerJsonRpcMessage::Request(_) => {
                let read = self.refusals.load(Ordering::Acquire) < REFUSALS;
                if read && self.questions.take(1.0, now) { Ok(true) } else { Err("it floods with questions") }
            }
            ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_) => {
                self.answered += 1;
                if self.answered > self.asked + SPARE_ANSWERS { Err("it answers what nobody asked") } else { Ok(true) }
            }
        }
    }
}

impl<T> Drop for Watched<T> {
    fn drop(&mut self) {
        self.end.tell("the connection was closed");
    }
}

/// Counts a refusal until it was read.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Watched<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(&mut self, item: ClientJsonRpcMessage) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        let refusal = match &item {
            ClientJsonRpcMessage::Request(_) => {
                self.asked += 1;
                None
            }
            ClientJsonRpcMessage::Notification(_) => None,
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => Some(Waiting::new(&self.refusals)),
        };
        let sent = self.through.send(item);
        async move {
            let outcome = sent.await;
            drop(refusal);
            outcome
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let Some(message) = self.through.receive().await else {
                self.end.tell("it has closed the connection");
                return None;
            };
            match self.passes(&message, Instant::now()) {
                Ok(true) => return Some(message),
                Ok(false) => {}
                Err(why) => {
                    self.end.exhausted(why);
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), T::Error> {
        self.through.close().await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(value: serde_json::Value) -> ServerJsonRpcMessage {
        serde_json::from_value(value).unwrap()
    }

    fn check(one: serde_json::Value, passes: bool, most: u32, expected: &str) {
        let mut watched = Watched::new((), End::default());
        let (one, now) = (message(one), Instant::now());
        for count in 0..most {
            assert_eq!(watched.passes(&one, now), Ok(passes), "{count}");
        }
        assert_eq!(watched.passes(&one, now), Err(expected));
    }

    #[test]
    fn what_nobody_asked_for_is_bounded() {
        let notification = |method: &str| json!({ "jsonrpc": "2.0", "method": method });
        check(notification("notifications/tools/list_changed"), true, 10_000, "it floods with notifications");
        check(notification("notifications/prompts/list_changed"), false, 10_000, "it floods with notifications");
        check(notification("notifications/of_nobody"), false, 10_000, "it floods with notifications");
        let question = |method: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": method });
        check(question("roots/list"), true, 64, "it floods with questions");
        check(question("ping"), true, 64, "it floods with questions");
        check(json!({ "jsonrpc": "2.0", "id": 77, "result": {} }), true, 64, "it answers what nobody asked");
    }

    #[test]
    fn refusals_that_are_not_read_are_bounded() {
        let mut watched = Watched::new((), End::default());
        let waiting: Vec<_> = (0..64).map(|_| Waiting::new(&watched.refusals)).collect();
        let question = message(json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }));
        assert_eq!(watched.passes(&question, Instant::now()), Err("it floods with questions"));
        drop(waiting);
        assert_eq!(watched.passes(&question, Instant::now()), Ok(true));
    }
}
