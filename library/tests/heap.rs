//! Memory: the limit is on the whole process, so this has a process of its own.

#![allow(clippy::expect_used, clippy::format_collect, reason = "tests may panic, and be slow")]

use std::sync::Arc;

use forethought_library::{Limits, LocalWrap, Shelf, TableBounds, TableQuery, Tables, Upload};
use forethought_store::SimDisk;
use forethought_tools::{Invocation, Limits as CallLimits, Reply, Tool, ToolError, Toolbox};
use jiff::Timestamp;
use serde_json::json;

fn shelf(tenants: &[&str]) -> Arc<Shelf> {
    let wrap = Arc::new(LocalWrap::new(&[7; 32]));
    let (shelf, _) = Shelf::on(Arc::new(SimDisk::new()), wrap, Limits::default()).expect("opened");
    let rows: String = (0..5000).map(|n| format!("{n},{}\n", "x".repeat(100))).collect();
    for tenant in tenants {
        let upload =
            Upload { name: "t.csv".to_owned(), media_type: None, subject: None, created: Timestamp::UNIX_EPOCH };
        shelf.put(tenant, &upload, format!("n,x\n{rows}").as_bytes()).expect("put");
    }
    Arc::new(shelf)
}

async fn ask(toolbox: &Toolbox, tenant: &str, sql: &str) -> Result<Reply, ToolError> {
    let limits = CallLimits { time_ms: 30_000, ..CallLimits::default() };
    let invocation = Invocation { tenant: tenant.to_owned(), arguments: json!({ "sql": sql }), limits };
    toolbox.call("table_query", invocation).await.result
}

/// The most memory that this process ever had, in KiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("peak");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[cfg(not(target_os = "linux"))]
fn peak() -> u64 {
    0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_fills_the_memory_fails_alone() {
    let mib = 1 << 20;
    let bounds = TableBounds {
        tenant_bytes: 4 * mib,
        cached_bytes: 8 * mib,
        working_bytes: 16 * mib,
        parallel: 2,
        ..TableBounds::default()
    };
    let shelf = shelf(&["greedy", "modest"]);
    let before = peak();
    let mut toolbox = Toolbox::default();
    let query: Arc<dyn Tool> = Arc::new(TableQuery::new(Tables::new(shelf, bounds)).expect("a tool"));
    toolbox.add(query);
    let floods = [
        "SELECT count(*) FROM (SELECT DISTINCT a.x || a.n || '-' || b.n FROM t a, t b)",
        "WITH m AS MATERIALIZED (SELECT a.x, b.n FROM t a, t b) SELECT count(*) FROM m x, m y",
        "SELECT length(json_group_array(x)) FROM (SELECT a.x FROM t a, t b)",
    ];
    let (greedy, modest) = (toolbox.clone(), toolbox);
    let flood = tokio::spawn(async move {
        let mut exhausted = 0;
        for sql in floods {
            let ended = ask(&greedy, "greedy", sql).await;
            assert!(!matches!(ended, Ok(_) | Err(ToolError::TimedOut(_))), "{sql}: {ended:?}");
            exhausted += usize::from(matches!(ended, Err(ToolError::Exhausted(_))));
        }
        exhausted
    });
    let mut answered = 0;
    while !flood.is_finished() || answered < 10 {
        let answer = ask(&modest, "modest", "SELECT count(*) n, max(n) m FROM t").await;
        assert_eq!(answer.expect("answered").text, "n,m\n5000,4999\n(1 row)");
        answered += 1;
    }
    assert!(flood.await.expect("no panic") >= 3);
    let grown = peak() - before;
    assert!(grown < 150 * 1024, "{grown} KiB");
}
