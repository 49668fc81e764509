//! Damage: at the end it is cut back and kept, anywhere else it is an error.

use std::sync::Arc;

use super::{SMALL, append, contents, open, run, script};
use crate::{Disk, Journal, JournalOptions, RealDisk, SimDisk, StoreError, journal::format};

fn image(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list("").expect("listed").into_iter().filter(|name| !name.contains("outline"));
    names
        .into_iter()
        .map(|name| {
            let bytes = disk.read(&name, 0, usize::MAX).expect("read");
            (name, bytes)
        })
        .collect()
}

#[test]
fn a_torn_tail_is_cut_back_and_kept() {
    let disk = SimDisk::new();
    let (mut journal, _) = open(&disk).expect("opens");
    append(&mut journal, &vec![(1, b"whole".to_vec())]).expect("appended");
    let (name, before) = image(&disk).remove(0);
    append(&mut journal, &vec![(1, b"torn".to_vec()), (2, b"too".to_vec())]).expect("appended");
    let (_, after) = image(&disk).remove(0);
    for len in before.len() + 1..after.len() {
        let disk = disk.reopen(0);
        disk.truncate(&name, len as u64).expect("truncated");
        let (mut journal, report) = open(&disk).expect("opens");
        let tail = report.tail.expect("reported");
        assert_eq!((tail.segment.as_str(), tail.offset), (name.as_str(), before.len() as u64));
        assert_eq!(tail.bytes, (len - before.len()) as u64);
        let kept = disk.read(&tail.kept_as.expect("kept"), 0, usize::MAX).expect("read");
        assert_eq!(kept, after[before.len()..len]);
        assert_eq!(contents(&journal), [(1, b"whole".to_vec())]);
        assert_eq!(append(&mut journal, &vec![(1, b"next".to_vec())]).expect("appended"), 2..3);
    }
}

#[test]
fn a_flipped_byte_is_never_overlooked() {
    let whole = SimDisk::new();
    run(&whole, &script());
    let files = image(&whole);
    let (last, _) = files.last().expect("a segment").clone();
    let held: u64 = script().concat().len() as u64;
    for (name, bytes) in files {
        for offset in 0..bytes.len() {
            let disk = whole.reopen(0);
            disk.flip(&name, offset as u64, 1 << (offset % 8)).expect("flipped");
            let reader = Journal::read_only(Arc::new(disk.clone())).expect("readable");
            let found = reader.entries().find_map(Result::err);
            assert!(found.is_some(), "{name} byte {offset}: reading overlooks it");
            let before = image(&disk);
            match open(&disk) {
                Err(StoreError::Damaged { segment, offset: at, .. }) => {
                    assert_eq!(segment, name);
                    assert!(at <= offset as u64);
                    assert_eq!(image(&disk), before, "{name} byte {offset}: an error changes nothing");
                }
                Err(error) => panic!("{name} byte {offset}: {error}"),
                Ok((journal, report)) => {
                    let tail = report.tail.expect("reported");
                    assert_eq!((&name, &tail.segment), (&last, &last), "only the last batch may be a tail");
                    assert!(journal.last_seq() + 3 >= held);
                }
            }
        }
    }
}

#[test]
fn a_missing_or_misplaced_segment_is_an_error() {
    let whole = SimDisk::new();
    run(&whole, &script());
    let files = image(&whole);
    for (name, _) in &files[..files.len() - 1] {
        let disk = whole.reopen(0);
        disk.remove(name).expect("removed");
        let error = open(&disk).expect_err("refused");
        assert!(matches!(error, StoreError::Damaged { .. }), "{name}: {error}");
    }
    let disk = whole.reopen(0);
    disk.rename(&files[1].0, &files[0].0).expect("renamed");
    let error = open(&disk).expect_err("refused");
    assert!(error.to_string().contains("the header says"), "{error}");
}

#[test]
fn a_newer_version_is_refused_and_left_alone() {
    let disk = SimDisk::new();
    run(&disk, &script());
    let (name, mut bytes) = image(&disk).pop().expect("a segment");
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    disk.remove(&name).expect("removed");
    disk.create(&name).expect("created");
    disk.append(&name, &bytes[..bytes.len() - 1]).expect("written");
    let before = image(&disk);
    let error = open(&disk).expect_err("refused");
    assert!(matches!(&error, StoreError::NewerVersion { found: 2, supported: 1, .. }), "{error}");
    assert!(error.to_string().contains("run the newer program"), "{error}");
    assert_eq!(image(&disk), before);
}

#[test]
fn an_empty_folder_is_no_journal_to_read() {
    let error = Journal::read_only(Arc::new(SimDisk::new())).expect_err("refused");
    assert!(matches!(error, StoreError::NoJournal { .. }), "{error}");
}

#[test]
fn headers_say_what_is_wrong_with_them() {
    let check = |bytes: &[u8], expect: &str| {
        let header = format::decode_header(bytes);
        assert!(format!("{header:?}").contains(expect), "{header:?}");
    };
    let good = format::encode_header(7);
    assert_eq!(good.len(), format::HEADER_BYTES);
    check(&good, "Good(7)");
    check(&good[..23], "incomplete");
    check(&[0; 24], "does not begin");
    check(&[&good[..12], &[9], &good[13..]].concat(), "checksum");
}

