//! What tests of the tools share: a shelf in memory, and calls as the loop makes them.

use std::sync::Arc;

use forethought_store::SimDisk;
use forethought_tools::{Invocation, Limits as CallLimits, Reply, Tool, ToolError, Toolbox};
use jiff::Timestamp;
use serde_json::Value;

use crate::{FileInfo, Limits, LocalWrap, Shelf, Upload};

pub(crate) fn shelf() -> Arc<Shelf> {
    let limits = Limits { file_bytes: 200 << 20, ..Limits::default() };
    Arc::new(Shelf::on(Arc::new(SimDisk::new()), Arc::new(LocalWrap::new(&[7; 32])), limits).expect("opened").0)
}

/// Puts a file there, later than the ones before.
pub(crate) fn put(shelf: &Shelf, tenant: &str, name: &str, text: &str) -> FileInfo {
    let second = i64::try_from(shelf.list(tenant).expect("list").len()).expect("few");
    let created = Timestamp::from_second(second).expect("in range");
    let upload = Upload { name: name.to_owned(), media_type: None, subject: Some("eve".to_owned()), created };
    shelf.put(tenant, &upload, text.as_bytes()).expect("put")
}

/// Calls a tool through the toolbox.
pub(crate) async fn call(
    tool: Arc<dyn Tool>,
    tenant: &str,
    arguments: Value,
    time_ms: u64,
) -> Result<Reply, ToolError> {
    let name = tool.spec().name().to_owned();
    let mut toolbox = Toolbox::default();
    toolbox.add(tool);
    let limits = CallLimits { time_ms, bytes: 20_000, ..CallLimits::default() };
    toolbox.call(&name, Invocation { tenant: tenant.to_owned(), arguments, limits }).await.result
}
