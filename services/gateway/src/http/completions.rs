//! `POST /v1/chat/completions`: from the request's bytes to a running deliberation, and its answer.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use forethought_actors::{Deliberation, Desks, EngineDesk, Job, Place, ReviewPlan};
use forethought_audit::RetentionNote;
use forethought_engine::{Engine, EngineError, EngineInfo, Prompt, SampleRequest};
use forethought_policies::{Ask, Asked, Judgement, Licence, PolicyDesk, Principal, RateHeaders, Screens};
use forethought_reasoning::VerifierSpec;
use forethought_safeguards::Safeguards;
use forethought_schemas::{ApiError, ChatRequest, ErrorKind, RequestId, ResponseFormat, Runs, ToolsAsk};
use futures::StreamExt;
use tokio::{
    task::JoinSet,
    time::{Duration, Instant, timeout_at},
};
use tracing::{error, info};

use super::{
    Gateway, Served,
    answer::{self, Head},
    errors, laws,
    plan::{self, Ground, Mind},
    restore::Restore,
    screen::{Screened, screen},
    stream,
    tools::Offer,
    whole,
};

#[cfg(test)]
mod tests;

/// How long a request waits for an engine that is being rebuilt before it is admitted.
const ENGINE_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take to send a request's body.
const BODY_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn complete(gateway: Data<Gateway>, request: HttpRequest, body: Payload) -> HttpResponse {
    let id = RequestId::generate();
    let mut rate = None;
    let response = match answer(&gateway, &request, body, &id, &mut rate).await {
        Ok(response) => response,
        Err(error) => {
            info!(request = %id, status = error.kind.status(), code = error.code, "request refused");
            errors::response(&error, &id, rate.as_ref())
        }
    };
    gateway.metrics.request(response.status().as_u16());
    response
}

async fn answer(
    gateway: &Data<Gateway>,
    request: &HttpRequest,
    body: Payload,
    id: &RequestId,
    rate: &mut Option<RateHeaders>,
) -> Result<HttpResponse, ApiError> {
    let principal = gateway.principal(request).await?;
    *rate = gateway.desk.rate(&principal);
    let chat = ChatRequest::parse(&read(body, gateway.max_body_bytes).await?)?;
    let (job, restore, deliberation) = start(gateway, &principal, &chat, id).await.inspect_err(|_| {
        *rate = gateway.desk.rate(&principal);
    })?;
    let head = Head::new(id, &chat.model);
    *rate = gateway.desk.rate(&principal);
    if chat.stream {
        return Ok(stream::response(gateway, &chat, (job, restore), deliberation, head, id, rate.as_ref()));
    }
    let admission = deliberation.admission.clone();
    // Held until the answer is there: when the client leaves, this future is dropped, and the work stops.
    let _guard = deliberation.guard;
    let done = deliberation.end.await.map_err(|_| errors::lost())??;
    gateway.metrics.deliberated(&job, &done);
    let mut response = if done.held.is_some() { HttpResponse::Accepted() } else { HttpResponse::Ok() };
    errors::add_headers(&mut response, id, Some(&done.settlement.rate));
    response.insert_header(("x-audit-record", admission.as_str()));
    if let Some(marks) = laws::marks(&job.disclosures) {
        response.insert_header((laws::MARKS, marks));
    }
    let mut completion = answer::completion(&head, &job, &done, chat.deliberation.include_samples);
    restore.value(&mut completion);
    Ok(response.json(completion))
}