#[test]
fn a_real_directory_works_as_the_simulated_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let open = || Journal::open(Arc::new(RealDisk::open(dir.path()).expect("opens")), SMALL).expect("opens");
    let (mut journal, _) = open();
    for batch in script() {
        append(&mut journal, &batch).expect("appended");
    }
    let live = Journal::read_only(Arc::new(RealDisk::read_only(dir.path()).expect("opens"))).expect("readable");
    assert!(live.in_use());
    assert_eq!(live.entries().flatten().count(), script().concat().len());
    drop(journal);
    let (journal, report) = open();
    assert_eq!(report.tail, None);
    assert_eq!(contents(&journal), script().concat());
}

#[test]
fn only_the_last_batch_of_all_can_be_a_torn_tail() {
    let whole = SimDisk::new();
    let open = |disk: &SimDisk| Journal::open(Arc::new(disk.clone()), JournalOptions::default());
    let (mut journal, _) = open(&whole).expect("opens");
    let (last, before) = script().pop().map(|last| (last, script().len() - 1)).expect("a batch");
    for batch in &script()[..before] {
        append(&mut journal, batch).expect("appended");
    }
    let (name, bytes) = image(&whole).remove(0);
    append(&mut journal, &last).expect("appended");
    let end = whole.size(&name).expect("known");
    for offset in 0..end {
        let disk = whole.reopen(0);
        disk.flip(&name, offset, 0x10).expect("flipped");
        match open(&disk) {
            // Something that was acknowledged stands behind it, so it was once whole.
            Err(StoreError::Damaged { .. }) => assert!(offset < bytes.len() as u64, "byte {offset}"),
            Err(error) => panic!("byte {offset}: {error}"),
            Ok((journal, report)) => {
                assert!(offset >= bytes.len() as u64, "byte {offset}: acknowledged entries are cut");
                assert_eq!(report.tail.expect("reported").offset, bytes.len() as u64);
                assert_eq!(contents(&journal), script()[..before].concat());
            }
        }
    }
}

#[test]
fn a_batch_that_is_missing_in_the_middle_is_no_torn_tail() {
    let whole = SimDisk::new();
    let (mut journal, _) = open(&whole).expect("opens");
    let mut ends = vec![whole.size(&image(&whole)[0].0).expect("known")];
    for number in 0..3 {
        append(&mut journal, &vec![(number, vec![number; 9])]).expect("appended");
        ends.push(whole.size(&image(&whole)[0].0).expect("known"));
    }
    let (name, bytes) = image(&whole).remove(0);
    for batch in 0..2 {
        let (from, to) = (usize::try_from(ends[batch]).unwrap(), usize::try_from(ends[batch + 1]).unwrap());
        let disk = whole.reopen(0);
        disk.truncate(&name, ends[batch]).expect("truncated");
        disk.append(&name, &bytes[to..]).expect("written");
        let before = image(&disk);
        let error = open(&disk).expect_err("refused");
        let place = |error: &StoreError| matches!(error, StoreError::Damaged { offset, .. } if *offset == from as u64);
        assert!(place(&error) && error.to_string().contains("its number is"), "batch {batch}: {error}");
        assert_eq!(image(&disk), before, "nothing is cut away");
    }
}

#[test]
fn a_cut_is_told_until_it_is_recorded() {
    let disk = SimDisk::new();
    let (mut journal, _) = open(&disk).expect("opens");
    append(&mut journal, &vec![(1, b"whole".to_vec())]).expect("appended");
    let (name, _) = image(&disk).remove(0);
    disk.append(&name, b"torn").expect("written");
    let (_, first) = open(&disk).expect("opens");
    let cut = first.tail.expect("cut");
    disk.append(&name, b"again").expect("written");
    let (_, second) = open(&disk.reopen(0)).expect("opens");
    assert_eq!((second.tail, second.earlier), (None, vec![cut.clone()]), "the power went");
    let (_, third) = open(&disk).expect("opens");
    assert_eq!((third.tail.as_ref().map(|tail| tail.bytes), &third.earlier), (Some(5), &vec![cut]));
    let (journal, fourth) = open(&disk).expect("opens");
    assert_eq!((fourth.tail, fourth.earlier.len()), (None, 2));
    journal.recovery_recorded().expect("forgotten");
    let (_, fifth) = open(&disk.reopen(0)).expect("opens");
    assert_eq!((fifth.tail, fifth.earlier), (None, vec![]));
}

#[test]
fn a_cut_that_the_power_interrupts_is_told_once() {
    let whole = SimDisk::new();
    let (mut journal, _) = open(&whole).expect("opens");
    append(&mut journal, &vec![(1, b"whole".to_vec())]).expect("appended");
    let (name, _) = image(&whole).remove(0);
    whole.append(&name, b"torn").expect("written");
    whole.sync_file(&name).expect("synced");
    for at in 0..16 {
        let disk = whole.reopen(0);
        disk.power_cut(at);
        drop(open(&disk));
        for seed in 0..4 {
            let disk = disk.reopen(seed);
            let (_, report) = open(&disk).expect("opens");
            let cuts: Vec<_> = report.earlier.iter().chain(&report.tail).collect();
            assert_eq!(cuts.len(), 1, "cut {at}, seed {seed}: {cuts:?}");
            let kept = cuts[0].kept_as.as_deref().expect("kept");
            assert_eq!(disk.read(kept, 0, 99).expect("read"), b"torn", "cut {at}, seed {seed}");
        }
    }
}
