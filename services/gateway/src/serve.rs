//! Starts the service, and stops it without losing a record.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, web::Data};
use anyhow::{Context, Result, bail};
use forethought_actors::{Build, Model, Rooms, Root};
use forethought_engine::{
    Engine, EngineError,
    mistral::{MistralConfig, MistralEngine, preflight},
    pool::PoolEngine,
    scripted::{Script, ScriptedEngine},
    upstream::UpstreamEngine,
};
use forethought_identity::Issuers;
use forethought_policies::{Amount, PolicyDesk, PolicyFile};
use tokio::{
    runtime::{Builder, Handle},
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::{info, warn};

use crate::{
    approvals, assessed, classifiers,
    cli::Usage,
    config::{Config, EngineConfig, ModelConfig, PoolConfig},
    http::{self, Access, Gateway, Served},
    keeper::PolicyKeeper,
    keys_copy::KeysCopy,
    logging,
    tools::Tools,
    webhooks::Webhooks,
    weights::{self, Guard},
    witnesses::Notary,
};

/// Threads for deliberations; their work is waiting, the engines have threads of their own.
const WORK_THREADS: usize = 2;
/// Threads that speak HTTP.
const HTTP_THREADS: usize = 2;
/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(15);

/// Runs the service until it is told to stop.
///
/// # Errors
/// When the policy, a model, the address or the store cannot be used. Nothing was changed then.
pub fn run(config: Config) -> Result<()> {
    logging::init(&config.log)?;
    let policy = PolicyFile::new(&config.policy).reading(assessed::read).load()?;
    policy.check_classifiers(&config.policy, &*classifiers::fits(&config.models))?;
    for model in &config.models {
        for file in model.engine.files() {
            preflight(file)
                .map_err(|problems| Usage(format!("model {} cannot be served: {}", model.id, problems.join("; "))))?;
        }
    }
    let listener = TcpListener::bind(config.listen).with_context(|| {
        format!("cannot listen on {}; stop what uses that port, or set another `listen`", config.listen)
    })?;
    let work = Builder::new_multi_thread().worker_threads(WORK_THREADS).thread_name("work").enable_all().build()?;
    let served = actix_rt::System::new().block_on(serve(config, policy, listener, work.handle().clone()));
    work.shutdown_timeout(Duration::from_secs(2));
    served
}

async fn serve(
    config: Config,
    policy: forethought_policies::Policy,
    listener: TcpListener,
    work: Handle,
) -> Result<()> {
    // What servers of tools start lives where deliberations do, and not on the thread of whoever asks first.
    let tools = {
        let _work = work.enter();
        Tools::start(&config.tools, &config.data_dir)?
    };
    let (guard, loads) = config.registry.clone().map(Guard::new).unzip();
    let build = |m: &ModelConfig| build(&m.id, &m.engine, &work, guard.as_ref());
    let engines = config.models.iter().map(|m| Model { id: m.id.clone(), build: build(m) }).collect();
    let root = Root::start(config.data_dir.clone(), engines, config.max_deliberations)?;
    let rooms = root.rooms();
    actix_rt::spawn(classifiers::look(rooms.clone(), policy.clone()));
    let desk = Arc::new(PolicyDesk::new(policy));
    for forethought_audit::Usage { tenant, since, tokens, cost } in root.usage() {
        desk.spent_before(tenant, Amount { tokens: *tokens, cost: *cost }, *since);
    }
    let defaults = config.models.iter().map(|m| (m.id.clone(), served(m))).collect();
    let file = PolicyFile::new(&config.policy).reading(assessed::read);
    let fits = classifiers::fits(&config.models);
    let keeper = PolicyKeeper::new(file, &config.data_dir, Arc::clone(&desk), rooms.audit.clone(), fits);
    // No policy decides before the record of it is durable.
    keeper.begin().await?;
    approvals::record(&keeper, &rooms.audit, tools.approvals()).await?;
    if let Some(loads) = loads {
        actix_rt::spawn(weights::record(loads, keeper.clone()));
    }
    let issuers = Issuers::start(&config.identity)?;
    let webhooks = Webhooks::start(config.data_dir.join("webhooks"), Arc::clone(&desk), rooms.audit.clone(), &work);
    let name = config.log_name.clone();
    let signer = rooms.audit.read(move |log| log.signer(name.as_deref())).await?;
    info!(origin = signer.origin(), "the audit log's checkpoints are signed");
    let keys_copy = KeysCopy::new(config.keys_copy.clone());
    actix_rt::spawn(http::expire(keeper.clone(), keys_copy.clone(), rooms.audit.clone()));
    let signer = Arc::new(signer);
    let notary = Notary::new(rooms.audit.clone(), Arc::clone(&signer), &config.witnesses)?;
    actix_rt::spawn(notary.clone().run());
    let access = Access {
        desk,
        keeper,
        issuers,
        webhooks: webhooks.clone(),
        signer: Arc::clone(&signer),
        keys_copy,
        tools: tools.clone(),
    };
    let gateway = Data::from(Arc::new(Gateway::new(rooms.clone(), access, defaults, work, config.max_body_bytes)));
    // Before it listens: nobody who sees it ready may end it by telling it to read its policy.
    let hangup = signal(SignalKind::hangup()).context("the signal SIGHUP cannot be listened for")?;
    actix_rt::spawn(reread_policy(hangup, gateway.clone()));
    actix_rt::spawn(http::give_up_late(rooms.audit.clone()));
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || App::new().configure(|app| http::routes(app, &gateway)))
        .workers(HTTP_THREADS)
        .disable_signals()
        // A client that closes its side has left: its work must stop.
        .h1_allow_half_closed(false)
        .client_request_timeout(HEADERS_WITHIN)
        .shutdown_timeout(5)
        .listen(listener)?
        .run();
    info!(%address, models = config.models.len(), "listening");
    let handle = server.handle();
    let running = actix_rt::spawn(server);
    wait_for_end(&rooms).await?;
    info!(running = rooms.running(), grace_ms = config.grace_ms, "draining");
    tokio::select! {
        () = rooms.drain(Duration::from_millis(config.grace_ms)) => {}
        () = told_to_stop() => warn!("told to stop again; stopping what still runs"),
    }
    rooms.drain(Duration::ZERO).await;
    handle.stop(true).await;
    tools.stop().await;
    webhooks.stop().await;
    notary.sign().await;
    root.stop();
    info!("stopped");
    running.await.context("the HTTP server failed")?.context("the HTTP server failed")
}