/// Decides, reserves, records, and starts the work.
async fn start(
    gateway: &Gateway,
    principal: &Principal,
    chat: &ChatRequest,
    id: &RequestId,
) -> Result<(Job, Restore, Deliberation), ApiError> {
    let (Some(served), Some(engine)) = (gateway.models.get(&chat.model), gateway.rooms.engine(&chat.model)) else {
        return Err(unknown_model(gateway, principal, &chat.model));
    };
    // One policy decides: where another comes into force meanwhile, the request is to be sent again.
    let digest = gateway.desk.policy_digest();
    let offer = Offer::new(gateway, principal);
    let ground = Ground {
        served,
        cap: gateway.desk.budget_cap(principal),
        principal,
        preset: &|effort| gateway.desk.preset(principal, &chat.model, effort),
        id,
        since: Instant::now(),
        seed: plan::random_seed(),
        tools: &offer,
    };
    let facts = gateway.desk.facts(principal, &chat.deliberation.facts)?;
    // Counting a prompt costs time: whoever is refused whatever it holds is refused before.
    let (judgement, screens) = gateway.desk.judge(principal.tenant(), &facts);
    let (laws, retention) = (laws::notes(&judgement), retention(gateway, principal.tenant(), &judgement));
    let considered = Job { facts: facts.clone(), ..plan::plan(chat, &ground, None)? };
    gateway.desk.consider(principal, &ask(&gateway.desk, &considered, chat.stream))?;
    let Screened { chat, found, refusal, held, placeholders } = screened(gateway, principal, &screens, chat).await?;
    let chat = &chat;
    if let Some(refusal) = laws::refusal(&judgement).or(refusal) {
        // What could not be changed is gone, so that nothing of it is recorded and nothing half of it is refused.
        let mut bare = chat.clone();
        (bare.format, bare.stop, bare.deliberation.verifiers) = (ResponseFormat::Text, Vec::new(), Vec::new());
        (bare.tools, bare.deliberation.tools) = (ToolsAsk::default(), Some(Vec::new()));
        let job = Job { asked: found, facts, laws, retention, ..plan::plan(&bare, &ground, None)? };
        return Err(refuse(gateway, principal, engine, job, refusal).await);
    }
    let deadline = ground.since + Duration::from_millis(considered.budget.deadline_ms);
    // Only for whoever may ask at all are servers of tools started.
    let offer = offer.fetched(chat, deadline).await?;
    let ground = Ground { tools: &offer, ..ground };
    let leased =
        engine.lease(deadline.min(Instant::now() + ENGINE_WITHIN)).await.map_err(|error| engine_error(&error))?;
    let mut job = plan::plan(chat, &ground, Some(&mind(served, leased.info())))?;
    job.weights.clone_from(&leased.info().weights);
    job.warnings.extend(offer.warnings.iter().cloned());
    whole::plan(gateway, &screens, chat, &mut job);
    let tools = job.tools.as_ref().filter(|tools| tools.has_server()).map(|_| offer.desk(Arc::clone(&screens.input)));
    (job.safeguards, job.asked, job.facts) = (screens.output, found, facts);
    let licence = licence(gateway, &job);
    (job.laws, job.retention, job.disclosures) = (laws, retention, Arc::new(laws::disclosures(&judgement)));
    job.laws.extend(laws::licence_note(&licence));
    if let Some(refusal) = licence.refusal() {
        return Err(refuse(gateway, principal, engine, job, refusal).await);
    }
    let unlicensed = licence.holds().map(str::to_owned).into_iter().collect();
    hold(gateway, &mut job, [held, laws::because(&judgement), unlicensed].concat(), screens.released);
    let seat = gateway.rooms.seat(&job.tenant)?;
    let counted = timeout_at(deadline, count(gateway, leased, seat, job, chat.clone()));
    let (seat, job) = counted.await.map_err(|_| not_counted(considered.budget.deadline_ms))??;
    let permit = gateway.desk.decide(principal, &ask(&gateway.desk, &job, chat.stream))?;
    if *permit.policy_digest() != *digest {
        let message = "another policy came into force while the request was read; send it again";
        return Err(ApiError::new(ErrorKind::Unavailable, "policy_changed", message).retry_after(1));
    }
    let judge = judge(gateway, principal, &job, chat.stream)?;
    let desks = Desks { audit: gateway.rooms.audit.clone(), engine: engine.clone(), judge, tools, permit, seat };
    let work = gateway.rooms.work.clone();
    let for_work = job.clone();
    let started = gateway.work.spawn(async move { Deliberation::start(for_work, desks, &work).await });
    let deliberation = started.await.map_err(|_| errors::lost())??;
    Ok((job, Restore::new(placeholders, &chat.format), let_in(deliberation).await?))
}

/// How long what is recorded of a request stays.
fn retention(gateway: &Gateway, tenant: &str, judgement: &Judgement) -> RetentionNote {
    let wanted = gateway.desk.policy().tenant(tenant).map(|tenant| tenant.retention).unwrap_or_default();
    laws::retention(judgement, tenant, wanted)
}

/// Waits until classifiers have let the request in. When the client leaves meanwhile, this future is dropped, and their work stops.
async fn let_in(mut deliberation: Deliberation) -> Result<Deliberation, ApiError> {
    if (&mut deliberation.let_in).await.is_ok() {
        return Ok(deliberation);
    }
    let _guard = deliberation.guard;
    Err(deliberation.end.await.map_err(|_| errors::lost())?.err().unwrap_or_else(errors::lost))
}

