//! `forethought witness`: cosigns checkpoints of logs that it is told of, and never two that contradict each other. It is to run
//! elsewhere than the logs, with somebody else: whoever has a log's key then still cannot show two people two histories.
//! c2sp.org/tlog-witness, `add-checkpoint`.

mod state;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{
    App, HttpResponse, HttpServer,
    http::StatusCode,
    web::{self, Data},
};
use anyhow::{Context, Result};
use forethought_tlog::{
    CosigningKey, VerifierKey,
    witness::{AddCheckpoint, CONFLICT_TYPE, Decision, MAX_REQUEST, decide, encode_cosignatures},
};
use jiff::Timestamp;
use tracing::{error, info, warn};

use state::State;

use crate::{
    config::{LogConfig, LogFormat},
    logging,
};

pub const HELP: &str = "\
Examples:
  forethought witness --name witness.example.com/w1 --state ./witness --log 'forethought/1a2b3c4d+5e6f7a8b+AX…'
  curl http://127.0.0.1:8081/key      # its key, for whoever is to trust it

Run it on another machine than the log, and have somebody else run it. Its key is made in the state's folder the first time. What it has
cosigned is durable before anybody gets the cosignature. Lost state is a new witness: give it another name.";

/// What `witness` takes.
#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// The folder of its key and of what it has cosigned; made when there is none
    #[arg(long, value_name = "FOLDER")]
    state: PathBuf,
    /// What it is called, once and for ever, such as `witness.example.com/w1`
    #[arg(long)]
    name: String,
    /// The public key of a log that it witnesses, whose name is the log's; can be given more than once
    #[arg(long = "log", value_name = "KEY", required = true)]
    logs: Vec<VerifierKey>,
}

struct Witness {
    /// What was cosigned; one request at a time reads, decides and keeps.
    state: Mutex<State>,
    key: CosigningKey,
    logs: Vec<VerifierKey>,
}

/// Runs the witness until it is told to stop.
pub fn run(args: &Args) -> Result<()> {
    logging::init(&LogConfig { level: tracing::Level::INFO, format: LogFormat::Text })?;
    let (state, key) = State::open(&args.state, &args.name)?;
    let listener = TcpListener::bind(args.listen).with_context(|| format!("{} cannot be listened on", args.listen))?;
    let witness = Data::from(Arc::new(Witness { state: Mutex::new(state), key, logs: args.logs.clone() }));
    info!(address = %listener.local_addr()?, key = %witness.key.verifier(), logs = witness.logs.len(), "witnessing");
    let app = move || {
        App::new()
            .app_data(witness.clone())
            .app_data(web::PayloadConfig::new(MAX_REQUEST))
            .route("/add-checkpoint", web::post().to(add))
            .route("/key", web::get().to(show_key))
    };
    let server = HttpServer::new(app).workers(1).shutdown_timeout(5).listen(listener)?.run();
    actix_rt::System::new().block_on(server).context("the HTTP server failed")
}

async fn show_key(witness: Data<Witness>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(format!("{}\n", witness.key.verifier()))
}

async fn add(witness: Data<Witness>, body: web::Bytes) -> HttpResponse {
    let answer = web::block(move || witness.answer(&body)).await;
    answer.unwrap_or_else(|_| Answer { status: StatusCode::INTERNAL_SERVER_ERROR, body: String::new() }).into()
}

/// A status and a text.
struct Answer {
    status: StatusCode,
    body: String,
}

impl From<Answer> for HttpResponse {
    fn from(Answer { status, body }: Answer) -> Self {
        let kind = if status == StatusCode::CONFLICT { CONFLICT_TYPE } else { "text/plain; charset=utf-8" };
        HttpResponse::build(status).content_type(kind).body(body)
    }
}

impl Witness {
    fn answer(&self, body: &[u8]) -> Answer {
        let asked = match AddCheckpoint::parse(body) {
            Ok(asked) => asked,
            Err(error) => return Answer { status: StatusCode::BAD_REQUEST, body: format!("{error}\n") },
        };
        let origin = asked.origin();
        let keys: Vec<VerifierKey> = self.logs.iter().filter(|key| key.name() == origin).cloned().collect();
        // What was kept is whole, whatever panicked.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match state.known(origin) {
            Ok(known) => known,
            Err(error) => return failed(&error),
        };
        let decision = decide(known.as_ref(), &keys, &asked);
        let Decision::Cosign(head) = &decision else {
            warn!(origin, old = asked.old(), size = asked.checkpoint().checkpoint().size(), ?decision, "not cosigned");
            let status = StatusCode::from_u16(decision.status()).unwrap_or(StatusCode::BAD_REQUEST);
            return Answer { status, body: decision.body().unwrap_or_default() };
        };
        if let Err(error) = state.keep(origin, head) {
            return failed(&error);
        }
        drop(state);
        let time = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
        match self.key.cosign(asked.checkpoint().checkpoint(), time) {
            Ok(signature) => Answer { status: StatusCode::OK, body: encode_cosignatures(&[signature]) },
            Err(error) => failed(&error.into()),
        }
    }
}

fn failed(error: &anyhow::Error) -> Answer {
    error!("nothing is cosigned: {error:#}");
    Answer { status: StatusCode::INTERNAL_SERVER_ERROR, body: "the witness cannot keep its state\n".to_owned() }
}
