//! Receipts made beside a server that writes the log.

use std::sync::Arc;

use forethought_store::{Disk, SimDisk};
use forethought_tlog::{leaf_hash, receipt::Trust};

use super::{admission, id, log_of, outcome, request};
use crate::{AuditError, AuditReader, OutcomeStatus, ProveError, Signer};

fn reader(disk: &SimDisk) -> AuditReader {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    AuditReader::open_on(&disk).expect("readable")
}

fn signer() -> Signer {
    Signer::generate(Some("example.com/log")).expect("a key").0
}

/// That every record of the log has a receipt that verifies.
fn check_all(disk: &SimDisk, signer: &Signer, records: u32) {
    let keys: Vec<_> = signer.verifiers().cloned().collect();
    let reader = reader(disk);
    for number in 0..records {
        let receipts = reader.prove(id(number).as_str()).expect("proved");
        let [(receipt, entry)] = receipts.as_slice() else { panic!("{} receipts", receipts.len()) };
        let trust = Trust { origin: "example.com/log", log_keys: &keys, witnesses: &[], quorum: 0 };
        let shown = receipt.verify(&leaf_hash(entry), &trust).expect("verifies");
        assert_eq!(shown.index, u64::from(number));
    }
}

#[test]
fn every_record_is_proved_with_tiles_and_without_them() {
    let disk = SimDisk::new();
    let (log, signer) = (log_of(&disk, 600), signer());
    log.checkpoint(&signer).expect("signed");
    check_all(&disk, &signer, 600);
    // Has the tiles be durable, too.
    drop(log);
    for name in ["log/hashes-0", "log/hashes-1"] {
        let bare = disk.reopen(0);
        bare.remove(name).expect("removed");
        check_all(&bare, &signer, 600);
    }
}

#[test]
fn tiles_that_are_wrong_are_not_believed() {
    let disk = SimDisk::new();
    let (log, signer) = (log_of(&disk, 600), signer());
    log.checkpoint(&signer).expect("signed");
    drop(log);
    for (name, at) in [("log/hashes-0", 5), ("log/hashes-0", 300 * 32), ("log/hashes-1", 33)] {
        let wrong = disk.reopen(0);
        wrong.flip(name, at, 1).expect("flipped");
        check_all(&wrong, &signer, 600);
    }
}

#[test]
fn a_request_has_the_receipts_of_all_its_records() {
    let disk = SimDisk::new();
    let (log, signer) = (log_of(&disk, 40), signer());
    log.checkpoint(&signer).expect("signed");
    let receipts = reader(&disk).prove(request(6).as_str()).expect("proved");
    assert_eq!(receipts.len(), 2);
}

#[test]
fn what_cannot_be_proved_is_told() {
    let disk = SimDisk::new();
    let (mut log, signer) = (log_of(&disk, 40), signer());
    let check = |of: &str, expected: &str| {
        let error = reader(&disk).prove(of).expect_err("no receipt");
        assert!(error.to_string().contains(expected), "{error}");
        error
    };
    check(id(1).as_str(), "no signed checkpoint");
    log.checkpoint(&signer).expect("signed");
    check("rec_0", "no request or record `rec_0`");
    log.append(&[admission(100, "ward"), outcome(101, 100, OutcomeStatus::Answered)]).expect("appended");
    let error = check(id(101).as_str(), "ask again");
    assert!(matches!(error, ProveError::NotSigned { leaf: 41, size: 40, .. }), "{error}");
    log.checkpoint(&signer).expect("signed");
    assert_eq!(reader(&disk).prove(request(100).as_str()).expect("proved").len(), 2);
}

#[test]
fn a_checkpoint_of_another_log_proves_nothing() {
    let (disk, other) = (SimDisk::new(), SimDisk::new());
    let (_log, longer, signer) = (log_of(&disk, 40), log_of(&other, 60), signer());
    longer.checkpoint(&signer).expect("signed");
    let note = other.read("log/checkpoint", 0, usize::MAX).expect("read");
    disk.create("log/checkpoint").expect("created");
    disk.append("log/checkpoint", &note).expect("written");
    let error = reader(&disk).prove(id(1).as_str()).expect_err("no receipt");
    assert!(matches!(error, ProveError::Audit(AuditError::Contradicted { claimed: 60, size: 40, .. })), "{error}");
}
