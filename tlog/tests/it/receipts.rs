//! Receipts, and whatever shows nothing.

use forethought_tlog::{
    Checkpoint, CosigningKey, Hash, Receipt, SignedCheckpoint, SigningKey, VerifierKey, VerifyError,
    checkpoint::CheckpointError,
    inclusion_proof,
    note::NoteError,
    receipt::{MAX_PROOF, MAX_RECEIPT, ReceiptError, ReceiptFailure, Trust},
};

use crate::log::{Log, leaf};

const SIZE: u64 = 300;
const INDEX: u64 = 42;

fn signer() -> SigningKey {
    SigningKey::from_seed("log", &[1; 32]).unwrap()
}

fn witness(name: &str, seed: u8) -> CosigningKey {
    CosigningKey::from_seed(name, &[seed; 32]).unwrap()
}

fn keys(of: &[&CosigningKey]) -> Vec<VerifierKey> {
    of.iter().map(|key| key.verifier().clone()).collect()
}

fn cosigned(by: &[&CosigningKey]) -> SignedCheckpoint {
    let checkpoint = Checkpoint::new("log", SIZE, Log::of(SIZE).tree.root()).unwrap();
    let mut signed = checkpoint.clone().sign(&signer()).unwrap();
    for witness in by {
        signed.add(witness.cosign(&checkpoint, 7).unwrap()).unwrap();
    }
    signed
}

fn proof() -> Vec<Hash> {
    inclusion_proof(SIZE, INDEX, &Log::of(SIZE)).unwrap()
}

fn receipt(by: &[&CosigningKey]) -> Receipt {
    Receipt::new(vec![], INDEX, proof(), cosigned(by)).unwrap()
}

fn check(
    receipt: &Receipt,
    leaf: &Hash,
    witnesses: &[VerifierKey],
    quorum: usize,
    expected: Result<usize, ReceiptFailure>,
) {
    let log_keys = [signer().verifier().clone()];
    let trust = Trust { origin: "log", log_keys: &log_keys, witnesses, quorum };
    let shown = receipt.verify(leaf, &trust);
    assert_eq!(shown.as_ref().map(|shown| shown.cosignatures.len()), expected.as_ref().map(|expected| *expected));
    if let Ok(shown) = shown {
        assert_eq!((shown.index, shown.checkpoint.size()), (INDEX, SIZE));
    }
}

#[test]
fn a_receipt_shows_its_entry_with_enough_witnesses() {
    let (a, b, c) = (witness("a", 2), witness("b", 3), witness("c", 4));
    let (receipt, all) = (receipt(&[&a, &b]), keys(&[&a, &b, &c]));
    let too_few = |got, quorum| Err(ReceiptFailure::Witnesses { got, quorum });
    check(&receipt, &leaf(INDEX), &[], 0, Ok(0));
    check(&receipt, &leaf(INDEX), &all, 0, Ok(2));
    check(&receipt, &leaf(INDEX), &all, 2, Ok(2));
    check(&receipt, &leaf(INDEX), &all, 3, too_few(2, 3));
    check(&receipt, &leaf(INDEX), &keys(&[&a]), 2, too_few(1, 2));
    check(&receipt, &leaf(INDEX), &keys(&[&c]), 1, too_few(0, 1));
    check(&receipt, &leaf(INDEX), &[], 1, too_few(0, 1));
    check(&receipt, &leaf(INDEX + 1), &all, 2, Err(ReceiptFailure::Proof(VerifyError::Root)));
}

#[test]
fn one_witness_counts_once() {
    // One witness under two names, and twice under one.
    let (a, alias) = (witness("a", 2), witness("alias", 2));
    let once = receipt(&[&a, &alias]);
    check(&once, &leaf(INDEX), &keys(&[&a, &alias]), 2, Err(ReceiptFailure::Witnesses { got: 1, quorum: 2 }));
    let later = a.cosign(once.checkpoint().checkpoint(), 8).unwrap();
    let twice = Receipt::parse(format!("{}{later}", receipt(&[&a]))).unwrap();
    check(&twice, &leaf(INDEX), &keys(&[&a]), 2, Err(ReceiptFailure::Witnesses { got: 1, quorum: 2 }));
    check(&twice, &leaf(INDEX), &keys(&[&a]), 1, Ok(2));
    // The log is no witness of its own.
    let log = [signer().verifier().clone()];
    check(&receipt(&[]), &leaf(INDEX), &log, 1, Err(ReceiptFailure::Witnesses { got: 0, quorum: 1 }));
}

