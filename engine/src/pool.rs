//! Several engines behind one name: a pool is an engine itself.
//!
//! A sample goes to the member that its conversation usually goes to, whose caches may know it, unless that one has more
//! than its share of the work (`choose`). Until a sample's first token is there nothing of it was seen, so it is begun
//! anew elsewhere when its member fails, hangs or goes away; after it, the failure is the caller's to see (`serve`). A
//! member that fails is left alone for a while, longer each time, and then tried with one sample (`breaker`). One that is
//! gone is built again until it is back (`member`).

mod breaker;
mod choose;
mod member;
mod serve;

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{Abilities, Engine, EngineError, EngineInfo, MemberInfo, Prompt, SampleRequest, SampleStream};
use member::{Member, Seat};

/// An engine, or the wait for it.
pub type Built = Pin<Box<dyn Future<Output = Result<Arc<dyn Engine>, EngineError>> + Send>>;
/// Builds an engine, again and again.
pub type Build = Box<dyn Fn() -> Built + Send>;

/// How long members that are nearly there are waited for once one is: what the pool promises is then the same each time.
const GATHER: Duration = Duration::from_secs(1);
/// How often a full pool, or one without a usable member, is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long members that failed to begin a sample are not tried again while others may come back.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long a short question, such as the number of a prompt's tokens, is asked again when no member answers it.
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// The pause before that.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// When a member is taken for failing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolSettings {
    /// Time between two looks at a member, in milliseconds.
    pub check_every_ms: u64,
    /// How long a member may take to answer a look, in milliseconds.
    pub check_within_ms: u64,
    /// How long a first token may take before the sample is begun at another member too, in milliseconds. A later token
    /// may take three times as long before the sample is given up.
    pub failover_after_ms: u64,
    /// Samples in a row that may fail before a member is left alone for a while.
    pub failures: u32,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { check_every_ms: 1_000, check_within_ms: 3_000, failover_after_ms: 10_000, failures: 3 }
    }
}

/// Several engines as one.
pub struct PoolEngine {
    info: EngineInfo,
    shared: Arc<Shared>,
    runtime: Handle,
    /// Ends with the pool.
    _keepers: JoinSet<()>,
}

struct Shared {
    members: Vec<Arc<Member>>,
    settings: PoolSettings,
    /// What the pool promised; a member that can do less is not used.
    promise: OnceLock<EngineInfo>,
    broken: serve::Broken,
}

