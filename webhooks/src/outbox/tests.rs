//! Histories of events, answers and crashes, and what must hold in all of them.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;
use crate::EventKind;

fn event(id: &str) -> Event {
    Event { id: id.to_owned(), kind: EventKind::ReviewWaiting, body: format!("{{\"id\":\"{id}\"}}") }
}

fn hook(id: &str) -> HookId {
    HookId { tenant: None, id: id.to_owned() }
}

fn calendar() -> Timestamp {
    "2026-11-26T08:00:00Z".parse().unwrap()
}

fn queue(outbox: &mut Outbox, ids: &[&str], to: &[&str]) {
    let to: Vec<HookId> = to.iter().map(|id| hook(id)).collect();
    let events = ids.iter().map(|id| (event(id), to.clone())).collect();
    for change in outbox.queueing(events, calendar()) {
        outbox.apply(change);
    }
}

/// The event that is due, if it is.
fn due(outbox: &mut Outbox, now: Duration) -> Option<(Delivery, String)> {
    outbox.due(now).map(|delivery| (delivery.clone(), format!("{}>{}", delivery.event.id, delivery.to)))
}

#[track_caller]
fn expect_due(outbox: &mut Outbox, now: Duration, expected: &str) -> Delivery {
    let (delivery, told) = due(outbox, now).expect(expected);
    assert_eq!(told, expected);
    delivery
}

const HOUR: Duration = Duration::from_hours(1);
const START: Duration = Duration::ZERO;
const LATER: Duration = Duration::from_secs(100_000);

fn just_before(time: Duration) -> Duration {
    time.checked_sub(Duration::from_millis(1)).unwrap()
}

#[test]
fn each_receiver_gets_one_at_a_time_in_order_and_in_turn() {
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["1", "2"], &["a", "b"]);
    let a = expect_due(&mut outbox, START, "1>a");
    let b = expect_due(&mut outbox, START, "1>b");
    assert!(outbox.due(START).is_none());
    let ended = outbox.settle(&b, Answer::Accepted, START, calendar(), 0);
    assert_eq!((ended.len(), ended[0].fate), (1, Fate::Delivered));
    let b = expect_due(&mut outbox, START, "2>b");
    outbox.settle(&a, Answer::Accepted, START, calendar(), 0);
    outbox.settle(&b, Answer::Accepted, START, calendar(), 0);
    expect_due(&mut outbox, START, "2>a");
    assert_eq!(outbox.pending(), 1);
}

#[test]
fn who_is_away_rests_longer_each_time_and_gets_the_same_event_again() {
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["1", "2"], &["a"]);
    let mut now = START;
    for seconds in [2, 4, 8, 16] {
        let delivery = expect_due(&mut outbox, now, "1>a");
        assert!(outbox.settle(&delivery, Answer::Away(None), now, calendar(), 0).is_empty());
        let wait = Duration::from_secs(seconds);
        assert!(outbox.due(just_before(now + wait)).is_none(), "{seconds}");
        now += wait;
    }
    let delivery = expect_due(&mut outbox, now, "1>a");
    let hour = HOUR;
    outbox.settle(&delivery, Answer::Away(Some(hour)), now, calendar(), 0);
    assert!(outbox.due(just_before(now + hour)).is_none(), "what it asks for counts where it is more");
    let delivery = expect_due(&mut outbox, now + hour, "1>a");
    outbox.settle(&delivery, Answer::Accepted, now + hour, calendar(), 0);
    expect_due(&mut outbox, now + hour, "2>a");
}

#[test]
fn what_is_refused_steps_back_and_is_given_up() {
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["bad", "good"], &["a"]);
    let delivery = expect_due(&mut outbox, START, "bad>a");
    assert!(outbox.settle(&delivery, Answer::Refused, START, calendar(), 0).is_empty());
    let mut now = START + Duration::from_secs(2);
    assert!(outbox.due(just_before(now)).is_none(), "its receiver rests");
    let delivery = expect_due(&mut outbox, now, "good>a");
    outbox.settle(&delivery, Answer::Accepted, now, calendar(), 0);
    assert!(outbox.due(now).is_none());
    for refusals in 2..=MAX_REFUSALS {
        now += 2 * HOUR;
        let delivery = expect_due(&mut outbox, now, "bad>a");
        let ended = outbox.settle(&delivery, Answer::Refused, now, calendar(), 0);
        let expected = if refusals == MAX_REFUSALS { vec![Fate::GivenUp] } else { vec![] };
        assert_eq!(ended.iter().map(|ended| ended.fate).collect::<Vec<_>>(), expected);
    }
    assert_eq!(outbox.pending(), 0);
}

#[test]
fn a_receiver_that_wants_no_more_is_not_asked_again() {
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["1"], &["a"]);
    let delivery = expect_due(&mut outbox, START, "1>a");
    let ended = outbox.settle(&delivery, Answer::Gone, START, calendar(), 0);
    assert_eq!((ended[0].fate, outbox.pending()), (Fate::GivenUp, 0));
}

