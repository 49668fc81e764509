//! A simple account of what was acknowledged, beside the vault.

use forethought_store::SimDisk;

use super::{date, is_erased, is_there, master, on, open_as, owner, rows};
use crate::vault::{Bound, ContentKey, DestroyReason, HoldId, Masters, Retention, RowState, Ticket, Vault, VaultError};

/// One thing that is done to a vault.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Asks for a key: owner, retention, day.
    Ask(usize, u8, i64),
    Flush,
    /// Destroys some of the keys that were given: every n-th.
    Destroy(usize),
    /// Places a hold on a subject.
    Hold(usize),
    /// Releases the oldest hold.
    Release,
    /// Wraps everything under master key 2.
    Rewrap,
}

/// What was acknowledged, and what may or may not have happened.
#[derive(Default)]
pub(super) struct Model {
    /// Keys that were given, and whether they are destroyed.
    keys: Vec<(ContentKey, Fate)>,
    holds: Vec<(HoldId, usize, Fate)>,
    pub(super) rewrapped: bool,
    /// Subjects whose hold was asked for without an answer.
    maybe_held: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    There,
    /// Its end was asked for, without an answer.
    Unknown,
    Gone,
}

/// Both master keys, as long as it is not known that one is enough.
pub(super) fn both() -> Masters {
    Masters::new(master(2)).and_older(master(1))
}

fn retention(number: u8) -> Retention {
    let keep_until = (number > 0).then(|| Bound::new("t/keep", date(i64::from(number))));
    Retention { keep_until, ..Retention::default() }
}

impl Model {
    /// Does it until something fails, and notes what was acknowledged.
    pub(super) fn run(&mut self, vault: &mut Vault, acts: &[Act]) -> Result<(), VaultError> {
        let mut asked = Vec::new();
        acts.iter().try_for_each(|act| self.act(vault, act, &mut asked))
    }

    fn act(&mut self, vault: &mut Vault, act: &Act, asked: &mut Vec<Ticket>) -> Result<(), VaultError> {
        match act {
            Act::Ask(number, kind, day) => asked.push(vault.key_for(&owner(*number), &retention(*kind), on(*day))?),
            Act::Flush => self.flush(vault, asked)?,
            Act::Destroy(nth) => self.destroy(vault, *nth)?,
            Act::Hold(number) => {
                self.maybe_held.push(*number);
                let id = vault.place_hold("acme", Some(&format!("patient {number}")), "a case", on(0))?;
                self.maybe_held.pop();
                self.holds.push((id, *number, Fate::There));
            }
            Act::Release => self.release(vault)?,
            Act::Rewrap => {
                vault.rewrap(master(2))?;
                self.rewrapped = true;
            }
        }
        Ok(())
    }

