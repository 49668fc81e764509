//! The keys of today that were used last.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{Timestamp, civil::Date};

use super::{ContentKey, KeyPlace, Owner, Retention, Ticket, retention::day_of};

/// What has a key of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) owner: Owner,
    pub(super) day: Date,
    pub(super) retention: Retention,
}

/// At most so many keys; the one that was used longest ago goes first.
///
/// A key that went is not looked for on the disk: another row is made for the same owner and day, which does no harm.
#[derive(Debug)]
pub(super) struct Cache {
    max: usize,
    keys: HashMap<Wanted, (u64, ContentKey)>,
    /// When it was used last → what it is for.
    used: BTreeMap<u64, Wanted>,
    places: HashMap<KeyPlace, Wanted>,
    /// Places of keys whose rows are not durable yet.
    staged: HashSet<KeyPlace>,
    clock: u64,
    /// The latest day that was asked for.
    day: Date,
}

impl Cache {
    pub(super) fn new(max: usize) -> Self {
        let (keys, used, places, staged) = (HashMap::new(), BTreeMap::new(), HashMap::new(), HashSet::new());
        Self { max: max.max(1), keys, used, places, staged, clock: 0, day: Date::MIN }
    }

    /// A key, which counts as used now.
    pub(super) fn get(&mut self, wanted: &Wanted) -> Option<&ContentKey> {
        self.clock += 1;
        let (used, key) = self.keys.get_mut(wanted)?;
        let wanted = self.used.remove(used)?;
        *used = self.clock;
        self.used.insert(self.clock, wanted);
        Some(key)
    }

    pub(super) fn at(&self, place: KeyPlace) -> Option<&ContentKey> {
        self.places.get(&place).and_then(|wanted| self.keys.get(wanted)).map(|(_, key)| key)
    }

    /// The key of a ticket, where its row is durable.
    fn durable(&self, ticket: Ticket) -> Option<&ContentKey> {
        let place = ticket.place();
        self.at(place).filter(|key| key.id() == ticket.id() && !self.staged.contains(&place))
    }

    /// Says that all rows are durable.
    pub(super) fn settle(&mut self) {
        self.staged.clear();
    }

    /// Takes a key whose row is not durable yet.
    pub(super) fn insert(&mut self, wanted: Wanted, key: ContentKey) {
        self.turn_to(wanted.day);
        self.remove(&wanted);
        while self.keys.len() >= self.max {
            let Some(oldest) = self.used.first_key_value().map(|(_, wanted)| wanted.clone()) else { break };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.used.insert(self.clock, wanted.clone());
        self.places.insert(key.place(), wanted.clone());
        self.staged.insert(key.place());
        self.keys.insert(wanted, (self.clock, key));
    }

    pub(super) fn forget(&mut self, place: KeyPlace) {
        if let Some(wanted) = self.places.get(&place).cloned() {
            self.remove(&wanted);
        }
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.used.clear();
        self.places.clear();
        self.staged.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!((self.keys.len(), self.keys.len()), (self.used.len(), self.places.len()));
        self.keys.len()
    }

    /// When a day begins, no key of an earlier one stays in memory. A clock that jumps back and forth costs rows, not more.
    fn turn_to(&mut self, day: Date) {
        if day > self.day {
            self.day = day;
            self.clear();
        }
    }

    fn remove(&mut self, wanted: &Wanted) {
        if let Some((used, key)) = self.keys.remove(wanted) {
            self.used.remove(&used);
            self.places.remove(&key.place());
            self.staged.remove(&key.place());
        }
    }
}

/// The vault's keys of today, for whoever seals beside it. It holds none itself: what the vault forgets is forgotten here, too.
#[derive(Clone, Debug)]
pub(crate) struct DayKeys(Arc<Mutex<Cache>>);

impl DayKeys {
    pub(super) fn new(max: usize) -> Self {
        Self(Arc::new(Mutex::new(Cache::new(max))))
    }

    /// A panic elsewhere leaves a key too few in it at worst.
    pub(super) fn lock(&self) -> MutexGuard<'_, Cache> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that the vault would give this owner, if there is one already and its row is durable.
    pub(crate) fn of_owner(&self, owner: Owner, retention: Retention, now: Timestamp) -> Option<ContentKey> {
        let wanted = Wanted { owner, day: day_of(now), retention };
        let cache = self.lock();
        let (_, key) = cache.keys.get(&wanted)?;
        cache.durable(key.ticket()).cloned()
    }

    /// The key of a ticket, if the vault remembers it and its row is durable.
    pub(crate) fn of_ticket(&self, ticket: Ticket) -> Option<ContentKey> {
        self.lock().durable(ticket).cloned()
    }
}
