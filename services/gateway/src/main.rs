//! The program `forethought`: the server, and the command line around it.

mod approvals;
mod ask;
mod assessed;
mod classifiers;
mod cli;
mod config;
mod cpu;
mod http;
mod keeper;
mod keys_copy;
mod logging;
mod replay;
mod serve;
mod shown;
mod tools;
mod webhooks;
mod weights;
mod witness;
mod witnesses;

use std::process::ExitCode;

/// The engine allocates and frees buffers of many megabytes for each sample, on threads that come and go. With glibc's
/// allocator they stayed in its arenas, and a server of two lanes grew past two gigabytes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Err(what) = cpu::check() {
        eprintln!("error: {what}");
        return ExitCode::from(cli::exit::FAILED);
    }
    cli::main()
}
