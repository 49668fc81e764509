//! Changes of a registry: what they keep, what they refuse, and crashes at every step.

use std::{fs, thread};

use super::*;
use crate::testing::{day, entry, named, refusing};

fn approval(digest: Option<Digest>) -> Approval {
    Approval { by: "Ada".to_owned(), on: day(), note: Some("after the review".to_owned()), digest }
}

fn revocation() -> Revocation {
    Revocation { by: "Bob".to_owned(), on: day(), why: "it leaks".to_owned() }
}

fn model(id: &str) -> Entry {
    Entry { approved: None, ..entry(id, vec![named("m.gguf", id.as_bytes())]) }
}

fn place() -> (tempfile::TempDir, PathBuf, RegistryFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("models.yaml");
    let file = RegistryFile::new(&path);
    (folder, path, file)
}

fn load(path: &Path) -> Registry {
    Registry::load(path).unwrap()
}

#[test]
fn a_model_is_registered_approved_measured_and_revoked() {
    let (_folder, path, file) = place();
    let first = file.register(&model("a"), None).unwrap();
    assert_eq!(load(&path).get("a").map(Entry::digest), Some(first));
    let approved = file.approve("a", &approval(None)).unwrap();
    assert!(load(&path).get("a").unwrap().is_approved());
    let evaluation = Evaluation {
        set: "s".to_owned(),
        results: None,
        on: day(),
        figures: vec![crate::Figure { name: "right".to_owned(), value: -0.0, interval: None }],
    };
    let evaluated = file.evaluated("a", &evaluation).unwrap();
    assert_eq!(load(&path).get("a").map(Entry::digest), Some(evaluated));
    assert_ne!(approved, evaluated);
    file.assessed("a", Digest::of(b"x")).unwrap();
    file.assessed("a", Digest::of(b"x")).unwrap();
    assert_eq!(load(&path).get("a").unwrap().impact.len(), 1);
    assert!(load(&path).get("a").unwrap().is_approved());
    // Another fingerprint is another thing to approve.
    file.fingerprinted("a", &refusing(9)).unwrap();
    assert!(!load(&path).get("a").unwrap().is_approved());
    file.revoke("a", &revocation()).unwrap();
    assert_eq!(load(&path).get("a").unwrap().revoked, Some(revocation()));
}

#[test]
fn what_would_lose_something_is_refused() {
    let (_folder, path, file) = place();
    let digest = file.register(&model("a"), None).unwrap();
    let check = |outcome: Result<Digest, EditError>, expected: &str| {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(expected), "`{expected}` is not in {error}");
    };
    let before = fs::read(&path).unwrap();
    check(file.register(&model("a"), None), "registered already");
    check(file.register(&model("a"), Some(Digest::of(b"other"))), "look at what was changed");
    check(file.register(&model("b"), Some(digest)), "there is no model `b`");
    check(file.approve("b", &approval(None)), "there is no model `b`");
    check(file.approve("a", &approval(Some(digest))), "look at what was changed");
    check(file.revoke("b", &revocation()), "there is no model `b`");
    let escaping = Entry {
        files: vec![crate::RegisteredFile { path: Some("../m".to_owned()), name: None, ..model("b").files[0].clone() }],
        ..model("b")
    };
    check(file.register(&escaping, None), "leads out of its folder");
    check(file.register(&Entry { base: Some("none".to_owned()), ..model("b") }, None), "there is no model `none`");
    assert_eq!(fs::read(&path).unwrap(), before);
    file.revoke("a", &revocation()).unwrap();
    check(file.register(&model("a"), Some(load(&path).get("a").unwrap().digest())), "was revoked by Bob");
    check(file.approve("a", &approval(None)), "was revoked by Bob");
    check(file.revoke("a", &revocation()), "was revoked by Bob");
}

