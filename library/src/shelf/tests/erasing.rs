//! What is erased is gone: for readers, on the disk, and after a restart.

use super::*;

fn meta(id: &FileId) -> String {
    format!("files/acme.{id}.meta")
}

#[test]
fn an_erased_file_is_gone_and_its_key_with_it() {
    let disk = SimDisk::new();
    let (shelf, _) = open(&disk);
    let info = shelf.put("acme", &upload("a.txt", None), long_text(100_000).as_slice()).expect("put");
    let record = disk.read(&meta(&info.id), 0, usize::MAX).expect("read");
    let wrapped = record[10..82].to_vec();
    assert_eq!(shelf.delete("acme", &info.id).expect("deleted"), Some(info.clone()));
    assert!(matches!(shelf.read("acme", &info.id), Err(ShelfError::NotFound { .. })));
    assert!(matches!(shelf.delete("acme", &info.id), Err(ShelfError::NotFound { .. })));
    assert_eq!((shelf.list("acme").expect("list"), everything(&disk)), (vec![], vec![]));
    for seed in 0..20 {
        let after = everything(&disk.reopen(seed));
        assert!(after.iter().all(|(_, bytes)| !holds(bytes, &wrapped)), "the key is still there");
    }
}

#[test]
fn whoever_reads_gets_no_more_once_it_is_erased() {
    let (shelf, _) = open(&SimDisk::new());
    let info = shelf.put("acme", &upload("a.txt", None), long_text(3 * seal::CHUNK).as_slice()).expect("put");
    let read = || shelf.read("acme", &info.id).expect("read");
    let (mut reading, mut pieces, mut whole) = (read(), read(), read());
    let mut first = vec![0; seal::CHUNK];
    reading.read_exact(&mut first).expect("the first chunk");
    assert_eq!(*pieces.piece().expect("the first piece"), first);
    let lengths: Vec<usize> = (0..4).map(|_| whole.piece().expect("a piece").len()).collect();
    assert_eq!(lengths, [seal::CHUNK, seal::CHUNK, seal::CHUNK, 0]);
    shelf.delete("acme", &info.id).expect("deleted");
    assert!(matches!(pieces.piece(), Err(ShelfError::Erased { .. })));
    let error = reading.read(&mut first).expect_err("no more");
    assert!(error.to_string().contains("was erased"), "{error}");
}

#[test]
fn a_person_is_forgotten_and_nobody_else() {
    let (shelf, _) = open(&SimDisk::new());
    let put = |name: &str, subject| shelf.put("acme", &upload(name, subject), b"x".as_slice()).expect("put");
    let (one, two) = (put("1.txt", Some("eve")), put("2.csv", Some("eve")));
    let kept = [put("3.txt", Some("Eve")), put("4.txt", None), put("5.txt", Some("eve "))];
    shelf.put("globex", &upload("6.txt", Some("eve")), b"x".as_slice()).expect("put");
    let mut erased = forget(&shelf, shelf.about("acme", "eve")).expect("erased");
    erased.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(erased, [one, two]);
    assert_eq!((shelf.list("acme").expect("list").len(), shelf.list("globex").expect("list").len()), (kept.len(), 1));
    assert_eq!(forget(&shelf, shelf.everything("acme")).expect("erased").len(), kept.len());
    assert_eq!((shelf.list("acme").expect("list").len(), shelf.list("globex").expect("list").len()), (0, 1));
}

#[test]
fn a_file_of_which_nobody_can_say_whom_it_is_about_is_told_and_can_be_erased() {
    let disk = SimDisk::new();
    let id = open(&disk).0.put("acme", &upload("a.txt", Some("eve")), b"x".as_slice()).expect("put").id;
    disk.flip(&meta(&id), 20, 1).expect("flipped");
    let (shelf, _) = open(&disk);
    assert_eq!(shelf.about("acme", "eve").expect("list"), []);
    assert_eq!(shelf.unreadable("acme").expect("list"), std::slice::from_ref(&id));
    assert_eq!(shelf.everything("acme").expect("list"), std::slice::from_ref(&id));
    assert_eq!(shelf.deletable("acme", &id).expect("it is there"), None);
    assert_eq!(shelf.delete("acme", &id).expect("deleted"), None);
    assert_eq!((shelf.unreadable("acme").expect("list"), everything(&disk)), (vec![], vec![]));
}

#[test]
fn an_erasure_that_the_disk_breaks_off_is_finished_by_the_next_call_or_start() {
    let disk = SimDisk::new();
    let (shelf, _) = open(&disk);
    let put = || shelf.put("acme", &upload("a.txt", Some("eve")), b"x".as_slice()).expect("put").id;
    let (one, two) = (put(), put());
    disk.fail_syncs(true);
    for id in [&one, &two] {
        assert!(matches!(shelf.delete("acme", id), Err(ShelfError::Unfinished { .. })));
        assert!(matches!(shelf.read("acme", id), Err(ShelfError::NotFound { .. })), "nobody reads it");
        assert_eq!(shelf.deletable("acme", id).expect("it can be deleted once more"), None);
    }
    let error = forget(&shelf, shelf.about("acme", "eve")).expect_err("an unfinished erasure is not called done");
    assert!(matches!(error, ShelfError::Unfinished { .. }), "{error}");
    disk.fail_syncs(false);
    assert_eq!(shelf.delete("acme", &one).expect("finished"), None);
    let (again, report) = open(&disk);
    assert_eq!((report.erased, report.files), (1, 0));
    assert_eq!((again.list("acme").expect("list"), everything(&disk)), (vec![], vec![]));
    assert_eq!(forget(&shelf, shelf.about("acme", "eve")).expect("finished"), []);
    assert!(matches!(shelf.deletable("acme", &one), Err(ShelfError::NotFound { .. })));
}

/// Deletes these, and gives what was known of them.
fn forget(shelf: &Shelf, files: Result<Vec<FileId>, ShelfError>) -> Result<Vec<FileInfo>, ShelfError> {
    Ok(files?.iter().map(|id| shelf.delete("acme", id)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

#[test]
fn watchers_are_told_of_each_file() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<(String, FileId)>>);
    impl Watcher for Seen {
        fn erased(&self, tenant: &str, id: &FileId) {
            self.0.lock().unwrap().push((tenant.to_owned(), id.clone()));
        }
    }
    let (shelf, _) = open(&SimDisk::new());
    let seen = Arc::new(Seen::default());
    shelf.watch(Arc::downgrade(&seen) as Weak<dyn Watcher>);
    let id = shelf.put("acme", &upload("a.txt", None), b"x".as_slice()).expect("put").id;
    shelf.delete("acme", &FileId::generate().unwrap()).expect_err("not there");
    shelf.delete("acme", &id).expect("deleted");
    assert_eq!(*seen.0.lock().unwrap(), [("acme".to_owned(), id)]);
}