    fn flush(&mut self, vault: &mut Vault, asked: &mut Vec<Ticket>) -> Result<(), VaultError> {
        let durable = vault.flush()?;
        for ticket in asked.drain(..) {
            match durable.key(&ticket) {
                Ok(key) if self.keys.iter().any(|(known, _)| known.id() == key.id()) => {}
                Ok(key) => self.keys.push((key, Fate::There)),
                // It was destroyed between.
                Err(VaultError::Erased { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn destroy(&mut self, vault: &mut Vault, nth: usize) -> Result<(), VaultError> {
        let places: Vec<_> = self.keys.iter().step_by(nth).map(|(key, _)| key.place()).collect();
        let before: Vec<_> = self.keys.iter().map(|(_, fate)| *fate).collect();
        let mine = self.keys.iter_mut().step_by(nth).filter(|(_, fate)| *fate == Fate::There);
        mine.for_each(|(_, fate)| *fate = Fate::Unknown);
        match vault.destroy(&places, DestroyReason::Erasure) {
            Ok(_) => self.keys.iter_mut().step_by(nth).for_each(|(_, fate)| *fate = Fate::Gone),
            Err(VaultError::Held { .. }) => {
                assert!(!self.holds.is_empty(), "a hold that nobody placed");
                self.keys.iter_mut().zip(before).for_each(|((_, fate), before)| *fate = before);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn release(&mut self, vault: &mut Vault) -> Result<(), VaultError> {
        let Some((id, _, fate)) = self.holds.iter_mut().find(|(_, _, fate)| *fate == Fate::There) else {
            return Ok(());
        };
        *fate = Fate::Unknown;
        vault.release_hold(*id)?;
        *fate = Fate::Gone;
        Ok(())
    }

    /// Compares what is there with what was acknowledged, and takes over what was unknown.
    pub(super) fn check(&mut self, vault: &Vault, context: &str) {
        for (key, fate) in &mut self.keys {
            let (there, erased) = (is_there(vault, key), is_erased(vault, key));
            let found = vault.find(key.place(), key.id());
            assert!(there != erased, "{context}: {key:?} is {fate:?}: {found:?}");
            match fate {
                Fate::There => assert!(there, "{context}: {key:?} is lost"),
                Fate::Gone => assert!(erased, "{context}: {key:?} came back"),
                Fate::Unknown => *fate = if there { Fate::There } else { Fate::Gone },
            }
        }
        self.check_holds(vault, context);
        for row in rows(vault) {
            // What a crash tore was never given.
            let given = self.keys.iter().any(|(key, _)| key.place() == row.place);
            assert!(!given || !matches!(row.state, RowState::Damaged | RowState::OtherMaster), "{context}: {row:?}");
        }
    }

    fn check_holds(&mut self, vault: &Vault, context: &str) {
        assert_eq!(vault.held.damaged, [], "{context}");
        let stands = |id: HoldId| vault.holds().iter().any(|hold| hold.id == id);
        for (id, _, fate) in &mut self.holds {
            match fate {
                Fate::There => assert!(stands(*id), "{context}: hold {id} is lost"),
                Fate::Gone => assert!(!stands(*id), "{context}: hold {id} came back"),
                Fate::Unknown => *fate = if stands(*id) { Fate::There } else { Fate::Gone },
            }
        }
        let known: Vec<_> = self.holds.iter().map(|(id, _, _)| *id).collect();
        let more: Vec<_> = vault.holds().iter().filter(|hold| !known.contains(&hold.id)).collect();
        assert!(more.len() <= self.maybe_held.len(), "{context}: {more:?}");
        for hold in more {
            let number = self.maybe_held.pop().expect("asked for");
            self.holds.push((hold.id, number, Fate::There));
        }
        self.maybe_held.clear();
    }

    /// How many keys are destroyed for good, and how many are not.
    pub(super) fn counts(&self) -> (usize, usize) {
        let gone = self.keys.iter().filter(|(_, fate)| *fate == Fate::Gone).count();
        (gone, self.keys.len() - gone)
    }
}

/// Does all of it on a new disk whose power is cut at an operation, then what follows after a restart.
pub(super) fn cut_at(acts: &[Act], more: &[Act], at: u64, seed: u64) {
    let context = format!("cut {at}, seed {seed}");
    let disk = SimDisk::new();
    disk.power_cut(at);
    let mut model = Model::default();
    if let Ok((mut vault, _)) = open_as(&disk, master(1)) {
        let _ = model.run(&mut vault, acts);
    }
    let disk = disk.reopen(seed);
    let masters = if model.rewrapped { Masters::new(master(2)) } else { both() };
    let (mut vault, _) = open_as(&disk, masters).unwrap_or_else(|error| panic!("{context}: {error}"));
    model.check(&vault, &context);
    model.run(&mut vault, more).unwrap_or_else(|error| panic!("{context}: {error}"));
    model.check(&vault, &context);
    drop(vault);
    let (vault, report) = open_as(&disk.reopen(0), both()).unwrap_or_else(|error| panic!("{context}: {error}"));
    model.check(&vault, &context);
    assert_eq!((report.torn, report.finished), (0, 0), "{context}");
}

/// The operations that a run needs.
pub(super) fn operations(acts: &[Act]) -> u64 {
    let disk = SimDisk::new();
    let (mut vault, _) = open_as(&disk, master(1)).expect("opens");
    Model::default().run(&mut vault, acts).expect("done");
    disk.operations()
}
