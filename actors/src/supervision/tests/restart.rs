//! Restarts: by every reason, counted, spaced, limited, and without harm to siblings or memory.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A probe that is told `what` comes back as its next incarnation, one second later, with one end counted as `expected`.
fn check(what: Do, expected: Restarts) {
    universe(async {
        let probe = start(supervision(), &KillSwitch::new());
        let before = probe.addr().send(Ask, after(1)).await.unwrap();
        assert_eq!(before, Seen { generation: 0, handled: 1 });
        let told = Instant::now();
        let _ = probe.addr().send(what, after(1)).await;
        let back = probe.addr().send(Ask, after(60)).await.unwrap();
        assert_eq!(back, Seen { generation: 1, handled: 1 }, "a new value, not the old one");
        assert_eq!(told.elapsed().as_secs(), 1, "after the first delay");
        assert_eq!(probe.restarts(), expected);
    });
}

#[test]
fn a_panic_restarts() {
    check(Do::Panic, Restarts { panicked: 1, ..Restarts::default() });
}

#[test]
fn a_failure_restarts() {
    check(Do::Fail, Restarts { failed: 1, ..Restarts::default() });
}

#[test]
fn an_unexpected_stop_restarts() {
    check(Do::Stop, Restarts { stopped: 1, ..Restarts::default() });
}

#[test]
fn a_finish_does_not_restart() {
    universe(async {
        let probe = start(supervision(), &KillSwitch::new());
        probe.addr().send(Do::Finish, after(1)).await.unwrap();
        assert_eq!(probe.ended().await, Outcome::Finished);
        assert_eq!(probe.restarts().total(), 0);
        assert!(probe.kill_switch().is_killed(), "what it started ends with it");
    });
}

/// Runs a factory whose `n`-th call does `faulty(n)` until it gives `None`, and tells how the restarts were counted.
fn check_factory(faulty: impl Fn(u32) -> Option<Result<(), &'static str>> + 'static) -> (Restarts, Duration) {
    universe(async {
        let calls = AtomicU32::new(0);
        let mut good = probes(&Arc::default());
        let began = Instant::now();
        let probe = supervision().start(&KillSwitch::new(), move |life| {
            let fault = faulty(calls.fetch_add(1, Ordering::Relaxed));
            let built = good(life);
            async move {
                match fault {
                    Some(Err("hangs")) => std::future::pending().await,
                    Some(Err(error)) => Err(error),
                    Some(Ok(())) => panic!("factory"),
                    None => built.await.map_err(|never| match never {}),
                }
            }
        });
        probe.addr().ready(after(3_600)).await.unwrap();
        (probe.restarts(), began.elapsed())
    })
}

#[test]
fn a_factory_that_fails_panics_or_hangs_is_tried_again() {
    let (restarts, took) =
        check_factory(|call| [Some(Err("no")), Some(Ok(())), Some(Err("hangs")), None][call as usize]);
    assert_eq!(restarts, Restarts { failed: 2, panicked: 1, stopped: 0 });
    assert_eq!(took.as_secs(), 1 + 2 + 30 + 4, "a factory that hangs for 30 s was not healthy for 30 s");
}

#[test]
fn a_sibling_on_the_same_arbiter_is_unharmed() {
    universe(async {
        let parent = KillSwitch::new();
        let (bad, good) = (start(supervision(), &parent), start(supervision(), &parent));
        good.addr().send(Ask, after(1)).await.unwrap();
        let busy = {
            let good = good.addr().clone();
            actix_rt::spawn(async move { good.send(Busy(secs(2)), after(9)).await })
        };
        assert!(matches!(bad.addr().send(Do::Panic, after(1)).await, Err(SendError::Lost { .. })));
        assert_eq!(busy.await.unwrap(), Ok(()), "work in flight goes on");
        assert_eq!(good.addr().send(Ask, after(9)).await.unwrap(), Seen { generation: 0, handled: 2 });
        assert_eq!((good.restarts().total(), bad.restarts().panicked), (0, 1));
        assert!(!parent.is_killed());
    });
}

/// How long the probe is away after a panic, in whole seconds.
async fn outage(probe: &Supervised<Probe>) -> u64 {
    let began = Instant::now();
    let _ = probe.addr().send(Do::Panic, after(1)).await;
    probe.addr().send(Ask, after(60)).await.unwrap();
    began.elapsed().as_secs()
}

