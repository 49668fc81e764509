//! What is put there comes back, to whom it belongs, and nothing else is taken.

use std::{
    io::{self, Read},
    thread,
};

use proptest::prelude::*;

use super::*;

#[test]
fn files_come_back_as_they_were_put_at_every_length() {
    let disk = SimDisk::new();
    let (shelf, _) = open(&disk);
    let chunk = seal::CHUNK;
    let mut kept = Vec::new();
    for len in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7] {
        let text = long_text(len);
        let info = shelf.put("acme", &upload("a.txt", None), text.as_slice()).expect("put");
        assert_eq!((info.bytes, info.kind), (len as u64, Kind::Text));
        assert_eq!(text_of(&shelf, "acme", &info.id), Ok(text.clone()));
        kept.push((info, text));
    }
    let (again, report) = open(&disk);
    assert_eq!(report, ShelfReport { files: kept.len(), ..ShelfReport::default() });
    for (info, text) in &kept {
        assert_eq!(again.info("acme", &info.id).expect("info"), *info);
        assert_eq!(text_of(&again, "acme", &info.id).as_ref(), Ok(text));
    }
}

#[test]
fn parts_are_those_of_the_whole() {
    let (shelf, _) = open(&SimDisk::new());
    let text = long_text(2 * seal::CHUNK + 100);
    let id = shelf.put("acme", &upload("a.txt", None), text.as_slice()).expect("put").id;
    let check = |offset: usize, len: usize| {
        let part = shelf.read_part("acme", &id, offset as u64, len).expect("read");
        let (from, to) = (offset.min(text.len()), offset.saturating_add(len).min(text.len()));
        assert_eq!(*part, text[from..to], "{offset} {len}");
    };
    for offset in [0, 1, seal::CHUNK - 3, seal::CHUNK, 2 * seal::CHUNK + 99, 2 * seal::CHUNK + 100, usize::MAX] {
        for len in [0, 1, 10, seal::CHUNK + 5] {
            check(offset, len);
        }
    }
}

#[test]
fn a_tenant_sees_nothing_of_another() {
    let (shelf, _) = open(&SimDisk::new());
    let info = shelf.put("acme", &upload("a.txt", Some("eve")), b"secret".as_slice()).expect("put");
    for other in ["globex", "acm", "acme2"] {
        assert_eq!(shelf.list(other).expect("list"), []);
        assert!(matches!(shelf.info(other, &info.id), Err(ShelfError::NotFound { .. })));
        assert!(matches!(shelf.read(other, &info.id), Err(ShelfError::NotFound { .. })));
        assert!(matches!(shelf.delete(other, &info.id), Err(ShelfError::NotFound { .. })));
        assert!(matches!(shelf.deletable(other, &info.id), Err(ShelfError::NotFound { .. })));
        assert_eq!(
            (shelf.about(other, "eve").expect("list"), shelf.everything(other).expect("list")),
            (vec![], vec![])
        );
    }
    for wrong in ["", "../acme", "acme.x", "ACME"] {
        assert!(matches!(shelf.list(wrong), Err(ShelfError::Tenant { .. })));
        assert!(matches!(shelf.put(wrong, &upload("a.txt", None), io::empty()), Err(ShelfError::Tenant { .. })));
    }
    assert_eq!(shelf.list("acme").expect("list"), [info]);
}

#[test]
fn nothing_on_the_disk_says_what_a_file_holds() {
    let disk = SimDisk::new();
    let (shelf, _) = open(&disk);
    shelf.put("acme", &upload("payroll.txt", Some("eve")), b"salary 4711".as_slice()).expect("put");
    for (name, bytes) in everything(&disk) {
        for word in ["payroll", "salary", "4711", "eve"] {
            assert!(!holds(&bytes, word.as_bytes()) && !name.contains(word), "{word} in {name}");
        }
    }
}

