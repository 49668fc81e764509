//! What the log shows of itself to those who check it.

use std::{collections::BTreeMap, sync::Arc};

use forethought_store::{Disk, SimDisk};
use forethought_tlog::{
    Hash, SignedCheckpoint, TilePath, TileSource, VerifierKey, leaf_hash,
    receipt::Trust,
    tile::{decode_bundle, decode_tile},
    verify_consistency, verify_inclusion,
};

use super::{admission, at, id, open, outcome, request, run, script, verified};
use crate::{AuditError, AuditLog, OutcomeStatus, Signer};

fn signer() -> Signer {
    Signer::generate(Some("example.com/log")).expect("a key").0
}

/// Somebody who has nothing but what the log serves.
struct Reader<'l>(&'l AuditLog);

impl TileSource for Reader<'_> {
    type Error = String;

    fn tile(&self, level: u8, index: u64, width: u16) -> Result<Vec<Hash>, String> {
        let path = TilePath::Tile { level, index, width };
        let bytes = self.0.tile(&path).map_err(|error| error.to_string())?.ok_or("not there")?;
        decode_tile(&bytes).map_err(|error| error.to_string())
    }
}

/// Admissions and outcomes of so many requests, in batches of some.
fn filled(disk: &SimDisk, requests: u32) -> AuditLog {
    let (mut log, _) = open(disk).expect("opens");
    for first in (1..=requests).step_by(3) {
        let numbers = first..(first + 3).min(requests + 1);
        let admissions: Vec<_> = numbers.clone().map(|number| admission(2 * number, "ward")).collect();
        log.append(&admissions).expect("appended");
        let outcomes: Vec<_> =
            numbers.map(|number| outcome(2 * number + 1, 2 * number, OutcomeStatus::Answered)).collect();
        log.append(&outcomes).expect("appended");
    }
    log
}

#[test]
fn every_record_is_in_the_tree_that_is_served() {
    let disk = SimDisk::new();
    let log = filled(&disk, 330);
    let size = log.tree_size();
    assert_eq!(size, 660);
    let mut leaves = Vec::new();
    for (index, width) in [(0, 256), (1, 256), (2, 148)] {
        let bundle = log.tile(&TilePath::Entries { index, width }).expect("read").expect("there");
        leaves.extend(decode_bundle(&bundle).expect("a bundle").iter().map(|entry| leaf_hash(entry)));
    }
    assert_eq!(leaves.len() as u64, size);
    for (at, leaf) in leaves.iter().enumerate() {
        let (tile, width) = (at as u64 / 256, u16::try_from(at % 256 + 1).unwrap());
        assert_eq!(Reader(&log).tile(0, tile, width).unwrap().last(), Some(leaf));
    }
    for number in [2, 3, 4, 300, 511, 512, 513, 660, 661] {
        let proof = log.prove(id(number).as_str()).expect("read").remove(0);
        let text = String::from_utf8(proof.entry.clone()).expect("JSON");
        assert!(text.contains(&format!("\"record_id\":\"{}\"", id(number))), "{text}");
        verify_inclusion(proof.leaf, proof.size, &leaf_hash(&proof.entry), &proof.root, &proof.path).expect("holds");
    }
    assert_eq!(log.prove(request(2).as_str()).expect("read").len(), 2, "both records of a request");
    assert_eq!(log.prove("rec_none").expect("read"), []);
    for path in ["tile/0/002.p/149", "tile/0/003", "tile/entries/002", "tile/1/000", "tile/1/000.p/3", "tile/9/000"] {
        assert_eq!(log.tile(&path.parse().expect(path)).expect("read"), None, "{path}");
    }
}

#[test]
fn checkpoints_are_consistent_with_one_another_also_over_restarts() {
    let (disk, signer) = (SimDisk::new(), signer());
    let keys: Vec<VerifierKey> = signer.verifiers().cloned().collect();
    let mut seen: BTreeMap<u64, Hash> = BTreeMap::new();
    let (mut log, _) = open(&disk).expect("opens");
    for batch in script() {
        for restart in [false, true] {
            if restart {
                drop(log);
                log = open(&disk).expect("opens again").0;
            }
            let text = log.checkpoint(&signer).expect("signed").to_string();
            let checkpoint = SignedCheckpoint::parse(&text).expect("a checkpoint");
            let claim = checkpoint.verify("example.com/log", &keys).expect("holds");
            assert_eq!((claim.size(), *claim.root()), (log.tree_size(), log.tree_root()));
            for (old, root) in &seen {
                let proof = forethought_tlog::consistency_proof(*old, claim.size(), &Reader(&log)).expect("proved");
                verify_consistency(*old, root, claim.size(), claim.root(), &proof).expect("consistent");
            }
            seen.insert(claim.size(), *claim.root());
        }
        log.append(&batch).ok();
    }
    assert!(seen.len() > 4);
}

