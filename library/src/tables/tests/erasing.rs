//! What was erased is answered from no more, also not by a question that runs.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn an_erased_table_is_gone_from_memory_and_answers() {
    let _alone = alone().await;
    let shelf = shelf();
    let gone = put(&shelf, "acme", "gone.csv", "a\n1\n");
    put(&shelf, "acme", "kept.csv", "a\n2\n");
    let tables = tables(&shelf);
    check(&tables, "SELECT * FROM gone, kept", Ok("a,a\n1,2\n(1 row)")).await;
    assert!(tables.cache.bytes() > 0);
    shelf.delete("acme", &gone.id).expect("deleted");
    assert_eq!(tables.cache.bytes(), 0, "it is still in memory");
    check(&tables, "SELECT * FROM gone", Err("no such table: gone")).await;
    check(&tables, "SELECT * FROM kept", Ok("a\n2\n(1 row)")).await;
    assert!(!list(&tables, "acme").await.contains("gone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_runs_ends_with_the_erasure_of_what_it_reads() {
    let _alone = alone().await;
    let shelf = shelf();
    let file = put(&shelf, "acme", "t.csv", "a\n1\n");
    let tables = tables(&shelf);
    check(&tables, "SELECT * FROM t", Ok("a\n1\n(1 row)")).await;
    let endless = "WITH RECURSIVE n(i) AS (SELECT a FROM t UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let asked = tokio::spawn({
        let tables = Arc::clone(&tables);
        async move { ask_with(&tables, json!({ "sql": endless }), 60_000).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    shelf.delete("acme", &file.id).expect("deleted");
    let ended = tokio::time::timeout(Duration::from_secs(5), asked).await.expect("it ends").expect("no panic");
    assert!(ended.expect_err("no answer").to_string().contains("erased in the meantime"));
}

#[tokio::test]
async fn a_new_file_takes_the_name_of_one_that_is_gone() {
    let _alone = alone().await;
    let shelf = shelf();
    let tables = tables(&shelf);
    for number in 0..5 {
        let file = put(&shelf, "acme", "t.csv", &format!("a\n{number}\n"));
        check(&tables, "SELECT * FROM t", Ok(&format!("a\n{number}\n(1 row)"))).await;
        shelf.delete("acme", &file.id).expect("deleted");
    }
}
