//! What actix 0.13.5 does, as far as supervision is built around it. When one of these fails, read the module's own text
//! again: a reason for something in it may be gone.

use std::sync::Mutex;

use futures::future::join_all;

use super::*;

type Log = Arc<Mutex<Vec<&'static str>>>;

/// A bare actix actor that notes which of its callbacks run.
struct Bare(Log);

impl Actor for Bare {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.0.lock().unwrap().push("stopping");
        Running::Stop
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.0.lock().unwrap().push("stopped");
    }
}

#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
enum Tell {
    Panic,
    Note(&'static str),
    Sleep,
}

impl Handler<Tell> for Bare {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, tell: Tell, _: &mut Self::Context) -> Self::Result {
        let span = match tell {
            Tell::Panic => panic!("told to"),
            Tell::Note(what) => {
                self.0.lock().unwrap().push(what);
                Duration::ZERO
            }
            Tell::Sleep => secs(5),
        };
        AtomicResponse::new(Box::pin(tokio::time::sleep(span).into_actor(self)))
    }
}

#[test]
fn a_panic_closes_the_address_loses_the_mailbox_and_spares_the_arbiter() {
    universe(async {
        let (log, spared) = (Log::default(), Log::default());
        let (actor, sibling) = (Bare(Arc::clone(&log)).start(), Bare(Arc::clone(&spared)).start());
        let (first, second) = (actor.send(Tell::Panic), actor.send(Tell::Note("seen")));
        assert_eq!(first.await, Err(MailboxError::Closed));
        assert_eq!(second.await, Err(MailboxError::Closed), "a message that was never begun is lost as well");
        assert!(!actor.connected());
        assert_eq!(*log.lock().unwrap(), ["stopping", "stopped"], "both run on the value that has just panicked");
        assert_eq!(sibling.send(Tell::Note("alive")).await, Ok(()));
        assert_eq!(*spared.lock().unwrap(), ["alive"]);
    });
}

/// A message whose whereabouts can be counted.
#[derive(Message)]
#[rtype(result = "()")]
struct Held(#[expect(dead_code, reason = "held, not read")] Arc<()>);

impl Handler<Held> for Bare {
    type Result = ();

    fn handle(&mut self, _: Held, _: &mut Self::Context) {}
}

#[test]
fn a_mailbox_of_one_takes_any_number_from_clones_and_from_send() {
    universe(async {
        let actor = Bare::create(|ctx| {
            ctx.set_mailbox_capacity(1);
            Bare(Log::default())
        });
        let _busy = actor.send(Tell::Sleep);
        tokio::time::sleep(secs(1)).await;
        let token = Arc::new(());
        let accepted = (0..100).filter(|_| actor.clone().try_send(Held(Arc::clone(&token))).is_ok()).count();
        assert_eq!((accepted, Arc::strong_count(&token)), (100, 101), "each clone of an address has a slot of its own");
        let sends = join_all((0..100).map(|_| actor.send(Held(Arc::clone(&token)))));
        assert!(tokio::time::timeout(secs(1), sends).await.is_err(), "the actor is busy");
        assert_eq!(Arc::strong_count(&token), 201, "the futures are gone, and the mailbox has all that they sent");
    });
}

/// A supervised actor that panics where it is told to, and would panic again in its last words.
struct Volatile {
    at_start: bool,
    log: Log,
}

impl Actor for Volatile {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.log.lock().unwrap().push("started");
        assert!(!self.at_start, "at the start");
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        self.log.lock().unwrap().push("stopping");
        panic!("while the first panic unwinds, this would abort the process");
    }
}

impl Handler<Held> for Volatile {
    type Result = ();

    fn handle(&mut self, _: Held, _: &mut Self::Context) {
        panic!("in a handler");
    }
}

fn check_volatile(at_start: bool) {
    universe(async {
        let log = Log::default();
        let kept = Arc::clone(&log);
        let build = move |_| std::future::ready(Ok::<_, Infallible>(Volatile { at_start, log: Arc::clone(&kept) }));
        let actor = unlimited(supervision()).start(&KillSwitch::new(), build);
        let deadline = Instant::now() + Duration::from_millis(1_500);
        for _ in 0..2 {
            assert!(actor.addr().send(Held(Arc::default()), deadline).await.is_err());
        }
        assert_eq!(*log.lock().unwrap(), ["started", "started"], "at_start {at_start}");
        assert_eq!((actor.restarts().panicked, actor.phase()), (2, Phase::Restarting));
    });
}

#[test]
fn our_incarnation_runs_no_callback_after_a_panic() {
    check_volatile(true);
    check_volatile(false);
}
