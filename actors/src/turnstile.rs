//! Who may use an engine next: slots are shared fairly between tenants, whatever each of them asks for.
//!
//! An engine serves in the order of asking, so a tenant that asks for a thousand samples would make all others wait for
//! them. Here a free slot goes to the tenant that holds the fewest; of those, to the one that was served least. Within a
//! tenant the lowest rank goes first, then the order of asking: first samples before second ones, so that under load
//! every deliberation has an answer before any has many. A slot that nobody else wants is never left idle.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use forethought_engine::Engine;
use tokio::sync::oneshot;

/// Shares the slots of one engine.
#[derive(Debug, Default)]
pub(crate) struct Turnstile(Mutex<State>);

/// How many samples may run at once.
#[derive(Clone)]
pub(crate) enum Slots {
    Fixed(u32),
    /// What the engine says whenever somebody comes or goes: a part of it may be away for a while. Who waits in the queue
    /// keeps no engine alive.
    Of(Weak<dyn Engine>),
}

impl From<u32> for Slots {
    fn from(slots: u32) -> Self {
        Self::Fixed(slots)
    }
}

impl From<&Arc<dyn Engine>> for Slots {
    fn from(engine: &Arc<dyn Engine>) -> Self {
        Self::Of(Arc::downgrade(engine))
    }
}

impl Slots {
    /// `None` when the engine is gone, until the next one is told of.
    fn now(&self) -> Option<u32> {
        match self {
            Self::Fixed(slots) => Some(*slots),
            Self::Of(engine) => Some(engine.upgrade()?.slots()),
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slots").field(&self.now()).finish()
    }
}

#[derive(Debug, Default)]
struct State {
    /// Whom to ask for the number of slots, and what the last answer was.
    source: Option<Slots>,
    slots: u32,
    taken: u32,
    /// How many have asked so far.
    asked: u64,
    /// Only tenants that hold a slot or wait for one.
    tenants: BTreeMap<String, Tenant>,
}

#[derive(Debug, Default)]
struct Tenant {
    held: u32,
    /// Tokens that were drawn for it since it came, counted from the least of those that were there then: nobody saves
    /// up by staying away.
    served: u64,
    /// By rank and order of asking.
    waiting: BTreeMap<(u32, u64), oneshot::Sender<Turn>>,
}

/// The right to one slot, until dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turnstile: Arc<Turnstile>,
    tenant: String,
    tokens: u64,
}

impl Turn {
    /// Counts a token for the tenant.
    pub(crate) fn token(&mut self) {
        self.tokens += 1;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turnstile.leave(&self.tenant, self.tokens);
    }
}

/// A place in the queue, until dropped: who leaves while all slots are taken leaves nothing behind.
struct Waiting<'q> {
    turnstile: &'q Turnstile,
    tenant: &'q str,
    place: (u32, u64),
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.turnstile.state();
        // Where the turn has come, the place is gone already.
        let _left = state.tenants.get_mut(self.tenant).and_then(|tenant| tenant.waiting.remove(&self.place));
        state.forget_absent();
    }
}

