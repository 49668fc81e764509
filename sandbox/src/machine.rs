//! What compiles programs, and what all of them share.

use std::sync::Arc;

use wasmtime::{Config, Engine, Linker, Module, OptLevel, WasmBacktraceDetails, WasmFeatures};

use crate::{Entry, Program, host::Host, ticker::Ticker, wasi};

/// Stack of WebAssembly in a run, in bytes. Interpreters call themselves for each call of the code that they run.
pub(crate) const STACK: usize = 4 << 20;

/// The parts of WebAssembly that compilers of C use, and no more: what cannot be written cannot be attacked.
const FEATURES: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::REFERENCE_TYPES);

/// Why there is no sandbox, or no program in it.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// This machine or its limits do not allow it.
    #[error("the sandbox cannot start: {0}")]
    Start(String),
    /// It is no program for it.
    #[error("{name} cannot run in the sandbox: {why}")]
    Program {
        /// Which.
        name: String,
        /// Why not.
        why: String,
    },
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// Which file.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
    /// It is not the file that the configuration names.
    #[error("{path} has SHA-256 {found}, but {expected} is configured: put the right file there, or approve this one")]
    Digest {
        /// Which file.
        path: String,
        /// What it is, in hexadecimal.
        found: String,
        /// What it should be.
        expected: String,
    },
}

/// Compiles programs for one engine. It is cheap to clone.
#[derive(Clone)]
pub struct Machine(Arc<Parts>);

struct Parts {
    engine: Engine,
    ticker: Ticker,
}

impl Machine {
    /// A machine with a thread of its own, which sleeps while nothing runs.
    ///
    /// # Errors
    /// [`SandboxError::Start`] when the processor cannot be compiled for, or the system gives no thread.
    pub fn new() -> Result<Self, SandboxError> {
        let engine = Engine::new(&config()).map_err(|error| SandboxError::Start(format!("{error:#}")))?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| SandboxError::Start(error.to_string()))?;
        Ok(Self(Arc::new(Parts { engine, ticker })))
    }

    /// Compiles a program, which takes seconds for a large one. `name` is for errors.
    ///
    /// # Errors
    /// [`SandboxError::Program`] when it is no WebAssembly, uses what is not allowed here, or has not the entry.
    pub fn compile(&self, name: &str, wasm: &[u8], entry: Entry) -> Result<Program, SandboxError> {
        let refuse = |error: wasmtime::Error| {
            let why = format!("{error:#}");
            SandboxError::Program { name: name.to_owned(), why }
        };
        let module = Module::from_binary(&self.0.engine, wasm).map_err(refuse)?;
        let mut linker = Linker::<Host>::new(&self.0.engine);
        wasi::link(&mut linker, &module).map_err(refuse)?;
        let ready = linker.instantiate_pre(&module).map_err(refuse)?;
        Program::new(self.clone(), ready, entry).map_err(refuse)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.0.ticker
    }
}

/// Everything that depends on the machine or on time is off: numbers that are none have one form, and nothing is looked up in the
/// environment.
fn config() -> Config {
    let mut config = Config::new();
    config.wasm_features(WasmFeatures::all(), false).wasm_features(FEATURES, true);
    // Nothing is asynchronous here, but the two are held against each other.
    config.async_stack_size(STACK).max_wasm_stack(STACK);
    config.consume_fuel(true).epoch_interruption(true);
    config.cranelift_nan_canonicalization(true).cranelift_opt_level(OptLevel::Speed);
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable).wasm_backtrace_max_frames(None);
    config
}
