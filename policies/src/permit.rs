//! The right to run one request: what was reserved for it, what it has spent so far, and the refund when it ends.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;

use crate::{
    account::{Account, Taken},
    clock::DeskClock,
    quota::{Amount, Price},
    rate::RateHeaders,
};

/// One admitted request. While it lives, its worst case is reserved with its tenant and it holds one of the tenant's
/// running places. It ends exactly once: through [`Permit::settle`], or when it is dropped (the client left, a task
/// panicked), with what [`Permit::spent`] was told last.
#[derive(Debug)]
#[must_use = "dropping a permit ends the request that it admits"]
pub struct Permit {
    admitted: Admitted,
    meter: SpendMeter,
    open: bool,
}

/// What was decided of a request.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Where something was taken, the tenant's first.
    pub(crate) accounts: Vec<(Arc<Account>, Taken)>,
    pub(crate) clock: DeskClock,
    pub(crate) policy_digest: Arc<str>,
    pub(crate) policy_version: u64,
    pub(crate) tenant: String,
    /// When it was let in.
    pub(crate) at: Timestamp,
    pub(crate) price: Option<Price>,
    pub(crate) prompt_tokens: u64,
    pub(crate) reserved: Amount,
    pub(crate) rate: RateHeaders,
}

/// Tells a permit's spending from another task; cheap to clone, harmless after the permit has ended.
#[derive(Clone, Debug, Default)]
pub struct SpendMeter(Arc<Spent>);

#[derive(Debug, Default)]
struct Spent {
    tokens: AtomicU64,
    tools: AtomicU64,
}

impl SpendMeter {
    /// See [`Permit::spent`].
    pub fn spent(&self, total: u64) {
        self.0.tokens.fetch_max(total, Ordering::AcqRel);
    }

    /// Tells what one call of a tool has cost, in thousandths of a cost unit: each call once.
    pub fn called(&self, cost: u64) {
        self.0.tools.fetch_add(cost, Ordering::AcqRel);
    }

    /// The highest total of tokens told so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.tokens.load(Ordering::Acquire)
    }

    /// What all calls told so far have cost, in thousandths of a cost unit.
    #[must_use]
    pub fn tool_cost(&self) -> u64 {
        self.0.tools.load(Ordering::Acquire)
    }
}

/// How a permit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Tokens that were reserved.
    pub reserved: u64,
    /// Tokens that were spent.
    pub spent: u64,
    /// Tokens that came back to the tenant.
    pub refunded: u64,
    /// The tenant's limits after the refund.
    pub rate: RateHeaders,
}

impl Permit {
    pub(crate) fn new(admitted: Admitted) -> Self {
        Self { admitted, meter: SpendMeter::default(), open: true }
    }

    /// Tells how many tokens this request may have spent up to now, prompts included: a total, not an addition, and a
    /// lower total than an earlier one changes nothing.
    ///
    /// If the permit is dropped, only what lies above this total comes back. So tell the total *before* each piece of
    /// work, with the most that the piece can spend; [`Permit::settle`] takes the exact figure in the end.
    pub fn spent(&self, total: u64) {
        self.meter.spent(total);
    }

    /// A handle that tells the spending from another task.
    #[must_use]
    pub fn meter(&self) -> SpendMeter {
        self.meter.clone()
    }

    /// Tokens that are reserved: the whole budget and the prompt.
    #[must_use]
    pub const fn reserved(&self) -> u64 {
        self.admitted.reserved.tokens
    }

    /// When the request was let in: the day and the month of its quota are those of this time.
    #[must_use]
    pub const fn admitted_at(&self) -> Timestamp {
        self.admitted.at
    }

    /// What so many tokens are and cost.
    #[must_use]
    pub fn amount(&self, prompt: u64, generated: u64) -> Amount {
        Price::of(self.admitted.price, prompt, generated)
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.admitted.tenant
    }

    /// The digest of the policy under which the request was admitted, for its audit records.
    #[must_use]
    pub fn policy_digest(&self) -> &str {
        &self.admitted.policy_digest
    }

    /// The number of that policy.
    #[must_use]
    pub const fn policy_version(&self) -> u64 {
        self.admitted.policy_version
    }

    /// The tenant's limits right after the admission, for the headers of the answer.
    #[must_use]
    pub const fn rate(&self) -> RateHeaders {
        self.admitted.rate
    }

    /// Ends the request with the exact numbers of tokens that it spent, and with what its meter was told that calls of tools have cost.
    /// The rest comes back at once. More than was reserved
    /// is charged to the tenant and logged: it means that a budget was not kept.
    #[expect(clippy::must_use_candidate, reason = "the settlement is for headers and logs; ignoring it loses nothing")]
    pub fn settle(mut self, prompt: u64, generated: u64) -> Settlement {
        self.close(self.amount(prompt, generated))
    }

    fn close(&mut self, spent: Amount) -> Settlement {
        self.open = false;
        let spent = spent.plus(Amount { tokens: 0, cost: self.meter.tool_cost() });
        let Admitted { accounts, clock, tenant, reserved, .. } = &self.admitted;
        if spent.tokens > reserved.tokens {
            tracing::error!(
                tenant,
                reserved = reserved.tokens,
                spent = spent.tokens,
                "a request spent more than it reserved"
            );
        }
        let rates = accounts.iter().map(|(account, taken)| account.release(*taken, *reserved, spent, clock));
        let rate = rates.reduce(RateHeaders::least).unwrap_or_default();
        let (reserved, spent) = (reserved.tokens, spent.tokens);
        Settlement { reserved, spent, refunded: reserved.saturating_sub(spent), rate }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.open {
            let total = self.meter.total();
            let prompt = total.min(self.admitted.prompt_tokens);
            let settled = self.close(self.amount(prompt, total - prompt));
            tracing::debug!(
                tenant = self.admitted.tenant,
                spent = settled.spent,
                refunded = settled.refunded,
                "a request ended without settling"
            );
        }
    }
}
