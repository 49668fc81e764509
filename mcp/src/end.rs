//! That a connection is over, and why: told once, heard by all that have to do with it.

use std::sync::{Arc, OnceLock};

use forethought_tools::ToolError;
use tokio_util::sync::CancellationToken;

/// The end of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct End(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    why: OnceLock<(bool, String)>,
    token: CancellationToken,
}

impl End {
    /// Says that it is over. The first reason counts.
    pub(crate) fn tell(&self, why: impl Into<String>) {
        self.told_once(false, why.into());
    }

    /// Says that it is over because the server has used or sent more than it may.
    pub(crate) fn exhausted(&self, why: impl Into<String>) {
        self.told_once(true, why.into());
    }

    fn told_once(&self, exhausted: bool, why: String) {
        _ = self.0.why.set((exhausted, why));
        self.0.token.cancel();
    }

    /// Whether it is over.
    pub(crate) fn is_told(&self) -> bool {
        self.0.token.is_cancelled()
    }

    /// Waits for it.
    pub(crate) async fn told(&self) {
        self.0.token.cancelled().await;
    }

    /// Why it is over.
    pub(crate) fn why(&self) -> &str {
        self.0.why.get().map_or("it has ended", |(_, why)| why)
    }

    /// What a call that was under way is told.
    pub(crate) fn error(&self) -> ToolError {
        match self.0.why.get() {
            Some((true, why)) => ToolError::Exhausted(why.clone()),
            _ => ToolError::Failed("the tool's server broke off".to_owned()),
        }
    }
}
