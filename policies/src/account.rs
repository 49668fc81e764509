//! One tenant's limits as they stand: its two buckets and what is running, changed together or not at all.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    DeskClock,
    bucket::{Bucket, Short},
    quota::{Amount, Charged, Exceeded, Ledger, Quotas},
    rate::{QuotaHeaders, RateHeaders},
    tenant::Limits,
};
use jiff::Timestamp;

/// Why a request was not admitted. Nothing was taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It reserves more than the bucket ever holds.
    TooLarge { limit: u32 },
    /// The requests of this minute are used up.
    Requests { limit: u32, wait: Duration },
    /// As many as may run are running.
    Concurrency { limit: u32 },
    /// The tokens of this minute are used up or reserved.
    Tokens { limit: u32, remaining: u32, wait: Duration },
    /// A day's or a month's quota is used up or reserved.
    Quota(Exceeded),
}

/// What a request takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Take {
    pub(crate) amount: Amount,
    /// For the rates.
    pub(crate) now: Duration,
    /// For the quotas.
    pub(crate) calendar: Timestamp,
}

/// The limits of one tenant. One short lock covers all three, so a refused request takes from none and a reader never
/// sees half of a change.
#[derive(Debug)]
pub(crate) struct Account {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    requests: Bucket,
    tokens: Bucket,
    running: u32,
    /// Tokens reserved by what is running.
    reserved: u64,
    quotas: Quotas,
    ledger: Ledger,
}

impl Account {
    pub(crate) fn new(limits: Limits, quotas: Quotas) -> Self {
        let requests = Bucket::per_minute(limits.requests_per_minute);
        let tokens = Bucket::per_minute(limits.tokens_per_minute);
        let ledger = Ledger::default();
        Self { state: Mutex::new(State { limits, requests, tokens, running: 0, reserved: 0, quotas, ledger }) }
    }

    /// Takes one request, one running place and what is asked, or nothing.
    pub(crate) fn admit(&self, take: Take) -> Result<(RateHeaders, Charged), Refusal> {
        self.lock().admit(take)
    }

    /// Whether such a request would be admitted now; takes nothing.
    pub(crate) fn would_admit(&self, take: Take) -> Result<(), Refusal> {
        let mut state = self.lock();
        let (_, charged) = state.admit(take)?;
        state.running -= 1;
        state.reserved -= take.amount.tokens;
        state.requests.give_back(1);
        state.tokens.give_back(take.amount.tokens);
        state.ledger.settle(charged, take.amount, Amount::default());
        Ok(())
    }

    /// Ends a running request: what it reserved and did not spend comes back, what it spent beyond is charged.
    pub(crate) fn release(&self, charged: Charged, reserved: Amount, spent: Amount, clock: &DeskClock) -> RateHeaders {
        let mut state = self.lock();
        let now = clock.now();
        state.running = state.running.saturating_sub(1);
        state.reserved = state.reserved.saturating_sub(reserved.tokens);
        match reserved.tokens.checked_sub(spent.tokens) {
            Some(unspent) => state.tokens.give_back(unspent),
            None => state.tokens.charge(spent.tokens - reserved.tokens, now),
        }
        state.ledger.settle(charged, reserved, spent);
        state.rate(now, clock.calendar())
    }

    /// Takes what was spent in an earlier run of the service, by a request that was let in at this time.
    pub(crate) fn spent_before(&self, spent: Amount, at: Timestamp) {
        self.lock().ledger.spent_before(spent, at);
    }

    /// Puts new limits in force; what was used and reserved under the old ones stays counted.
    pub(crate) fn resize(&self, limits: Limits, quotas: Quotas, now: Duration) {
        let mut state = self.lock();
        if state.requests.limit() != limits.requests_per_minute {
            state.requests = state.requests.resized(limits.requests_per_minute, 0, now);
        }
        if state.tokens.limit() != limits.tokens_per_minute {
            state.tokens = state.tokens.resized(limits.tokens_per_minute, state.reserved, now);
        }
        (state.limits, state.quotas) = (limits, quotas);
    }

    /// The limits at this moment.
    pub(crate) fn rate(&self, clock: &DeskClock) -> RateHeaders {
        self.lock().rate(clock.now(), clock.calendar())
    }

    /// Whether nothing runs and nothing is used up, so that forgetting the account changes nothing.
    pub(crate) fn is_idle(&self, now: Duration, calendar: Timestamp) -> bool {
        let state = self.lock();
        let spent = state.ledger.taken(calendar).iter().any(|(spent, _)| *spent != Amount::default());
        !(spent && state.quotas.limit_anything())
            && state.running == 0
            && state.requests.reset(now).is_zero()
            && state.tokens.reset(now).is_zero()
    }

    /// Requests that are running.
    pub(crate) fn running(&self) -> u32 {
        self.lock().running
    }

    /// No code that can panic runs under the lock, so a poisoned state is a whole one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&mut self, take: Take) -> Result<(RateHeaders, Charged), Refusal> {
        let (limits, Take { amount, now, calendar }) = (self.limits, take);
        if amount.tokens > u64::from(limits.tokens_per_minute.get()) {
            return Err(Refusal::TooLarge { limit: limits.tokens_per_minute.get() });
        }
        if let Err(short) = self.requests.take(1, now) {
            return Err(Refusal::Requests { limit: limits.requests_per_minute.get(), wait: wait(short) });
        }
        if self.running >= limits.concurrent_requests.get() {
            self.requests.give_back(1);
            return Err(Refusal::Concurrency { limit: limits.concurrent_requests.get() });
        }
        if let Err(short) = self.tokens.take(amount.tokens, now) {
            self.requests.give_back(1);
            let remaining = self.tokens.remaining(now);
            return Err(Refusal::Tokens { limit: limits.tokens_per_minute.get(), remaining, wait: wait(short) });
        }
        let charged = match self.ledger.reserve(&self.quotas, amount, calendar) {
            Ok(charged) => charged,
            Err(exceeded) => {
                self.requests.give_back(1);
                self.tokens.give_back(amount.tokens);
                return Err(Refusal::Quota(exceeded));
            }
        };
        self.running += 1;
        self.reserved += amount.tokens;
        Ok((self.rate(now, calendar), charged))
    }

    fn rate(&self, now: Duration, calendar: Timestamp) -> RateHeaders {
        RateHeaders {
            limit_requests: self.limits.requests_per_minute.get(),
            remaining_requests: self.requests.remaining(now),
            reset_requests: self.requests.reset(now),
            limit_tokens: self.limits.tokens_per_minute.get(),
            remaining_tokens: self.tokens.remaining(now),
            reset_tokens: self.tokens.reset(now),
            quota: QuotaHeaders::new(&self.quotas, &self.ledger.taken(calendar)),
        }
    }
}

fn wait(short: Short) -> Duration {
    match short {
        Short::Until(wait) => wait,
        Short::Never => Duration::MAX,
    }
}
