//! Tenants see nothing of each other, and nobody takes another's room or turn for long.

use std::time::{Duration, Instant};

use super::*;

async fn ask_as(tables: &Arc<Tables>, tenant: &str, sql: &str, time_ms: u64) -> Result<Reply, ToolError> {
    let tool = Arc::new(TableQuery::new(Arc::clone(tables)).expect("a tool"));
    call(tool, tenant, json!({ "sql": sql }), time_ms).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_tables_alone() {
    let _alone = alone().await;
    let shelf = shelf();
    let secret = put(&shelf, "globex", "secret.csv", "word\nxyzzy\n");
    put(&shelf, "acme", "own.csv", "a\n1\n");
    let tables = tables(&shelf);
    assert!(ask_as(&tables, "globex", "SELECT * FROM secret", 5000).await.expect("its own").text.contains("xyzzy"));
    let asked = ask_with(&tables, json!({ "sql": "SELECT * FROM secret", "files": [secret.id.as_str()] }), 5000).await;
    for error in [ask(&tables, "SELECT * FROM secret").await, ask(&tables, "SELECT secret.word FROM own").await, asked]
    {
        let error = error.expect_err("another's").to_string();
        assert!(!error.contains("word TEXT") && !error.contains("xyzzy"), "{error}");
    }
    assert!(!list(&tables, "acme").await.contains("secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_s_endless_questions_leave_others_their_turn() {
    let _alone = alone().await;
    let shelf = shelf();
    put(&shelf, "acme", "t.csv", "a\n1\n");
    put(&shelf, "globex", "t.csv", "a\n2\n");
    let tables = tables(&shelf);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let busy: Vec<_> = (0..10)
        .map(|_| {
            let tables = Arc::clone(&tables);
            tokio::spawn(async move { ask_as(&tables, "acme", endless, 3000).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    let answer = ask_as(&tables, "globex", "SELECT a FROM t", 3000).await.expect("answered");
    assert_eq!(answer.text, "a\n2\n(1 row)");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    for asked in busy {
        assert_eq!(asked.await.expect("no panic"), Err(ToolError::TimedOut(3000)));
    }
}

#[tokio::test]
async fn what_was_read_stays_within_its_bound() {
    let _alone = alone().await;
    let shelf = shelf();
    let rows: String = (0..20_000).map(|n| format!("{n},{}\n", "x".repeat(40))).collect();
    for tenant in ["a", "b", "c", "d"] {
        put(&shelf, tenant, "t.csv", &format!("n,x\n{rows}"));
    }
    let bounds = TableBounds { cached_bytes: 4 << 20, ..TableBounds::default() };
    let tables = Tables::new(Arc::clone(&shelf), bounds);
    for tenant in ["a", "b", "c", "d", "a"] {
        let answer = ask_as(&tables, tenant, "SELECT count(*) FROM t", 20_000).await.expect("answered");
        assert_eq!(answer.text, "count(*)\n20000\n(1 row)");
        assert!((1..=4 << 20).contains(&tables.cache.bytes()), "{}", tables.cache.bytes());
    }
}

#[tokio::test]
async fn a_tenant_s_tables_take_turns_in_its_room_and_too_large_ones_are_told() {
    let _alone = alone().await;
    let shelf = shelf();
    let rows: String = (0..20_000).map(|n| format!("{n},{}\n", "x".repeat(40))).collect();
    put(&shelf, "acme", "one.csv", &format!("n,x\n{rows}"));
    put(&shelf, "acme", "two.csv", &format!("n,x\n{rows}"));
    let tables = Tables::new(Arc::clone(&shelf), TableBounds { tenant_bytes: 3 << 19, ..TableBounds::default() });
    for _ in 0..2 {
        check(&tables, "SELECT count(*) FROM one", Ok("count(*)\n20000\n(1 row)")).await;
        check(&tables, "SELECT count(*) FROM two", Ok("count(*)\n20000\n(1 row)")).await;
    }
    assert!(matches!(ask(&tables, "SELECT * FROM one, two LIMIT 1").await, Err(ToolError::Exhausted(_))));
    check(&tables, "SELECT count(*) FROM one", Ok("count(*)\n20000\n(1 row)")).await;
}
