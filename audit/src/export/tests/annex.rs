//! Files beside the log: whoever changes them is found, and who attests them is told.

use super::*;
use crate::{
    Act, ActDraft, Annex, AnnexSource, AnnexStanding, PolicyRef,
    export::{annex::AnnexNote, manifest::FileNote},
    export_with_annex,
};

const POLICY: &str = "tenants: [ward]\n";

fn sha256(text: &str) -> String {
    format!("sha256:{}", Digest::of(text.as_bytes()))
}

fn file(name: &str, text: &str) -> Annex {
    Annex {
        name: name.to_owned(),
        title: format!("the file {name}"),
        media_type: "text/plain".to_owned(),
        source: AnnexSource::Bytes(text.as_bytes().to_vec()),
        named: None,
    }
}

fn named(name: &str, text: &str, digest: &str) -> Annex {
    Annex { named: Some(digest.to_owned()), ..file(name, text) }
}

fn act(number: u32, object: Option<&str>, changes: &[String]) -> Draft {
    let act = Act {
        what: Act::POLICY_IN_FORCE.to_owned(),
        by: None,
        object: object.map(ToOwned::to_owned),
        policy: PolicyRef { version: "8".to_owned(), digest: sha256("another policy") },
        changes: changes.to_vec(),
        reason: Some(sha256("no place for a digest")),
        erasure: None,
    };
    ActDraft { record_id: id(number), time: at(number.into()), act }.into()
}

/// A log whose records name several digests.
fn naming_log() -> AuditLog {
    let (mut log, _) = open(&SimDisk::new()).expect("opens");
    let mut one = admission(0, "ward");
    if let Draft::Admission(draft) = &mut one {
        draft.admission.policy.digest = sha256(POLICY);
        draft.admission.weights_digest = sha256("weights");
    }
    let changes = ["packs: eu".to_owned(), format!("pack eu ({})", sha256("pack"))];
    log.append(&[one, outcome(1, 0, OutcomeStatus::Answered)]).expect("appended");
    log.append(&[act(2, Some(&sha256("object")), &changes), admission(3, "bank")]).expect("appended");
    log
}

fn with(log: &AuditLog, scope: &ExportScope, annex: &[Annex]) -> Result<(TempDir, PathBuf), ExportError> {
    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("out");
    let snapshot = log.signed_snapshot(&signer()).expect("signed");
    let made = export_with_annex(&snapshot, scope, annex, &to, at(5), &mut |_| ControlFlow::Continue(()));
    if made.is_err() {
        assert!(!to.exists(), "nothing is left behind");
    }
    made.map(|_| (dir, to))
}

fn standings(dir: &Path) -> Vec<AnnexStanding> {
    verified(dir).expect("holds").annex.into_iter().map(|file| file.standing).collect()
}

/// Two files, one of them named by the log.
fn two() -> Vec<Annex> {
    vec![file("cards/model.md", "# A model\n"), named("policy.toml", POLICY, &sha256(POLICY))]
}

#[test]
fn files_are_there_and_who_attests_them_is_told() {
    let (_dir, to) = with(&naming_log(), &whole(), &two()).expect("exported");
    assert_eq!(text(&to, "annex/cards/model.md"), "# A model\n");
    assert_eq!(text(&to, "annex/policy.toml"), POLICY);
    let report = verified(&to).expect("holds");
    let [card, policy] = report.annex.as_slice() else { panic!("{report:?}") };
    assert_eq!(
        (card.name.as_str(), card.title.as_str(), card.bytes),
        ("cards/model.md", "the file cards/model.md", 10)
    );
    assert_eq!((&card.sha256, card.media_type.as_str()), (&Digest::of(b"# A model\n"), "text/plain"));
    assert_eq!(card.standing.to_string(), "attested by whoever made the export, not by the log");
    assert_eq!(policy.standing.to_string(), format!("named by the log as {}", sha256(POLICY)));
    assert_eq!(report.files, files(&to).len() as u64 + 1);
    let card = text(&to, "data-card.md");
    assert!(card.contains("annex/policy.toml") && card.contains("named by the log as"), "{card}");
}

