//! `catch` and the blocking room.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::*;

fn check_catch(panic: impl FnOnce() + 'static, expected: &str) {
    let caught = universe(catch(async move {
        tokio::task::yield_now().await;
        panic();
    }));
    assert_eq!(caught, Err(Panicked { message: expected.to_owned() }));
}

#[test]
fn a_panic_inside_catch_is_an_error() {
    check_catch(|| panic!("plain"), "plain");
    check_catch(|| panic!("sample {}", 7), "sample 7");
    check_catch(|| std::panic::panic_any(7), "a value that is not text");
    check_catch(|| panic!("{}", "ä".repeat(5_000)), &"ä".repeat(256));
    assert_eq!(universe(catch(async { 7 })), Ok(7));
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("destructor");
    }
}

#[test]
fn a_destructor_that_panics_after_the_future_did_is_caught_too() {
    let bomb = Bomb;
    let mut first = true;
    let future = std::future::poll_fn(move |_| {
        let _held = &bomb;
        assert!(!std::mem::take(&mut first), "poll");
        std::task::Poll::Ready(())
    });
    assert_eq!(universe(catch(future)), Err(Panicked { message: "poll".to_owned() }));
}

/// Work that blocks until its sender speaks or is dropped.
fn blocked() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (release, wait) = mpsc::channel::<()>();
    (release, move || {
        let _ = wait.recv();
    })
}

#[test]
fn a_full_room_refuses_and_has_room_again() {
    universe(async {
        let room = BlockingRoom::new(1, 1);
        let (release, work) = blocked();
        let running = {
            let room = room.clone();
            actix_rt::spawn(async move { room.run(work).await })
        };
        tokio::task::yield_now().await;
        let waiting = {
            let room = room.clone();
            actix_rt::spawn(async move { room.run(|| 2).await })
        };
        tokio::task::yield_now().await;
        assert_eq!(room.run(|| 3).await, Err(BlockingError::Full { running: 1, waiting: 1 }));
        assert_eq!(room.occupied(), 2);
        drop(release);
        assert_eq!((running.await.unwrap(), waiting.await.unwrap()), (Ok(()), Ok(2)));
        assert_eq!(room.run(|| 4).await, Ok(4));
        assert_eq!(room.occupied(), 0);
    });
}

#[test]
fn a_caller_that_leaves_frees_its_place_in_the_queue_but_not_at_work() {
    universe(async {
        let room = BlockingRoom::new(1, 1);
        let (release, work) = blocked();
        let running = {
            let room = room.clone();
            actix_rt::spawn(async move { room.run(work).await })
        };
        tokio::task::yield_now().await;
        let waiting = {
            let room = room.clone();
            actix_rt::spawn(async move { room.run(|| ()).await })
        };
        tokio::task::yield_now().await;
        running.abort();
        waiting.abort();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(room.occupied(), 1, "the thread is still in the work");
        let next = {
            let room = room.clone();
            actix_rt::spawn(async move { room.run(|| 5).await })
        };
        for _ in 0..20 {
            tokio::task::yield_now().await;
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!next.is_finished(), "one may run, and one does");
        drop(release);
        assert_eq!(next.await.unwrap(), Ok(5));
    });
}

#[test]
fn no_more_run_than_may() {
    universe(async {
        let room = BlockingRoom::new(3, 97);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = || {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, Ordering::SeqCst);
            }
        };
        let all: Vec<_> = (0..100).map(|_| room.run(work())).collect();
        assert!(futures::future::join_all(all).await.iter().all(Result::is_ok));
        assert!((2..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    });
}

#[test]
fn a_panic_in_the_room_is_an_error_and_frees_its_place() {
    universe(async {
        let room = BlockingRoom::new(0, 0);
        let panicked = room.run(|| panic!("sled")).await;
        assert_eq!(panicked, Err::<(), _>(Panicked { message: "sled".to_owned() }.into()));
        assert_eq!(room.run(|| 1).await, Ok(1));
        let huge = BlockingRoom::new(usize::MAX, usize::MAX);
        assert_eq!(huge.run(|| 1).await, Ok(1));
    });
}