#[test]
fn what_waited_for_three_days_is_tried_once_more_and_given_up() {
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["1", "2"], &["a"]);
    let late = calendar() + MAX_AGE;
    let delivery = expect_due(&mut outbox, START, "1>a");
    let just_before = late - jiff::SignedDuration::from_secs(1);
    assert!(outbox.settle(&delivery, Answer::Away(None), START, just_before, 0).is_empty());
    let delivery = expect_due(&mut outbox, LATER, "1>a");
    let ended = outbox.settle(&delivery, Answer::Away(None), LATER, late, 0);
    assert_eq!(ended.iter().map(|ended| ended.fate).collect::<Vec<_>>(), [Fate::GivenUp, Fate::GivenUp]);
    assert_eq!(outbox.pending(), 0);
}

#[test]
fn what_is_too_much_is_taken_from_whom_most_waits_for() {
    let bounds = |per_hook, bytes| Bounds { per_hook, bytes };
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["1", "2", "3"], &["a"]);
    queue(&mut outbox, &["4"], &["b"]);
    let told = |ended: Vec<Ended>| ended.iter().map(|e| format!("{}>{}", e.event.id, e.to)).collect::<Vec<_>>();
    assert_eq!(told(outbox.trim(bounds(2, 1000))), ["1>a"]);
    let size = event("1").body.len();
    assert_eq!(told(outbox.trim(bounds(9, 2 * size))), ["2>a"]);
    assert_eq!(told(outbox.trim(bounds(9, 0))).len(), 2);
    assert_eq!((outbox.pending(), outbox.bytes), (0, 0));
}

#[test]
fn what_is_dropped_while_it_is_sent_leaves_nothing_behind() {
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["1"], &["a"]);
    let delivery = expect_due(&mut outbox, START, "1>a");
    assert_eq!(outbox.trim(Bounds { per_hook: 0, bytes: 0 }).len(), 1);
    assert!(outbox.settle(&delivery, Answer::Accepted, START, calendar(), 0).is_empty());
    assert!(outbox.lanes.is_empty());
}

#[test]
fn hooks_that_are_gone_are_told_nothing() {
    let mut outbox = Outbox::default();
    queue(&mut outbox, &["1"], &["a", "b"]);
    let ended = outbox.retain(&[hook("b")].into());
    assert_eq!((ended.len(), ended[0].fate, ended[0].to.clone()), (1, Fate::Removed, hook("a")));
    expect_due(&mut outbox, START, "1>b");
    assert!(outbox.due(START).is_none());
}

#[test]
fn what_was_told_is_forgotten_in_time() {
    let mut outbox = Outbox::default();
    outbox.apply(Change::Told { id: "q".to_owned(), until: calendar() });
    outbox.forget(calendar() - jiff::SignedDuration::from_secs(1));
    assert!(outbox.has_told("q"));
    outbox.forget(calendar());
    assert!(!outbox.has_told("q"));
}

/// One step of a history.
#[derive(Clone, Copy, Debug)]
enum Step {
    Queue(u8),
    Send,
    Answer(u8, u8, u32),
    Wait(u16),
    Trim,
    /// What ended is kept.
    Keep,
    /// The process dies; what is not kept is lost, and the outbox is made anew of what is.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..8_u8).prop_map(Step::Queue),
        4 => Just(Step::Send),
        4 => (any::<u8>(), 0..4_u8, any::<u32>()).prop_map(|(which, answer, random)| Step::Answer(which, answer, random)),
        2 => any::<u16>().prop_map(Step::Wait),
        1 => Just(Step::Trim),
        1 => Just(Step::Keep),
        1 => Just(Step::Crash),
    ]
}

const HOOKS: [&str; 3] = ["a", "b", "c"];
const BOUNDS: Bounds = Bounds { per_hook: 5, bytes: 200 };

/// What was queued and what of it has ended, seen from outside.
#[derive(Default)]
struct World {
    outbox: Outbox,
    kept: Vec<Change>,
    unkept: Vec<Change>,
    flying: Vec<Delivery>,
    /// Each delivery that is owed, and how often it ended.
    owed: HashMap<(String, HookId), u32>,
    sent: BTreeMap<HookId, Vec<u64>>,
    now: Duration,
    ids: u32,
}

impl World {
    fn queue(&mut self, hooks: u8) {
        let to: Vec<HookId> =
            HOOKS.iter().enumerate().filter(|(at, _)| hooks & (1 << at) != 0).map(|(_, id)| hook(id)).collect();
        self.ids += 1;
        let id = self.ids.to_string();
        self.owed.extend(to.iter().map(|to| ((id.clone(), to.clone()), 0)));
        // Everything that is to be kept is kept before an event is queued.
        self.kept.append(&mut self.unkept);
        for change in self.outbox.queueing(vec![(event(&id), to)], calendar()) {
            self.kept.push(change.clone());
            self.outbox.apply(change);
        }
    }

