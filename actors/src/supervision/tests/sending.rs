//! Sending: over restarts, to a full mailbox, to the dead, past the deadline.

use super::*;

fn spawn_send<M>(
    probe: &Supervised<Probe>,
    message: M,
    seconds: u64,
) -> actix_rt::task::JoinHandle<Result<M::Result, SendError>>
where
    Probe: Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    let addr = probe.addr().clone();
    actix_rt::spawn(async move { addr.send(message, after(seconds)).await })
}

async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_waits_behind_a_panic_is_answered_after_the_restart() {
    universe(async {
        let probe = start(supervision(), &KillSwitch::new());
        let crash = spawn_send(&probe, Do::Panic, 60);
        let waiting: Vec<_> = (0..3).map(|_| spawn_send(&probe, Ask, 60)).collect();
        let lost = crash.await.unwrap().unwrap_err();
        assert!(matches!(lost, SendError::Lost { .. }) && lost.may_have_acted());
        let mut handled = Vec::new();
        for answer in waiting {
            handled.push(answer.await.unwrap().unwrap());
        }
        assert_eq!(handled, [1, 2, 3].map(|handled| Seen { generation: 1, handled }));
    });
}

#[test]
fn what_is_sent_during_a_restart_waits_or_times_out() {
    universe(async {
        let slow = supervision().backoff(Backoff::new(secs(10), 1.0, secs(10), 0.0).unwrap());
        let probe = start(slow, &KillSwitch::new());
        let _ = probe.addr().send(Do::Panic, after(1)).await;
        settle().await;
        assert_eq!(probe.phase(), Phase::Restarting);
        assert!(matches!(probe.addr().try_send(Ask), Err(SendError::Restarting { .. })));
        assert!(matches!(probe.addr().ready(after(1)).await, Err(SendError::Restarting { .. })));
        let began = Instant::now();
        let early = probe.addr().send(Ask, after(2)).await.unwrap_err();
        assert!(matches!(early, SendError::Restarting { .. }) && !early.may_have_acted(), "{early}");
        assert_eq!(began.elapsed().as_secs(), 2);
        let patient = probe.addr().send(Ask, after(60)).await.unwrap();
        assert_eq!(patient, Seen { generation: 1, handled: 1 }, "the withdrawn message was not handled");
    });
}

#[test]
fn a_message_past_its_deadline_is_withdrawn_unless_it_was_begun() {
    universe(async {
        let probe = start(supervision(), &KillSwitch::new());
        let busy = spawn_send(&probe, Busy(secs(10)), 5);
        settle().await;
        let waiting = probe.addr().send(Ask, after(1)).await.unwrap_err();
        assert!(matches!(waiting, SendError::Timeout { begun: false, .. }) && !waiting.may_have_acted(), "{waiting}");
        let begun = busy.await.unwrap().unwrap_err();
        assert!(matches!(begun, SendError::Timeout { begun: true, .. }) && begun.may_have_acted(), "{begun}");
        assert_eq!(probe.addr().send(Ask, after(60)).await.unwrap().handled, 1);
        assert!(matches!(probe.addr().send(Ask, Instant::now()).await, Err(SendError::Timeout { begun: false, .. })));
        assert_eq!(probe.addr().queued(), 0, "what comes too late takes no room");
        assert_eq!(probe.addr().send(Ask, after(1)).await.unwrap().handled, 2);
    });
}

#[test]
fn an_actor_that_waits_or_stops_leaves_the_rest_in_its_mailbox() {
    universe(async {
        let probe = start(supervision(), &KillSwitch::new());
        let began = Instant::now();
        let (_busy, behind) = (spawn_send(&probe, Busy(secs(5)), 60), spawn_send(&probe, Ask, 60));
        assert_eq!(behind.await.unwrap().unwrap().handled, 1);
        assert_eq!(began.elapsed().as_secs(), 5);
        let (_stop, behind) = (spawn_send(&probe, Do::Stop, 60), spawn_send(&probe, Ask, 60));
        assert_eq!(behind.await.unwrap().unwrap(), Seen { generation: 1, handled: 1 });
    });
}

