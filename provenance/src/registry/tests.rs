//! Registry files that are good, wrong or hostile.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::testing::{entries, entry, named, registry};

fn parse(text: &str) -> Result<Registry, FileError> {
    Registry::parse(Path::new("models.yaml"), text.as_bytes())
}

/// A registry of two good entries, with changes of its text.
fn text(changes: &[(&str, &str)]) -> String {
    let mut text = format!(
        "version: 1\nmodels:\n  - id: a\n    files:\n      - {{name: m.gguf, size: 3, sha256: {digest}}}\n    source: {{url: \
         https://example.org, revision: v1}}\n    licence: MIT\n  - id: b\n    base: a\n    files:\n      - {{path: w/m.gguf, \
         size: 3, sha256: {digest}}}\n    source: {{url: https://example.org, revision: v1}}\n    licence: Apache-2.0 OR MIT\n    \
         evaluations:\n      - {{set: s, on: 2026-11-26, figures: [{{name: right, value: 0.5, interval: [0.4, 0.6]}}]}}\n",
        digest = Digest::of(b"abc")
    );
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    text
}

#[test]
fn a_good_file_is_read() {
    let registry = parse(&text(&[])).unwrap();
    assert_eq!(registry.entries().len(), 2);
    assert_eq!(registry.get("b").unwrap().files[0].label(), "w/m.gguf");
    let lineage: Vec<_> = registry.lineage("b").iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(lineage, ["b", "a"]);
    assert_eq!(registry.folder(), Path::new("."));
    assert!(registry.revoked_base("b").is_none());
    let revoked = text(&[("id: a", "id: a\n    revoked: {by: Bob, on: 2026-11-26, why: it leaks}")]);
    let registry = parse(&revoked).unwrap();
    assert_eq!(registry.revoked_base("b").map(|entry| entry.id.as_str()), Some("a"));
    assert!(registry.revoked_base("a").is_none() && registry.revoked_base("c").is_none());
}

#[test]
fn what_is_wrong_is_told_with_line_and_mend() {
    let check = |changes: &[(&str, &str)], expected: &[&str]| {
        let error = parse(&text(changes)).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "`{part}` is not in {error}");
        }
    };
    check(
        &[("licence: MIT", "license: MIT")],
        &["models.yaml:7:5", "unknown key `license`", "did you mean `licence`?"],
    );
    check(&[("id: b", "id: a")], &["models.yaml:8:5", "a second time"]);
    check(&[("base: a", "base: c")], &["models.yaml:9:5", "there is no model `c`"]);
    check(&[("base: a", "base: b")], &["models.yaml:9:5", "made from itself"]);
    check(&[("id: a", "id: a\n    base: b")], &["models[0].base: `a` is made from itself", "models[1].base"]);
    check(&[("name: m.gguf, ", "")], &["models.yaml:5:9", "either a path or a name"]);
    check(&[("name: m.gguf", "name: m.gguf, path: n")], &["either a path or a name"]);
    check(&[("w/m.gguf", "../m.gguf")], &["models[1].files[0].path", "leads out of its folder"]);
    check(&[("w/m.gguf", "w/../../m")], &["leads out of its folder"]);
    check(&[("w/m.gguf", "/etc/passwd")], &["is no relative path"]);
    check(&[("w/m.gguf", "C:/m")], &["is no relative path"]);
    check(&[("w/m.gguf", "w//m")], &["has an empty part"]);
    check(&[("w/m.gguf", "./m")], &["has an empty part or a `.`"]);
    check(&[("w/m.gguf", "w\\m")], &["a character that a path cannot have"]);
    check(&[("[0.4, 0.6]", "[0.6, 0.4]")], &["0.5 is not between 0.6 and 0.4"]);
    check(&[("[0.4, 0.6]", "[0.6, 0.7]")], &["0.5 is not between"]);
    check(&[("value: 0.5", "value: .inf")], &["figures[0].value"]);
    check(&[("2026-11-26", "last week")], &["evaluations[0].on"]);
    check(&[("size: 3", "size: -3")], &["files[0].size"]);
    check(&[("sha256: sha256:", "sha256: md5:")], &["files[0].sha256"]);
    check(&[("licence: MIT", "licence: MIT or so")], &["models[0].licence"]);
    check(&[("version: 1", "version: 2")], &["newer version of forethought"]);
    check(&[("id: a", "id: a\n    id: a")], &["a second time"]);
}

