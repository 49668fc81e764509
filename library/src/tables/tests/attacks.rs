//! Questions and files that try to change, to reach out, to take all time or all memory: each ends, and soon.

use std::time::{Duration, Instant};

use super::*;

/// Time beyond its own that a call may take: a step of SQLite's cannot be broken off.
const GRACE: Duration = Duration::from_secs(4);

async fn ends(tables: &Arc<Tables>, sql: &str, time_ms: u64) -> Result<Reply, ToolError> {
    let began = Instant::now();
    let ended = ask_with(tables, json!({ "sql": sql }), time_ms).await;
    assert!(began.elapsed() < Duration::from_millis(time_ms) + GRACE, "{sql}: {:?}", began.elapsed());
    ended
}

#[tokio::test]
async fn nothing_can_be_changed_reached_or_set() {
    let _alone = alone().await;
    let shelf = shelf();
    put(&shelf, "acme", "t.csv", "a,b\n1,2\n");
    let tables = tables(&shelf);
    for sql in [
        "INSERT INTO t VALUES (1, 2)",
        "UPDATE t SET a = 2",
        "DELETE FROM t",
        "DROP TABLE t",
        "ALTER TABLE t ADD c",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x AS SELECT * FROM t",
        "CREATE VIEW v AS SELECT 1",
        "CREATE INDEX i ON t(a)",
        "CREATE VIRTUAL TABLE v USING fts5(x)",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
        "ATTACH '/etc/passwd' AS x",
        "ATTACH ':memory:' AS x",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/x'",
        "PRAGMA query_only = off",
        "PRAGMA table_info(t)",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA writable_schema = on",
        "BEGIN",
        "SAVEPOINT x",
        "REINDEX",
        "ANALYZE",
        "EXPLAIN SELECT 1",
        "EXPLAIN QUERY PLAN SELECT 1",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM temp.sqlite_master",
        "SELECT * FROM pragma_table_info('t')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_stmt",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('x', 'y')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT random()",
        "SELECT randomblob(10)",
        "SELECT zeroblob(10)",
        "SELECT sqlite_version()",
        "SELECT * FROM t ORDER BY random()",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "SELECT a FROM t WHERE a REGEXP '.*'",
        "SELECT a MATCH 'x' FROM t",
        "SELECT 1 FROM (INSERT INTO t VALUES (1,2) RETURNING 1)",
    ] {
        let error = ask(&tables, sql).await.expect_err(sql);
        assert!(matches!(error, ToolError::Arguments(_)), "{sql}: {error:?}");
    }
    check(&tables, "SELECT * FROM t", Ok("a,b\n1,2\n(1 row)")).await;
}

