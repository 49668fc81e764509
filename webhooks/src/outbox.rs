//! What is still to be delivered, to whom, and in which order: a state machine without clock, files or network.
//!
//! Each webhook has a lane of its own, so a receiver that is away holds up nobody else. In a lane one event is sent at a time,
//! the oldest first. A receiver that is away rests, and is asked for the same event again; an event that is *refused* steps
//! back behind the others, or one that its receiver cannot take would hold up all that come after it. Everything that must
//! survive is a [`Change`]; who keeps them applies them in the same order at the next start.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Answer, Event, HookId, MAX_AGE, MAX_REFUSALS, delay};

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Events for one webhook.
    pub per_hook: usize,
    /// Bytes of payloads, counted once for each webhook that they wait for.
    pub bytes: usize,
}

impl Default for Bounds {
    /// A thousand, and 32 MiB.
    fn default() -> Self {
        Self { per_hook: 1000, bytes: 32 << 20 }
    }
}

/// How far the audit log was read for events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Its last entry that was looked at; none while there is nobody to be told.
    pub cursor: Option<u64>,
    /// The number of the last policy that was told of.
    pub policy: u64,
}

/// What changes in an outbox and must survive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The log was read this far.
    Read(Read),
    /// An event is to be delivered.
    Queued {
        /// Its place in the order of all.
        at: u64,
        /// Since when it waits.
        since: Timestamp,
        /// The event.
        event: Event,
        /// To whom.
        to: Vec<HookId>,
    },
    /// It is not to be delivered to one of them any more.
    Ended {
        /// Its place.
        at: u64,
        /// Who.
        to: HookId,
    },
    /// Something of which no record tells was told, and is not to be told again before this time.
    Told {
        /// The event's id.
        id: String,
        /// When it may be forgotten.
        until: Timestamp,
    },
}

/// Something to send now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub to: HookId,
    /// What.
    pub event: Arc<Event>,
    at: u64,
}

/// How the delivery of an event to one webhook ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Its receiver has it.
    Delivered,
    /// It was tried for too long, refused too often, or is not wanted.
    GivenUp,
    /// Too much waited.
    Dropped,
    /// There is no such webhook any more.
    Removed,
}

impl Fate {
    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
            Self::Dropped => "dropped",
            Self::Removed => "removed",
        }
    }
}

/// An event that waits for a webhook no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who.
    pub to: HookId,
    /// What.
    pub event: Arc<Event>,
    /// How it ended.
    pub fate: Fate,
    at: u64,
}

impl Ended {
    /// What is to be kept of it.
    #[must_use]
    pub fn change(&self) -> Change {
        Change::Ended { at: self.at, to: self.to.clone() }
    }
}

/// Everything that is still to be delivered.
#[derive(Debug, Default)]
pub struct Outbox {
    lanes: BTreeMap<HookId, Lane>,
    told: BTreeMap<String, Timestamp>,
    read: Read,
    next: u64,
    turns: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: BTreeMap<u64, Waiting>,
    /// Until when nothing is sent, in the caller's running time.
    rests_until: Duration,
    /// In a row.
    failures: u32,
    in_flight: Option<u64>,
    /// When it had its last turn: who waits for the longest time comes first.
    turn: u64,
}

#[derive(Debug)]
struct Waiting {
    event: Arc<Event>,
    since: Timestamp,
    refusals: u32,
    not_before: Duration,
}

impl Outbox {
    /// How far the log was read.
    #[must_use]
    pub const fn read(&self) -> Read {
        self.read
    }

    /// Whether an event of which no record tells was told.
    #[must_use]
    pub fn has_told(&self, id: &str) -> bool {
        self.told.contains_key(id)
    }

    /// Deliveries that are still to be made.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// The changes by which events come to wait for webhooks; they take effect when they are [applied](Self::apply).
    #[must_use]
    pub fn queueing(&self, events: Vec<(Event, Vec<HookId>)>, since: Timestamp) -> Vec<Change> {
        let queued = |(at, (event, to))| Change::Queued { at, since, event, to };
        (self.next..).zip(events).map(queued).collect()
    }

