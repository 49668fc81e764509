//! Legal holds: while one stands, nothing that it covers is destroyed, whoever asks.
//!
//! They are rows like keys, in files of their own (`vault/holds-000001.tbl`), because all of them are read at every start and
//! there are few, while keys are many and none is. A hold is written like a destruction, all of it or nothing: so one that
//! cannot be read is damaged, never just a crash's leftover, and as long as there is one, nothing is destroyed.

use jiff::{Timestamp, civil::Date};

use super::{
    DestroyReason, HoldId, KeyId, KeyPlace, MAX_HOLD_REASON, Owner, Vault, VaultError,
    append::Tail,
    plain::{HoldRow, Plain},
    redo::Patch,
    retention::day_of,
    slot::{Kind, SLOT, Slot, destroyed},
    table::Table,
};

/// Slots that are read at once.
const CHUNK: usize = 64;

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its name.
    pub id: HoldId,
    /// Whose contents stay.
    pub tenant: String,
    /// About whom; none for all of the tenant's.
    pub subject: Option<String>,
    /// The day on which it was placed, UTC.
    pub since: Date,
    /// Why, in the words of who placed it.
    pub reason: String,
    pub(super) place: KeyPlace,
}

impl Hold {
    /// Whether it forbids to destroy an owner's rows.
    #[must_use]
    pub fn covers(&self, owner: &Owner) -> bool {
        self.tenant == owner.tenant && (self.subject.is_none() || self.subject == owner.subject)
    }
}

/// The holds of a table, and the places of those that cannot be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    pub(super) all: Vec<Hold>,
    pub(super) damaged: Vec<(KeyPlace, KeyId)>,
}

impl Holds {
    /// The hold that forbids to destroy an owner's rows.
    pub(super) fn covering(&self, owner: &Owner) -> Option<&Hold> {
        self.all.iter().find(|hold| hold.covers(owner))
    }

    /// Refuses while nobody knows what is forbidden.
    pub(super) fn check_readable(&self) -> Result<(), VaultError> {
        match self.damaged.len() {
            0 => Ok(()),
            count => Err(VaultError::HoldsDamaged { count }),
        }
    }

    pub(super) fn read(table: &Table) -> Result<Self, VaultError> {
        let mut holds = Self::default();
        for file in table.files(Kind::Holds)? {
            let mut first = 0;
            loop {
                let chunk = holds.read_chunk(table, file, first)?;
                if chunk == 0 {
                    break;
                }
                first = first.saturating_add(chunk);
            }
        }
        Ok(holds)
    }

    fn read_chunk(&mut self, table: &Table, file: u32, first: u32) -> Result<u32, VaultError> {
        let Some(header) = table.header(Kind::Holds, file)? else { return Ok(0) };
        let chunk = table.chunk(Kind::Holds, file, first, CHUNK)?;
        for (slot, bytes) in (first..).zip(&chunk) {
            let place = KeyPlace { file, slot };
            match Slot::parse(bytes) {
                Slot::Empty | Slot::Destroyed { .. } => {}
                Slot::Damaged { id } => self.damaged.push((place, id)),
                Slot::Live(live) => match table.open(&header.spot(slot), &live) {
                    Ok(Plain::Hold(row)) => self.all.push(hold(place, live.id, row)),
                    Ok(Plain::Key(_)) | Err(VaultError::Damaged { .. }) => self.damaged.push((place, live.id)),
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(u32::try_from(chunk.len()).unwrap_or(u32::MAX))
    }
}

fn hold(place: KeyPlace, id: KeyId, row: HoldRow) -> Hold {
    let HoldRow { tenant, subject, since, reason } = row;
    Hold { id: HoldId(id), tenant, subject, since, reason, place }
}

impl Vault {
    /// Places a hold on a tenant's contents, or on those about one subject. It is durable when this returns.
    ///
    /// # Errors
    /// [`VaultError::Tenant`], [`VaultError::Subject`], [`VaultError::HoldReason`], [`VaultError::NeedsReopen`],
    /// [`VaultError::Random`], [`VaultError::Master`] and [`VaultError::Store`].
    pub fn place_hold(
        &mut self,
        tenant: &str,
        subject: Option<&str>,
        reason: &str,
        now: Timestamp,
    ) -> Result<HoldId, VaultError> {
        self.check_usable()?;
        let subject = subject.map(str::to_owned);
        Owner { tenant: tenant.to_owned(), subject: subject.clone() }.check()?;
        if !(1..=MAX_HOLD_REASON).contains(&reason.len()) {
            return Err(VaultError::HoldReason { bytes: reason.len(), max: MAX_HOLD_REASON });
        }
        let since = day_of(now);
        let row = HoldRow { tenant: tenant.to_owned(), subject, since, reason: reason.to_owned() };
        let id = KeyId::random()?;
        let Tail { header, next } = self.room_for_hold()?;
        let bytes = self.wrap(&header, next, id, &Plain::Hold(row.clone()))?;
        self.patch(&[Patch::slot(&header, next, &bytes)])?;
        self.held.all.push(hold(KeyPlace { file: header.file, slot: next }, id, row));
        Ok(HoldId(id))
    }

    /// Ends a hold. Its row is destroyed: what there was to say of it stands in the log.
    ///
    /// # Errors
    /// [`VaultError::NoHold`], [`VaultError::NeedsReopen`] and [`VaultError::Store`].
    pub fn release_hold(&mut self, id: HoldId) -> Result<(), VaultError> {
        self.check_usable()?;
        let held = self.held.all.iter().find(|hold| hold.id == id).ok_or(VaultError::NoHold { id })?;
        self.destroy_hold(held.place, id.0, DestroyReason::Release)?;
        self.held.all.retain(|hold| hold.id != id);
        Ok(())
    }

    /// The holds that stand.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.held.all
    }

    /// Gives up holds that cannot be read and that no backup has, so that erasure goes on, and gives their number.
    ///
    /// # Errors
    /// [`VaultError::NeedsReopen`] and [`VaultError::Store`].
    pub fn drop_damaged_holds(&mut self) -> Result<usize, VaultError> {
        self.check_usable()?;
        let damaged = self.held.damaged.clone();
        for (place, id) in &damaged {
            self.destroy_hold(*place, *id, DestroyReason::Decision)?;
            self.held.damaged.retain(|(other, _)| other != place);
        }
        Ok(damaged.len())
    }

    fn destroy_hold(&mut self, place: KeyPlace, id: KeyId, reason: DestroyReason) -> Result<(), VaultError> {
        let header = self.table.header(Kind::Holds, place.file)?.ok_or(VaultError::NoSlot { place })?;
        self.patch(&[Patch::slot(&header, place.slot, &destroyed(id, reason))])
    }

    /// A slot of zeros at the end of the holds. Its place is given to one hold only, also when that one fails.
    fn room_for_hold(&mut self) -> Result<Tail, VaultError> {
        let tail = match self.hold_tail.filter(|tail| tail.next < tail.header.slots) {
            Some(tail) => tail,
            None => self.begin_file(Kind::Holds)?,
        };
        self.hold_tail = Some(tail);
        self.append(&tail, &[0; SLOT])?;
        self.hold_tail = Some(Tail { next: tail.next.saturating_add(1), ..tail });
        Ok(tail)
    }
}
