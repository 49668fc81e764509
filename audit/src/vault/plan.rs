//! Which rows may be destroyed, and which stay and why.

use jiff::{Timestamp, civil::Date};

use super::{
    KeyPlace, Owner, Refusal, Retention, Row, RowFilter, RowState, Scope, Vault, VaultError, retention::day_of,
};

/// The most rows of each list of a plan.
pub const MAX_PLAN: usize = 65_536;

/// What an erasure, or time, would destroy. It changes nothing until its places are given to [`Vault::destroy`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasurePlan {
    /// Rows that may go; at most [`MAX_PLAN`].
    pub destroy: Vec<Row>,
    /// Rows that stay, and why; at most [`MAX_PLAN`] of them.
    pub refused: Vec<(Row, Refusal)>,
    /// How many stay, listed or not.
    pub refused_count: u64,
    /// Rows that cannot be read, so nobody knows whose they are; at most [`MAX_PLAN`]. An erasure is not whole while there
    /// are some, unless a crash left them: then nothing was sealed under them.
    pub unreadable: Vec<KeyPlace>,
    /// Whether there are more rows than [`ErasurePlan::destroy`] has room for: destroy these and plan once more.
    pub more: bool,
}

impl ErasurePlan {
    /// The places of the rows that may go.
    #[must_use]
    pub fn places(&self) -> Vec<KeyPlace> {
        self.destroy.iter().map(|row| row.place).collect()
    }
}

impl Vault {
    /// What may be destroyed because somebody asks for it: one owner's rows, or all of a tenant's. Where a person asks, a right
    /// of erasure may go before a floor; [`Retention`] says how.
    ///
    /// Reads the whole table. Rows that wait are flushed first, so that none is overlooked.
    ///
    /// # Errors
    /// [`VaultError::Tenant`], [`VaultError::Subject`], [`VaultError::HoldsDamaged`], and those of [`Vault::flush`] and
    /// [`Vault::rows`].
    pub fn plan_erasure(&mut self, scope: &Scope, now: Timestamp) -> Result<ErasurePlan, VaultError> {
        scope.check()?;
        let (today, person) = (day_of(now), scope.is_person());
        let wanted =
            |owner: &Owner, retention: &Retention| scope.covers(owner).then(|| retention.may_erase(person, today));
        self.plan(wanted)
    }

    /// What may be destroyed because its time is over. What is due and must stay is among the refused.
    ///
    /// # Errors
    /// Those of [`Vault::plan_erasure`].
    pub fn plan_expiry(&mut self, now: Timestamp) -> Result<ErasurePlan, VaultError> {
        let today: Date = day_of(now);
        self.plan(|_, retention| retention.is_due(today).then(|| retention.may_expire(today)))
    }

    /// `wanted` says nothing of rows that the plan is not about.
    fn plan(
        &mut self,
        wanted: impl Fn(&Owner, &Retention) -> Option<Result<(), Refusal>>,
    ) -> Result<ErasurePlan, VaultError> {
        self.check_usable()?;
        self.write_staged()?;
        self.held.check_readable()?;
        let mut plan = ErasurePlan::default();
        for row in self.rows(RowFilter::default())? {
            let row = row?;
            if row.is_unreadable() {
                push(&mut plan.unreadable, row.place);
                continue;
            }
            let RowState::Live { owner, retention, .. } = &row.state else { continue };
            let Some(allowed) = wanted(owner, retention) else { continue };
            let held = self.held.covering(owner).map(|hold| Refusal::Hold { id: hold.id });
            match held.map_or(allowed, Err) {
                Err(refusal) => plan.refuse(row, refusal),
                Ok(()) if plan.destroy.len() < MAX_PLAN => plan.destroy.push(row),
                Ok(()) => {
                    plan.more = true;
                    break;
                }
            }
        }
        Ok(plan)
    }
}

impl ErasurePlan {
    fn refuse(&mut self, row: Row, refusal: Refusal) {
        self.refused_count += 1;
        push(&mut self.refused, (row, refusal));
    }
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < MAX_PLAN {
        list.push(item);
    }
}
