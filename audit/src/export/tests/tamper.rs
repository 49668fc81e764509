//! Files that are changed, removed or added, also by who writes the manifest anew.

use super::*;
use crate::export::manifest::Kind;

/// The file that a failure names.
fn named(dir: &Path, context: &str) -> (String, Option<u64>, String) {
    match verified(dir) {
        Err(VerifyExportError::Wrong { file, leaf, what }) => (file, leaf, what),
        Err(error) => panic!("{context}: {error}"),
        Ok(_) => panic!("{context}: overlooked"),
    }
}

fn flip(dir: &Path, file: &str, at: usize) {
    let mut bytes = fs::read(dir.join(file)).expect("read");
    let at = at % bytes.len();
    bytes[at] ^= 1;
    fs::write(dir.join(file), bytes).expect("written");
}

/// An export of each kind, with all kinds of files.
fn samples() -> Vec<(TempDir, PathBuf)> {
    let some = Selection { ids: [2, 6, 256].map(|number| request(number).to_string()).into(), ..Selection::default() };
    vec![sample(259, &ExportScope::Whole { receipts: Some(some.clone()) }), sample(259, &ExportScope::Part(some))]
}

#[test]
fn every_file_that_is_changed_removed_or_added_is_named() {
    let mut checked = 0;
    for (_dir, to) in samples() {
        for file in files(&to).into_iter().chain(["manifest.json".to_owned()]) {
            let good = fs::read(to.join(&file)).expect("read");
            let mut check = |change: &dyn Fn(), what: &str| {
                change();
                assert_eq!(named(&to, &format!("{file} {what}")).0, file, "{what}");
                fs::write(to.join(&file), &good).expect("restored");
                checked += 1;
            };
            check(&|| fs::remove_file(to.join(&file)).expect("removed"), "removed");
            check(&|| fs::write(to.join(&file), &good[..good.len() / 2]).expect("cut"), "cut");
            if file != "manifest.json" {
                check(&|| flip(&to, &file, good.len() / 3), "flipped");
                check(&|| fs::write(to.join(&file), [&good[..], b"x"].concat()).expect("longer"), "longer");
            }
        }
        for added in
            ["x", "tile/0/009", "tile/entries/000.p/3", "receipts/rec_x.txt", "tiles.tmp/x", "manifest.json.new"]
        {
            let path = to.join(added);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "x").expect("added");
            assert_eq!(named(&to, added).0, added);
            fs::remove_file(&path).expect("removed");
            checked += 1;
        }
        verified(&to).expect("as it was");
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn a_manifest_that_was_written_anew_hides_nothing() {
    for (_dir, to) in samples() {
        for file in files(&to) {
            let good = fs::read(to.join(&file)).expect("read");
            // The public keys in it are not believed anyway; a key that is no key any more is named.
            for at in [0, good.len() / 3, good.len() / 2, good.len() - 1] {
                flip(&to, &file, at);
                rewrite_manifest(&to, |_| {});
                let (name, ..) = named(&to, &format!("{file} byte {at}"));
                let pair = file.rsplit_once('.').map(|(stem, _)| stem) == name.rsplit_once('.').map(|(stem, _)| stem);
                let bundle = file.replace("tile/0/", "tile/entries/");
                assert!(name == file || name == bundle || pair, "{file} byte {at}: {name}");
                fs::write(to.join(&file), &good).expect("restored");
            }
            fs::remove_file(to.join(&file)).expect("removed");
            rewrite_manifest(&to, |_| {});
            named(&to, &format!("{file} removed"));
            fs::write(to.join(&file), &good).expect("restored");
            rewrite_manifest(&to, |manifest| {
                let note = FileNote { path: file, bytes: good.len() as u64, sha256: Digest::of(&good) };
                manifest.files.push(note);
            });
        }
        verified(&to).expect("as it was");
    }
}

#[test]
fn what_is_added_and_listed_is_named_too() {
    for (_dir, to) in samples() {
        for added in ["x", "tile/0/009", "tile/2/000.p/1", "receipts/rec_x.txt", "sub/records.jsonl"] {
            let path = to.join(added);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "x").expect("added");
            rewrite_manifest(&to, |manifest| {
                manifest.files.push(FileNote { path: added.to_owned(), bytes: 1, sha256: Digest::of(b"x") });
            });
            let (name, ..) = named(&to, added);
            assert!(name == added || name == "manifest.json", "{added}: {name}");
            fs::remove_file(&path).expect("removed");
            rewrite_manifest(&to, |_| {});
        }
    }
}