/// Reads the policy file again each time the signal comes. A file that is wrong changes nothing.
async fn reread_policy(mut hangup: Signal, gateway: Data<Gateway>) {
    while hangup.recv().await.is_some() {
        gateway.reread_policy().await;
    }
}

/// Until a signal, or until something without which the service is none has ended for good.
async fn wait_for_end(rooms: &Rooms) -> Result<()> {
    tokio::select! {
        () = told_to_stop() => Ok(()),
        () = rooms.lost() => bail!("the audit log cannot be kept open; repair the store, then start again"),
    }
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn served(model: &ModelConfig) -> Served {
    Served {
        temperature: model.temperature,
        min_p: model.min_p,
        effort: model.effort,
        presets: model.presets.clone(),
        thinking: model.thinking.clone(),
    }
}

/// Builds an engine, as often as one is needed.
pub fn build(model: &str, engine: &EngineConfig, work: &Handle, guard: Option<&Guard>) -> Build {
    match engine.clone() {
        EngineConfig::Mistral(config) => {
            let (work, model, guard) = (work.clone(), model.to_owned(), guard.cloned());
            Box::new(move || {
                let (config, work, model, guard) = (config.clone(), work.clone(), model.clone(), guard.clone());
                Box::pin(async move { load(model, config, work, guard).await })
            })
        }
        EngineConfig::Upstream(config) => Box::new(move || {
            let config = config.clone();
            Box::pin(async move { Ok(Arc::new(UpstreamEngine::connect(&config).await?) as Arc<dyn Engine>) })
        }),
        EngineConfig::Pool(pool) => build_pool(model, pool, work, guard),
        EngineConfig::Scripted(script) => Box::new(move || {
            let script: Script = script.clone();
            Box::pin(async move { Ok(Arc::new(ScriptedEngine::new(script)) as Arc<dyn Engine>) })
        }),
    }
}

fn build_pool(
    model: &str,
    PoolConfig { members, settings }: PoolConfig,
    work: &Handle,
    guard: Option<&Guard>,
) -> Build {
    let (work, model, guard) = (work.clone(), model.to_owned(), guard.cloned());
    Box::new(move || {
        let build = |engine| build(&model, engine, &work, guard.as_ref());
        let builds = members.iter().map(|(name, engine)| (name.clone(), build(engine))).collect();
        let (settings, work) = (settings.clone(), work.clone());
        Box::pin(async move { Ok(Arc::new(PoolEngine::start(builds, settings, work).await?) as Arc<dyn Engine>) })
    })
}

/// Loading takes a thread for seconds: not one that keeps actors.
async fn load(
    model: String,
    config: MistralConfig,
    work: Handle,
    guard: Option<Guard>,
) -> Result<Arc<dyn Engine>, EngineError> {
    let path = config.path.display().to_string();
    let fail = |message: String| EngineError::Load { path: path.clone(), message };
    let inner = work.clone();
    let loading = async move {
        match guard {
            Some(guard) => guard.load(&model, &config).await.map_err(|why| format!("{why:#}")),
            None => MistralEngine::load(&config).await.map_err(|error| error.to_string()),
        }
    };
    let loaded = work.spawn_blocking(move || inner.block_on(loading)).await;
    let engine = loaded.map_err(|panicked| fail(panicked.to_string()))?.map_err(fail)?;
    Ok(Arc::new(engine))
}