#[test]
fn what_was_changed_moved_or_cut_on_the_disk_is_not_read() {
    let check = |damage: &dyn Fn(&SimDisk, &str, &str), expect: &str| {
        let disk = SimDisk::new();
        let (shelf, _) = open(&disk);
        let text = long_text(3 * seal::CHUNK);
        let ids: Vec<_> = ["acme", "globex"]
            .map(|tenant| shelf.put(tenant, &upload("a.txt", None), text.as_slice()).expect("put").id)
            .to_vec();
        damage(&disk, &format!("files/acme.{}", ids[0]), &format!("files/globex.{}", ids[1]));
        let (again, _) = open(&disk);
        let error = text_of(&again, "acme", &ids[0]).expect_err("damaged");
        assert!(error.contains(expect), "{error}");
    };
    let swap = |disk: &SimDisk, one: &str, other: &str, ending: &str| {
        let bytes = disk.read(&format!("{other}.{ending}"), 0, usize::MAX).expect("read");
        disk.truncate(&format!("{one}.{ending}"), 0).expect("cut");
        disk.append(&format!("{one}.{ending}"), &bytes).expect("written");
    };
    check(&|disk, one, _| disk.flip(&format!("{one}.body"), 70_000, 1).expect("flipped"), "not what was put");
    check(&|disk, one, _| disk.truncate(&format!("{one}.body"), 65_552).expect("cut"), "shorter or longer");
    check(&|disk, one, _| disk.append(&format!("{one}.body"), b"x").expect("longer"), "shorter or longer");
    check(&|disk, one, _| disk.remove(&format!("{one}.body")).expect("removed"), "what it held is missing");
    check(&|disk, one, other| swap(disk, one, other, "body"), "not what was put");
    check(&|disk, one, other| swap(disk, one, other, "meta"), "there is no file");
    check(&|disk, one, _| disk.flip(&format!("{one}.meta"), 2, 1).expect("flipped"), "there is no file");
    check(&|disk, one, _| disk.flip(&format!("{one}.meta"), 40, 1).expect("flipped"), "there is no file");
    check(&|disk, one, _| disk.flip(&format!("{one}.meta"), 150, 1).expect("flipped"), "there is no file");
}

#[test]
fn what_is_too_much_or_no_text_is_refused_and_leaves_nothing() {
    let disk = SimDisk::new();
    let limits = Limits { file_bytes: 100_000, total_bytes: 150_000, files: 3 };
    let (shelf, _) = Shelf::on(Arc::new(disk.clone()), wrap(), limits).expect("opened");
    let check = |sender: &mut dyn Read, expect: &str| {
        let before = everything(&disk).len();
        let result = shelf.put("acme", &upload("a.txt", None), sender).map(|info| info.bytes);
        match result {
            Ok(_) => assert!(expect.is_empty(), "{expect}"),
            Err(error) => {
                assert!(!expect.is_empty() && error.to_string().contains(expect), "{error}");
                assert_eq!(everything(&disk).len(), before, "{error}");
            }
        }
    };
    check(&mut long_text(100_001).as_slice(), "more than 100000 bytes");
    check(&mut io::repeat(b'a'), "more than 100000 bytes");
    check(&mut [0xff, 0xfe, b'a', 0].as_slice(), "byte 0 cannot");
    check(&mut "a".as_bytes().chain([0xe2].as_slice()), "byte 1 cannot");
    check(&mut long_text(70_000).chain_error(), "did not come whole");
    check(&mut long_text(100_000).as_slice(), "");
    check(&mut long_text(50_001).as_slice(), "more than 150000 bytes in all");
    check(&mut long_text(50_000).as_slice(), "");
    check(&mut io::empty(), "");
    check(&mut io::empty(), "has 3 files");
    // Another tenant has limits of its own.
    assert!(shelf.put("globex", &upload("a.txt", None), long_text(100_000).as_slice()).is_ok());
    let files = shelf.list("acme").expect("list");
    let large = files.iter().find(|info| info.bytes == 100_000).expect("there");
    shelf.delete("acme", &large.id).expect("deleted");
    check(&mut long_text(100_000).as_slice(), "");
}

trait Broken {
    fn chain_error(self) -> Box<dyn Read>;
}

impl Broken for Vec<u8> {
    /// Sends this, and then breaks off.
    fn chain_error(self) -> Box<dyn Read> {
        struct Breaks;
        impl Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        Box::new(io::Cursor::new(self).chain(Breaks))
    }
}

#[test]
fn files_that_are_sent_at_once_share_the_room_and_nothing_else() {
    let limits = Limits { file_bytes: 1 << 20, total_bytes: 4 * 150_000, files: 100 };
    let dir = tempfile::tempdir().expect("a folder");
    let (shelf, _) = Shelf::open(dir.path().join("shelf"), wrap(), limits).expect("opened");
    let shelf = Arc::new(shelf);
    let senders: Vec<_> = (0..12)
        .map(|number| {
            let shelf = Arc::clone(&shelf);
            thread::spawn(move || {
                let text = format!("{number}").repeat(150_000 / format!("{number}").len());
                shelf.put("acme", &upload("a.txt", None), text.as_bytes()).map(|info| (info.id, text)).ok()
            })
        })
        .collect();
    let kept: Vec<_> = senders.into_iter().filter_map(|sender| sender.join().expect("no panic")).collect();
    assert!((1..=4).contains(&kept.len()), "{}", kept.len());
    assert_eq!(shelf.list("acme").expect("list").len(), kept.len());
    for (id, text) in &kept {
        assert_eq!(text_of(&shelf, "acme", id).expect("read"), text.as_bytes());
    }
    let locked = Shelf::open(dir.path().join("shelf"), wrap(), limits);
    assert!(matches!(locked, Err(ShelfError::Store(_))), "two programs on one shelf");
}