    fn ended(&mut self, ended: Vec<Ended>) {
        for ended in ended {
            self.unkept.push(ended.change());
            *self.owed.get_mut(&(ended.event.id.clone(), ended.to.clone())).unwrap() += 1;
        }
    }

    fn crash(&mut self) {
        let lost: Vec<Change> = std::mem::take(&mut self.unkept);
        self.outbox = Outbox::default();
        for change in &self.kept {
            self.outbox.apply(change.clone());
        }
        self.flying.clear();
        self.sent.clear();
        // What ended and was not kept is owed again.
        for change in lost {
            let Change::Ended { at, to } = change else { continue };
            let waiting = &self.outbox.lanes[&to].waiting[&at];
            *self.owed.get_mut(&(waiting.event.id.clone(), to)).unwrap() -= 1;
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Queue(hooks) => self.queue(hooks),
            Step::Send => {
                if let Some(delivery) = self.outbox.due(self.now) {
                    assert!(self.flying.iter().all(|other| other.to != delivery.to), "one at a time");
                    self.sent.entry(delivery.to.clone()).or_default().push(delivery.at);
                    self.flying.push(delivery);
                }
            }
            Step::Answer(which, answer, random) if !self.flying.is_empty() => {
                let delivery = self.flying.swap_remove(usize::from(which) % self.flying.len());
                let answer = [Answer::Accepted, Answer::Away(None), Answer::Refused, Answer::Gone][usize::from(answer)];
                let ended = self.outbox.settle(&delivery, answer, self.now, calendar(), random);
                self.ended(ended);
            }
            Step::Answer(..) => {}
            Step::Wait(seconds) => self.now += Duration::from_secs(seconds.into()),
            Step::Trim => {
                let dropped = self.outbox.trim(BOUNDS);
                self.ended(dropped);
                assert!(self.outbox.bytes <= BOUNDS.bytes);
                assert!(self.outbox.lanes.values().all(|lane| lane.waiting.len() <= BOUNDS.per_hook));
            }
            Step::Keep => self.kept.append(&mut self.unkept),
            Step::Crash => self.crash(),
        }
    }

    fn check(&self) {
        let waiting: BTreeMap<(String, HookId), u32> = self
            .outbox
            .lanes
            .iter()
            .flat_map(|(hook, lane)| lane.waiting.values().map(move |waiting| (waiting.event.id.clone(), hook.clone())))
            .fold(BTreeMap::new(), |mut counts, key| {
                *counts.entry(key).or_default() += 1;
                counts
            });
        for (key, ended) in &self.owed {
            let waits = waiting.get(key).copied().unwrap_or(0);
            assert_eq!(waits + ended, 1, "{key:?} waits or has ended, once");
        }
        let bytes: usize = self
            .outbox
            .lanes
            .values()
            .flat_map(|lane| lane.waiting.values())
            .map(|waiting| waiting.event.body.len())
            .sum();
        assert_eq!(bytes, self.outbox.bytes);
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_ends_twice_whatever_happens(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::default();
        for step in steps {
            world.take(step);
            world.check();
        }
        // In the end, everything that is owed can be delivered.
        for delivery in std::mem::take(&mut world.flying) {
            world.outbox.settle(&delivery, Answer::Away(None), world.now, calendar(), 0);
        }
        let pending = world.outbox.pending();
        let mut delivered = 0;
        while let Some(delivery) = { world.now += 2 * HOUR; world.outbox.due(world.now) } {
            delivered += world.outbox.settle(&delivery, Answer::Accepted, world.now, calendar(), 0).len();
        }
        prop_assert_eq!((delivered, world.outbox.pending()), (pending, 0));
        prop_assert!(world.outbox.lanes.is_empty());
    }

    #[test]
    fn without_refusals_everybody_gets_everything_in_order(answers in prop::collection::vec((any::<u8>(), any::<bool>()), 1..80)) {
        let mut world = World::default();
        for (hooks, accepts) in answers {
            world.queue(1 + hooks % 7);
            world.take(Step::Send);
            world.take(Step::Answer(hooks, u8::from(!accepts), 0));
            world.now += HOUR;
        }
        for sent in world.sent.values() {
            prop_assert!(sent.is_sorted(), "{sent:?}");
        }
    }

    #[test]
    fn a_snapshot_makes_the_same_outbox(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::default();
        for step in steps {
            world.take(step);
        }
        let snapshot = world.outbox.snapshot();
        let mut again = Outbox::default();
        let text: Vec<String> = snapshot.iter().map(|change| serde_json::to_string(change).unwrap()).collect();
        for change in &text {
            again.apply(serde_json::from_str(change).unwrap());
        }
        prop_assert_eq!(again.snapshot(), snapshot);
        prop_assert_eq!(again.bytes, world.outbox.bytes);
    }
}