#[test]
fn the_log_names_what_stands_in_its_records() {
    let log = naming_log();
    let check = |text: &str, digest: &str, expected: Option<AnnexStanding>| {
        let made = with(&log, &whole(), &[named("a", text, digest)]);
        match (made, expected) {
            (Ok((_dir, to)), Some(expected)) => assert_eq!(standings(&to), [expected], "{text} {digest}"),
            (Err(ExportError::Annex { name, what }), None) => {
                assert!(name == "a" && what.contains("no record that is exported names"), "{what}");
            }
            (made, expected) => panic!("{text} {digest}: {made:?}, not {expected:?}"),
        }
    };
    for text in [POLICY, "weights", "object", "pack", "another policy"] {
        let bare = Digest::of(text.as_bytes()).to_string();
        check(text, &sha256(text), Some(AnnexStanding::Log(sha256(text))));
        check(text, &bare, Some(AnnexStanding::Log(bare.clone())));
        check("something else", &sha256(text), Some(AnnexStanding::BelongsTo(sha256(text))));
    }
    check("nothing", &sha256("nothing"), None);
    check("no place for a digest", &sha256("no place for a digest"), None);
    // A record that is not exported names nothing.
    let of_bank = ExportScope::Part(tenant("bank"));
    assert!(matches!(with(&log, &of_bank, &two()), Err(ExportError::Annex { .. })));
    let of_ward = ExportScope::Part(tenant("ward"));
    let (_dir, to) = with(&log, &of_ward, &two()).expect("its own policy");
    assert_eq!(standings(&to), [AnnexStanding::Maker, AnnexStanding::Log(sha256(POLICY))]);
}

#[test]
fn what_cannot_be_in_an_annex_is_refused() {
    let log = naming_log();
    let check = |annex: &[Annex], expect: &str| {
        let error = with(&log, &whole(), annex).expect_err("refused").to_string();
        assert!(error.contains(expect), "{error}");
    };
    for name in ["../x", "/etc/passwd", "", "a//b", ".hidden", "c:x", "a\\b", "a\u{1b}[2J"] {
        check(&[file(name, "x")], "a name is a path");
    }
    check(&[file("a", "x"), file("a", "x")], "has this name");
    check(&[file("a", "x"), file("A", "x")], "has this name");
    check(&[file("a", "x"), file("a/b", "x")], "has this name");
    check(&[Annex { title: "a\nb".to_owned(), ..file("a", "x") }], "a title is one line");
    check(&[Annex { media_type: "text".to_owned(), ..file("a", "x") }], "no media type");
    check(&[named("a", "x", "sha256:00")], "a digest is");
    check(&[named("a", "x", "")], "a digest is");
    check(&[file("log.key", "x")], "private key");
    check(&[file("a", "\n  PRIVATE+KEY+example.com/log+x")], "private key");
    let path = |path: &Path| Annex { source: AnnexSource::Path(path.to_owned()), ..file("a", "") };
    let dir = tempfile::tempdir().expect("a folder");
    check(&[path(&dir.path().join("none"))], "cannot read");
    check(&[path(dir.path())], "is no file");
    let many: Vec<Annex> = (0..1001).map(|number| file(&number.to_string(), "x")).collect();
    check(&many, "1000 files before it");
    with(&log, &whole(), &many[..1000]).expect("as many as can be");
}

#[test]
fn a_file_is_copied_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let (source, log) = (dir.path().join("source"), naming_log());
    for size in [0, 1, 256 << 10, (256 << 10) + 1, 700_000] {
        let bytes: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
        fs::write(&source, &bytes).expect("written");
        let annex = Annex { source: AnnexSource::Path(source.clone()), ..file("a.bin", "") };
        let (_dir, to) = with(&log, &whole(), &[annex]).expect("exported");
        assert_eq!(fs::read(to.join("annex/a.bin")).expect("read"), bytes, "{size}");
        assert_eq!(verified(&to).expect("holds").annex[0].bytes, u64::from(size));
    }
}

fn error(dir: &Path) -> String {
    verified(dir).expect_err("found").to_string()
}

#[test]
fn a_file_that_is_changed_removed_or_added_is_named() {
    for scope in [whole(), ExportScope::Part(tenant("ward"))] {
        let (_dir, to) = with(&naming_log(), &scope, &two()).expect("exported");
        for name in ["annex/cards/model.md", "annex/policy.toml"] {
            let good = fs::read(to.join(name)).expect("read");
            let check = |change: &dyn Fn()| {
                change();
                assert!(error(&to).starts_with(&format!("{name}: ")), "{}", error(&to));
                fs::write(to.join(name), &good).expect("restored");
            };
            check(&|| fs::write(to.join(name), [&good[1..], b"x"].concat()).expect("changed"));
            check(&|| fs::write(to.join(name), &good[1..]).expect("cut"));
            check(&|| fs::remove_file(to.join(name)).expect("removed"));
        }
        fs::write(to.join("annex/more"), "x").expect("added");
        assert!(error(&to).starts_with("annex/more: it is not in the manifest"), "{}", error(&to));
        fs::remove_file(to.join("annex/more")).expect("removed");
        verified(&to).expect("as it was");
    }
}