#[test]
fn a_receipt_needs_nothing_else() {
    let (disk, signer) = (SimDisk::new(), signer());
    let log = filled(&disk, 9);
    let keys: Vec<VerifierKey> = signer.verifiers().cloned().collect();
    let trust = Trust { origin: "example.com/log", log_keys: &keys, witnesses: &[], quorum: 0 };
    let receipts = log.receipts(request(4).as_str(), &signer).expect("made");
    assert_eq!(receipts.len(), 2);
    for (receipt, entry) in receipts {
        let receipt = forethought_tlog::Receipt::parse(receipt.to_string()).expect("a receipt");
        receipt.verify(&leaf_hash(&entry), &trust).expect("holds");
        let mut other = entry.clone();
        other[30] ^= 1;
        receipt.verify(&leaf_hash(&other), &trust).expect_err("another entry");
    }
    assert_eq!(log.receipts("req_none", &signer).expect("none").len(), 0);
}

#[test]
fn a_log_that_lost_what_it_claimed_signs_no_more_in_its_name() {
    let (disk, signer) = (SimDisk::new(), signer());
    run(&disk, &script());
    let (log, _) = open(&disk).expect("opens");
    log.checkpoint(&signer).expect("signed");
    drop(log);
    // As if the disk had not kept what it said it would: all but the first record.
    let other = SimDisk::new();
    let (mut log, _) = open(&other).expect("opens");
    log.append(&[admission(1, "ward")]).expect("appended");
    drop(log);
    let lost = other.reopen(0);
    let claimed = disk.read("log/checkpoint", 0, 9999).expect("kept");
    lost.create("log/checkpoint").expect("created");
    lost.append("log/checkpoint", &claimed).expect("written");
    assert!(verified(&lost).failure.is_some());
    let (mut log, _) = open(&lost).expect("opens all the same");
    log.append(&[admission(90, "ward")]).expect("requests go on");
    let error = log.checkpoint(&signer).expect_err("never signed");
    assert!(matches!(error, AuditError::Contradicted { .. }), "{error}");
    let renamed = Signer::generate(Some("example.com/log-2")).expect("a key").0;
    log.checkpoint(&renamed).expect("another log may begin");
    drop(log);
    let (log, _) = open(&lost).expect("opens");
    log.checkpoint(&renamed).expect("and goes on");
}

#[test]
fn both_keys_sign_while_they_are_rotated() {
    let seed = |byte: u8| forethought_tlog::SigningKey::from_seed("example.com/log", &[byte; 32]).expect("a key");
    let text = format!("# old\n{}\n\n{}\n", seed(1).private_text().unwrap(), seed(2).private_text().unwrap());
    let signer = Signer::read(&text).expect("both");
    let (log, _) = open(&SimDisk::new()).expect("opens");
    let checkpoint = log.checkpoint(&signer).expect("signed");
    for byte in [1, 2] {
        checkpoint.verify("example.com/log", &[seed(byte).verifier().clone()]).expect("either is enough");
    }
    let alone = Signer::read(&seed(2).private_text().unwrap()).expect("one");
    assert_eq!(alone.verifiers().count(), 1);
}

#[test]
fn wrong_keys_are_told_with_their_line() {
    let key = |name: &str| forethought_tlog::SigningKey::from_seed(name, &[7; 32]).unwrap().private_text().unwrap();
    let check = |text: &str, expect: &str| {
        let error = Signer::read(text).expect_err("wrong").to_string();
        assert!(error.contains(expect), "{error}");
    };
    check("", "hold none");
    check("# nothing\n", "hold none");
    check(&format!("{}\nx\n", key("a")), "line 2");
    check(&format!("{}\n{}\n", key("a"), key("b")), "line 2");
    let changed = key("a").replace("+a+", "+b+");
    check(&changed, "line 1");
}

#[test]
fn a_key_is_made_once_and_kept() {
    let disk = SimDisk::new();
    let first = Signer::load_or_create(&disk, None).expect("made");
    let again = Signer::load_or_create(&disk.reopen(0), Some("other/name")).expect("kept");
    assert_eq!(first.verifiers().collect::<Vec<_>>(), again.verifiers().collect::<Vec<_>>());
    assert!(first.origin().starts_with("forethought/"));
    assert!(Signer::load_or_create(&SimDisk::new(), Some("no spaces")).is_err());
}

#[test]
fn a_record_that_is_too_long_for_an_entry_is_a_leaf_by_its_digest() {
    let disk = SimDisk::new();
    let options = forethought_store::JournalOptions::default();
    let index = forethought_store::Index::temporary().expect("an index");
    let (mut log, _) = AuditLog::open_on(Arc::new(disk.clone()), index, options, at(0)).expect("opens");
    let mut large = outcome(3, 1, OutcomeStatus::Answered);
    if let crate::Draft::Outcome(draft) = &mut large {
        draft.samples = (0..400).map(super::sample).collect();
    }
    let appended = log.append(&[admission(1, "ward"), large]).expect("appended");
    let proof = log.prove(id(3).as_str()).expect("read").remove(0);
    let text = String::from_utf8(proof.entry.clone()).expect("JSON");
    assert!(text.len() < 300 && text.contains(&appended[1].hash.to_string()), "{text}");
    verify_inclusion(proof.leaf, proof.size, &leaf_hash(&proof.entry), &proof.root, &proof.path).expect("holds");
    let bundle = log.tile(&TilePath::Entries { index: 0, width: 2 }).expect("read").expect("there");
    assert_eq!(decode_bundle(&bundle).expect("a bundle")[1], proof.entry);
    drop(log);
    assert!(verified(&disk).passed());
}
