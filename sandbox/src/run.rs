//! One run of a program: what goes in, what comes out, and the thread between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{Ending, Program, SandboxError, machine::STACK};

/// Stack that a run's thread has beside that of WebAssembly, in bytes, for what WebAssembly calls here.
const HOST_STACK: usize = 1 << 20;

/// What a run is given.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its arguments, the first of which is its name. None holds a NUL.
    pub args: Vec<Vec<u8>>,
    /// What it can read.
    pub input: Vec<u8>,
    /// Steps that it may take: wasmtime's fuel, about one for an instruction of WebAssembly.
    pub steps: u64,
    /// Until when it may run.
    pub deadline: Instant,
    /// Bytes of memory that it may use.
    pub memory: u64,
    /// Bytes that it may write to each of its two outputs.
    pub output: usize,
}

impl Default for Job {
    /// No arguments and no input, ten seconds, 64 MiB, 64 KiB of output.
    fn default() -> Self {
        Self {
            args: Vec::new(),
            input: Vec::new(),
            steps: 10_000_000_000,
            deadline: Instant::now() + Duration::from_secs(10),
            memory: 64 << 20,
            output: 64 << 10,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to its standard output.
    pub out: Vec<u8>,
    /// What it wrote to its standard error.
    pub err: Vec<u8>,
    /// Steps that it took.
    pub steps: u64,
    /// The most memory that it had, in bytes.
    pub memory: u64,
    /// Whether it asked for more memory than it may use.
    pub memory_refused: bool,
}

/// A flag that a running program looks at some hundred times a second.
#[derive(Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Stops a run that nobody waits for any more.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

impl Program {
    /// Runs the program in a new instance, on a thread of its own. When this is dropped, the run stops within some ten
    /// milliseconds; `hold` is dropped when its thread is done and its memory given back.
    ///
    /// # Errors
    /// [`SandboxError::Start`] when the system gives no thread.
    pub async fn run(&self, job: Job, hold: impl Send + 'static) -> Result<Ran, SandboxError> {
        let stop = Stop::default();
        let _stop_with_us = StopOnDrop(stop.clone());
        let (ended, end) = oneshot::channel();
        let program = self.clone();
        let work = move || {
            let ran = program.carry_out(job, stop);
            drop(hold);
            // Nobody waits when the call was dropped.
            _ = ended.send(ran);
        };
        let thread = thread::Builder::new().name("sandbox-run".to_owned()).stack_size(STACK + HOST_STACK);
        thread.spawn(work).map_err(|error| SandboxError::Start(error.to_string()))?;
        end.await.map_err(|_| SandboxError::Start("the run's thread broke off".to_owned()))
    }
}