/// Writes the manifest anew, and the data card with it.
fn rewrite_all(dir: &Path, change: impl FnOnce(&mut Manifest)) {
    rewrite_manifest(dir, change);
    let manifest = manifest(dir);
    let mut sum = crate::export::sum::Sum::default();
    for (leaf, line) in text(dir, "records.jsonl").lines().enumerate() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let record = serde_json::from_value(line["record"].clone()).expect("a record");
        sum.take(leaf as u64, &record);
    }
    sum.rest();
    for (path, bytes) in crate::export::card::make(&manifest, &sum.counts).expect("made") {
        fs::write(dir.join(path), bytes).expect("written");
    }
    rewrite_manifest(dir, |_| {});
}

#[test]
fn who_writes_the_manifest_anew_has_the_log_name_nothing() {
    let check = |change: &dyn Fn(&mut Vec<AnnexNote>), expect: &str| {
        let (_dir, to) = with(&naming_log(), &whole(), &two()).expect("exported");
        rewrite_all(&to, |_| {});
        verified(&to).expect("as it was");
        rewrite_all(&to, |manifest| change(&mut manifest.annex));
        assert!(error(&to).contains(expect), "{}", error(&to));
    };
    check(&|annex| annex[0].standing = AnnexStanding::Log(sha256(POLICY)), "its SHA-256 is");
    check(&|annex| annex[0].standing = AnnexStanding::Log(sha256("# A model\n")), "and none does");
    check(&|annex| annex[0].standing = AnnexStanding::BelongsTo(sha256("nothing")), "and none does");
    check(&|annex| annex[1].standing = AnnexStanding::BelongsTo(sha256(POLICY)), "does not say");
    check(&|annex| annex[1].standing = AnnexStanding::Log("sha256:0".to_owned()), "a digest is");
    check(&|annex| drop(annex.pop()), "annex/policy.toml: it is no file of an export");
    check(&|annex| annex.push(annex[0].clone()), "twice");
    check(&|annex| annex[0].name = "../manifest.json".to_owned(), "a name is a path");
    check(&|annex| annex[0].name = "none".to_owned(), "annex/none: it is missing");
    check(&|annex| annex[0].title = "a\u{1b}[2Jb".to_owned(), "a title is one line");
    check(&|annex| annex[0].media_type = "x".to_owned(), "no media type");
    check(&|annex| annex.extend(vec![annex[0].clone(); 1000]), "more than 1000");
    let (_dir, to) = with(&naming_log(), &whole(), &two()).expect("exported");
    rewrite_manifest(&to, |manifest| manifest.version = 1);
    assert!(error(&to).contains("its version has no annex"), "{}", error(&to));
}

#[test]
fn what_only_the_maker_attests_the_maker_can_change() {
    let (_dir, to) = with(&naming_log(), &whole(), &two()).expect("exported");
    fs::write(to.join("annex/cards/model.md"), "another").expect("written");
    rewrite_manifest(&to, |_| {});
    assert_eq!(standings(&to)[0], AnnexStanding::Maker, "the report says whose word it is");
    fs::write(to.join("annex/policy.toml"), "another").expect("written");
    rewrite_manifest(&to, |_| {});
    assert!(error(&to).starts_with("annex/policy.toml: the manifest says that its SHA-256 is"), "{}", error(&to));
}

#[test]
fn an_export_without_an_annex_has_none() {
    let (_dir, to) = sample(10, &whole());
    assert_eq!(verified(&to).expect("holds").annex, []);
    assert!(!text(&to, "manifest.json").contains("annex"));
    assert!(!text(&to, "data-card.md").contains("# Annex") && !text(&to, "data-card.md").contains("`annex/…`"));
    fs::create_dir(to.join("annex")).expect("made");
    fs::write(to.join("annex/x"), "x").expect("added");
    rewrite_manifest(&to, |manifest| {
        manifest.files.push(FileNote { path: "annex/x".to_owned(), bytes: 1, sha256: Digest::of(b"x") });
    });
    assert!(error(&to).starts_with("annex/x: it is no file"), "{}", error(&to));
}
