//! The program `forethought`: the server, and the command line around it.

mod ask;
mod cli;
mod config;
mod cpu;
mod http;
mod logging;
mod serve;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Err(what) = cpu::check() {
        eprintln!("error: {what}");
        return ExitCode::from(cli::exit::FAILED);
    }
    cli::main()
}
