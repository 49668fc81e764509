//! The ledger never lets more be spent than the budget allows.

use forethought_reasoning::{Ledger, LedgerError, Spent};
use forethought_schemas::Budget;
use proptest::prelude::*;

const BUDGET: Budget = Budget { max_samples: 3, total_tokens: 100, sample_tokens: 60, deadline_ms: 1 };

#[test]
fn the_budget_check_refuses_the_token_that_would_overspend() {
    let mut ledger = Ledger::new(BUDGET);
    assert_eq!(ledger.reserve(0, 60), Ok(()));
    assert_eq!(ledger.reserve(1, 41), Err(LedgerError::Total { sample: 1, asked: 41, left: 40 }));
    assert_eq!(ledger.reserve(1, 40), Ok(()));
    assert_eq!(ledger.reserve(2, 1), Err(LedgerError::Total { sample: 2, asked: 1, left: 0 }));
    assert_eq!(ledger.record(1, 41), Err(LedgerError::Unreserved { sample: 1, asked: 41, left: 40 }));
}

#[test]
fn the_other_caps_hold_too() {
    let mut ledger = Ledger::new(BUDGET);
    assert_eq!(ledger.reserve(0, 61), Err(LedgerError::SampleCap { sample: 0, asked: 61, left: 60 }));
    for sample in 0..3 {
        assert_eq!(ledger.reserve(sample, 10), Ok(()));
    }
    assert_eq!(ledger.reserve(3, 10), Err(LedgerError::TooManySamples { sample: 3, max: 3 }));
    assert_eq!(ledger.reserve(0, 10), Err(LedgerError::Running { sample: 0 }));
    assert_eq!(ledger.record(9, 1), Err(LedgerError::NotRunning { sample: 9 }));
}

#[test]
fn what_is_not_used_comes_back_once() {
    let mut ledger = Ledger::new(BUDGET);
    ledger.reserve(0, 60).unwrap();
    ledger.record(0, 15).unwrap();
    assert_eq!((ledger.reserved(), ledger.available()), (45, 40));
    assert_eq!(ledger.settle(0), Ok(45));
    assert_eq!(ledger.settle(0), Err(LedgerError::NotRunning { sample: 0 }));
    assert_eq!(ledger.reserve(0, 46), Err(LedgerError::SampleCap { sample: 0, asked: 46, left: 45 }));
    assert_eq!(ledger.reserve(0, 45), Ok(()));
    assert_eq!(ledger.cancel(0), Ok(45));
    assert_eq!(ledger.cancel(0), Err(LedgerError::NotRunning { sample: 0 }));
    ledger.reserve(1, 10).unwrap();
    ledger.record(1, 4).unwrap();
    ledger.settle(1).unwrap();
    ledger.record_prompt(7);
    let expect = Spent {
        samples_started: 2,
        samples_finished: 1,
        samples_cancelled: 1,
        tokens_counted: 4,
        tokens_cancelled: 15,
        prompt_tokens: 7,
    };
    assert_eq!(ledger.spent(), expect);
}

proptest! {
    #[test]
    fn no_history_overspends(steps in proptest::collection::vec((0..4_u8, 0..6_u32, 0..80_u32), 0..200)) {
        let mut ledger = Ledger::new(BUDGET);
        for (step, sample, tokens) in steps {
            let before = (ledger.spent(), ledger.reserved());
            let refused = match step {
                0 => ledger.reserve(sample, tokens).is_err(),
                1 => ledger.record(sample, tokens).is_err(),
                2 => ledger.settle(sample).is_err(),
                _ => ledger.cancel(sample).is_err(),
            };
            let spent = ledger.spent();
            let used = spent.tokens_counted + spent.tokens_cancelled;
            prop_assert!(used + ledger.reserved() <= BUDGET.total_tokens);
            prop_assert_eq!(used + ledger.reserved() + ledger.available(), BUDGET.total_tokens);
            prop_assert!(spent.samples_started <= BUDGET.max_samples);
            prop_assert!(!refused || before == (spent, ledger.reserved()));
        }
    }
}