/// A file that grows when it is read, or is nested without end, is refused quickly.
#[test]
fn hostile_files_are_refused() {
    let check = |text: String, expected: &str| {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "`{expected}` is not in {}", error.chars().take(300).collect::<String>());
    };
    let laugh = |n: usize| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 9].join(","));
    let laughs = (1..10).map(laugh).collect::<Vec<_>>().concat();
    check(format!("l0: &l0 [lol]\n{laughs}"), "an anchor (`&`) is not allowed");
    check("[".repeat(40), "nested deeper");
    check("[".repeat(1_000_000), "recursion limit");
    check("a: ".repeat(100_000), "not valid yaml");
    let deeper = |depth: usize| format!("{}a:\n", " ".repeat(depth.min(500)));
    check((0..3_000).map(deeper).collect::<Vec<_>>().concat(), "");
    check("version: 1\nmodels: !!python/object:os.system [x]\n".to_owned(), "a tag");
    check("\u{0}".to_owned(), "");
    check(String::new(), "the file is empty");
    check("version: 1\nmodels: []\n---\nversion: 1\nmodels: []\n".to_owned(), "a second yaml document");
    let bytes = [b'v', 0xff];
    assert!(Registry::parse(Path::new("m"), &bytes).unwrap_err().to_string().contains("not utf-8"));
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path, expected: &str| {
        let error = Registry::load(path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&folder.path().join("none.yaml"), "forethought model register");
    check(folder.path(), "cannot read");
    let long = folder.path().join("long.yaml");
    fs::File::create(&long).unwrap().set_len(MAX_BYTES + 1).unwrap();
    check(&long, "larger than");
}

/// 4,096 models with fingerprints must fit into the largest file that is read.
#[test]
fn an_entry_is_compact() {
    let model = Entry { fingerprint: Some(crate::testing::refusing(20)), ..entry("a", vec![named("m", b"abc")]) };
    let length = registry(Path::new(""), vec![model]).to_yaml().len();
    assert!(length < 6_000 && u64::try_from(length * 4_096).unwrap() < MAX_BYTES, "{length}");
}

#[test]
fn digests_name_all_that_an_entry_says() {
    let base = entry("a", vec![named("m", b"abc")]);
    let check = |change: &dyn Fn(&mut Entry), digest: bool, subject: bool| {
        let mut other = base.clone();
        change(&mut other);
        assert_eq!(other.digest() != base.digest(), digest, "{other:?}");
        assert_eq!(other.subject() != base.subject(), subject, "{other:?}");
    };
    check(&|_| {}, false, false);
    check(&|entry| entry.files[0].size = 4, true, true);
    check(&|entry| entry.licence = "MIT".to_owned(), true, true);
    check(&|entry| entry.base = Some("b".to_owned()), true, true);
    check(&|entry| entry.fingerprint = Some(crate::testing::refusing(3)), true, true);
    check(&|entry| entry.note = Some("n".to_owned()), true, false);
    check(&|entry| entry.approved = None, true, false);
    check(&|entry| entry.impact = vec![Digest::of(b"x")], true, false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read_again(found in proptest::collection::vec(entries(), 0..5)) {
        let by_id: BTreeMap<_, _> = found.into_iter().map(|entry| (entry.id.clone(), entry)).collect();
        let written = registry(Path::new(""), by_id.into_values().collect());
        let text = written.to_yaml();
        let read = Registry::parse(written.file(), text.as_bytes()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(&read, &written, "{}", text);
        prop_assert_eq!(read.digest(), written.digest());
        prop_assert_eq!(read.to_yaml(), text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9:\\[\\]{}\\-&*!|>\"' \n#]{0,200}") {
        let _ = parse(&text);
        let _ = parse(&format!("version: 1\nmodels:\n{text}"));
    }
}