#[test]
fn the_backoff_grows_and_starts_over_after_a_healthy_life() {
    universe(async {
        let probe = start(unlimited(supervision()), &KillSwitch::new());
        let mut outages = Vec::new();
        for _ in 0..5 {
            outages.push(outage(&probe).await);
        }
        tokio::time::sleep(secs(29)).await;
        outages.push(outage(&probe).await);
        tokio::time::sleep(secs(30)).await;
        outages.push(outage(&probe).await);
        assert_eq!(outages, [1, 2, 4, 8, 8, 8, 1]);
    });
}

#[test]
fn a_limit_on_the_first_build_does_not_end_what_was_built() {
    universe(async {
        let parent = KillSwitch::new();
        let limited = || supervision().restart_limit(RestartLimit { max: 2, within: secs(60) }).unlimited_once_built();
        let probe = start(limited(), &parent);
        for _ in 0..20 {
            outage(&probe).await;
        }
        assert_eq!(probe.restarts().panicked, 20);
        assert!(!parent.is_killed());
        let never: Supervised<Probe> = limited().start(&parent, |_| std::future::ready(Err("no such file")));
        assert!(matches!(never.ended().await, Outcome::Escalated(_)));
        assert_eq!(never.restarts().failed, 3);
    });
}

#[test]
fn actors_of_different_names_come_back_at_different_times() {
    let seed = |name: &str| Supervision::new(name).seed;
    assert_eq!(seed("engine-keeper/a"), seed("engine-keeper/a"));
    assert_ne!(seed("engine-keeper/a"), seed("engine-keeper/b"));
}

#[test]
fn too_many_restarts_escalate_to_the_parent() {
    universe(async {
        let parent = KillSwitch::new();
        let limited = supervision().restart_limit(RestartLimit { max: 2, within: secs(60) });
        let (probe, sibling) = (start(limited, &parent), start(supervision(), &parent));
        for _ in 0..2 {
            outage(&probe).await;
        }
        assert!(!parent.is_killed(), "the limit itself is allowed");
        let _ = probe.addr().send(Do::Panic, after(1)).await;
        let Outcome::Escalated(escalated) = probe.ended().await else { panic!("{:?}", probe.phase()) };
        assert_eq!((escalated.restarts.panicked, escalated.reason), (3, Reason::Panicked));
        assert_eq!(sibling.ended().await, Outcome::Killed);
        assert!(parent.is_killed());
        assert!(matches!(probe.addr().send(Ask, after(1)).await, Err(SendError::Dead { .. })));
    });
}

#[test]
fn restarts_that_are_far_apart_do_not_escalate() {
    universe(async {
        let limited = supervision().restart_limit(RestartLimit { max: 2, within: secs(60) });
        let probe = start(limited, &KillSwitch::new());
        for _ in 0..10 {
            outage(&probe).await;
            tokio::time::sleep(secs(30)).await;
        }
        assert_eq!(probe.restarts().panicked, 10);
    });
}

#[test]
fn an_escalation_is_told_instead_if_one_asks() {
    universe(async {
        let never = RestartLimit { max: 0, within: secs(1) };
        let (tell, told) = tokio::sync::oneshot::channel();
        let parent = KillSwitch::new();
        let act = move |escalated: &Escalated| tell.send(escalated.to_string()).unwrap();
        let probe = start(supervision().restart_limit(never).on_escalation(act), &parent);
        let _ = probe.addr().send(Do::Fail, after(1)).await;
        let expected = "actor probe failed (disk gone) after 0 restarts within 1s, which is its limit";
        assert_eq!(told.await.unwrap(), expected);
        assert!(!parent.is_killed());

        let bad = start(supervision().restart_limit(never).on_escalation(|_| panic!("deaf")), &parent);
        let _ = bad.addr().send(Do::Fail, after(1)).await;
        parent.killed().await;
    });
}

#[test]
fn a_thousand_restarts_leak_nothing() {
    universe(async {
        let (token, parent) = (Arc::new(()), KillSwitch::new());
        let short = Backoff::new(Duration::from_millis(1), 1.0, Duration::from_millis(1), 0.0).unwrap();
        let probe = unlimited(supervision().backoff(short)).start(&parent, probes(&token));
        for round in 0..1_000 {
            let what = [Do::Panic, Do::Fail, Do::Stop][round % 3];
            let _ = probe.addr().send(what, after(1)).await;
            assert_eq!(probe.addr().send(Ask, after(1)).await.unwrap().generation, round as u64 + 1);
        }
        assert_eq!(Arc::strong_count(&token), 3, "this test, the factory and one probe");
        assert_eq!(probe.restarts(), Restarts { panicked: 334, failed: 333, stopped: 333 });
        assert_eq!((parent.children(), probe.kill_switch().children(), probe.addr().queued()), (1, 1, 0));
        probe.kill();
        probe.ended().await;
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&token), 1, "its end frees all");
    });
}
