//! Tests of the search as a tool.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use forethought_tools::{Reply, ToolError};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{index::FileIndex, *};
use crate::testing::{call, put, shelf};

const REPORT: &str = "# Annual report\n\nThe harbour was dredged in spring. Revenue of the harbour grew.\n\nStaff numbers fell in Zürich.";

fn documents(shelf: &Arc<Shelf>) -> Arc<Documents> {
    Documents::new(Arc::clone(shelf), SearchBounds::default())
}

async fn find_as(documents: &Arc<Documents>, tenant: &str, arguments: Value) -> Result<Reply, ToolError> {
    let tool = Arc::new(DocumentSearch::new(Arc::clone(documents)).expect("a tool"));
    call(tool, tenant, arguments, 20_000).await
}

/// The names of the files that are found, the best first.
async fn names(documents: &Arc<Documents>, query: &str) -> Vec<String> {
    let found = find_as(documents, "acme", json!({ "query": query, "limit": 10 })).await.expect("searched");
    let lines = found.text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some(line.get("name")?.as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn passages_are_found_by_words_and_phrases() {
    let shelf = shelf();
    put(&shelf, "acme", "report.md", REPORT);
    put(&shelf, "acme", "tokyo.txt", "東京の天気は晴れです。");
    put(&shelf, "acme", "other.txt", "Grew up near a harbour once. Staff.");
    put(&shelf, "acme", "table.csv", "harbour\n1\n");
    let documents = documents(&shelf);
    let check = async |query: &str, expect: &[&str]| assert_eq!(names(&documents, query).await, expect, "{query}");
    check("dredged", &["report.md"]).await;
    check("DREDGED, zurich!", &["report.md"]).await;
    check("\"harbour grew\"", &["report.md"]).await;
    check("\"grew harbour\"", &[]).await;
    check("\"harbour grew\" once", &["report.md"]).await;
    check("天気", &["tokyo.txt"]).await;
    check("気天", &[]).await;
    check("absent", &[]).await;
    assert_eq!(names(&documents, "harbour staff").await.len(), 2);
    for odd in ["title:harbour", "harbour AND (", "+harbour -x ^2", "\"harbour", "[a TO b] harbour", "harbour~ \\"] {
        assert!(names(&documents, odd).await.contains(&"report.md".to_owned()), "{odd}");
    }
}

#[tokio::test]
async fn a_passage_says_where_it_stands() {
    let shelf = shelf();
    let filler = "Nothing of note happened on that day in the office. ".repeat(200);
    let text = format!("{filler}The needle was found in the haystack. {filler}");
    let file = put(&shelf, "acme", "long.txt", &text);
    let found =
        find_as(&documents(&shelf), "acme", json!({ "query": "needle haystack" })).await.expect("searched").text;
    let first: Value = serde_json::from_str(found.lines().next().expect("a line")).expect("JSON");
    let (at, shown) = (first["byte"].as_u64().expect("a place"), first["text"].as_str().expect("a text"));
    assert_eq!((&first["file"], &first["of"]), (&json!(file.id), &json!(text.len())));
    let needle = text.find("needle").expect("there") as u64;
    assert!(shown.contains("needle was found") && shown.chars().count() <= 504, "{shown}");
    assert!((at..at + 3200).contains(&needle), "{at} {needle}");
    // Overlapping passages are one find.
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[tokio::test]
async fn better_passages_come_first_across_documents() {
    let shelf = shelf();
    for number in 0..10 {
        put(
            &shelf,
            "acme",
            &format!("common{number}.txt"),
            "The budget of the office. The budget of the harbour office. The budget.",
        );
    }
    put(
        &shelf,
        "acme",
        "rare.txt",
        "The budget of the observatory, and many other words that are not of interest to anybody.",
    );
    let documents = documents(&shelf);
    assert_eq!(names(&documents, "budget observatory").await.first().map(String::as_str), Some("rare.txt"));
    let few = find_as(&documents, "acme", json!({ "query": "budget", "limit": 3 })).await.expect("searched");
    assert_eq!(few.text.lines().count(), 3);
}

#[tokio::test]
async fn what_cannot_be_found_is_said() {
    let shelf = shelf();
    let documents = documents(&shelf);
    let said = async |query: &str| find_as(&documents, "acme", json!({ "query": query })).await.expect("searched").text;
    assert!(said("x").await.contains("there are no documents"));
    put(&shelf, "acme", "a.txt", "alpha");
    assert!(said("beta").await.contains("nothing was found in 1 documents"));
    let wrong = find_as(&documents, "acme", json!({ "query": "***" })).await;
    assert!(matches!(wrong, Err(ToolError::Arguments(_))), "{wrong:?}");
}

#[tokio::test]
async fn what_is_erased_is_found_no_more() {
    let shelf = shelf();
    let gone = put(&shelf, "acme", "gone.txt", "harbour secret");
    put(&shelf, "acme", "kept.txt", "harbour open");
    let documents = documents(&shelf);
    assert_eq!(names(&documents, "harbour").await.len(), 2);
    let before = documents.indexes.bytes();
    shelf.delete("acme", &gone.id).expect("deleted");
    assert!(documents.indexes.find("acme", &gone.id).is_none() && documents.indexes.bytes() < before);
    assert_eq!((names(&documents, "secret").await, names(&documents, "harbour").await.len()), (vec![], 1));
}

#[tokio::test]
async fn an_index_that_was_made_while_its_document_was_erased_is_not_kept() {
    let shelf = shelf();
    let gone = put(&shelf, "acme", "gone.txt", "harbour secret");
    let documents = documents(&shelf);
    let held = shelf.all("acme").expect("files").remove(0);
    let (stop, _call_off) = Stop::after(Duration::from_mins(1));
    let mut index = FileIndex::unread();
    index.read_on(shelf.read("acme", &gone.id).expect("read"), 14, usize::MAX, &stop).expect("read");
    shelf.delete("acme", &gone.id).expect("deleted");
    documents.indexes.keep("acme", &gone.id, &held.presence, &Arc::new(index));
    assert!(documents.indexes.find("acme", &gone.id).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_that_run_show_nothing_of_what_is_erased_before_they_end() {
    let shelf = shelf();
    let documents = documents(&shelf);
    for round in 0..20 {
        let files: Vec<_> = (0..5).map(|n| put(&shelf, "acme", &format!("{n}.txt"), "harbour secret")).collect();
        let searches: Vec<_> = (0..4)
            .map(|_| {
                let documents = Arc::clone(&documents);
                tokio::spawn(async move { find_as(&documents, "acme", json!({ "query": "secret" })).await })
            })
            .collect();
        for file in &files {
            shelf.delete("acme", &file.id).expect("deleted");
        }
        let after = find_as(&documents, "acme", json!({ "query": "secret" })).await.expect("searched").text;
        assert!(!after.contains("secret"), "round {round}: {after}");
        for search in searches {
            search.await.expect("no panic").expect("searched");
        }
        assert_eq!(documents.indexes.bytes(), 0, "round {round}");
    }
}

#[tokio::test]
async fn indexes_stay_within_their_bounds() {
    let shelf = shelf();
    let text = |seed: usize| (0..20_000).map(|n| format!("w{} ", n * 7 + seed)).collect::<String>();
    for tenant in ["acme", "b", "c"] {
        put(&shelf, tenant, "1.txt", &text(1));
        put(&shelf, tenant, "2.txt", &text(2));
    }
    let one = {
        let documents = documents(&shelf);
        find_as(&documents, "acme", json!({ "query": "w1" })).await.expect("searched");
        documents.indexes.bytes() / 2
    };
    let bounds = SearchBounds { tenant_bytes: one * 3 / 2, cached_bytes: one * 2, parallel: 1 };
    let documents = Documents::new(Arc::clone(&shelf), bounds);
    for tenant in ["acme", "b", "c", "acme"] {
        let found = find_as(&documents, tenant, json!({ "query": "w2" })).await.expect("searched").text;
        assert!(
            found.contains("2.txt") && found.contains("1 documents are not searched, or not to their ends"),
            "{found}"
        );
        assert!(documents.indexes.bytes() <= one * 2);
    }
}

#[tokio::test]
async fn what_there_is_no_time_for_is_said_and_read_the_next_time() {
    let shelf = shelf();
    // More than one part, so that none is read at once in so little time.
    let text = (0..500_000).map(|n| format!("word{n} ")).collect::<String>();
    for number in 0..2 {
        put(&shelf, "acme", &format!("{number}.txt"), &text);
    }
    let documents = documents(&shelf);
    let tool = Arc::new(DocumentSearch::new(Arc::clone(&documents)).expect("a tool"));
    let (mut said, mut broken_off) = (String::new(), 0);
    for _ in 0..100 {
        let found =
            call(Arc::clone(&tool) as Arc<dyn Tool>, "acme", json!({ "query": "word7 word499999" }), 1000).await;
        let text = found.map_or_else(|error| error.to_string(), |reply| reply.text);
        if text.contains("\"byte\"") && !text.contains("were not read") {
            assert!(broken_off > 0 || cfg!(not(debug_assertions)), "there was time enough");
            assert_eq!(text.lines().count(), 4, "{text}");
            return;
        }
        broken_off += 1;
        said = text;
    }
    panic!("it never came to an end: {said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_search_shows_a_word_that_only_another_tenant_has(
        own in prop::collection::vec("[a-f]{1,3}", 0..40),
        others in prop::collection::vec("[a-f]{1,3}", 1..40),
        query in prop::collection::vec("[a-f]{1,3}", 1..6),
        quoted: bool,
    ) {
        let shelf = shelf();
        put(&shelf, "acme", "own.txt", &own.join(" "));
        put(&shelf, "globex", "others.txt", &others.join(" "));
        let documents = documents(&shelf);
        let query = if quoted { format!("\"{}\"", query.join(" ")) } else { query.join(" ") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (found, theirs) = runtime.block_on(async {
            // Theirs first, so that their index is in memory.
            let theirs = find_as(&documents, "globex", json!({ "query": query })).await.unwrap().text;
            (find_as(&documents, "acme", json!({ "query": query })).await.unwrap().text, theirs)
        });
        let own: BTreeSet<&String> = own.iter().collect();
        for line in found.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            prop_assert_eq!(&line["name"], "own.txt");
            for word in line["text"].as_str().unwrap().split_whitespace() {
                prop_assert!(own.contains(&word.to_owned()), "{} in {}", word, line);
            }
        }
        // The same search finds what is there, or this test would show nothing.
        let hit = |words: &[String]| !quoted && query.split(' ').any(|word| words.iter().any(|own| own == word));
        if hit(&others) {
            prop_assert!(theirs.contains("others.txt"));
        }
        if hit(&own.iter().map(|word| (*word).clone()).collect::<Vec<_>>()) {
            prop_assert!(found.contains("own.txt"));
        }
    }
}
