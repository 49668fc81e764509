//! What we say to a server that says or asks something by itself: nothing that it could use.

#![expect(deprecated, reason = "newer versions know no roots, and servers of older ones still ask for them")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, Implementation, ListRootsRequestMethod, ListRootsResult, ProtocolVersion,
    },
    service::{NotificationContext, RequestContext},
};

/// Refuses what it is asked; models, roots and people of ours are nobody's. Questions to models have no default answer but a
/// refusal, and questions to people are declined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handler {
    changed: Arc<AtomicBool>,
}

impl Handler {
    /// Whether the server has said that its tools have changed since this was last asked.
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }

    /// Notes that they have.
    pub(crate) fn note_change(&self) {
        self.changed.store(true, Ordering::Release);
    }
}

impl ClientHandler for Handler {
    async fn list_roots(&self, _context: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListRootsRequestMethod>())
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.note_change();
    }

    fn get_info(&self) -> ClientConfig {
        // No capability: who asks all the same has not read this.
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("forethought", env!("CARGO_PKG_VERSION")))
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }
}
