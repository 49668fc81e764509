//! The data card says what is there, and is held against it.

use serde_json::Value;

use super::*;
use crate::{Act, ActDraft, Erasure, ErasureCause, KeyTrace, PolicyRef};

fn card(dir: &Path) -> Value {
    serde_json::from_str(&text(dir, "data-card.json")).expect("JSON")
}

#[test]
fn figures_are_those_of_the_records() {
    let (_dir, to) = sample(601, &with_receipts("bank"));
    let card = card(&to);
    let figures = &card["figures"];
    for (name, expected) in [("records", 601), ("requests", 301), ("receipts", 201), ("commitments", 301 + 4 * 300)] {
        assert_eq!(figures[name], expected, "{name}");
    }
    assert_eq!(figures["first"], at(0).to_string());
    assert_eq!(figures["last"], at(600).to_string());
    let names = |list: &str, key: &str, count: &str| -> Vec<(String, u64)> {
        let all = figures[list].as_array().expect("a list").iter();
        all.map(|one| (one[key].as_str().expect("a name").to_owned(), one[count].as_u64().expect("a number"))).collect()
    };
    let pairs = |all: &[(&str, u64)]| all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>();
    assert_eq!(names("records_by_type", "name", "count"), pairs(&[("admission", 301), ("outcome", 300)]));
    assert_eq!(names("requests_by_status", "name", "count"), pairs(&[("answered", 300), ("open", 1)]));
    assert_eq!(names("tenants", "tenant", "records"), pairs(&[("bank", 201), ("ward", 400)]));
    assert_eq!(names("tenants", "tenant", "requests"), pairs(&[("bank", 101), ("ward", 200)]));
    assert_eq!(names("models", "weights_digest", "requests"), pairs(&[("sha256:00", 301)]));
    assert_eq!(names("policies", "digest", "requests"), pairs(&[("sha256:11", 301)]));
    assert_eq!((&card["log"]["size"], &card["log"]["kind"]), (&601.into(), &"whole".into()));
    assert_eq!(card["log"]["selection"]["tenant"], "bank");
    let markdown = text(&to, "data-card.md");
    for line in
        ["| records | 601 |", "| ward | 400 | 200 |", "| answered | 300 |", "| last record | 2027-01-15T08:10:00Z |"]
    {
        assert!(markdown.contains(line), "{line}: {markdown}");
    }
}

#[test]
fn every_file_of_an_export_is_described() {
    for scope in [whole(), with_receipts("bank"), ExportScope::Part(tenant("bank"))] {
        let (_dir, to) = sample(300, &scope);
        let card = card(&to);
        let all: Vec<&str> = card["files"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|file| file["path"].as_str().expect("a path"))
            .collect();
        let general = |file: &str| match file.split_once('/') {
            Some(("tile", rest)) if rest.starts_with("entries") => "tile/entries/…".to_owned(),
            Some(("tile", _)) => "tile/<level>/…".to_owned(),
            Some(("receipts", name)) => format!("receipts/<record id>.{}", name.rsplit_once('.').expect("an end").1),
            _ => file.to_owned(),
        };
        let mut found: Vec<String> = files(&to).iter().map(|file| general(file)).collect();
        found.push("manifest.json".to_owned());
        found.sort();
        found.dedup();
        let mut described: Vec<String> = all.iter().map(|path| (*path).to_owned()).collect();
        described.sort();
        assert_eq!(found, described, "{scope:?}");
        for path in all {
            assert!(text(&to, "data-card.md").contains(&format!("### `{path}`")), "{path}");
        }
    }
}

fn erased(number: u32, what: &str, keys: usize) -> Draft {
    let key = KeyTrace { id: "k".to_owned(), place: "p".to_owned() };
    let erasure = Erasure {
        tenant: "ward".to_owned(),
        cause: ErasureCause::Person,
        keys: vec![key; keys],
        refused: Vec::new(),
        refused_count: 0,
    };
    let act = Act {
        what: what.to_owned(),
        by: None,
        object: None,
        policy: PolicyRef { version: "7".to_owned(), digest: "sha256:11".to_owned() },
        changes: Vec::new(),
        reason: None,
        erasure: Some(erasure),
    };
    ActDraft { record_id: id(number), time: at(number.into()), act }.into()
}

