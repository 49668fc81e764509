//! Code that a model writes, run where it can reach nothing: in WebAssembly, by wasmtime, with bounds on steps, time, memory and
//! output.
//!
//! - [`RunCode`] is the tool that a model calls. Its interpreters are files that the operator names ([`Interpreters`]).
//! - [`Machine`] compiles programs of WASI preview 1, and [`Program::run`] runs one, each time in an instance of its own.
//!
//! What a program sees of the world is all here (`wasi`): its arguments, its input, two outputs, a clock that only it moves, and
//! random numbers that are the same in every run. So the same code gives the same output, unless time ends it.

mod ceiling;
mod ending;
mod host;
mod interpreter;
mod machine;
mod program;
mod reply;
mod run;
mod ticker;
mod tool;
mod wasi;

pub use ending::Ending;
pub use interpreter::{Interpreter, Interpreters, Language};
pub use machine::{Machine, SandboxError};
pub use program::{Entry, Program};
pub use run::{Job, Ran};
pub use tool::{Pool, RunCode};
