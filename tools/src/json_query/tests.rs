//! Queries that are right, wrong or hostile.

use proptest::prelude::*;

use super::*;
use crate::Limits;

fn query(json: impl Into<Value>, query: &str, bytes: usize) -> Result<Reply, ToolError> {
    let limits = Limits { bytes, ..Limits::default() };
    let arguments = json!({ "json": json.into(), "query": query });
    answer(&Invocation { tenant: "t".to_owned(), arguments, limits }, &Abandoned::default())
}

fn store() -> Value {
    json!({ "store": {
        // In the order of the alphabet, which is one of those that maps of JSON are kept in.
        "bicycle": { "color": "red", "price": 399 },
        "book": [
            { "category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95 },
            { "category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99 },
            { "category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3", "price": 8.99 },
            { "category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings", "isbn": "0-395-19395-8", "price": 22.99 },
        ],
    } })
}

fn finds(json: Value, path: &str, expected: &Value) {
    let reply = query(json, path, 64 * 1024).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(serde_json::from_str::<Value>(&reply.text).unwrap(), *expected, "{path}");
    assert_eq!((reply.left_out, reply.failed), (0, false));
}

#[test]
fn examples_of_the_standard_are_answered() {
    let check = |path: &str, expected: Value| finds(store(), path, &expected);
    let authors = json!(["Nigel Rees", "Evelyn Waugh", "Herman Melville", "J. R. R. Tolkien"]);
    check("$.store.book[*].author", authors.clone());
    check("$..author", authors);
    check("$.store..price", json!([399, 8.95, 12.99, 8.99, 22.99]));
    check("$..book[2].author", json!(["Herman Melville"]));
    check("$..book[2].publisher", json!([]));
    check("$..book[-1].title", json!(["The Lord of the Rings"]));
    check("$..book[0,1].title", json!(["Sayings of the Century", "Sword of Honour"]));
    check("$..book[:2].title", json!(["Sayings of the Century", "Sword of Honour"]));
    check("$..book[?@.isbn].title", json!(["Moby Dick", "The Lord of the Rings"]));
    check("$..book[?@.price<10].title", json!(["Sayings of the Century", "Moby Dick"]));
    check("$..book[?@.price > 10 && @.category == 'fiction' && !@.isbn].title", json!(["Sword of Honour"]));
    check("$..book[?match(@.author, '[A-H].*')].title", json!(["Sword of Honour", "Moby Dick"]));
    check("$..book[?search(@.title, 'o.*d')].price", json!([12.99, 22.99]));
    check("$..book[?length(@.title) == 9].price", json!([8.99]));
    check("$.store[?count(@.*) == 4][0].price", json!([8.95]));
    check("$..[?value(@..color) == 'red'].price", json!([399]));
    check("$..book[?@.price == $.store.book[0].price].title", json!(["Sayings of the Century"]));
}

#[test]
fn every_selector_does_what_the_standard_says() {
    let check = |json: Value, path: &str, expected: Value| finds(json, path, &expected);
    let letters = || json!(["a", "b", "c", "d", "e", "f", "g"]);
    check(letters(), "$[1:3]", json!(["b", "c"]));
    check(letters(), "$[5:]", json!(["f", "g"]));
    check(letters(), "$[1:5:2]", json!(["b", "d"]));
    check(letters(), "$[5:1:-2]", json!(["f", "d"]));
    check(letters(), "$[::-1]", json!(["g", "f", "e", "d", "c", "b", "a"]));
    check(letters(), "$[::0]", json!([]));
    check(letters(), "$[-100:100:3]", json!(["a", "d", "g"]));
    check(letters(), "$[0, -1, 9, 0]", json!(["a", "g", "a"]));
    check(json!({ "a b": { "'": 1 } }), r#"$['a b']["'"]"#, json!([1]));
    check(json!({ "é": 1, "☺": 2 }), r#"$["\u00e9", "\u263A"]"#, json!([1, 2]));
    check(json!({ "𝄞": 3 }), r#"$["\uD834\uDD1E"]"#, json!([3]));
    check(json!([1, 1.0, "1", null, [1.0], [1]]), "$[?@ == 1]", json!([1, 1.0]));
    check(json!([[1.0], [1], [2]]), "$[?@ == $[1]]", json!([[1.0], [1]]));
    check(
        json!([9_007_199_254_740_993_i64, 9_007_199_254_740_992_i64]),
        "$[?@ == 9007199254740993]",
        json!([9_007_199_254_740_993_i64]),
    );
    check(json!([{ "a": 1 }, { "b": 1 }]), "$[?@.a == @.c]", json!([{ "b": 1 }]));
    check(json!([{ "a": null }, {}]), "$[?@.a]", json!([{ "a": null }]));
    check(json!(["a\nb", "acb"]), "$[?match(@, 'a.b')]", json!(["acb"]));
    check(json!(["a.b", "acb"]), r"$[?match(@, 'a\\.b')]", json!(["a.b"]));
    check(json!(["aab", "xab|"]), "$[?match(@, 'a|aab')]", json!(["aab"]));
    check(json!(["x", "y"]), "$[?match(@, '(')]", json!([]));
    check(json!("[1]"), "$[0]", json!([1]));
    check(json!("{\"a\": [{}]}"), "$.a", json!([[{}]]));
}

#[test]
fn wrong_queries_are_refused_with_place_and_mend() {
    let check = |path: &str, expected: &str| {
        let told = query(json!({}), path, 1000).unwrap_err();
        assert!(matches!(told, ToolError::Arguments(_)), "{path}: {told:?}");
        assert!(told.to_string().contains(expected), "{path}: {told}");
    };
    check("", "must begin with `$`");
    check("a.b", "must begin with `$`");
    check("$.", "at character 3 of the query: a name is missing");
    check("$ ", "cannot stand here");
    check("$[", "is missing here");
    check("$[0", "`]` is missing");
    check("$[01]", "no whole number");
    check("$[-0]", "no whole number");
    check("$[9007199254740992]", "no whole number");
    check("$['a", "a quote is missing");
    check(r"$['\x']", "escape is not known");
    check(r"$['\uD800']", "half of a character");
    check("$[?@.a == 'x' &]", "`]` is missing");
    check("$[?@.a = 1]", "`]` is missing");
    check("$[?@..a == 1]", "several values");
    check("$[?1]", "must be compared");
    check("$[?length(@.a)]", "must be compared");
    check("$[?match(@.a, 'b') == true]", "cannot be compared");
    check("$[?count(1) == 1]", "a query must stand here");
    check("$[?foo(@) == 1]", "`foo` is not known");
    check("$[?@.a == foo]", "quotes around text");
    check(&format!("$[?{}", "(".repeat(100)), "within each other");
    check(&format!("$.{}", "a".repeat(1024)), "1024 are the most");
}

#[test]
fn what_would_not_end_is_ended_by_its_steps() {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep, 1]);
    }
    let exhausts = |json: Value, path: &str| {
        let told = query(json, path, 64 * 1024).unwrap_err();
        assert!(matches!(told, ToolError::Exhausted(_)), "{path}: {told:?}");
    };
    let mut twins = json!(1);
    for _ in 0..40 {
        twins = json!([twins]);
    }
    exhausts(twins, &format!("${}", "[0,0]".repeat(40)));
    exhausts(deep, &format!("${}", "..*".repeat(8)));
    exhausts(json!(vec![json!(vec![1; 1000]); 100]), "$..[?count($..*) > 1]");
    exhausts(json!(vec!["a".repeat(1000); 1000]), "$[?search(@, '(a?){30}b')]");
    let patterns: Vec<_> = (0..1000).map(|place| format!("({place}|x){{50}}")).collect();
    exhausts(json!(patterns), "$[?search('text', @)]");
    exhausts(json!(["x".repeat(70_000)]), "$");
    exhausts(json!([vec![1; 10_000], "x".repeat(500_000)]), "$[0][?length($[1]) > 1]");
    exhausts(json!([vec![1; 10_000], "x".repeat(500_000)]), "$[0][?$[1] == $[1]]");
    exhausts(json!([vec![1; 10_000], { "x".repeat(500_000): 1 }]), "$[0][?$[1] == $[1]]");
    let mut bottomless = json!(1);
    for _ in 0..300 {
        bottomless = json!([bottomless]);
    }
    let told = query(bottomless, "$", 1000).unwrap_err().to_string();
    assert!(told.contains("256 levels deep"), "{told}");
    let told = query(Value::from("[".repeat(1000)), "$", 1000).unwrap_err().to_string();
    assert!(told.contains("cannot be read"), "{told}");
    let told = query(Value::from(" ".repeat(MAX_TEXT + 1)), "$", 1000).unwrap_err().to_string();
    assert!(told.contains("are the most"), "{told}");
}

#[test]
fn nobody_waits_for_a_query_that_goes_on() {
    let abandoned = Abandoned::set();
    let arguments = json!({ "json": [1], "query": "$..*" });
    let invocation = Invocation { tenant: "t".to_owned(), arguments, limits: Limits::default() };
    assert!(matches!(answer(&invocation, &abandoned), Err(ToolError::Exhausted(_))));
}

#[test]
fn results_are_cut_between_values() {
    let check = |bytes, expected: &str, left_out| {
        let reply = query(json!(["äöü", "b", [1, 2, 3]]), "$[*]", bytes).unwrap();
        assert_eq!((reply.text.as_str(), reply.left_out), (expected, left_out), "{bytes}");
        assert!(reply.text.len() <= bytes);
    };
    check(22, r#"["äöü","b",[1,2,3]]"#, 0);
    check(21, r#"["äöü","b"]"#, 2);
    check(14, r#"["äöü","b"]"#, 2);
    check(13, r#"["äöü"]"#, 4);
    assert!(matches!(query(json!(["äöü"]), "$[*]", 9), Err(ToolError::Exhausted(_))));
}

fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        ".", "..", "a", "b", "*", "[", "]", "[0]", "[1:2]", "[?", "@", "$", "@.a", "==", "<", "!=", "!", "&&", "||",
        "(", ")", "1", "-1", "'a'", "\"b\"", ",", ":", " ", "count(", "length(", "match(", "search(", "value(", "true",
        "null", "\\u0061", "'",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..16)
        .prop_map(|pieces| format!("${}", pieces.concat()))
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// Every value below one, in the order of the standard, by another way than the tool's.
fn below(value: &Value) -> Vec<Value> {
    let children: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    let mut all: Vec<Value> = children.iter().map(|child| (*child).clone()).collect();
    all.extend(children.into_iter().flat_map(below));
    all
}

proptest! {
    #[test]
    fn no_query_breaks_it(json in any_json(), soup in soup(), text in "\\PC{0,40}") {
        for path in [soup, text] {
            if let Ok(reply) = query(json.clone(), &path, 1000) {
                prop_assert!(serde_json::from_str::<Vec<Value>>(&reply.text).is_ok(), "{path}");
            }
        }
    }

    #[test]
    fn descendants_are_all_that_is_below(json in any_json()) {
        let Value::String(_) = json else {
            let reply = query(json.clone(), "$..*", 1_000_000).unwrap();
            prop_assert_eq!(serde_json::from_str::<Vec<Value>>(&reply.text).unwrap(), below(&json));
            return Ok(());
        };
    }

    #[test]
    fn slices_take_what_steps_would(length in 0..9_i64, start in -12..12_i64, end in -12..12_i64, step in -4..5_i64) {
        let list: Vec<i64> = (0..length).collect();
        let reply = query(json!(list), &format!("$[{start}:{end}:{step}]"), 1000).unwrap();
        let normal = |index: i64| if index < 0 { length + index } else { index };
        let (mut expected, mut at) = (Vec::new(), normal(start));
        // Far enough for both to have left the list.
        for _ in 0..40 {
            let inside = if step > 0 { at < normal(end) } else { step < 0 && at > normal(end) };
            if step != 0 && inside && (0..length).contains(&at) {
                expected.push(at);
            }
            // A start outside of the list begins at its edge.
            at = match step {
                1.. if at < 0 => 0,
                ..=-1 if at >= length => length - 1,
                _ => at + step,
            };
        }
        let found: Vec<i64> = serde_json::from_str(&reply.text).unwrap();
        prop_assert_eq!(found, expected);
    }
}
