//! Tests of the tools over tables.

mod attacks;
mod erasing;
mod sharing;

use std::sync::Arc;

use forethought_tools::{Reply, ToolError};
use serde_json::{Value, json};

use super::*;
use crate::testing::{call, put, shelf};

const SALES: &str = "region,amount,day\nnorth,10,2024-01-02\nsouth,2.5,2024-02-03\nnorth,,2024-02-04\n";

fn tables(shelf: &Arc<Shelf>) -> Arc<Tables> {
    Tables::new(Arc::clone(shelf), TableBounds::default())
}

async fn ask_with(tables: &Arc<Tables>, arguments: Value, time_ms: u64) -> Result<Reply, ToolError> {
    call(Arc::new(TableQuery::new(Arc::clone(tables)).expect("a tool")), "acme", arguments, time_ms).await
}

async fn ask(tables: &Arc<Tables>, sql: &str) -> Result<Reply, ToolError> {
    ask_with(tables, json!({ "sql": sql }), 20_000).await
}

async fn list(tables: &Arc<Tables>, tenant: &str) -> String {
    let tool = Arc::new(ListTables::new(Arc::clone(tables)).expect("a tool"));
    call(tool, tenant, json!({}), 20_000).await.expect("listed").text
}

/// A question and the beginning of its answer, or a part of the error.
async fn check(tables: &Arc<Tables>, sql: &str, expect: Result<&str, &str>) {
    match (ask(tables, sql).await, expect) {
        (Ok(reply), Ok(expect)) => assert_eq!(reply.text, expect, "{sql}"),
        (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{sql}: {error}"),
        (found, expect) => panic!("{sql}: {found:?} {expect:?}"),
    }
}

/// The limit of SQLite's memory is the process's: a test that fills it must not have others fail.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    ALONE.lock().await
}

#[tokio::test]
async fn questions_are_answered_from_every_kind_of_table() {
    let _alone = alone().await;
    let shelf = shelf();
    put(&shelf, "acme", "Sales 2024.csv", SALES);
    put(
        &shelf,
        "acme",
        "regions.json",
        r#"[{"region":"north","head":"Ann","big":true},{"region":"south","head":null,"tags":["a"]}]"#,
    );
    put(&shelf, "acme", "codes.tsv", "code\tname\n007\tBond\n008\tBill\n");
    put(&shelf, "acme", "log.jsonl", "{\"at\":1,\"text\":\"x\"}\n{\"at\":2,\"text\":\"y, z\"}\n");
    put(&shelf, "acme", "notes.txt", "no table");
    let tables = tables(&shelf);
    check(
        &tables,
        "SELECT region, sum(amount) AS total FROM sales_2024 GROUP BY 1 ORDER BY 1",
        Ok("region,total\nnorth,10.0\nsouth,2.5\n(2 rows)"),
    )
    .await;
    check(&tables, "select count(*), count(amount) from sales_2024", Ok("count(*),count(amount)\n3,2\n(1 row)")).await;
    check(
        &tables,
        "SELECT head FROM sales_2024 JOIN regions USING (region) WHERE amount > 3",
        Ok("head\nAnn\n(1 row)"),
    )
    .await;
    check(&tables, "SELECT big, head, tags ->> 0 t FROM Regions", Ok("big,head,t\n1,Ann,\n,,a\n(2 rows)")).await;
    check(&tables, "SELECT code FROM codes WHERE code = '007'", Ok("code\n007\n(1 row)")).await;
    check(&tables, "SELECT * FROM log -- all", Ok("at,text\n1,x\n2,\"y, z\"\n(2 rows)")).await;
    check(
        &tables,
        "SELECT strftime('%m', day) m, count(*) n FROM sales_2024 GROUP BY m;",
        Ok("m,n\n01,1\n02,2\n(2 rows)"),
    )
    .await;
    check(
        &tables,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5) SELECT sum(i) s FROM n",
        Ok("s\n15\n(1 row)"),
    )
    .await;
    check(&tables, "SELECT trim('xxaxx', 'x') a, ltrim('  b ') b, rtrim(12, 2) c, trim(NULL) d, sqrt(16) e, floor(-1.5) f, pow(2, 10) g", Ok("a,b,c,d,e,f,g\na,\"b \",1,,4.0,-2,1024.0\n(1 row)")).await;
    check(&tables, "SELECT value FROM regions, json_each(regions.tags)", Ok("value\na\n(1 row)")).await;
    check(
        &tables,
        "SELECT row_number() OVER (ORDER BY amount DESC) n, region FROM sales_2024 LIMIT 1",
        Ok("n,region\n1,north\n(1 row)"),
    )
    .await;
}