#[test]
fn a_manifest_says_nothing_that_is_not_so() {
    let (_dir, to) = sample(300, &with_receipts("bank"));
    let good = text(&to, "manifest.json");
    let check = |change: &dyn Fn(&mut Manifest), expect: &str| {
        rewrite_manifest(&to, change);
        let (_, _, what) = named(&to, expect);
        assert!(what.contains(expect), "{what}");
        fs::write(to.join("manifest.json"), &good).expect("restored");
    };
    check(&|manifest| manifest.version = 4, "has version 4");
    check(&|manifest| manifest.version = 0, "no version 0");
    check(&|manifest| manifest.format = "x".to_owned(), "format");
    check(&|manifest| manifest.size = 299, "another name, size or root");
    check(&|manifest| manifest.origin.push('x'), "another name, size or root");
    check(&|manifest| manifest.records = 299, "300 records");
    check(&|manifest| manifest.requests += 1, "requests");
    check(&|manifest| manifest.receipts += 1, "receipts");
    check(&|manifest| manifest.selection = None, "no file of an export");
    check(&|manifest| manifest.selection = Some(tenant("ward")), "it is missing");
    check(&|manifest| manifest.kind = Kind::Part, "it is missing");
    let path = |path: &'static str| move |manifest: &mut Manifest| manifest.files[0].path = path.to_owned();
    for bad in ["../x", "/etc/passwd", "a//b", "a/./b", "", "manifest.json", "c:x", "a\\b"] {
        check(&path(bad), "no path of a file");
    }
    check(&|manifest| manifest.files.push(manifest.files[0].clone()), "twice");
}

#[test]
fn lines_that_are_moved_or_doubled_are_named() {
    let (_dir, to) = sample(20, &whole());
    let good: Vec<String> = text(&to, "records.jsonl").split_inclusive('\n').map(ToOwned::to_owned).collect();
    let check = |change: &dyn Fn(&mut Vec<String>), leaf: Option<u64>| {
        let mut lines = good.clone();
        change(&mut lines);
        fs::write(to.join("records.jsonl"), lines.concat()).expect("written");
        rewrite_manifest(&to, |_| {});
        let (file, at, what) = named(&to, "lines");
        assert_eq!((file.as_str(), at), ("records.jsonl", leaf), "{what}");
    };
    check(&|lines| lines.swap(3, 4), Some(3));
    check(&|lines| drop(lines.remove(7)), Some(7));
    check(&|lines| drop(lines.pop()), Some(19));
    check(&|lines| lines.insert(5, lines[5].clone()), Some(6));
    check(&|lines| lines.push(lines[19].clone()), None);
    check(&|lines| lines[2] = lines[2].replace('\n', "\r\n"), Some(2));
    check(&|lines| lines[19] = lines[19].trim_end().to_owned(), Some(19));
    check(&|lines| lines[4] = lines[4].replacen("\"leaf\":4", "\"leaf\":04", 1), Some(4));
    check(&|lines| lines[4] = lines[4].replacen('{', "{ ", 1), Some(4));
}

#[cfg(unix)]
#[test]
fn links_are_no_files() {
    let (_dir, to) = sample(20, &whole());
    let (file, moved) = (to.join("records.csv"), to.parent().expect("a folder").join("moved"));
    fs::rename(&file, &moved).expect("moved");
    std::os::unix::fs::symlink(&moved, &file).expect("linked");
    assert_eq!(named(&to, "a link").0, "records.csv");
}