#[tokio::test]
async fn what_would_never_end_is_broken_off() {
    let _alone = alone().await;
    let shelf = shelf();
    let many: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    put(&shelf, "acme", "t.csv", &format!("a\n{many}"));
    let tables = tables(&shelf);
    ask(&tables, "SELECT count(*) FROM t").await.expect("loaded");
    for sql in [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT max(i) FROM n",
        "SELECT count(*) FROM t a, t b, t c, t d",
        "SELECT max(a.a + b.a) FROM t a, t b WHERE a.a + b.a < 0",
        "SELECT a.a FROM t a, t b, t c WHERE a.a = -1",
        "SELECT sum((SELECT count(*) FROM t b WHERE b.a > t.a + length(printf('%d', t.a)))) FROM t",
    ] {
        let error = ends(&tables, sql, 500).await.expect_err(sql);
        assert_eq!(error, ToolError::TimedOut(500), "{sql}");
    }
    // What is shown is right; only how many more there are is not known.
    let shown =
        ends(&tables, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", 20_000).await;
    let shown = shown.expect("answered").text;
    assert!(
        shown.starts_with("i\n1\n2\n") && shown.contains("1000 rows shown; at least"),
        "{}",
        &shown[shown.len() - 200..]
    );
    check(&tables, "SELECT count(*) FROM t", Ok("count(*)\n20000\n(1 row)")).await;
}

#[tokio::test]
async fn what_takes_too_many_steps_is_broken_off() {
    let _alone = alone().await;
    let shelf = shelf();
    put(&shelf, "acme", "t.csv", "a\n1\n");
    let tables = Tables::new(Arc::clone(&shelf), TableBounds { steps: 100_000, ..TableBounds::default() });
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    assert!(matches!(ask(&tables, endless).await, Err(ToolError::Exhausted(_))));
    check(&tables, "SELECT a FROM t", Ok("a\n1\n(1 row)")).await;
}

#[tokio::test]
async fn what_would_fill_the_memory_or_hold_the_machine_is_refused() {
    let _alone = alone().await;
    let shelf = shelf();
    put(&shelf, "acme", "t.csv", &format!("a\n{}\n", "a".repeat(100_000)));
    let many: String = (0..3000).map(|n| format!("{n},{}\n", "x".repeat(200))).collect();
    put(&shelf, "acme", "many.csv", &format!("n,x\n{many}"));
    let tables = tables(&shelf);
    let big = "(SELECT a || a FROM t)";
    let nested = (0..60).fold("1".to_owned(), |sql, _| format!("({sql} + (SELECT count(*) FROM many))"));
    let deep = format!("SELECT {}1{}", "(".repeat(4000), ")".repeat(4000));
    let ctes: Vec<String> =
        (1..30).map(|n| format!("c{n} AS (SELECT * FROM c{m} UNION ALL SELECT * FROM c{m})", m = n - 1)).collect();
    let bomb = format!("WITH c0 AS (SELECT 1), {} SELECT count(*) FROM c29", ctes.join(", "));
    let wide = format!("SELECT {} FROM many", vec!["*"; 900].join(", "));
    let joins = format!("SELECT count(*) FROM many {}", "NATURAL JOIN many ".repeat(70));
    let values = format!("VALUES {}", vec!["(1)"; 2000].join(","));
    let attacks = [
        "SELECT printf('%.*c', 1000000000, 'x')".to_owned(),
        "SELECT length(printf('%1000000000d', 1))".to_owned(),
        "SELECT length(printf('%.1000000000f', 1.5))".to_owned(),
        "SELECT hex(printf('%.*c', 200000, 'x'))".to_owned(),
        "SELECT replace(printf('%.*c', 200000, 'x'), 'x', 'xxxxxxxxxx')".to_owned(),
        "SELECT length(group_concat(a.x || b.x)) FROM many a, many b".to_owned(),
        "SELECT length(json_group_array(a.x)) FROM many a, many b".to_owned(),
        "SELECT length(json_group_object(a.n, b.x)) FROM many a, many b".to_owned(),
        "WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM n) SELECT max(length(s)) FROM n".to_owned(),
        "SELECT count(*) FROM (SELECT DISTINCT a.x || b.n || a.n FROM many a, many b)".to_owned(),
        "SELECT * FROM (SELECT a.x, b.n FROM many a, many b ORDER BY a.x || b.n) LIMIT 1".to_owned(),
        "WITH m AS MATERIALIZED (SELECT a.x, b.n FROM many a, many b) SELECT count(*) FROM m x, m y".to_owned(),
        format!("SELECT trim({big} || 'b', {big} || 'c')"),
        format!("SELECT instr({big}, substr({big}, 1, 100000) || 'b')"),
        format!("SELECT length(replace({big}, substr({big}, 1, 100000) || 'b', 'c'))"),
        format!("SELECT {big} LIKE '%{}b'", "a%".repeat(90)),
        format!("SELECT {big} LIKE '{}'", "%a_".repeat(66)),
        format!("SELECT {big} GLOB '*{}b'", "a*".repeat(90)),
        format!("SELECT {big} GLOB '*{}b'", "[a-z]*".repeat(30)),
        format!("SELECT {big} LIKE {big}"),
        "SELECT json_extract('{}', '$' || replace(printf('%.*c', 50000, 'x'), 'x', '.a'))".to_owned(),
        "SELECT json_valid(printf('%.*c', 200000, '['))".to_owned(),
        "SELECT json(printf('%.*c', 200000, '['))".to_owned(),
        "SELECT json_set('{}', '$.a', json(printf('[%.*c1]', 100000, ' ')))".to_owned(),
        "SELECT strftime(replace(printf('%.*c', 100000, 'x'), 'x', '%Y'), 'now')".to_owned(),
        format!("SELECT {nested}"),
        deep,
        bomb,
        wide,
        joins,
        values,
        format!("SELECT 1 WHERE {}", vec!["1"; 3000].join(" OR ")),
        format!("SELECT {}", vec!["1"; 600].join(",")),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(400)),
        format!("SELECT max({})", vec!["1"; 500].join(",")),
    ];
    for sql in attacks {
        let ended = ends(&tables, &sql, 2000).await;
        let short: String = sql.chars().take(100).collect();
        assert!(ended.is_err() || ended.as_ref().is_ok_and(|reply| reply.text.len() < 20_000), "{short}");
    }
    check(&tables, "SELECT count(*) FROM many", Ok("count(*)\n3000\n(1 row)")).await;
}

#[tokio::test]
async fn files_that_are_bombs_are_told_and_the_others_work() {
    let _alone = alone().await;
    let shelf = shelf();
    let columns = (0..100_000).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
    put(&shelf, "acme", "wide.csv", &columns);
    put(&shelf, "acme", "cell.csv", &format!("a\n{}\n", "x".repeat(1_000_000)));
    put(&shelf, "acme", "quote.csv", &format!("a,b\n1,\"{}", "2\n3,4\n".repeat(200_000)));
    put(&shelf, "acme", "nested.json", &format!("[{{\"a\":{}", "[".repeat(500_000)));
    put(&shelf, "acme", "empty.csv", "");
    put(&shelf, "acme", "good.csv", "a\n1\n");
    let tables = tables(&shelf);
    for (name, expect) in [
        ("wide", "more than 131072 bytes"),
        ("cell", "row 2 has more than"),
        ("quote", "a quote is not closed"),
        ("nested", "cannot be read"),
        ("empty", "the first row must name the columns"),
    ] {
        check(&tables, &format!("SELECT * FROM {name}"), Err(expect)).await;
    }
    check(&tables, "SELECT a FROM good", Ok("a\n1\n(1 row)")).await;
    let listed = list(&tables, "acme").await;
    assert!(listed.lines().count() == 6 && listed.matches("cannot be used").count() == 5, "{listed}");
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_ends() {
    let _alone = alone().await;
    let shelf = shelf();
    put(&shelf, "acme", "t.csv", "a\n1\n");
    let tables = tables(&shelf);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    for _ in 0..5 {
        let asked = tokio::spawn({
            let tables = Arc::clone(&tables);
            async move { ask_with(&tables, json!({ "sql": endless }), 60_000).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        asked.abort();
    }
    // The tenant's turn comes again at once, which it would not if one of them still ran.
    let began = Instant::now();
    check(&tables, "SELECT a FROM t", Ok("a\n1\n(1 row)")).await;
    assert!(began.elapsed() < GRACE);
}