#[tokio::test]
async fn a_wrong_question_is_told_what_there_is() {
    let _alone = alone().await;
    let shelf = shelf();
    let none = tables(&shelf);
    check(&none, "SELECT * FROM sales", Err("no such table: sales\nthere are no tables")).await;
    put(&shelf, "acme", "sales.csv", SALES);
    put(&shelf, "acme", "broken.csv", "a\n1,2\n");
    let tables = tables(&shelf);
    check(
        &tables,
        "SELECT * FROM sale",
        Err("there is the table sales (region TEXT, amount REAL, day TEXT)\nthere are the tables broken; list_tables"),
    )
    .await;
    check(
        &tables,
        "SELECT amont FROM sales",
        Err("no such column: amont\nthere is the table sales (region TEXT, amount REAL, day TEXT)"),
    )
    .await;
    check(&tables, "SELECT \"amont\" FROM sales", Err("no such column: \"amont\"")).await;
    check(&tables, "SELECT * FROM broken", Err("table `broken` cannot be used: row 2 has 2 values")).await;
    check(&tables, "SELECT 1; SELECT 2", Err("only one statement")).await;
    check(&tables, " ", Err("there is no SQL")).await;
    check(&tables, "SELECT ?", Err("has a parameter")).await;
    check(&tables, "SELEC 1", Err("syntax error")).await;
    check(&tables, "SELECT * FROM sales\0", Err("zero byte")).await;
    let other = ask_with(&tables, json!({ "sql": "SELECT * FROM sales", "files": ["broken"] }), 5000).await;
    let other = other.expect_err("not among them").to_string();
    assert!(other.contains("no table `sales`"), "{other}");
    let unknown = ask_with(&tables, json!({ "sql": "SELECT 1", "files": ["nope"] }), 5000).await;
    assert!(unknown.expect_err("no such file").to_string().contains("there is no table `nope`"));
    let only = ask_with(&tables, json!({ "sql": "SELECT count(*) FROM sales", "files": ["sales.csv"] }), 5000).await;
    assert_eq!(only.expect("answered").text, "count(*)\n3\n(1 row)");
    // It is loaded now, and may be read only where it is named.
    let again = ask_with(&tables, json!({ "sql": "SELECT count(*) FROM sales", "files": ["broken"] }), 5000).await;
    assert!(again.is_err(), "{again:?}");
    let hidden = "WITH sales AS (SELECT 1) SELECT count(*) FROM sales";
    let named = ask_with(&tables, json!({ "sql": hidden, "files": ["broken"] }), 5000).await;
    assert!(named.is_err(), "{named:?}");
    check(&tables, "WITH n AS (SELECT 1) SELECT count(*) c FROM n", Ok("c\n1\n(1 row)")).await;
}

#[tokio::test]
async fn tables_are_listed_with_their_columns() {
    let _alone = alone().await;
    let shelf = shelf();
    assert!(list(&tables(&shelf), "acme").await.contains("there are no tables"));
    let sales = put(&shelf, "acme", "Sales.csv", SALES);
    let broken = put(&shelf, "acme", "a \"b\".json", "5");
    let tables = tables(&shelf);
    let expect = format!(
        "sales (file \"Sales.csv\", {}) 3 rows: region TEXT, amount REAL, day TEXT\n\
         a_b (file \"a \\\"b\\\".json\", {}) cannot be used: object 1 cannot be read: invalid type: integer `5`, expected an array of \
         objects at line 1 column 1; objects are expected\n",
        sales.id, broken.id
    );
    assert_eq!(list(&tables, "acme").await, expect);
    assert!(list(&tables, "globex").await.contains("there are no tables"));
}

#[tokio::test]
async fn long_answers_are_cut_at_a_row() {
    let _alone = alone().await;
    let shelf = shelf();
    let rows: String = (0..5000).map(|n| format!("{n},{}\n", "x".repeat(n % 50))).collect();
    put(&shelf, "acme", "t.csv", &format!("n,text\n{rows}"));
    let tables = tables(&shelf);
    let reply = ask(&tables, "SELECT * FROM t ORDER BY n").await.expect("answered");
    assert!(reply.text.len() <= 20_000 && reply.left_out > 50_000, "{}", reply.text.len());
    let lines: Vec<&str> = reply.text.lines().collect();
    let shown = lines.len() - 2;
    assert_eq!(lines[shown], format!("{},{}", shown - 1, "x".repeat((shown - 1) % 50)).replace(",\"\"", ","));
    assert!(
        lines[shown + 1].starts_with(&format!("({shown} rows shown; {} more left out", 5000 - shown)),
        "{}",
        lines[shown + 1]
    );
}
