//! The tool that a model calls.

use std::{collections::BTreeMap, num::NonZero, sync::Arc, thread, time::Instant};

use async_trait::async_trait;
use forethought_tools::{Effect, Invocation, Reply, Tool, ToolError, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout_at,
};

use crate::{Interpreters, Job, Language, Machine, Program, SandboxError, reply::reply};

/// The longest code and input that are taken, in characters.
const MAX_CODE: usize = 100_000;
const MAX_INPUT: usize = 1_000_000;

/// How much runs at once, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pool {
    /// Runs at once, at least 1. Each can keep a core busy.
    pub slots: usize,
    /// Calls that may wait for one. Further ones are told to try later.
    pub waiting: usize,
    /// Steps of WebAssembly for each millisecond that a call may take. Steps are the same on every machine, so code that ends by
    /// them ends everywhere alike; time is for machines that are slower than this.
    pub steps_per_ms: u64,
}

impl Default for Pool {
    /// As many as there are cores, 64 that wait, and five million steps a millisecond: about half of what a fast core takes.
    fn default() -> Self {
        let slots = thread::available_parallelism().map_or(1, NonZero::get);
        Self { slots, waiting: 64, steps_per_ms: 5_000_000 }
    }
}

/// Runs code that a model writes.
pub struct RunCode {
    spec: ToolSpec,
    programs: BTreeMap<Language, watch::Receiver<Compiled>>,
    pool: Pool,
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Nothing while it is being compiled.
type Compiled = Option<Result<Program, String>>;

/// What a call holds until its thread is done.
struct Slot {
    _slot: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

#[derive(Deserialize)]
struct Arguments {
    language: Language,
    code: String,
    #[serde(default)]
    input: String,
}

impl RunCode {
    /// Its name.
    pub const NAME: &str = "run_code";

    /// The tool for these interpreters. Their files are read and checked now, and compiled on a thread of their own; calls wait
    /// for that.
    ///
    /// # Errors
    /// [`SandboxError`] when there is no interpreter, or a file is not what it should be.
    pub fn new(interpreters: &Interpreters, pool: Pool) -> Result<Self, SandboxError> {
        let mut programs = BTreeMap::new();
        let mut work = Vec::new();
        for (language, file) in interpreters.given() {
            let (sender, receiver) = watch::channel(None);
            programs.insert(language, receiver);
            work.push((language, file.read()?, sender));
        }
        let languages: Vec<_> = programs.keys().copied().collect();
        let spec = spec(&languages)?;
        let machine = Machine::new()?;
        let slots = pool.slots.clamp(1, Semaphore::MAX_PERMITS / 2);
        let places = slots + pool.waiting.min(Semaphore::MAX_PERMITS / 2);
        let compile_all =
            move || work.into_iter().for_each(|(language, wasm, to)| compile(&machine, language, &wasm, &to));
        let thread = thread::Builder::new().name("sandbox-compiler".to_owned());
        thread.spawn(compile_all).map_err(|error| SandboxError::Start(error.to_string()))?;
        Ok(Self {
            spec,
            programs,
            pool,
            slots: Arc::new(Semaphore::new(slots)),
            places: Arc::new(Semaphore::new(places)),
        })
    }

    /// Waits until every interpreter is compiled, or one cannot be.
    ///
    /// # Errors
    /// What a call for it would be told.
    pub async fn ready(&self) -> Result<(), ToolError> {
        for language in self.programs.keys() {
            self.program(*language).await?;
        }
        Ok(())
    }