#[test]
fn hand_edits_are_kept_and_bad_ones_are_not_written_over() {
    let (_folder, path, file) = place();
    file.register(&model("a"), None).unwrap();
    let by_hand = fs::read_to_string(&path).unwrap().replace("- id: \"a\"", "- id: a # mine\n    note: by hand");
    fs::write(&path, by_hand).unwrap();
    file.register(&model("b"), None).unwrap();
    assert_eq!(load(&path).get("a").unwrap().note.as_deref(), Some("by hand"));
    fs::write(&path, "version: 1\nmodels: [\n").unwrap();
    assert!(matches!(file.register(&model("c"), None), Err(EditError::File(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "version: 1\nmodels: [\n");
}

#[test]
fn an_editor_without_the_lock_is_noticed() {
    let (_folder, path, file) = place();
    file.register(&model("a"), None).unwrap();
    let mut change = |registry: &mut Registry| {
        registry.entries.push(model("b"));
        fs::write(&path, "version: 1\nmodels: []\n# mine\n").unwrap();
        Ok("b".to_owned())
    };
    assert!(matches!(file.change_with(&mut change, &mut |_| Ok(())), Err(EditError::Raced { .. })));
    assert!(fs::read_to_string(&path).unwrap().ends_with("# mine\n"));
}

#[test]
fn who_finds_the_lock_held_waits_and_then_says_so() {
    let (_folder, path, _) = place();
    let _held = atomic::lock(&path, Duration::ZERO).unwrap().unwrap();
    let file = RegistryFile { file: path, patience: Duration::from_millis(50) };
    assert!(matches!(file.register(&model("a"), None), Err(EditError::Busy { .. })));
}

#[test]
fn of_many_writers_none_loses_an_entry() {
    let (_folder, path, _) = place();
    thread::scope(|scope| {
        for writer in 0..6 {
            let file = RegistryFile::new(&path);
            scope.spawn(move || {
                for turn in 0..5 {
                    file.register(&model(&format!("m{writer}-{turn}")), None).unwrap();
                }
            });
        }
    });
    assert_eq!(load(&path).entries().len(), 30);
}

/// The writing ends before its n-th step, for every n, as in a crash; and once more as on a full disk.
#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new_file() {
    let (folder, path, file) = place();
    for id in ["a", "b", "c"] {
        let entry = Entry { note: Some("x".repeat(3000)), ..model(id) };
        file.register(&entry, None).unwrap();
    }
    let old = load(&path);
    let mut steps = Vec::new();
    for fatal in 0.. {
        let mut step = 0;
        let mut before = |at: Step| {
            step += 1;
            if step > steps.len() {
                steps.push(at);
            }
            if step - 1 == fatal { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        };
        let mut change = |registry: &mut Registry| {
            registry.entries.push(model("new"));
            Ok("new".to_owned())
        };
        let outcome = file.change_with(&mut change, &mut before);
        let found = load(&path);
        let is_new = found.get("new").is_some();
        assert_eq!(found.entries().len(), old.entries().len() + usize::from(is_new));
        assert!(old.entries().iter().all(|entry| found.get(&entry.id) == Some(entry)));
        match outcome {
            Ok(_) => break,
            Err(error) => assert!(error.to_string().contains("space left"), "{error}"),
        }
        let renamed = steps.get(fatal) == Some(&Step::SyncFolder);
        assert_eq!(is_new, renamed, "ended before {:?}", steps.get(fatal));
        if is_new {
            fs::write(&path, old.to_yaml()).unwrap();
        }
    }
    assert!(steps.len() >= 7 && steps.contains(&Step::Write), "{steps:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|item| item.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// A killed process cleans up nothing: what it left must not hinder, nor be taken for the file.
#[test]
fn what_a_killed_process_left_does_not_hinder() {
    let (folder, path, file) = place();
    file.register(&model("a"), None).unwrap();
    // The names that this process is going to use, as after a start with the same process id.
    for count in 0..200 {
        let name = format!(".models.yaml.{}-{count}.tmp", std::process::id());
        if count % 2 == 0 {
            let _ = fs::write(folder.path().join(name), "half a fi");
        }
    }
    file.register(&model("b"), None).unwrap();
    assert_eq!(load(&path).entries().len(), 2);
}

#[cfg(unix)]
#[test]
fn mode_and_link_stay() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let (folder, path, file) = place();
    file.register(&model("a"), None).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link.yaml");
    symlink(&path, &link).unwrap();
    RegistryFile::new(&link).register(&model("b"), None).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(load(&path).entries().len(), 2);
}
