//! The account of one deliberation: what is reserved, what is spent, what came back.

use std::collections::BTreeMap;

use forethought_schemas::Budget;

/// What a deliberation has spent so far. Tokens are generated tokens unless they are called prompt tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Samples that were given a reservation; a second try of a sample is not a second sample.
    pub samples_started: u32,
    /// Samples that were settled.
    pub samples_finished: u32,
    /// Samples that were cancelled, while running or after.
    pub samples_cancelled: u32,
    /// Tokens of every sample that was not cancelled.
    pub tokens_counted: u32,
    /// Tokens of cancelled samples: generated, so they count against the budget, but of no use to the answer.
    pub tokens_cancelled: u32,
    /// Prompt tokens read by the engine; no budget bounds them.
    pub prompt_tokens: u64,
}

/// Spending that a budget does not allow. The ledger is as it was before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Another sample would be one too many.
    #[error("sample {sample} is one more than the {max} of the budget: raise max_samples or draw fewer")]
    TooManySamples {
        /// The sample that was asked for.
        sample: u32,
        /// The budget's `max_samples`.
        max: u32,
    },
    /// The sample would be larger than a sample may be, earlier tries included.
    #[error("sample {sample} asks for {asked} tokens where {left} are left to it: raise sample_tokens or ask for less")]
    SampleCap {
        /// The sample.
        sample: u32,
        /// Tokens asked for.
        asked: u32,
        /// Tokens that this sample may still generate.
        left: u32,
    },
    /// The whole would be overspent.
    #[error(
        "sample {sample} asks for {asked} tokens where {left} of the total are left: raise total_tokens, or settle"
    )]
    Total {
        /// The sample.
        sample: u32,
        /// Tokens asked for.
        asked: u32,
        /// Tokens neither spent nor reserved.
        left: u32,
    },
    /// More was generated than was reserved.
    #[error(
        "sample {sample} generated {asked} tokens where {left} are reserved: reserve first, and stop at max_tokens"
    )]
    Unreserved {
        /// The sample.
        sample: u32,
        /// Tokens to record.
        asked: u32,
        /// Tokens reserved and not yet spent.
        left: u32,
    },
    /// The sample is running already.
    #[error("sample {sample} has a reservation already: settle or cancel it before another try")]
    Running {
        /// The sample.
        sample: u32,
    },
    /// The sample is not running.
    #[error("sample {sample} has no reservation: reserve before recording or settling")]
    NotRunning {
        /// The sample.
        sample: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Finished,
    Cancelled,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    state: State,
    reserved: u32,
    spent: u32,
}

/// Reservations and spending of one deliberation. At every instant spent + reserved ≤ `total_tokens`, no sample has
/// more than `sample_tokens`, and at most `max_samples` samples have been started.
///
/// A reservation is taken for the worst case before work starts, which is what check-then-increment misses; what is
/// not used comes back when the sample is settled or cancelled.
#[derive(Clone, Debug)]
pub struct Ledger {
    budget: Budget,
    accounts: BTreeMap<u32, Account>,
    reserved: u32,
    spent: u32,
    prompt_tokens: u64,
}

impl Ledger {
    /// An account from which nothing is spent yet.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { budget, accounts: BTreeMap::new(), reserved: 0, spent: 0, prompt_tokens: 0 }
    }

    /// Takes `tokens` for a sample before it starts. A settled sample may be tried again within its own cap.
    ///
    /// # Errors
    /// When the sample is running, would be one too many, too large, or more than what is left.
    pub fn reserve(&mut self, sample: u32, tokens: u32) -> Result<(), LedgerError> {
        let known = self.accounts.get(&sample).copied();
        if known.is_some_and(|account| account.state == State::Running) {
            return Err(LedgerError::Running { sample });
        }
        let max = self.budget.max_samples;
        if known.is_none() && self.accounts.len() >= max as usize {
            return Err(LedgerError::TooManySamples { sample, max });
        }
        let spent = known.map_or(0, |account| account.spent);
        let left = self.budget.sample_tokens.saturating_sub(spent);
        if tokens > left {
            return Err(LedgerError::SampleCap { sample, asked: tokens, left });
        }
        let left = self.available();
        if tokens > left {
            return Err(LedgerError::Total { sample, asked: tokens, left });
        }
        self.reserved += tokens;
        self.accounts.insert(sample, Account { state: State::Running, reserved: tokens, spent });
        Ok(())
    }

    /// Moves `n` tokens from reserved to spent: one generated token, or a batch.
    ///
    /// # Errors
    /// When the sample is not running or `n` is more than its reservation has left; then nothing is recorded and
    /// generation must stop.
    pub fn record(&mut self, sample: u32, n: u32) -> Result<(), LedgerError> {
        let account = Self::running(&mut self.accounts, sample)?;
        if n > account.reserved {
            return Err(LedgerError::Unreserved { sample, asked: n, left: account.reserved });
        }
        account.reserved -= n;
        account.spent += n;
        self.reserved -= n;
        self.spent += n;
        Ok(())
    }

    /// Ends a sample and returns the tokens that it did not use, which are free again.
    ///
    /// # Errors
    /// When the sample is not running, so that nothing can be given back twice.
    pub fn settle(&mut self, sample: u32) -> Result<u32, LedgerError> {
        let account = Self::running(&mut self.accounts, sample)?;
        account.state = State::Finished;
        let back = std::mem::take(&mut account.reserved);
        self.reserved -= back;
        Ok(back)
    }

    /// Marks a sample, running or finished, as of no use to the answer, and returns the tokens that it did not use.
    ///
    /// # Errors
    /// When the sample was never started or is cancelled already.
    pub fn cancel(&mut self, sample: u32) -> Result<u32, LedgerError> {
        let account = self.accounts.get_mut(&sample).filter(|account| account.state != State::Cancelled);
        let account = account.ok_or(LedgerError::NotRunning { sample })?;
        account.state = State::Cancelled;
        let back = std::mem::take(&mut account.reserved);
        self.reserved -= back;
        Ok(back)
    }

    /// Counts prompt tokens that the engine has read.
    pub fn record_prompt(&mut self, tokens: u64) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(tokens);
    }

    /// Tokens reserved and not yet spent.
    #[must_use]
    pub fn reserved(&self) -> u32 {
        self.reserved
    }

    /// Tokens neither spent nor reserved.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.budget.total_tokens.saturating_sub(self.spent).saturating_sub(self.reserved)
    }

    /// What has been spent so far.
    #[must_use]
    pub fn spent(&self) -> Spent {
        let mut spent = Spent { prompt_tokens: self.prompt_tokens, ..Spent::default() };
        for account in self.accounts.values() {
            spent.samples_started += 1;
            spent.samples_finished += u32::from(account.state == State::Finished);
            spent.samples_cancelled += u32::from(account.state == State::Cancelled);
            if account.state == State::Cancelled {
                spent.tokens_cancelled += account.spent;
            } else {
                spent.tokens_counted += account.spent;
            }
        }
        spent
    }

    fn running(accounts: &mut BTreeMap<u32, Account>, sample: u32) -> Result<&mut Account, LedgerError> {
        let account = accounts.get_mut(&sample).filter(|account| account.state == State::Running);
        account.ok_or(LedgerError::NotRunning { sample })
    }
}