#[derive(Debug)]
struct Moody(LocalWrap, std::sync::atomic::AtomicBool);

impl KeyWrap for Moody {
    fn wrap(&self, tenant: &str, id: &FileId, key: &[u8; FILE_KEY]) -> Result<Vec<u8>, WrapError> {
        self.0.wrap(tenant, id, key)
    }

    fn unwrap(
        &self,
        tenant: &str,
        id: &FileId,
        wrapped: &[u8],
    ) -> Result<zeroize::Zeroizing<[u8; FILE_KEY]>, WrapError> {
        if self.1.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(WrapError::Unavailable("away".to_owned()));
        }
        self.0.unwrap(tenant, id, wrapped)
    }
}

#[test]
fn a_wrapping_key_that_is_away_hides_nothing_for_good() {
    let disk = SimDisk::new();
    let id = open(&disk).0.put("acme", &upload("a.txt", None), b"x".as_slice()).expect("put").id;
    let moody = Arc::new(Moody(LocalWrap::new(&[7; 32]), true.into()));
    let (shelf, _) =
        Shelf::on(Arc::new(disk), Arc::clone(&moody) as Arc<dyn KeyWrap>, Limits::default()).expect("opened");
    assert!(matches!(shelf.list("acme"), Err(ShelfError::Wrap(WrapError::Unavailable(_)))));
    moody.1.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(shelf.list("acme").expect("list").len(), 1);
    moody.1.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(shelf.read("acme", &id), Err(ShelfError::Wrap(_))));
    // Nobody has to wait for it to erase something.
    let disk = SimDisk::new();
    let id = open(&disk).0.put("acme", &upload("a.txt", None), b"x".as_slice()).expect("put").id;
    let (shelf, _) = Shelf::on(Arc::new(disk.clone()), moody, Limits::default()).expect("opened");
    assert_eq!(shelf.delete("acme", &id).expect("deleted"), None);
    assert_eq!(everything(&disk), []);
}

#[derive(Debug)]
struct Rotating(LocalWrap, LocalWrap);

impl KeyWrap for Rotating {
    fn wrap(&self, tenant: &str, id: &FileId, key: &[u8; FILE_KEY]) -> Result<Vec<u8>, WrapError> {
        self.0.wrap(tenant, id, key)
    }

    fn unwrap(
        &self,
        tenant: &str,
        id: &FileId,
        wrapped: &[u8],
    ) -> Result<zeroize::Zeroizing<[u8; FILE_KEY]>, WrapError> {
        self.0.unwrap(tenant, id, wrapped).or_else(|_| self.1.unwrap(tenant, id, wrapped))
    }
}

#[test]
fn rewrapped_files_need_the_new_key_alone() {
    let disk = SimDisk::new();
    let id = open(&disk).0.put("acme", &upload("a.txt", None), b"x".as_slice()).expect("put").id;
    let new = || LocalWrap::new(&[8; 32]);
    let with = |wrap: Arc<dyn KeyWrap>| Shelf::on(Arc::new(disk.clone()), wrap, Limits::default()).expect("opened").0;
    assert_eq!(with(Arc::new(Rotating(new(), LocalWrap::new(&[7; 32])))).rewrap().expect("rewrapped"), 1);
    assert_eq!(text_of(&with(Arc::new(new())), "acme", &id), Ok(b"x".to_vec()));
    let old = open(&disk).0;
    assert_eq!((old.list("acme").expect("list"), old.unreadable("acme").expect("list")), (vec![], vec![id]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_put_is_read_again_in_whatever_pieces(text in "\\PC{0,300}", times in 1usize..600, piece in 1usize..100_000) {
        let (shelf, _) = open(&SimDisk::new());
        let text = text.repeat(times).into_bytes();
        let id = shelf.put("acme", &upload("a.md", None), Pieces(&text, piece)).expect("put").id;
        prop_assert_eq!(text_of(&shelf, "acme", &id), Ok(text));
    }
}

/// Sends some bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = &mut self.0.take(self.1 as u64);
        let read = piece.read(buffer)?;
        self.0 = &self.0[read..];
        Ok(read)
    }
}