impl Turnstile {
    /// A slot for a tenant, of an engine with `slots` of them. Who drops the future leaves the queue. A lower
    /// `rank` goes before the tenant's other work.
    pub(crate) async fn turn(self: &Arc<Self>, tenant: &str, slots: impl Into<Slots>, rank: u32) -> Turn {
        let (turn, _waiting) = {
            let mut state = self.state();
            state.source = Some(slots.into());
            let (sender, turn) = oneshot::channel();
            let place = (rank, state.asked);
            state.asked += 1;
            state.enter(tenant).waiting.insert(place, sender);
            (turn, Waiting { turnstile: self, tenant, place })
        };
        self.serve();
        match turn.await {
            Ok(turn) => turn,
            // Never: a sender is kept until it has sent.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives free slots to those whose turn it is.
    fn serve(self: &Arc<Self>) {
        let source = self.state().source.clone();
        if let Some(slots) = source.and_then(|source| source.now()) {
            self.state().slots = slots.max(1);
        }
        loop {
            let mut state = self.state();
            let Some((tenant, next)) = state.next() else { return };
            drop(state);
            // One that has left meanwhile drops its turn, which frees the slot for the next.
            let _ = next.send(Turn { turnstile: Arc::clone(self), tenant, tokens: 0 });
        }
    }

    fn leave(self: &Arc<Self>, tenant: &str, tokens: u64) {
        let mut state = self.state();
        state.taken = state.taken.saturating_sub(1);
        if let Some(tenant) = state.tenants.get_mut(tenant) {
            tenant.held = tenant.held.saturating_sub(1);
            tenant.served = tenant.served.saturating_add(tokens);
        }
        state.forget_absent();
        drop(state);
        self.serve();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, tenant: &str) -> &mut Tenant {
        let least = self.tenants.values().map(|tenant| tenant.served).min().unwrap_or_default();
        self.tenants.entry(tenant.to_owned()).or_insert_with(|| Tenant { served: least, ..Tenant::default() })
    }

    fn next(&mut self) -> Option<(String, oneshot::Sender<Turn>)> {
        if self.taken >= self.slots {
            return None;
        }
        for tenant in self.tenants.values_mut() {
            while tenant.waiting.first_entry().is_some_and(|first| first.get().is_closed()) {
                tenant.waiting.pop_first();
            }
        }
        let waiting = self.tenants.iter_mut().filter(|(_, tenant)| !tenant.waiting.is_empty());
        let (name, tenant) = waiting.min_by_key(|(_, tenant)| (tenant.held, tenant.served))?;
        let (_, next) = tenant.waiting.pop_first()?;
        tenant.held += 1;
        self.taken += 1;
        Some((name.clone(), next))
    }

    fn forget_absent(&mut self) {
        self.tenants.retain(|_, tenant| tenant.held > 0 || tenant.waiting.values().any(|waiter| !waiter.is_closed()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use forethought_engine::{
        EngineError, EngineInfo, Prompt, SampleRequest, SampleStream,
        scripted::{Script, ScriptedEngine},
    };
    use futures::FutureExt as _;
    use tokio::task::JoinSet;

    use super::*;

    /// An engine of which parts go and come.
    struct Partly(ScriptedEngine, AtomicU32);

    #[async_trait::async_trait]
    impl Engine for Partly {
        fn info(&self) -> &EngineInfo {
            self.0.info()
        }

        async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
            self.0.sample(request).await
        }

        async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
            self.0.count_prompt(request).await
        }

        async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
            self.0.rendered(prompt).await
        }

        fn alive(&self) -> bool {
            true
        }

        fn slots(&self) -> u32 {
            self.1.load(Ordering::Acquire)
        }
    }

    fn now(turnstile: &Arc<Turnstile>, tenant: &str) -> Turn {
        turnstile.turn(tenant, 2u32, 0).now_or_never().expect("a slot is free")
    }

    #[tokio::test]
    async fn a_free_slot_goes_to_who_holds_least() {
        let turnstile = Arc::new(Turnstile::default());
        let (first, second) = (now(&turnstile, "a"), now(&turnstile, "a"));
        let mut waiting = ["a", "a", "b"].map(|tenant| Box::pin(turnstile.turn(tenant, 2u32, 0)));
        for turn in &mut waiting {
            assert!(turn.as_mut().now_or_never().is_none());
        }
        let [mut a, mut again, mut b] = waiting;
        drop(first);
        let held = b.as_mut().now_or_never().expect("b holds none and goes before a, who came earlier");
        assert!(a.as_mut().now_or_never().is_none());
        drop(second);
        let _a = a.as_mut().now_or_never().expect("within a tenant in the order of asking");
        assert!(again.as_mut().now_or_never().is_none());
        drop(held);
        assert!(again.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn first_samples_go_before_second_ones() {
        let turnstile = Arc::new(Turnstile::default());
        let held = [now(&turnstile, "a"), now(&turnstile, "a")];
        let mut second = Box::pin(turnstile.turn("a", 2u32, 1));
        let mut first = Box::pin(turnstile.turn("a", 2u32, 0));
        assert!(second.as_mut().now_or_never().is_none() && first.as_mut().now_or_never().is_none());
        let [one, _other] = held;
        drop(one);
        let _first = first.as_mut().now_or_never().expect("it goes first");
        assert!(second.as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn who_leaves_the_queue_holds_up_nobody() {
        let turnstile = Arc::new(Turnstile::default());
        let held = [now(&turnstile, "a"), now(&turnstile, "b")];
        let mut gone = Box::pin(turnstile.turn("c", 2u32, 0));
        assert!(gone.as_mut().now_or_never().is_none());
        let mut next = Box::pin(turnstile.turn("a", 2u32, 1));
        assert!(next.as_mut().now_or_never().is_none());
        drop(gone);
        drop(held);
        assert!(next.as_mut().now_or_never().is_some());
        drop(next);
        assert!(turnstile.state().tenants.is_empty(), "nothing is kept of who is not there");
        assert_eq!(turnstile.state().taken, 0);
    }

    #[tokio::test]
    async fn a_queue_from_a_dip_is_served_at_full_width_once_it_is_over() {
        let turnstile = Arc::new(Turnstile::default());
        let partly = Arc::new(Partly(ScriptedEngine::new(Script::default()), AtomicU32::new(1)));
        let engine: Arc<dyn Engine> = Arc::<Partly>::clone(&partly);
        let slots = || Slots::from(&engine);
        let only = turnstile.turn("a", slots(), 0).now_or_never().expect("a slot is free");
        let mut waiting: Vec<_> = (0..6).map(|_| Box::pin(turnstile.turn("a", slots(), 0))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        partly.1.store(4, Ordering::Release);
        drop(only);
        let turns: Vec<Turn> = waiting.iter_mut().filter_map(|turn| turn.as_mut().now_or_never()).collect();
        assert_eq!(turns.len(), 4, "nobody new had to ask");
        drop(turns);
        assert_eq!(turnstile.state().taken, 2);
    }

    #[tokio::test]
    async fn who_leaves_a_full_queue_leaves_nothing_behind() {
        let turnstile = Arc::new(Turnstile::default());
        let _held = [now(&turnstile, "a"), now(&turnstile, "a")];
        for _ in 0..10 {
            assert!(turnstile.turn("b", 2, 0).now_or_never().is_none());
        }
        assert_eq!(turnstile.state().tenants.keys().collect::<Vec<_>>(), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn tenants_get_the_same_share_whatever_they_ask_for() {
        let turnstile = Arc::new(Turnstile::default());
        let mut work = JoinSet::new();
        for (tenant, asks) in [("greedy", 300), ("modest", 60), ("small", 20)] {
            for _ in 0..asks {
                let turnstile = Arc::clone(&turnstile);
                work.spawn(async move {
                    let mut turn = turnstile.turn(tenant, 4u32, 0).await;
                    for _ in 0..10 {
                        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                        turn.token();
                    }
                    tenant
                });
            }
        }
        let mut done = Vec::new();
        while let Some(tenant) = work.join_next().await {
            done.push(tenant.unwrap());
        }
        // As long as all three have work, each has a third of it.
        let when = |tenant| done.iter().rposition(|name| *name == tenant).unwrap();
        assert!(when("small") <= 3 * 20 + 8, "{}", when("small"));
        assert!(when("modest") <= 20 + 2 * 60 + 8, "{}", when("modest"));
        assert_eq!(done.len(), 380);
    }
}
