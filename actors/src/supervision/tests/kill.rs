//! The kill switch tree, alone and over supervised actors.

use super::*;

#[test]
fn a_parents_end_ends_all_below_and_nothing_above() {
    let root = KillSwitch::new();
    let (left, right) = (root.child(), root.child());
    let (leaf, other) = (left.child(), right.child());
    left.kill();
    left.kill();
    let killed = [&root, &left, &leaf, &right, &other].map(KillSwitch::is_killed);
    assert_eq!(killed, [false, true, true, false, false]);
    assert!(left.child().is_killed(), "born killed");
    let late = left.child();
    assert!(late.child().is_killed(), "and so are its own");
    assert_eq!((left.children(), late.children()), (0, 0), "the killed remember no children");
    root.clone().kill();
    assert!(right.is_killed() && other.is_killed());
}

#[test]
fn a_grandchild_is_reached_after_its_parents_handles_are_gone() {
    let root = KillSwitch::new();
    let leaf = root.child().child();
    root.kill();
    assert!(leaf.is_killed());
}

#[test]
fn dead_children_are_pruned() {
    let root = KillSwitch::new();
    let kept = root.child();
    for _ in 0..1_000 {
        let _ = root.child().child();
    }
    assert_eq!(root.children(), 1);
    drop(kept);
    assert_eq!(root.children(), 0);
    let killed = root.child();
    root.kill();
    assert_eq!((root.children(), killed.is_killed()), (0, true));
}

#[test]
fn a_deep_tree_is_killed_without_a_deep_stack() {
    let root = KillSwitch::new();
    let chain: Vec<_> = std::iter::successors(Some(root.child()), |switch| Some(switch.child())).take(50_000).collect();
    root.kill();
    assert!(chain.iter().all(KillSwitch::is_killed));
}

#[test]
fn a_guard_kills_unless_it_is_disarmed() {
    let root = KillSwitch::new();
    let (armed, disarmed) = (root.child(), root.child());
    drop(armed.clone().kill_on_drop());
    let same = disarmed.clone().kill_on_drop().disarm();
    assert_eq!((root.is_killed(), armed.is_killed(), disarmed.is_killed()), (false, true, false));
    same.kill();
    assert!(disarmed.is_killed());
}

#[test]
fn those_that_wait_are_woken() {
    universe(async {
        let root = KillSwitch::new();
        let leaf = root.child();
        let waiting = actix_rt::spawn(async move { leaf.killed().await });
        tokio::time::sleep(secs(1)).await;
        assert!(!waiting.is_finished());
        root.kill();
        waiting.await.unwrap();
        root.killed().await;
    });
}

#[test]
fn children_born_while_the_parent_is_killed_are_killed() {
    for _ in 0..200 {
        let root = KillSwitch::new();
        let maker = root.clone();
        let born = std::thread::spawn(move || (0..50).map(|_| maker.child()).collect::<Vec<_>>());
        root.kill();
        assert!(born.join().unwrap().iter().all(KillSwitch::is_killed));
    }
}

#[test]
fn a_killed_parent_ends_its_actors_running_or_restarting() {
    universe(async {
        let root = KillSwitch::new();
        let (running, restarting) = (start(supervision(), &root), start(supervision(), &root));
        running.addr().ready(after(1)).await.unwrap();
        let _ = restarting.addr().send(Do::Panic, after(1)).await;
        let began = Instant::now();
        root.kill();
        assert_eq!(running.ended().await, Outcome::Killed);
        assert_eq!(restarting.ended().await, Outcome::Killed);
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(start(supervision(), &root).ended().await, Outcome::Killed, "under a killed parent nothing starts");
    });
}

#[test]
fn what_an_incarnation_started_ends_with_it() {
    universe(async {
        let (tell, mut told) = tokio::sync::mpsc::channel(4);
        let mut build = probes(&Arc::default());
        let probe = supervision().start(&KillSwitch::new(), move |life| {
            tell.try_send(life.kill_switch().clone()).unwrap();
            build(life)
        });
        let first = told.recv().await.unwrap();
        probe.addr().send(Ask, after(1)).await.unwrap();
        assert!(!first.is_killed());
        let _ = probe.addr().send(Do::Panic, after(1)).await;
        let second = told.recv().await.unwrap();
        assert_eq!((first.is_killed(), second.is_killed()), (true, false));
        assert!(!probe.kill_switch().is_killed());
    });
}

#[test]
fn the_last_address_ends_an_idle_actor() {
    universe(async {
        let token = Arc::new(());
        let probe = supervision().start(&KillSwitch::new(), probes(&token));
        let (switch, addr) = (probe.kill_switch().clone(), probe.addr().clone());
        drop(probe);
        addr.send(Ask, after(1)).await.unwrap();
        assert!(!switch.is_killed(), "an address is left");
        let began = Instant::now();
        drop(addr);
        switch.killed().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "an end that was to be expected is not followed by a restart");
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// An actor that will not stop.
struct Stubborn(Arc<std::sync::Mutex<Vec<&'static str>>>);

impl Actor for Stubborn {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        Running::Continue
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.0.lock().unwrap().push("stopped");
    }
}

#[test]
fn an_actor_that_refuses_to_stop_is_ended_after_its_grace() {
    universe(async {
        let log = Arc::default();
        let kept = Arc::clone(&log);
        let build = move |_| std::future::ready(Ok::<_, Infallible>(Stubborn(Arc::clone(&kept))));
        let actor = supervision().stop_within(secs(7)).start(&KillSwitch::new(), build);
        actor.addr().ready(after(1)).await.unwrap();
        let began = Instant::now();
        actor.kill();
        assert_eq!(actor.ended().await, Outcome::Killed);
        assert_eq!(began.elapsed().as_secs(), 7);
        assert_eq!(*log.lock().unwrap(), ["stopped"]);
    });
}
