//! Servers of the Model Context Protocol as tools: programs on this machine that are spoken to over their input and output, and
//! services that are spoken to over HTTP.
//!
//! - A [`Server`] is started or connected to when it is wanted, kept, and started again when it fails: its [`State`] is told.
//!   Its [tools](Server::tools) implement [`Tool`](forethought_tools::Tool).
//! - [`ServerConfig`] is what an operator says of it. A program gets no environment but what is listed there, a process group of
//!   its own, and bounds of memory and processes; a service is reached where [`egress`] lets connections go.
//! - [`Pins`] say which tools may be offered: those that somebody has approved as they are. [`Server::survey`] shows what
//!   waits, what has changed, and [`signs()`] of tool poisoning.
//!
//! Nothing that a server says is believed: what comes is bounded in length, number and time, and what it asks is refused. The
//! protocol itself is spoken by `rmcp`, the official SDK.

#![cfg_attr(test, allow(clippy::needless_pass_by_value, reason = "tests read better so"))]

mod config;
mod connection;
pub mod egress;
mod end;
mod flow;
mod handler;
mod http;
mod lane;
mod lines;
mod listing;
mod names;
pub mod pins;
mod process;
mod result;
mod secret;
mod server;
mod signs;
mod visible;
mod watched;

pub use config::{
    ConfigError, EgressConfig, Handshake, HeaderSecret, HttpConfig, MAX_SERVER_NAME, Offered, ServerConfig, StdioConfig,
};
pub use lane::State;
pub use pins::{PinFile, Pins, Status};
pub use secret::Secret;
pub use server::{Found, Server, Survey};
pub use signs::{Sign, signs};
pub use visible::visible;

/// The longest message of a server, in bytes.
pub const MAX_MESSAGE: usize = 4 << 20;
/// Letters of what a server says that are told where it is no result.
const TOLD: usize = 500;

/// The beginning of what a server says, in one line, with what is hidden made visible.
fn told(text: &str) -> String {
    let line: String =
        text.chars().take(TOLD).map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
    visible(&line).into_owned()
}
