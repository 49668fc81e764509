//! Files that are as registered, and every way in which they are not.

use std::{collections::BTreeMap, fs};

use proptest::prelude::*;

use super::*;
use crate::{
    Revocation,
    testing::{at, day, entry, named, registry, write},
};

fn quiet(_: Progress<'_>) {}

/// What is wrong with the files in `folder/tokenizer` and the file `folder/m.gguf`, held against `files`.
fn findings(folder: &Path, files: Vec<RegisteredFile>) -> String {
    let registry = registry(folder, vec![entry("a", files)]);
    let given = [folder.join("m.gguf"), folder.join("tokenizer")];
    registry.check("a", &given, &mut quiet).map_or_else(|error| error.to_string(), |_| "good".to_owned())
}

fn good_files() -> Vec<RegisteredFile> {
    vec![at("m.gguf", b"weights"), named("tokenizer.json", b"{}"), named("deep/chat_template.jinja", b"")]
}

fn good_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "m.gguf", b"weights");
    write(folder.path(), "tokenizer/tokenizer.json", b"{}");
    write(folder.path(), "tokenizer/deep/chat_template.jinja", b"");
    folder
}

#[test]
fn what_differs_is_told_with_both_digests_and_the_mend() {
    let check = |change: &dyn Fn(&Path, &mut Vec<RegisteredFile>), expected: &[&str]| {
        let (folder, mut files) = (good_folder(), good_files());
        change(folder.path(), &mut files);
        let found = findings(folder.path(), files);
        for part in expected {
            assert!(found.contains(part), "`{part}` is not in {found}");
        }
    };
    check(&|_, _| {}, &["good"]);
    let (old, new) = (Digest::of(b"weights").to_string(), Digest::of(b"weighty").to_string());
    check(&|folder, _| drop(write(folder, "m.gguf", b"weighty")), &[&old, &new, "m.gguf: its digest is", "restore"]);
    check(&|folder, _| drop(write(folder, "m.gguf", b"")), &[&old, &Digest::of(b"").to_string()]);
    check(&|_, files| files[0].size = 8, &["it has 7 bytes, registered are 8"]);
    check(
        &|folder, _| fs::remove_file(folder.join("m.gguf")).unwrap(),
        &["cannot read it", "`m.gguf` is registered", &old],
    );
    check(
        &|folder, _| fs::remove_file(folder.join("tokenizer/tokenizer.json")).unwrap(),
        &["`tokenizer.json` is registered and is not among"],
    );
    check(
        &|folder, _| drop(write(folder, "tokenizer/extra.json", b"")),
        &["extra.json: the engine would read it", "remove it"],
    );
    check(&|folder, _| drop(write(folder, "tokenizer/.hidden", b"")), &[".hidden: the engine would read it"]);
    check(
        &|_, files| files[0].path = Some("other/m.gguf".to_owned()),
        &["`other/m.gguf` is registered", "m.gguf: the engine would"],
    );
    check(
        &|folder, _| fs::File::create(folder.join("m.gguf")).unwrap().set_len(1 << 40).unwrap(),
        &["1099511627776 bytes"],
    );
}

#[test]
fn a_model_that_may_not_load_is_told_before_any_file_is_read() {
    let check = |change: &dyn Fn(&mut Entry), id: &str, expected: &str| {
        let mut model = entry("a", vec![named("m", b"")]);
        change(&mut model);
        let registry = registry(Path::new("/nonexistent"), vec![model]);
        let mut read = 0;
        let error = registry.check(id, &[], &mut |_| read += 1).unwrap_err().to_string();
        assert!(error.contains(expected), "`{expected}` is not in {error}");
        assert_eq!(read, 0);
    };
    let revoked = Revocation { by: "Bob".to_owned(), on: day(), why: "it leaks".to_owned() };
    check(&|_| {}, "b", "there is no model `b`; register it with `forethought model register`, or use one of `a`");
    check(&|entry| entry.approved = None, "a", "nobody approved the model `a`");
    check(&|entry| entry.revoked = Some(revoked.clone()), "a", "was revoked by Bob on 2026-11-26: it leaks");
    let stale = |entry: &mut Entry| entry.approved.as_mut().unwrap().digest = Some(Digest::of(b"old"));
    check(&stale, "a", "is not what Ada approved");
    check(&|_| {}, "a", "`m` is registered and is not among the files");
    let empty = Registry::empty(Path::new("m.yaml")).check("a", &[], &mut quiet).unwrap_err().to_string();
    assert!(empty.contains("none is registered"), "{empty}");
}