/// Whether the model may answer for what the request is about, as it is loaded and asked now.
fn licence(gateway: &Gateway, job: &Job) -> Licence {
    let (strategy, effort) = (job.strategy, job.effort);
    gateway.desk.licence(&job.facts, &Asked { model: &job.model, weights: Some(&job.weights), strategy, effort })
}

/// Looks at a request where it holds up nobody else, and in a seat: so there are never more at it than may run.
async fn screened(
    gateway: &Gateway,
    principal: &Principal,
    screens: &Screens,
    chat: &ChatRequest,
) -> Result<Screened, ApiError> {
    if screens.input.is_empty() && screens.whole.is_empty() {
        return Ok(screen(screens, chat));
    }
    let seat = gateway.rooms.seat(principal.tenant())?;
    let (screens, chat) = (screens.clone(), chat.clone());
    let looked = gateway.work.spawn_blocking(move || {
        let _seat = seat;
        screen(&screens, &chat)
    });
    looked.await.map_err(|_| errors::lost())
}

/// Says how the answer is held. Of one that may come to wait for a person nothing is shown while it is drawn.
fn hold(gateway: &Gateway, job: &mut Job, because: Vec<String>, released: Arc<Safeguards>) {
    let within = Duration::from_secs(gateway.desk.policy().review().timeout_s.into());
    job.review =
        ReviewPlan { because, possible: job.safeguards.holds() || job.whole.answers.holds(), within, released };
    if job.is_quiet() {
        (job.stream_text, job.stream_thinking) = (false, false);
    }
}

/// Has it recorded that a rule or a safeguard refuses a request; gives the error for the client.
async fn refuse(
    gateway: &Gateway,
    principal: &Principal,
    engine: &EngineDesk,
    job: Job,
    refusal: ApiError,
) -> ApiError {
    let admitted = gateway
        .rooms
        .seat(&job.tenant)
        .and_then(|seat| Ok((seat, gateway.desk.decide(principal, &ask(&gateway.desk, &job, false))?)));
    let (seat, permit) = match admitted {
        Ok(admitted) => admitted,
        Err(full) => return full,
    };
    let desks =
        Desks { audit: gateway.rooms.audit.clone(), engine: engine.clone(), judge: None, tools: None, permit, seat };
    let kill = gateway.rooms.work.clone();
    let recording = gateway.work.spawn(async move { forethought_actors::refuse(job, desks, refusal, &kill).await });
    match recording.await {
        Ok(refused) => refused.err().unwrap_or_else(errors::lost),
        Err(_) => errors::lost(),
    }
}

/// The engine of another model that judges, which the caller must be allowed to use.
fn judge(gateway: &Gateway, principal: &Principal, job: &Job, stream: bool) -> Result<Option<EngineDesk>, ApiError> {
    let Some(model) = VerifierSpec::judge_model(&job.verifiers) else { return Ok(None) };
    let desk = gateway.rooms.engine(model).filter(|_| gateway.desk.may_use_model(principal, model));
    if desk.is_some() {
        // Rules may forbid it to ask this model, too.
        gateway.desk.permits(principal, &Ask { model, ..ask(&gateway.desk, job, stream) })?;
    }
    desk.cloned().map(Some).ok_or_else(|| unknown_model(gateway, principal, model))
}

fn mind(served: &Served, info: &EngineInfo) -> Mind {
    let EngineInfo { can, parallel, repeatable, calls, .. } = *info;
    let (style, reserve) = (served.thinking.style(info.marks), served.thinking.answer_reserve);
    Mind { style, can, parallel, repeatable, reserve, calls }
}

/// Counts the prompt in the work's runtime, and in the seat that the request will have: so there are never more at it
/// than may run. When the client leaves, this future is dropped, the counting ends, and the seat is free.
async fn count(
    gateway: &Gateway,
    engine: Arc<dyn Engine>,
    seat: Place,
    job: Job,
    chat: ChatRequest,
) -> Result<(Place, Job), ApiError> {
    let mut counting = JoinSet::new();
    counting.spawn_on(async move { (seat, counted(engine.as_ref(), job, &chat).await) }, &gateway.work);
    let (seat, counted) = counting.join_next().await.and_then(Result::ok).ok_or_else(errors::lost)?;
    Ok((seat, counted.map_err(|error| engine_error(&error))?))
}

