//! One tenant's limits as they stand: its two buckets and what is running, changed together or not at all.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    bucket::{Bucket, Short},
    rate::RateHeaders,
    tenant::Limits,
};

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
}

impl Account {
    pub(crate) fn new(limits: Limits) -> Self {
        let requests = Bucket::per_minute(limits.requests_per_minute);
        let tokens = Bucket::per_minute(limits.tokens_per_minute);
        Self { state: Mutex::new(State { limits, requests, tokens, running: 0, reserved: 0 }) }
    }

    /// Takes one request, one running place and `tokens`, or nothing.
    pub(crate) fn admit(&self, tokens: u64, now: Duration) -> Result<RateHeaders, Refusal> {
        self.lock().admit(tokens, now)
    }

    /// Whether one request of `tokens` would be admitted now; takes nothing.
    pub(crate) fn would_admit(&self, tokens: u64, now: Duration) -> Result<(), Refusal> {
        let mut state = self.lock();
        state.admit(tokens, now)?;
        state.running -= 1;
        state.reserved -= tokens;
        state.requests.give_back(1);
        state.tokens.give_back(tokens);
        Ok(())
    }

    /// Ends a running request: what it reserved and did not spend comes back, what it spent beyond is charged.
    pub(crate) fn release(&self, reserved: u64, spent: u64, now: Duration) -> RateHeaders {
        let mut state = self.lock();
        state.running = state.running.saturating_sub(1);
        state.reserved = state.reserved.saturating_sub(reserved);
        match reserved.checked_sub(spent) {
            Some(unspent) => state.tokens.give_back(unspent),
            None => state.tokens.charge(spent - reserved, now),
        }
        state.rate(now)
    }

    /// Puts new limits in force; what was used and reserved under the old ones stays counted.
    pub(crate) fn resize(&self, limits: Limits, now: Duration) {
        let mut state = self.lock();
        if state.requests.limit() != limits.requests_per_minute {
            state.requests = state.requests.resized(limits.requests_per_minute, 0, now);
        }
        if state.tokens.limit() != limits.tokens_per_minute {
            state.tokens = state.tokens.resized(limits.tokens_per_minute, state.reserved, now);
        }
        state.limits = limits;
    }

    /// The limits at this moment.
    pub(crate) fn rate(&self, now: Duration) -> RateHeaders {
        self.lock().rate(now)
    }

    /// Whether nothing runs and nothing is used up, so that forgetting the account changes nothing.
    pub(crate) fn is_idle(&self, now: Duration) -> bool {
        let state = self.lock();
        state.running == 0 && state.requests.reset(now).is_zero() && state.tokens.reset(now).is_zero()
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
    fn admit(&mut self, tokens: u64, now: Duration) -> Result<RateHeaders, Refusal> {
        let limits = self.limits;
        if tokens > u64::from(limits.tokens_per_minute.get()) {
            return Err(Refusal::TooLarge { limit: limits.tokens_per_minute.get() });
        }
        if let Err(short) = self.requests.take(1, now) {
            return Err(Refusal::Requests { limit: limits.requests_per_minute.get(), wait: wait(short) });
        }
        if self.running >= limits.concurrent_requests.get() {
            self.requests.give_back(1);
            return Err(Refusal::Concurrency { limit: limits.concurrent_requests.get() });
        }
        if let Err(short) = self.tokens.take(tokens, now) {
            self.requests.give_back(1);
            let remaining = self.tokens.remaining(now);
            return Err(Refusal::Tokens { limit: limits.tokens_per_minute.get(), remaining, wait: wait(short) });
        }
        self.running += 1;
        self.reserved += tokens;
        Ok(self.rate(now))
    }

    fn rate(&self, now: Duration) -> RateHeaders {
        RateHeaders {
            limit_requests: self.limits.requests_per_minute.get(),
            remaining_requests: self.requests.remaining(now),
            reset_requests: self.requests.reset(now),
            limit_tokens: self.limits.tokens_per_minute.get(),
            remaining_tokens: self.tokens.remaining(now),
            reset_tokens: self.tokens.reset(now),
        }
    }
}

fn wait(short: Short) -> Duration {
    match short {
        Short::Until(wait) => wait,
        Short::Never => Duration::MAX,
    }
}