#[test]
fn erasures_show() {
    let (mut log, _) = open(&SimDisk::new()).expect("opens");
    let (done, refused) = (Act::ERASED, Act::ERASURE_REFUSED);
    log.append(&[admission(0, "ward"), erased(1, done, 3), erased(2, done, 1), erased(3, refused, 0)])
        .expect("appended");
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    exported(&log.signed_snapshot(&signer()).expect("signed"), &whole(), &to).expect("exported");
    verified(&to).expect("holds");
    let erasures = &card(&to)["figures"]["erasures"];
    assert_eq!(erasures.to_string(), r#"{"done":2,"keys_destroyed":4,"refused":1}"#);
}

#[test]
fn an_empty_log_has_a_card_too() {
    let (_dir, to) = sample(0, &whole());
    verified(&to).expect("holds");
    assert_eq!(card(&to)["figures"]["first"], Value::Null);
    assert!(text(&to, "data-card.md").contains("| first record | none |"));
}

#[test]
fn names_in_a_card_are_shown_as_they_are() {
    let (mut log, _) = open(&SimDisk::new()).expect("opens");
    let mut one = admission(0, "ward");
    if let Draft::Admission(draft) = &mut one {
        draft.admission.model = "a|b\n# <b>x</b>".to_owned();
    }
    log.append(&[one]).expect("appended");
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    exported(&log.signed_snapshot(&signer()).expect("signed"), &whole(), &to).expect("exported");
    verified(&to).expect("holds");
    let markdown = text(&to, "data-card.md");
    assert!(markdown.contains("| a\\|b # \\<b\\>x\\</b\\> | sha256:00 | 1 |"), "{markdown}");
    assert_eq!(card(&to)["figures"]["models"][0]["model"], "a|b\n# <b>x</b>");
}

#[test]
fn a_card_that_says_something_else_is_named() {
    let (_dir, to) = sample(30, &whole());
    for (file, from, into) in [
        ("data-card.json", "\"records\": 30", "\"records\": 31"),
        ("data-card.json", "no prompt, no answer", "prompts, answers"),
        ("data-card.json", "\n}\n", "\n}"),
        ("data-card.json", "\n}\n", "\n}\n\n"),
        ("data-card.md", "| records | 30 |", "| records | 3 |"),
        ("data-card.md", "is no export", "is an export"),
    ] {
        let good = text(&to, file);
        let changed = good.replacen(from, into, 1);
        assert_ne!(changed, good, "{from}");
        fs::write(to.join(file), changed).expect("written");
        rewrite_manifest(&to, |_| {});
        let error = verified(&to).expect_err("found").to_string();
        assert!(error.starts_with(&format!("{file}: it ")), "{error}");
        fs::write(to.join(file), good).expect("restored");
    }
    rewrite_manifest(&to, |manifest| manifest.made = at(6));
    let error = verified(&to).expect_err("the card says when it was made").to_string();
    assert!(error.starts_with("data-card.json: "), "{error}");
}

/// Takes the columns away that came with the third version.
fn without_tools(dir: &Path) {
    let csv = text(dir, "records.csv");
    let columns = csv.lines().map(|line| {
        let (rest, _) = line.rsplit_once(',').expect("columns");
        format!("{}\r\n", rest.rsplit_once(',').expect("columns").0)
    });
    fs::write(dir.join("records.csv"), columns.collect::<String>()).expect("written");
}

/// Makes of an export of a log without calls of tools one as the second version was.
fn as_second(dir: &Path) {
    without_tools(dir);
    rewrite_manifest(dir, |manifest| manifest.version = 2);
    let manifest = Manifest::parse(text(dir, "manifest.json").as_bytes()).expect("a manifest");
    let mut sum = crate::export::sum::Sum::default();
    for (line, leaf) in text(dir, "records.jsonl").lines().zip(0..) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        sum.take(leaf, &serde_json::from_value(line["record"].clone()).expect("a record"));
    }
    sum.rest();
    for (file, bytes) in crate::export::card::make(&manifest, &sum.counts).expect("made") {
        fs::write(dir.join(file), bytes).expect("written");
    }
    rewrite_manifest(dir, |_| {});
}

#[test]
fn exports_of_the_second_version_hold() {
    for scope in [with_receipts("bank"), ExportScope::Part(tenant("bank"))] {
        let (_dir, to) = sample(300, &scope);
        let new = text(&to, "data-card.json");
        as_second(&to);
        assert!(verified(&to).expect("holds").requests > 0);
        assert_ne!(text(&to, "data-card.json"), new);
        fs::write(to.join("data-card.json"), new).expect("written");
        rewrite_manifest(&to, |_| {});
        let error = verified(&to).expect_err("another version's words").to_string();
        assert!(error.starts_with("data-card.json: it "), "{error}");
    }
}

/// Makes of an export one as the first version was.
fn as_first(dir: &Path) {
    without_tools(dir);
    for file in ["traces.jsonl", "data-card.json", "data-card.md"] {
        fs::remove_file(dir.join(file)).expect("removed");
    }
    rewrite_manifest(dir, |manifest| manifest.version = 1);
}

#[test]
fn exports_of_the_first_version_hold() {
    for scope in [with_receipts("bank"), ExportScope::Part(tenant("bank"))] {
        let (_dir, to) = sample(300, &scope);
        as_first(&to);
        assert!(verified(&to).expect("holds").requests > 0);
        fs::write(to.join("traces.jsonl"), "").expect("added");
        let note = FileNote { path: "traces.jsonl".to_owned(), bytes: 0, sha256: Digest::of(b"") };
        rewrite_manifest(&to, |manifest| manifest.files.push(note));
        let error = verified(&to).expect_err("none of its files").to_string();
        assert!(error.starts_with("traces.jsonl: it is no file"), "{error}");
    }
    let (_dir, to) = sample(30, &whole());
    rewrite_manifest(&to, |manifest| manifest.version = 1);
    verified(&to).expect_err("the second version's files");
}