#[test]
fn what_shows_nothing_says_why() {
    let a = witness("a", 2);
    let good = receipt(&[&a]);
    let log_keys = [signer().verifier().clone()];
    let failure = |receipt: &Receipt, origin, log_keys: &[VerifierKey]| {
        let witnesses = keys(&[&a]);
        receipt.verify(&leaf(INDEX), &Trust { origin, log_keys, witnesses: &witnesses, quorum: 1 }).unwrap_err()
    };
    let other_log = CheckpointError::OtherLog { expected: "other".into(), got: "log".into() };
    assert_eq!(failure(&good, "other", &log_keys), ReceiptFailure::Checkpoint(other_log));
    let unknown = ReceiptFailure::Checkpoint(CheckpointError::Note(NoteError::Unknown));
    assert_eq!(failure(&good, "log", &[]), unknown);
    // A log may sign with a key of either kind.
    assert!(
        good.verify(&leaf(INDEX), &Trust { origin: "log", log_keys: &keys(&[&a]), witnesses: &[], quorum: 0 }).is_ok()
    );
    let moved = Receipt::new(vec![], INDEX + 1, proof(), cosigned(&[&a])).unwrap();
    assert_eq!(failure(&moved, "log", &log_keys), ReceiptFailure::Proof(VerifyError::Root));
    let outside = Receipt::new(vec![], SIZE, proof(), cosigned(&[&a])).unwrap();
    let index = VerifyError::Index { index: SIZE, size: SIZE };
    assert_eq!(failure(&outside, "log", &log_keys), ReceiptFailure::Proof(index));
    let short = Receipt::new(vec![], INDEX, proof()[1..].to_vec(), cosigned(&[&a])).unwrap();
    assert!(matches!(failure(&short, "log", &log_keys), ReceiptFailure::Proof(VerifyError::Length { .. })));
}

#[test]
fn each_changed_byte_of_a_receipt_is_refused() {
    let a = witness("a", 2);
    let text = receipt(&[&a]).to_string();
    let (log_keys, witnesses) = ([signer().verifier().clone()], keys(&[&a]));
    let trust = Trust { origin: "log", log_keys: &log_keys, witnesses: &witnesses, quorum: 1 };
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let shown = Receipt::parse(&bytes).map(|receipt| receipt.verify(&leaf(INDEX), &trust).is_ok());
            assert_ne!(shown, Ok(true), "byte {at}, bit {bit}");
        }
    }
}

fn check_form(text: &str, expected: Result<(&[u8], u64, usize), ReceiptError>) {
    let parsed = Receipt::parse(text);
    let got = parsed.as_ref().map(|one| (one.extra(), one.index(), one.proof().len()));
    assert_eq!(got, expected.as_ref().map(|expected| *expected), "{text:?}");
    assert!(parsed.is_err() || parsed.unwrap().to_string() == text, "{text:?}");
}

#[test]
fn a_receipt_has_one_form() {
    let (checkpoint, hash) = (cosigned(&[]).to_string(), leaf(1));
    let header = "c2sp.org/tlog-proof@v1\n";
    check_form(&format!("{header}index 0\n\n{checkpoint}"), Ok((b"", 0, 0)));
    check_form(&format!("{header}extra YQ==\nindex 7\n{hash}\n\n{checkpoint}"), Ok((b"a", 7, 1)));
    let most = format!("{hash}\n").repeat(MAX_PROOF);
    check_form(&format!("{header}index 7\n{most}\n{checkpoint}"), Ok((b"", 7, MAX_PROOF)));
    check_form(&format!("{header}index 7\n{most}{hash}\n\n{checkpoint}"), Err(ReceiptError::Proof));
    for wrong in ["", "c2sp.org/tlog-proof@v2\n", " c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\r\n"] {
        check_form(&format!("{wrong}index 7\n\n{checkpoint}"), Err(ReceiptError::Header));
    }
    for wrong in ["extra ", "extra  YQ==", "extra YQ", "extra YQ== ", "extra YR=="] {
        check_form(&format!("{header}{wrong}\nindex 7\n\n{checkpoint}"), Err(ReceiptError::Extra));
    }
    for wrong in
        ["", "index", "index ", "index 07", "index -1", "index +1", "extra", "extraYQ==", "index 18446744073709551616"]
    {
        check_form(&format!("{header}{wrong}\n\n{checkpoint}"), Err(ReceiptError::Index));
    }
    check_form(&format!("{header}extra YQ==\nextra YQ==\nindex 7\n\n{checkpoint}"), Err(ReceiptError::Index));
    check_form(&format!("{header}index 7\n{hash} \n\n{checkpoint}"), Err(ReceiptError::Proof));
    check_form(&format!("{header}index 7\n{hash}"), Err(ReceiptError::Proof));
    check_form(&format!("{header}extra YQ=="), Err(ReceiptError::Extra));
    assert!(matches!(Receipt::parse(format!("{header}index 7\n\n")), Err(ReceiptError::Checkpoint(_))));
    assert_eq!(Receipt::parse([header.as_bytes(), b"\xff"].concat()), Err(ReceiptError::Utf8));
    assert_eq!(Receipt::parse(vec![b'x'; MAX_RECEIPT + 1]), Err(ReceiptError::TooLong));
    let long = Receipt::new(vec![], 0, vec![hash; MAX_PROOF + 1], cosigned(&[]));
    assert_eq!(long, Err(ReceiptError::Proof));
}

#[test]
fn what_is_made_can_be_read() {
    let made = |extra: usize| Receipt::new(vec![7; extra], 0, vec![], cosigned(&[]));
    for extra in [0, 1, 499_999, 500_000, 1_400_000] {
        let receipt = made(extra).unwrap();
        assert_eq!(Receipt::parse(receipt.to_string()), Ok(receipt), "{extra}");
    }
    assert_eq!(made(1_500_000), Err(ReceiptError::TooLong));
}
