//! Places, and what is refused as YAML.

use super::*;

fn tree(text: &str) -> Node {
    parse(text).unwrap()
}

/// Checks the first problem's place and a part of its message.
fn refused(text: &str, line: usize, column: usize, part: &str) {
    let problems = parse(text).unwrap_err();
    let first = &problems[0];
    assert_eq!(first.place, Place { line, column }, "{text:?}: {first}");
    assert!(first.to_string().contains(part), "{text:?}: {first}");
    assert!(!first.mend.is_empty(), "{text:?}: {first}");
}

#[test]
fn scalars_are_typed_as_the_core_schema_says() {
    let text = "[1, -1, 60.0, 0.5, true, null, ~, '1', \"x\", plain text, 0x1F, 1e400, .nan]";
    let expect = serde_json::json!([1, -1, 60, 0.5, true, null, null, "1", "x", "plain text", 31, "inf", "NaN"]);
    assert_eq!(tree(text).to_json(), expect);
}

#[test]
fn places_point_at_keys_and_items() {
    let root = tree("a:\n  - x: 1\n    y: é\n  - z\nb: {c: 2}\n");
    let check = |steps: &[Step], line, column| assert_eq!(root.place_of(steps), Place { line, column }, "{steps:?}");
    let key = |name: &str| Step::Key(name.to_owned());
    check(&[key("a")], 1, 1);
    check(&[key("a"), Step::Index(0)], 2, 5);
    check(&[key("a"), Step::Index(0), key("y")], 3, 5);
    check(&[key("a"), Step::Index(1)], 4, 5);
    check(&[key("b"), key("c")], 5, 5);
    // What is missing is looked for as far as the tree goes.
    check(&[key("b"), key("nothing"), Step::Index(3)], 5, 1);
    assert_eq!(path_text(&[key("a"), Step::Index(0), key("y")]), "a[0].y");
}

#[test]
fn a_block_ends_with_its_last_value() {
    let text = "é: ü\na:\n  - x: 1   # told\n\n# more\n\nb: 2\n";
    let root = tree(text);
    let list = root.get("a").unwrap();
    assert_eq!(&text[list.start..list.end], "- x: 1");
    let text = "a: [1, 2 ] # told\nb: |\n  text\n\nc: 3\n";
    let root = tree(text);
    let span = |key: &str| root.get(key).map(|node| &text[node.start..node.end]).unwrap();
    assert_eq!(span("a"), "[1, 2 ]");
    assert!(span("b").ends_with("text"));
}

#[test]
fn what_is_not_plain_yaml_is_refused() {
    refused("", 1, 1, "empty");
    refused("# only a comment\n", 1, 1, "empty");
    refused("~\n", 1, 1, "empty");
    refused("a: 1\nb: 2\na: 3\n", 3, 1, "the key `a` stands here a second time, first on line 1");
    refused("a: &x 1\n", 1, 4, "an anchor");
    refused("a: !!str 1\n", 1, 4, "a tag");
    refused("a: *x\n", 1, 4, "not valid yaml");
    refused("a: [*]\n", 1, 5, "put a `*` in quotes");
    refused("a: 1\n---\nb: 2\n", 2, 1, "second yaml document");
    refused("a: [1, 2\nb: 2\n", 2, 2, "not valid yaml");
    refused("a:\n\t- 1\n", 2, 2, "not valid yaml");
    refused("[a]: 1\n", 1, 1, "where a key should be");
    refused(&"[".repeat(40), 1, 33, "nested deeper");
    refused("a: 'open\n", 1, 4, "not valid yaml");
}

#[test]
fn every_duplicate_key_is_told() {
    let problems = parse("a: 1\na: 2\nb: {c: 1, c: 2}\n").unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| (problem.place.line, problem.place.column)).collect();
    assert_eq!(lines, [(2, 1), (3, 11)]);
}
