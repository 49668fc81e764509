//! Structured logs on standard error. They never hold a prompt, an answer or a key.

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// The model library tells a lot, some of it wrong for the way we use it; its errors come back to us as responses.
const QUIET: &str = "mistralrs_core=off,mistralrs=error,mistralrs_quant=error,hyper=warn,actix_server=warn,rmcp=warn";

/// Starts logging.
///
/// # Errors
/// When the level is not one that tracing knows.
pub fn init(config: &LogConfig) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{},{QUIET}", config.level))
        .with_context(|| format!("`log.level` is `{}`; use error, warn, info, debug or trace", config.level))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match config.format {
        LogFormat::Text => logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}