/// The job with what only the engine knows: what the prompt leaves of the context, and whether it opens a thought.
async fn counted(engine: &dyn Engine, mut job: Job, chat: &ChatRequest) -> Result<Job, EngineError> {
    if let Some(thinking) = &mut job.thinking {
        let rendered = engine.rendered(&job.prompt).await?;
        thinking.opened = rendered.is_some_and(|prompt| thinking.style.markers.opened_by(&prompt));
    }
    let said = match plan::sayings(&job) {
        nothing if nothing.is_empty() => 0,
        said => engine.count_prompt(&SampleRequest::new(Prompt::Raw(said), 0, 0)).await?,
    };
    job.prompt_tokens = engine.count_prompt(&probe(&job, plan::least_room(chat, &job, said))).await?;
    plan::fit(&mut job, chat, engine.info().context_tokens, said);
    plan::fit_results(&mut job, engine.info().context_tokens, said);
    Ok(job)
}

fn not_counted(deadline_ms: u64) -> ApiError {
    let message = format!("the prompt was not read within {deadline_ms} ms; raise `deliberation.deadline_ms`");
    ApiError::new(ErrorKind::Deadline, "deadline_exceeded", message)
}

fn ask<'j>(desk: &PolicyDesk, job: &'j Job, stream: bool) -> Ask<'j> {
    Ask {
        model: &job.model,
        effort: job.effort,
        strategy: job.strategy,
        budget: job.budget,
        prompt_tokens: job.prompt_tokens,
        tool_cost: tool_cost(desk, job),
        thinking_tokens: job.thinking.as_ref().and_then(|thinking| thinking.tokens),
        stream,
        facts: &job.facts,
    }
}

/// What it costs if every sample makes every call that it may, of the dearest tool.
fn tool_cost(desk: &PolicyDesk, job: &Job) -> u64 {
    let Some(tools) = &job.tools else { return 0 };
    let ours = tools.tools.iter().filter(|tool| tool.runs == Runs::Server);
    let dearest = ours.map(|tool| desk.tool_cost(&job.tenant, &tool.name)).max().unwrap_or(0);
    let calls = u64::from(tools.limits.calls) * u64::from(job.budget.max_samples);
    dearest.saturating_mul(calls)
}

fn probe(job: &Job, max_tokens: u32) -> SampleRequest {
    SampleRequest::new(job.prompt.clone(), max_tokens, 0)
}

fn unknown_model(gateway: &Gateway, principal: &Principal, model: &str) -> ApiError {
    let served = gateway.models.keys().map(String::as_str);
    let usable: Vec<&str> = served.filter(|model| gateway.desk.may_use_model(principal, model)).collect();
    let mend = match usable.as_slice() {
        [] => "this key may use none; ask the operator".to_owned(),
        usable => format!("use one of: {}", usable.join(", ")),
    };
    let message = format!("there is no model `{model}`; {mend}");
    ApiError { param: Some("model".to_owned()), ..ApiError::new(ErrorKind::NotFound, "model_not_found", message) }
}

fn engine_error(error: &EngineError) -> ApiError {
    match error {
        EngineError::Request { param, code, message } => ApiError::invalid(*param, code, message.clone()),
        EngineError::Template(reason) => {
            error!(reason, "a chat template failed; take another conversion of the model");
            ApiError::new(
                ErrorKind::Internal,
                "template_failed",
                "the model's chat template fails on these messages; tell the operator, who finds the reason in the log",
            )
        }
        other => ApiError::new(
            ErrorKind::Unavailable,
            "engine_unavailable",
            format!("the model's engine is not ready ({other}); try again shortly"),
        )
        .retry_after(5),
    }
}

/// Reads the body, within bounds of size and time.
pub(super) async fn read(mut body: Payload, max_bytes: usize) -> Result<Vec<u8>, ApiError> {
    let within = Instant::now() + BODY_WITHIN;
    let mut bytes = Vec::new();
    while let Some(piece) = timeout_at(within, body.next()).await.map_err(|_| too_slow())? {
        bytes.extend_from_slice(&piece.map_err(|error| unreadable(&error))?);
        if bytes.len() > max_bytes {
            return Err(ApiError::new(
                ErrorKind::TooLarge,
                "body_too_large",
                format!("the body is larger than the {max_bytes} bytes that this service takes; send shorter messages"),
            ));
        }
    }
    Ok(bytes)
}

fn too_slow() -> ApiError {
    let message = format!("the body did not arrive within {} s; send it again", BODY_WITHIN.as_secs());
    ApiError::new(ErrorKind::TooSlow, "body_too_slow", message)
}

fn unreadable(error: &impl std::fmt::Display) -> ApiError {
    ApiError::new(
        ErrorKind::InvalidRequest,
        "unreadable_body",
        format!("the body cannot be read ({error}); send it again"),
    )
}
