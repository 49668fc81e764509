//! The limits of a tenant, a key or a model as they stand: requests and
//! tokens a minute, what is running, and its quotas, changed together or not at all.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    DeskClock,
    bucket::{Bucket, Short},
    quota::{Amount, Charged, Exceeded, Ledger, Quotas, Reached},
    rate::{QuotaHeaders, RateHeaders},
    tenant::Limits,
    window::{GrantId, Window},
};
use jiff::Timestamp;

/// Why a request was not admitted. Nothing was taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It reserves more than may ever be granted in a minute.
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

/// What one account has taken for a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    grant: GrantId,
    pub(crate) charged: Charged,
}

/// The limits of one holder. One short lock covers all three, so a refused request takes from none and a reader never
/// sees half of a change.
#[derive(Debug)]
pub(crate) struct Account {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    requests: Bucket,
    tokens: Window,
    running: u32,
    quotas: Quotas,
    ledger: Ledger,
}

impl Account {
    pub(crate) fn new(limits: Limits, quotas: Quotas) -> Self {
        let requests = Bucket::per_minute(limits.requests_per_minute, limits.burst());
        let tokens = Window::new(limits.tokens_per_minute);
        let ledger = Ledger::default();
        Self { state: Mutex::new(State { limits, requests, tokens, running: 0, quotas, ledger }) }
    }

    /// Takes one request, one running place and what is asked from every account, or nothing from any. Gives what is left
    /// where least is left, and what each is to be told when it ends.
    ///
    /// Everybody names accounts in the same order, so that nobody waits for each other; and they are held together, so that a
    /// request which one of them refuses takes nothing from another for a moment in which a third is refused for it.
    pub(crate) fn admit(accounts: &[&Self], take: Take) -> Result<(RateHeaders, Vec<Taken>), (usize, Refusal)> {
        let mut states: Vec<_> = accounts.iter().map(|account| account.lock()).collect();
        let taken = Self::admit_all(&mut states, take)?;
        let rates = states.iter().map(|state| state.rate(take.now, take.calendar));
        Ok((rates.reduce(RateHeaders::least).unwrap_or_default(), taken))
    }

    /// Whether such a request would be admitted now; takes nothing.
    pub(crate) fn would_admit(accounts: &[&Self], take: Take) -> Result<(), (usize, Refusal)> {
        let mut states: Vec<_> = accounts.iter().map(|account| account.lock()).collect();
        let taken = Self::admit_all(&mut states, take)?;
        states.iter_mut().zip(taken).for_each(|(state, taken)| state.undo(take, taken));
        Ok(())
    }

    /// Takes from all or from none; on a refusal, which of them refuses.
    fn admit_all(states: &mut [MutexGuard<'_, State>], take: Take) -> Result<Vec<Taken>, (usize, Refusal)> {
        let mut taken = Vec::with_capacity(states.len());
        for (at, state) in states.iter_mut().enumerate() {
            match state.admit(take) {
                Ok(one) => taken.push(one),
                Err(refusal) => {
                    states.iter_mut().zip(taken).for_each(|(state, taken)| state.undo(take, taken));
                    return Err((at, refusal));
                }
            }
        }
        Ok(taken)
    }

    /// Ends a running request: what it reserved and did not spend comes back, what it spent beyond is charged.
    pub(crate) fn release(&self, taken: Taken, reserved: Amount, spent: Amount, clock: &DeskClock) -> RateHeaders {
        let mut state = self.lock();
        let now = clock.now();
        state.running = state.running.saturating_sub(1);
        state.tokens.settle(taken.grant, reserved.tokens, spent.tokens, now);
        state.ledger.settle(taken.charged, reserved, spent);
        state.rate(now, clock.calendar())
    }

    /// Takes what was spent in an earlier run of the service, by a request that was let in at this time.
    pub(crate) fn spent_before(&self, spent: Amount, at: Timestamp) {
        self.lock().ledger.spent_before(spent, at);
    }

    /// Puts new limits in force; what was used and reserved under the old ones stays counted.
    pub(crate) fn resize(&self, limits: Limits, quotas: Quotas, now: Duration) {
        let mut state = self.lock();
        let size = (limits.requests_per_minute, limits.burst());
        if state.requests.size() != size {
            state.requests = state.requests.resized(size, now);
        }
        state.tokens.set_limit(limits.tokens_per_minute);
        (state.limits, state.quotas) = (limits, quotas);
    }

    /// The limits at this moment.
    pub(crate) fn rate(&self, clock: &DeskClock) -> RateHeaders {
        self.lock().rate(clock.now(), clock.calendar())
    }

    /// The quotas of which so much is spent that a client is warned.
    pub(crate) fn reached(&self, calendar: Timestamp) -> Vec<Reached> {
        let state = self.lock();
        if state.quotas.limit_anything() { state.ledger.reached(&state.quotas, calendar) } else { Vec::new() }
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
    fn admit(&mut self, take: Take) -> Result<Taken, Refusal> {
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
        let grant = match self.tokens.grant(amount.tokens, now) {
            Ok(grant) => grant,
            Err(wait) => {
                self.requests.give_back(1);
                let remaining = self.tokens.remaining(now);
                return Err(Refusal::Tokens { limit: limits.tokens_per_minute.get(), remaining, wait });
            }
        };
        match self.ledger.reserve(&self.quotas, amount, calendar) {
            Ok(charged) => {
                self.running += 1;
                Ok(Taken { grant, charged })
            }
            Err(exceeded) => {
                self.requests.give_back(1);
                self.tokens.undo(grant, amount.tokens, now);
                Err(Refusal::Quota(exceeded))
            }
        }
    }

    /// Gives back all that was taken, as if it had never been.
    fn undo(&mut self, take: Take, taken: Taken) {
        self.running -= 1;
        self.requests.give_back(1);
        self.tokens.undo(taken.grant, take.amount.tokens, take.now);
        self.ledger.settle(taken.charged, take.amount, Amount::default());
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