#[test]
fn a_name_that_fits_two_files_is_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    let given = [write(folder.path(), "a/m.gguf", b"x"), write(folder.path(), "b/m.gguf", b"x")];
    let registry = registry(folder.path(), vec![entry("a", vec![named("m.gguf", b"x")])]);
    let error = registry.check("a", &given, &mut quiet).unwrap_err().to_string();
    assert!(error.contains("`m.gguf` could be") && error.contains("paths instead of names"), "{error}");
}

#[test]
fn progress_counts_every_byte_once() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = vec![7; (3 << 20) + 5];
    let given = [write(folder.path(), "m", &bytes), write(folder.path(), "n", b"abc")];
    let registry = registry(folder.path(), vec![entry("a", vec![named("m", &bytes), named("n", b"abc")])]);
    let mut seen = Vec::new();
    registry.check("a", &given, &mut |progress| seen.push((progress.done, progress.total))).unwrap();
    let total = (3 << 20) + 8;
    assert!(seen.len() >= 5 && seen.is_sorted() && seen.iter().all(|(_, of)| *of == total), "{seen:?}");
    assert_eq!(seen.last(), Some(&(total, total)));
}

#[test]
fn what_changes_after_hashing_is_noticed() {
    let check = |change: &dyn Fn(&Path), expected: &str| {
        let folder = good_folder();
        let registry = registry(folder.path(), vec![entry("a", good_files())]);
        let given = [folder.path().join("m.gguf"), folder.path().join("tokenizer")];
        let matched = registry.check("a", &given, &mut quiet).unwrap();
        assert!(matched.unchanged().is_ok());
        assert_eq!(matched.entry, registry.get("a").unwrap().digest());
        // Two changes within one tick of the clock look like one.
        std::thread::sleep(std::time::Duration::from_millis(30));
        change(folder.path());
        let found = matched.unchanged().map_or_else(|error| error.to_string(), |()| "unchanged".to_owned());
        assert!(found.contains(expected), "`{expected}` is not in {found}");
    };
    check(&|_| {}, "unchanged");
    check(&|folder| drop(write(folder, "m.gguf", b"weighty")), "m.gguf: it is not the file any more");
    check(&|folder| drop(write(folder, "tokenizer/chat_template.jinja", b"")), "the engine would read it");
    check(
        &|folder| fs::remove_file(folder.join("tokenizer/tokenizer.json")).unwrap(),
        "`tokenizer.json` is registered",
    );
    // The same bytes in another file, with the old times.
    check(
        &|folder| {
            let (path, other) = (folder.join("m.gguf"), folder.join("other"));
            let old = fs::metadata(&path).unwrap().modified().unwrap();
            fs::write(&other, b"weights").unwrap();
            fs::File::open(&other).unwrap().set_modified(old).unwrap();
            fs::rename(&other, &path).unwrap();
        },
        "m.gguf: it is not the file any more",
    );
    // Other bytes in the same file, with the old times.
    check(
        &|folder| {
            let path = folder.join("m.gguf");
            let old = fs::metadata(&path).unwrap().modified().unwrap();
            fs::write(&path, b"weighty").unwrap();
            fs::File::open(&path).unwrap().set_modified(old).unwrap();
        },
        "m.gguf: it is not the file any more",
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_files_and_not_out_of_the_folder_or_in_circles() {
    use std::os::unix::fs::symlink;
    let check = |change: &dyn Fn(&Path), expected: &str| {
        let folder = good_folder();
        change(folder.path());
        let found = findings(folder.path(), good_files());
        assert!(found.contains(expected), "`{expected}` is not in {found}");
    };
    let outside = tempfile::tempdir().unwrap();
    let target = write(outside.path(), "m.gguf", b"weights");
    let linked = |folder: &Path, target: &Path| {
        fs::remove_file(folder.join("m.gguf")).unwrap();
        symlink(target, folder.join("m.gguf")).unwrap();
    };
    check(&|folder| linked(folder, &write(folder, "blobs/0123", b"weights")), "good");
    check(&|folder| linked(folder, &target), "`m.gguf` leads out of the registry's folder");
    check(&|folder| linked(folder, &folder.join("m.gguf")), "cannot read it");
    check(&|folder| symlink(folder, folder.join("tokenizer/up")).unwrap(), "a link to a folder, which is not followed");
    check(&|folder| symlink("b", folder.join("tokenizer/b")).unwrap(), "cannot read it");
    check(&|folder| symlink("/dev/zero", folder.join("tokenizer/zero")).unwrap(), "it is no regular file");
    check(&|folder| linked(folder, Path::new("/dev/zero")), "it is no regular file");
}

#[test]
fn a_folder_that_is_too_deep_or_too_full_ends() {
    let folder = good_folder();
    write(folder.path(), &format!("tokenizer/{}x", "d/".repeat(40)), b"");
    assert!(findings(folder.path(), good_files()).contains("folders deep"));
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0_u32..(1 << 20) + 77).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let path = write(folder.path(), "m", &bytes);
    let registry = registry(folder.path(), vec![entry("a", vec![named("m", &bytes)])]);
    let given = [path.clone()];
    assert!(registry.check("a", &given, &mut quiet).is_ok());
    let last = bytes.len() - 1;
    for place in [0, 1, 4095, 4096, (1 << 20) - 1, 1 << 20, last / 2, last] {
        let mut other = bytes.clone();
        other[place] ^= 1;
        fs::write(&path, &other).unwrap();
        assert!(registry.check("a", &given, &mut quiet).is_err(), "byte {place}");
    }
}

/// Somebody writes to the file while it is read: in place, and at its end, which must not go on for ever.
#[test]
fn what_changes_while_it_is_hashed_is_noticed() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let bytes = vec![7; 3 << 20];
    let check = |at: SeekFrom| {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "m", &bytes);
        let registry = registry(folder.path(), vec![entry("a", vec![named("m", &bytes)])]);
        let mut other = fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
        let mut change = |_: Progress<'_>| {
            other.seek(at).unwrap();
            other.write_all(&vec![8; 1 << 20]).unwrap();
        };
        let error = registry.check("a", &[path], &mut change).unwrap_err().to_string();
        assert!(error.contains("it is not the file any more that was hashed"), "{error}");
    };
    check(SeekFrom::Start(0));
    check(SeekFrom::End(0));
}

