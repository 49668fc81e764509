//! Webhooks: what is told, to whom, signed how, when again, and an outbox that survives a crash. No clock, no network.
//!
//! The form is that of [Standard Webhooks](https://www.standardwebhooks.com), version 1. An [`Event`] holds no contents of
//! anybody. An [`Outbox`] is a state machine of what is still to be delivered; a [`Book`] keeps what changes in it on a
//! [`Disk`](forethought_store::Disk). Who sends is told by [`Outbox::due`] what to send, and tells by [`Outbox::settle`] what
//! came of it.

mod address;
mod book;
mod event;
mod folder;
mod hook;
mod outbox;
mod retry;
mod secret;

pub use address::{address, is_here};
pub use book::Book;
pub use event::{By, Event, EventKind, News, PolicyNews, QuotaNews, ReviewDecided, ReviewWaiting};
pub use hook::{Hook, HookId};
pub use outbox::{Bounds, Change, Delivery, Ended, Fate, Outbox, Read};
pub use retry::{Answer, MAX_AGE, MAX_REFUSALS, delay, retry_after};
pub use secret::{MalformedSecret, Secrets, Signed};