    /// Makes a change, which is kept already or was kept earlier.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Read(read) => self.read = read,
            Change::Told { id, until } => drop(self.told.insert(id, until)),
            Change::Ended { at, to } => drop(self.take(&to, at)),
            Change::Queued { at, since, event, to } => {
                let event = Arc::new(event);
                for hook in to {
                    self.bytes += event.body.len();
                    let waiting = Waiting { event: Arc::clone(&event), since, refusals: 0, not_before: Duration::ZERO };
                    self.lanes.entry(hook).or_default().waiting.insert(at, waiting);
                }
                self.next = self.next.max(at + 1);
            }
        }
    }

    /// Drops the oldest of what is too much. Where all together is too much, it is taken from whom most waits for.
    pub fn trim(&mut self, bounds: Bounds) -> Vec<Ended> {
        let over: Vec<HookId> =
            self.lanes.iter().filter(|(_, lane)| lane.waiting.len() > bounds.per_hook).map(name).collect();
        let mut ended = Vec::new();
        for hook in over {
            while self.lanes.get(&hook).is_some_and(|lane| lane.waiting.len() > bounds.per_hook) {
                ended.extend(self.drop_oldest(&hook));
            }
        }
        while self.bytes > bounds.bytes {
            let Some(longest) = self.lanes.iter().max_by_key(|(_, lane)| lane.waiting.len()).map(name) else { break };
            ended.extend(self.drop_oldest(&longest));
        }
        ended
    }

    /// Ends what waits for webhooks that are not there any more.
    pub fn retain(&mut self, known: &BTreeSet<HookId>) -> Vec<Ended> {
        let gone: Vec<HookId> = self.lanes.keys().filter(|hook| !known.contains(hook)).cloned().collect();
        let mut ended = Vec::new();
        for hook in gone {
            let waiting: Vec<u64> =
                self.lanes.get(&hook).map(|lane| lane.waiting.keys().copied().collect()).unwrap_or_default();
            ended.extend(waiting.into_iter().filter_map(|at| self.end(&hook, at, Fate::Removed)));
            self.lanes.remove(&hook);
        }
        ended
    }

    /// Forgets what may be told again by now.
    pub fn forget(&mut self, now: Timestamp) {
        self.told.retain(|_, until| *until > now);
    }

    /// What to send next, at most one thing at a time to each webhook, and to each in its turn. `now` is a running time, which
    /// never goes back. It counts as being sent until it is [settled](Self::settle).
    pub fn due(&mut self, now: Duration) -> Option<Delivery> {
        let first = |lane: &Lane| Some(*lane.waiting.iter().find(|(_, waiting)| waiting.not_before <= now)?.0);
        let ready = self.lanes.iter_mut().filter(|(_, lane)| lane.in_flight.is_none() && lane.rests_until <= now);
        let (to, lane, at) = ready
            .filter_map(|(hook, lane)| first(lane).map(|at| (hook, lane, at)))
            .min_by_key(|(_, lane, at)| (lane.turn, *at))?;
        self.turns += 1;
        (lane.turn, lane.in_flight) = (self.turns, Some(at));
        let event = Arc::clone(&lane.waiting.get(&at)?.event);
        Some(Delivery { to: to.clone(), event, at })
    }

    /// Takes note of what came of a delivery. `random` is any number. Gives what waits no more: this one, or all that its
    /// receiver, which is away, has had its time for.
    pub fn settle(
        &mut self,
        Delivery { to, at, .. }: &Delivery,
        answer: Answer,
        now: Duration,
        calendar: Timestamp,
        random: u32,
    ) -> Vec<Ended> {
        let Some(lane) = self.lanes.get_mut(to) else { return Vec::new() };
        lane.in_flight = lane.in_flight.filter(|flying| flying != at);
        lane.failures = if answer == Answer::Accepted { 0 } else { lane.failures.saturating_add(1) };
        let ended = match answer {
            Answer::Accepted => vec![(*at, Fate::Delivered)],
            Answer::Gone => vec![(*at, Fate::GivenUp)],
            Answer::Refused => lane.refused(*at, now, calendar, random),
            Answer::Away(asked) => {
                lane.rest(now, asked.unwrap_or_default(), random);
                let over = lane.waiting.iter().filter(|(_, waiting)| waiting.is_late(calendar));
                over.map(|(at, _)| (*at, Fate::GivenUp)).collect()
            }
        };
        let ended = ended.into_iter().filter_map(|(at, fate)| self.end(to, at, fate)).collect();
        self.tidy(to);
        ended
    }

    /// The changes that make an outbox like this one.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Change> {
        let mut queued: BTreeMap<u64, (&Waiting, Vec<HookId>)> = BTreeMap::new();
        for (hook, lane) in &self.lanes {
            for (at, waiting) in &lane.waiting {
                queued.entry(*at).or_insert_with(|| (waiting, Vec::new())).1.push(hook.clone());
            }
        }
        let told = self.told.iter().map(|(id, until)| Change::Told { id: id.clone(), until: *until });
        let queued = queued.into_iter().map(|(at, (waiting, to))| Change::Queued {
            at,
            since: waiting.since,
            event: Event::clone(&waiting.event),
            to,
        });
        [Change::Read(self.read)].into_iter().chain(told).chain(queued).collect()
    }

    fn drop_oldest(&mut self, hook: &HookId) -> Option<Ended> {
        let at = *self.lanes.get(hook)?.waiting.keys().next()?;
        self.end(hook, at, Fate::Dropped)
    }

    fn end(&mut self, hook: &HookId, at: u64, fate: Fate) -> Option<Ended> {
        let event = self.take(hook, at)?;
        Some(Ended { to: hook.clone(), event, fate, at })
    }

    fn take(&mut self, hook: &HookId, at: u64) -> Option<Arc<Event>> {
        let lane = self.lanes.get_mut(hook)?;
        let event = lane.waiting.remove(&at)?.event;
        self.bytes -= event.body.len();
        self.tidy(hook);
        Some(event)
    }

    fn tidy(&mut self, hook: &HookId) {
        if self.lanes.get(hook).is_some_and(|lane| lane.waiting.is_empty() && lane.in_flight.is_none()) {
            self.lanes.remove(hook);
        }
    }
}

impl Lane {
    /// Steps back what was refused, or ends it; its receiver rests a little, too, since it may refuse everything.
    fn refused(&mut self, at: u64, now: Duration, calendar: Timestamp, random: u32) -> Vec<(u64, Fate)> {
        self.rest(now, Duration::ZERO, random);
        let Some(waiting) = self.waiting.get_mut(&at) else { return Vec::new() };
        waiting.refusals += 1;
        // From the end of the rest on, so that others have their time before it comes again.
        waiting.not_before = self.rests_until.saturating_add(delay(waiting.refusals, random));
        let over = waiting.refusals >= MAX_REFUSALS || waiting.is_late(calendar);
        over.then_some((at, Fate::GivenUp)).into_iter().collect()
    }

    fn rest(&mut self, now: Duration, least: Duration, random: u32) {
        self.rests_until = now.saturating_add(delay(self.failures, random).max(least));
    }
}

impl Waiting {
    fn is_late(&self, calendar: Timestamp) -> bool {
        calendar.duration_since(self.since) >= MAX_AGE
    }
}

fn name<L>((hook, _): (&HookId, L)) -> HookId {
    hook.clone()
}