#[test]
fn what_is_measured_is_what_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "m.gguf", b"weights");
    let (size, sha256) = crate::measure(&path, &mut quiet).unwrap();
    assert_eq!((size, sha256), (7, Digest::of(b"weights")));
    let none = crate::measure(folder.path(), &mut quiet).unwrap_err().to_string();
    assert!(none.contains("no regular file"), "{none}");
}

/// The places that files of a random tree have.
fn trees() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let files = proptest::collection::btree_map(
        "[a-c]{1,2}(/[d-f]{1,2}){0,2}\\.x",
        proptest::collection::vec(any::<u8>(), 0..40),
        1..6,
    );
    files.prop_filter("a file is no folder", |files| {
        files.keys().all(|file| !files.keys().any(|other| other.starts_with(&format!("{file}/"))))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Random trees, registered by path or by name, then one thing is changed.
    #[test]
    fn a_tree_is_good_until_one_thing_changes(
        tree in trees(), by_path in any::<bool>(), which in any::<prop::sample::Index>(), change in 0..5, at_byte in any::<prop::sample::Index>()
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &tree {
            write(folder.path(), &format!("t/{name}"), bytes);
        }
        let register = |(name, bytes): (&String, &Vec<u8>)| {
            if by_path { at(&format!("t/{name}"), bytes) } else { named(name, bytes) }
        };
        let registry = registry(folder.path(), vec![entry("a", tree.iter().map(register).collect())]);
        let given = [folder.path().join("t")];
        let matched = registry.check("a", &given, &mut quiet);
        prop_assert!(matched.is_ok(), "{:?}", matched);
        prop_assert_eq!(matched.unwrap().files.len(), tree.len());

        let (name, bytes) = tree.iter().nth(which.index(tree.len())).unwrap();
        let path = folder.path().join("t").join(name);
        let mut other = bytes.clone();
        match change {
            0 if !bytes.is_empty() => {
                other[at_byte.index(bytes.len())] ^= 0x80;
                fs::write(&path, &other).unwrap();
            }
            0 | 1 => {
                other.push(0);
                fs::write(&path, &other).unwrap();
            }
            2 => fs::remove_file(&path).unwrap(),
            3 => fs::rename(&path, folder.path().join("t").join("moved")).unwrap(),
            _ => drop(write(folder.path(), "t/zz.new", b"")),
        }
        let found = registry.check("a", &given, &mut quiet);
        prop_assert!(matches!(found, Err(Mismatch::Files { .. })), "{:?}", found);
    }
}
