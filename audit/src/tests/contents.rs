//! Contents: sealed wherever they are written, bound to their place, and gone with the key.

use std::sync::Arc;

use forethought_store::{Disk, SimDisk};

use super::{ANSWER, PROMPT, SAMPLE, admission, asked, at, id, open, outcome, run, script, verified};
use crate::{
    Digest, KeyError, KeyStore, OutcomeStatus, Scope,
    seal::{self, Sealed},
};

#[test]
fn no_content_is_ever_written_in_the_clear() {
    let disk = SimDisk::new();
    assert_eq!(run(&disk, &script()), script().len());
    let mut all = Vec::new();
    for dir in ["", "log", "vault"] {
        for name in disk.list(dir).expect("listed") {
            let name = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            all.extend(disk.read(&name, 0, usize::MAX).expect("read"));
        }
    }
    let holds = |needle: &[u8]| all.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"qwen"), "the search finds what is there");
    for content in [PROMPT, ANSWER, SAMPLE] {
        for part in [content, &content[..12], &content[content.len() - 12..]] {
            assert!(!holds(part.as_bytes()), "`{part}` is in the clear");
        }
        let unsalted = Digest::of(content.as_bytes()).to_string();
        assert!(!holds(unsalted.as_bytes()), "a digest without salt can be guessed");
    }
}

#[test]
fn contents_are_shown_with_their_key_and_gone_without() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward"), outcome(2, 1, OutcomeStatus::Answered)]).expect("appended");
    let contents = |log: &crate::AuditLog| log.show(id(1).as_str(), true).expect("read").expect("there").contents;
    let shown: Vec<(String, Vec<u8>)> =
        contents(&log).into_iter().map(|content| (content.name, content.content.expect("unsealed"))).collect();
    let expect =
        [("prompt", PROMPT), ("answer", ANSWER), ("sample/0", SAMPLE), ("vote/0", ANSWER), ("sample/1", SAMPLE)];
    assert_eq!(shown, expect.map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec())));

    log.erase(&Scope::Tenant("ward".to_owned()), &asked(), at(5)).expect("erased");
    for content in contents(&log) {
        let error = content.content.expect_err("gone");
        assert!(error.is_gone(), "{error}");
        assert!(error.to_string().contains("erasure of the tenant"), "{error}");
    }
    let report = verified(&disk);
    assert!(report.passed(), "every proof still holds: {report:?}");
    assert_eq!((report.contents, report.unsealed, report.without_key), (5, 0, 5));

    // A new request makes a new key, which opens nothing that is older.
    log.append(&[admission(3, "ward"), outcome(4, 3, OutcomeStatus::Answered)]).expect("appended");
    let error = contents(&log).remove(0).content.expect_err("gone");
    assert!(error.is_gone(), "{error}");
    let report = verified(&disk);
    assert_eq!((report.passed(), report.unsealed, report.without_key), (true, 5, 5));
}

#[test]
fn equal_answers_of_one_record_have_one_commitment_and_those_of_two_have_not() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    let answered = OutcomeStatus::Answered;
    let drafts = [admission(1, "ward"), outcome(2, 1, answered), admission(3, "ward"), outcome(4, 3, answered)];
    log.append(&drafts).expect("appended");
    let votes = |number| {
        let end = log.show(id(number).as_str(), false).expect("read").expect("there").end.expect("an end");
        let crate::Body::Outcome(outcome) = end.body else { panic!("not an outcome") };
        assert_eq!(outcome.votes.len(), 1);
        assert!(outcome.samples.iter().all(|sample| sample.answer == Some(outcome.votes[0].answer)));
        outcome.votes[0].answer
    };
    assert_ne!(votes(1), votes(3));
}

#[test]
fn a_sealed_content_opens_only_under_its_key_and_label() {
    let disk = SimDisk::new();
    let mut keys = KeyStore::new(Arc::new(disk));
    let (ward, bank) = (keys.get_or_create("ward").expect("a key"), keys.get_or_create("bank").expect("a key"));
    for content in [b"".as_slice(), b"x", &[7; 5000]] {
        let (commitment, bytes) = seal::seal(&ward, &id(1), "ward", "prompt", content).expect("sealed");
        let sealed = Sealed::parse(&bytes).expect("parsed");
        assert_eq!(
            (sealed.label.record_id, sealed.label.name, sealed.label.tenant),
            (id(1).as_str(), "prompt", "ward")
        );
        assert_eq!(sealed.open(&ward).expect("opened"), (content.to_vec(), commitment.commitment));
        assert_eq!(Digest::of(&bytes), commitment.sealed);
        assert!(matches!(sealed.open(&bank), Err(KeyError::OtherKey { .. })));
        for offset in 0..bytes.len().min(200) {
            let mut wrong = bytes.clone();
            wrong[offset] ^= 1;
            assert!(Sealed::parse(&wrong).is_none_or(|sealed| sealed.open(&ward).is_err()), "byte {offset}");
        }
        for len in 0..bytes.len().min(200) {
            assert!(Sealed::parse(&bytes[..len]).is_none_or(|sealed| sealed.open(&ward).is_err()), "{len} bytes");
        }
    }
}

#[test]
fn keys_are_durable_before_they_are_given_away() {
    let whole = SimDisk::new();
    KeyStore::new(Arc::new(whole.clone())).get_or_create("ward").expect("a key");
    for at in 0..=whole.operations() {
        let disk = SimDisk::new();
        disk.power_cut(at);
        let key = KeyStore::new(Arc::new(disk.clone())).get_or_create("ward");
        for seed in 0..8 {
            let mut keys = KeyStore::new(Arc::new(disk.reopen(seed)));
            if let Ok(key) = &key {
                assert_eq!(keys.get("ward").expect("there"), *key, "cut {at}, seed {seed}");
            }
            let key = keys.get_or_create("ward").expect("a key");
            assert_eq!(keys.get("ward").expect("there"), key);
        }
    }
}

#[test]
fn a_damaged_key_file_is_named_and_not_replaced() {
    let disk = SimDisk::new();
    let mut keys = KeyStore::new(Arc::new(disk.clone()));
    keys.get_or_create("ward").expect("a key");
    for offset in 0..disk.size("keys/ward.key").expect("known") {
        disk.flip("keys/ward.key", offset, 1).expect("flipped");
        let error = keys.get_or_create("ward").expect_err("damaged");
        assert!(matches!(&error, KeyError::Damaged { file } if file == "keys/ward.key"), "byte {offset}: {error}");
        disk.flip("keys/ward.key", offset, 1).expect("flipped back");
    }
    let key = keys.get("ward").expect("whole again");
    assert!(!format!("{key:?} {keys:?}").contains(&hex::encode(key.bytes())), "no key in debug texts");
}

#[test]
fn tenant_ids_are_file_names_and_nothing_else() {
    let mut keys = KeyStore::new(Arc::new(SimDisk::new()));
    let long = "a".repeat(63);
    for good in ["a", "0", "ward-4_b", &long] {
        keys.get_or_create(good).expect("a key");
    }
    for bad in ["", "-a", "_a", "A", "a.b", "../a", "a/b", "a b", "ä", &format!("{long}a")] {
        assert!(matches!(keys.get_or_create(bad), Err(KeyError::Tenant { .. })), "{bad:?}");
    }
}
