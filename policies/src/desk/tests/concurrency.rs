//! Many threads at one desk: limits hold at every instant, nothing leaks, and refunds find their tenant.

use std::{sync::Barrier, thread};

use super::*;

const THREADS: u64 = 64;

/// Runs `work` on every thread at once, with the thread's number.
fn at_once(work: impl Fn(u64) + Sync) {
    let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (barrier, work) = (&barrier, &work);
            scope.spawn(move || {
                barrier.wait();
                work(number);
            });
        }
    });
}

#[test]
fn sixty_four_threads_never_reserve_more_than_the_tokens_of_a_minute() {
    let case = Case::new((1_000_000, 10_000, 100_000));
    let (reserved, spent) = (AtomicU64::new(0), AtomicU64::new(0));
    at_once(|number| {
        for round in 0..200 {
            let tokens = 50 + u32::try_from((number * 7 + round) % 100).unwrap();
            let Ok(permit) = case.acme(tokens) else { continue };
            // Spent is read first, and reserved is added after the reservation and subtracted before the refund: the
            // sum is never more than what the tenant really has taken.
            let gone = spent.load(Ordering::SeqCst);
            let held = reserved.fetch_add(permit.reserved(), Ordering::SeqCst) + permit.reserved();
            assert!(held + gone <= 10_000, "{held} tokens are reserved at once and {gone} are spent");
            reserved.fetch_sub(permit.reserved(), Ordering::SeqCst);
            if round % 3 == 0 {
                spent.fetch_add(1, Ordering::SeqCst);
                permit.settle(0, 1);
            }
        }
    });
    let spent = u32::try_from(spent.load(Ordering::SeqCst)).unwrap();
    assert_eq!(case.rate(&case.acme).remaining_tokens, 10_000 - spent, "the time stood still");
    assert_eq!(case.desk.running("acme"), 0);
}

#[test]
fn no_more_requests_run_than_may_and_every_place_comes_back() {
    let case = Case::new((1_000_000, 1_000_000, 5));
    let (running, most) = (AtomicU64::new(0), AtomicU64::new(0));
    at_once(|number| {
        for round in 0..200 {
            let Ok(permit) = case.acme(1) else { continue };
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
            match (number + round) % 2 {
                0 => drop(permit),
                _ => drop(permit.settle(0, 0)),
            }
        }
    });
    assert!((1..=5).contains(&most.load(Ordering::SeqCst)));
    assert_eq!(case.desk.running("acme"), 0);
    let permits: Vec<_> = (0..5).map(|_| case.acme(1).unwrap()).collect();
    assert_eq!(case.acme(1).unwrap_err().code, "concurrent_requests");
    drop(permits);
}

#[test]
fn exactly_as_many_requests_pass_as_a_minute_has() {
    let case = Case::new((100, 1_000_000, 100_000));
    let passed = AtomicU64::new(0);
    at_once(|_| {
        for _ in 0..20 {
            if let Ok(permit) = case.acme(1) {
                passed.fetch_add(1, Ordering::SeqCst);
                permit.settle(0, 1);
            }
        }
    });
    assert_eq!(passed.load(Ordering::SeqCst), 100);
}

#[test]
fn refunds_find_their_tenant_while_policies_change() {
    let case = Case::new((1_000_000, 100_000, 100_000));
    let (acme, other) = (case.who(&case.acme), case.who(&case.other));
    at_once(|number| {
        for round in 0..50 {
            if number == 0 {
                let tokens = if round % 2 == 0 { 200_000 } else { 100_000 };
                case.desk.replace(case.policy((1_000_000, tokens, 100_000)));
                continue;
            }
            let principal = if number % 2 == 0 { &acme } else { &other };
            let Ok(permit) = case.desk.decide(principal, &ask(1_000)) else { continue };
            assert_eq!(permit.tenant(), principal.tenant());
            if number % 2 == 0 {
                permit.settle(0, 1);
            }
        }
    });
    case.desk.replace(case.policy((1_000_000, 100_000, 100_000)));
    assert_eq!((case.desk.running("acme"), case.desk.running("other")), (0, 0));
    assert_eq!(case.rate(&case.other).remaining_tokens, 100_000, "all that this tenant reserved came back");
    let acme_left = case.rate(&case.acme).remaining_tokens;
    assert!((100_000 - 31 * 50..100_000).contains(&acme_left), "{acme_left}");
}