    async fn program(&self, language: Language) -> Result<Program, ToolError> {
        let unavailable = |why: &str| ToolError::Unavailable(format!("{}: {why}", language.as_str()));
        let Some(mut compiled) = self.programs.get(&language).cloned() else {
            return Err(unavailable("there is no interpreter for it"));
        };
        match compiled.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Ok(program))) => Ok(program.clone()),
            // Why stands in the log: it is for the operator.
            _ => Err(unavailable("its interpreter does not work")),
        }
    }

    /// A place among those that wait, or nothing; then a slot, in the order of coming.
    async fn slot(&self) -> Result<Slot, ToolError> {
        let busy = || ToolError::Unavailable("too much other code is running: try again later".to_owned());
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| busy())?;
        Ok(Slot { _slot: slot, _place: place })
    }

    async fn begin(&self, language: Language, deadline: Instant) -> Result<(Program, Slot), ToolError> {
        let both = async { Ok((self.program(language).await?, self.slot().await?)) };
        match timeout_at(deadline.into(), both).await {
            Ok(both) => both,
            Err(_) => Err(ToolError::Unavailable("its turn did not come in time: try again later".to_owned())),
        }
    }
}

fn compile(machine: &Machine, language: Language, wasm: &[u8], to: &watch::Sender<Compiled>) {
    let began = Instant::now();
    let compiled = machine.compile(language.as_str(), wasm, language.entry());
    let took_ms = began.elapsed().as_millis();
    match &compiled {
        Ok(_) => tracing::info!(language = language.as_str(), took_ms, "an interpreter is ready"),
        Err(error) => tracing::error!(language = language.as_str(), %error, "an interpreter cannot be used"),
    }
    // Nobody waits when the tool was dropped.
    _ = to.send(Some(compiled.map_err(|error| error.to_string())));
}

#[async_trait]
impl Tool for RunCode {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, invocation: Invocation) -> Result<Reply, ToolError> {
        let limits = invocation.limits;
        let deadline = Instant::now() + limits.time();
        let arguments = arguments(invocation.arguments)?;
        let steps = limits.time_ms.saturating_mul(self.pool.steps_per_ms);
        let (program, slot) = self.begin(arguments.language, deadline).await?;
        let job = Job {
            args: arguments.language.arguments(&arguments.code),
            input: arguments.input.into_bytes(),
            steps,
            deadline,
            memory: limits.memory,
            output: limits.bytes,
        };
        let ran = program.run(job, slot).await.map_err(|error| {
            tracing::error!(%error, "code cannot be run");
            ToolError::Unavailable("the sandbox has no room: try again later".to_owned())
        })?;
        reply(&ran, &limits, steps)
    }
}

fn arguments(arguments: Value) -> Result<Arguments, ToolError> {
    let arguments: Arguments =
        serde_json::from_value(arguments).map_err(|error| ToolError::Arguments(error.to_string()))?;
    if arguments.code.contains('\0') {
        return Err(ToolError::Arguments("the code holds a NUL character: leave it out".to_owned()));
    }
    Ok(arguments)
}

fn spec(languages: &[Language]) -> Result<ToolSpec, SandboxError> {
    let words: Vec<_> = languages.iter().map(|language| words(*language)).collect();
    let names: Vec<_> = languages.iter().map(|language| language.as_str()).collect();
    if names.is_empty() {
        return Err(SandboxError::Start("no interpreter is configured: name at least one".to_owned()));
    }
    let description = format!(
        "Runs a program and gives back what it prints and the value of its last expression. {} It cannot use files, the network, \
         other programs or packages. It starts anew each time. The date is always 2000-01-01 and random numbers are the same in \
         every run.",
        words.join(" ")
    );
    let parameters = json!({
        "type": "object",
        "properties": {
            "language": { "type": "string", "enum": names },
            "code": { "type": "string", "minLength": 1, "maxLength": MAX_CODE, "description": "The whole program." },
            "input": {
                "type": "string",
                "maxLength": MAX_INPUT,
                "description": "Text for the program: standard input in python, the string `input` in javascript.",
            },
        },
        "required": ["language", "code"],
        "additionalProperties": false,
    });
    ToolSpec::new(RunCode::NAME, &description, parameters, Effect::Pure)
        .map_err(|error| SandboxError::Start(error.to_string()))
}

const fn words(language: Language) -> &'static str {
    match language {
        Language::Javascript => "javascript is the bare language: no Node.js, no browser, no imports.",
        Language::Python => "python has its standard library and nothing else.",
    }
}