impl PoolEngine {
    /// Builds the members side by side on `runtime`, each with its name, and is there as soon as one of them is; the others join
    /// when they can.
    ///
    /// # Errors
    /// [`EngineError::Load`] when no member could be built at the first try.
    pub async fn start(
        members: Vec<(String, Build)>,
        settings: PoolSettings,
        runtime: Handle,
    ) -> Result<Self, EngineError> {
        let (names, builds): (Vec<String>, Vec<Build>) = members.into_iter().unzip();
        let members = names.into_iter().map(|name| Arc::new(Member::new(name, settings.failures))).collect();
        let shared = Arc::new(Shared { members, settings, promise: OnceLock::new(), broken: serve::Broken::default() });
        let mut keepers = JoinSet::new();
        for (at, build) in builds.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let keep = async move {
                if let Some(member) = shared.members.get(at) {
                    member.keep(build, &shared.settings, &shared.promise).await;
                }
            };
            keepers.spawn_on(keep, &runtime);
        }
        let info = shared.first().await?;
        Ok(Self { info, shared, runtime, _keepers: keepers })
    }

    /// Asks members until one answers, also those that are busy or left alone: a short question takes no slot. What would
    /// fail everywhere is not asked again.
    async fn ask<T, F>(&self, prompt: &Prompt, question: impl Fn(Arc<dyn Engine>) -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let (key, until) = (choose::key(prompt), Instant::now() + ASK_WITHIN);
        let within = Duration::from_millis(self.shared.settings.check_within_ms).min(ASK_WITHIN);
        let mut error = EngineError::Dead("no member of the pool is there; `/v1/models` tells why".to_owned());
        loop {
            let mut engines = self.shared.there(key).into_iter().peekable();
            while let Some(engine) = engines.next() {
                let asked = question(engine);
                // The last one has its own bound, and nobody comes after it.
                let answer = match engines.peek() {
                    Some(_) => timeout(within, asked).await.unwrap_or_else(|_| Err(no_answer(within))),
                    None => asked.await,
                };
                match answer {
                    Err(failed) if elsewhere(&failed) => error = failed,
                    answer => return answer,
                }
            }
            if Instant::now() >= until {
                return Err(error);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

impl Shared {
    /// Waits for the first member and a little for the others, and says what the pool can do from then on.
    async fn first(&self) -> Result<EngineInfo, EngineError> {
        loop {
            if self.members.iter().any(|member| member.engine().is_some()) {
                break;
            }
            let failed: Option<Vec<EngineError>> = self.members.iter().map(|member| member.load_error()).collect();
            if let Some(error) = failed.and_then(|errors| errors.into_iter().next()) {
                return Err(error);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let until = Instant::now() + GATHER;
        while Instant::now() < until && self.members.iter().any(|member| member.engine().is_none()) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let infos: Vec<EngineInfo> =
            self.members.iter().filter_map(|member| Some(member.engine()?.info().clone())).collect();
        let gone = || EngineError::Dead("every member of the pool went away again".to_owned());
        let info = promise(&infos).ok_or_else(gone)?;
        Ok(self.promise.get_or_init(|| info).clone())
    }

    /// The members that are there: first those that samples may be sent to, then the key's favourites.
    fn there(&self, key: u64) -> Vec<Arc<dyn Engine>> {
        let now = Instant::now();
        let rank = |member: &Member| (member.slots(now).is_some(), choose::preference(key, &member.name));
        let mut engines: Vec<_> =
            self.members.iter().filter_map(|member| Some((rank(member), member.engine()?))).collect();
        engines.sort_by_key(|(rank, _)| Reverse(*rank));
        engines.into_iter().map(|(_, engine)| engine).collect()
    }

    /// A place at a member, waiting for it as long as the caller waits. One that was tried is taken again after a while in
    /// which no other could be used at all.
    async fn seat(&self, key: u64, tried: &BTreeSet<usize>) -> Seat {
        let patient = async {
            tokio::time::sleep(AGAIN_AFTER).await;
            while self.usable(tried) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            self.untried(key, &BTreeSet::new()).await
        };
        tokio::select! {
            biased;
            seat = self.untried(key, tried) => seat,
            seat = patient => seat,
        }
    }

    /// A place at a member that was not tried, waiting for it as long as the caller waits.
    async fn untried(&self, key: u64, tried: &BTreeSet<usize>) -> Seat {
        loop {
            if let Some(seat) = self.free(key, tried) {
                return seat;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether there is a member, free or not, that was not tried.
    fn usable(&self, tried: &BTreeSet<usize>) -> bool {
        let now = Instant::now();
        self.members.iter().enumerate().any(|(at, member)| !tried.contains(&at) && member.slots(now).is_some())
    }

    fn free(&self, key: u64, tried: &BTreeSet<usize>) -> Option<Seat> {
        let now = Instant::now();
        let usable = self.members.iter().enumerate().filter(|(at, _)| !tried.contains(at));
        let loads: Vec<choose::Load<'_>> = usable
            .filter_map(|(at, member)| {
                let slots = member.slots(now)?;
                Some(choose::Load { member: at, name: &member.name, running: member.running(), slots })
            })
            .collect();
        let at = choose::choose(key, &loads)?;
        Member::sit(self.members.get(at)?, at, now)
    }
}

fn no_answer(within: Duration) -> EngineError {
    EngineError::Sample(format!("the member did not answer within {} ms", within.as_millis()))
}

/// What one member fails at and another may do.
fn elsewhere(error: &EngineError) -> bool {
    matches!(error, EngineError::Sample(_) | EngineError::Dead(_) | EngineError::Overloaded { .. })
}

/// What all of them can do. Those with other weights than the first are not counted: they are not used.
fn promise(infos: &[EngineInfo]) -> Option<EngineInfo> {
    let first = infos.first()?;
    let alike: Vec<&EngineInfo> = infos.iter().filter(|info| info.weights == first.weights).collect();
    let all = |of: fn(&Abilities) -> bool| alike.iter().all(|info| of(&info.can));
    Some(EngineInfo {
        backend: "pool",
        weights: first.weights.clone(),
        context_tokens: alike.iter().map(|info| info.context_tokens).min()?,
        parallel: alike.iter().map(|info| info.parallel).sum(),
        // Two kinds of engine draw different samples from the same seed.
        repeatable: alike.iter().all(|info| info.repeatable && info.backend == first.backend),
        can: Abilities {
            continues: all(|can| can.continues),
            logprobs: all(|can| can.logprobs),
            json_schema: all(|can| can.json_schema),
            tells_stops: all(|can| can.tells_stops),
        },
        marks: first.marks,
        calls: first.calls,
    })
}

#[async_trait]
impl Engine for PoolEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn sample(&self, request: SampleRequest) -> Result<SampleStream, EngineError> {
        let (events, receiver) = mpsc::channel(request.max_tokens as usize + 4);
        let cancel = CancellationToken::new();
        let (stop, shared) = (cancel.clone(), Arc::clone(&self.shared));
        self.runtime.spawn(async move {
            // The member's stream is dropped with the serving, and its work stops.
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = shared.serve(request, &events) => {}
            }
        });
        Ok(SampleStream::new(receiver, cancel))
    }

    async fn count_prompt(&self, request: &SampleRequest) -> Result<u32, EngineError> {
        self.ask(&request.prompt, |engine| async move { engine.count_prompt(request).await }).await
    }

    async fn rendered(&self, prompt: &Prompt) -> Result<Option<String>, EngineError> {
        self.ask(prompt, |engine| async move { engine.rendered(prompt).await }).await
    }

    fn alive(&self) -> bool {
        true
    }

    fn slots(&self) -> u32 {
        let now = Instant::now();
        self.shared.members.iter().filter_map(|member| member.slots(now)).sum::<u32>().max(1)
    }

    fn members(&self) -> Vec<MemberInfo> {
        self.shared.members.iter().map(|member| member.told()).collect()
    }
}

impl fmt::Debug for PoolEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolEngine").field("members", &self.members()).finish_non_exhaustive()
    }
}