#[test]
fn a_dropped_send_is_withdrawn() {
    universe(async {
        let probe = start(supervision(), &KillSwitch::new());
        let _busy = spawn_send(&probe, Busy(secs(5)), 60);
        settle().await;
        let dropped = spawn_send(&probe, Ask, 60);
        settle().await;
        dropped.abort();
        assert_eq!(probe.addr().send(Ask, after(60)).await.unwrap().handled, 1);
    });
}

#[test]
fn a_full_mailbox_refuses_whoever_sends() {
    universe(async {
        let probe = start(supervision().mailbox(3), &KillSwitch::new());
        let _busy = spawn_send(&probe, Busy(secs(5)), 60);
        settle().await;
        let waiting: Vec<_> = (0..100).map(|_| spawn_send(&probe, Ask, 60)).collect();
        settle().await;
        assert_eq!(probe.addr().queued(), 3);
        assert!(matches!(probe.addr().try_send(Ask), Err(SendError::Full { capacity: 3, .. })));
        let (mut answered, mut full) = (0, 0);
        for sent in waiting {
            match sent.await.unwrap() {
                Ok(_) => answered += 1,
                Err(SendError::Full { capacity: 3, .. }) => full += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!((answered, full), (3, 97));
        probe.addr().try_send(Ask).unwrap();
        assert_eq!(probe.addr().send(Ask, after(1)).await.unwrap().handled, 5, "room again, and in order");
    });
}

#[test]
fn a_restarting_actor_does_not_gather_messages_without_bound() {
    universe(async {
        let probe = start(supervision().mailbox(2), &KillSwitch::new());
        let _ = probe.addr().send(Do::Panic, after(1)).await;
        let waiting: Vec<_> = (0..50).map(|_| spawn_send(&probe, Ask, 60)).collect();
        let results = futures::future::join_all(waiting).await;
        let answered = results.iter().filter(|sent| matches!(sent, Ok(Ok(_)))).count();
        assert_eq!(answered, 2);
        let least = start(supervision().mailbox(0), &KillSwitch::new());
        assert!(least.addr().send(Ask, after(1)).await.is_ok(), "a mailbox holds at least one");
    });
}

#[test]
fn the_dead_answer_at_once() {
    universe(async {
        let probe = start(supervision(), &KillSwitch::new());
        let busy = spawn_send(&probe, Busy(secs(50)), 600);
        settle().await;
        let waiting = spawn_send(&probe, Ask, 600);
        settle().await;
        let began = Instant::now();
        probe.kill();
        assert!(matches!(waiting.await.unwrap(), Err(SendError::Dead { .. })), "it was never begun");
        assert!(matches!(busy.await.unwrap(), Err(SendError::Lost { .. })), "it was begun");
        assert!(matches!(probe.addr().send(Ask, after(600)).await, Err(SendError::Dead { .. })));
        assert!(matches!(probe.addr().try_send(Ask), Err(SendError::Dead { .. })));
        assert!(matches!(probe.addr().ready(after(600)).await, Err(SendError::Dead { .. })));
        assert_eq!(began.elapsed(), Duration::ZERO);
    });
}

#[test]
fn another_arbiter_can_be_sent_to_and_its_end_is_told() {
    // A second thread has its own clock, so this one runs in real time.
    System::new().block_on(async {
        let arbiter = Arbiter::new();
        let probe = supervision().start_in(&arbiter.handle(), &KillSwitch::new(), probes(&Arc::default()));
        assert_eq!(probe.addr().send(Ask, after(30)).await.unwrap().handled, 1);
        arbiter.stop();
        let ended = tokio::time::timeout(secs(30), probe.ended()).await.expect("the end is told");
        assert_eq!(ended, Outcome::ArbiterStopped);
        assert!(probe.kill_switch().is_killed());
        arbiter.join().unwrap();
    });
}
