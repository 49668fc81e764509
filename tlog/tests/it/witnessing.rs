//! A log and a witness: what is cosigned, what is refused and how, and that nobody is shown two histories.

use forethought_tlog::{
    Checkpoint, CosigningKey, EMPTY_ROOT, Hash, SignedCheckpoint, SigningKey, VerifierKey, consistency_proof,
    leaf_hash,
    note::NoteError,
    root_at,
    witness::{
        AddCheckpoint, AnswerError, Decision, MAX_PROOF, MAX_REQUEST, RequestError, TreeHead, cosignatures_in, decide,
        encode_cosignatures, size_in,
    },
};
use proptest::prelude::*;

use crate::log::{Log, leaf};

fn signer() -> SigningKey {
    SigningKey::from_seed("log", &[1; 32]).unwrap()
}

fn keys() -> Vec<VerifierKey> {
    vec![signer().verifier().clone()]
}

fn signed(size: u64, root: Hash) -> SignedCheckpoint {
    Checkpoint::new("log", size, root).unwrap().sign(&signer()).unwrap()
}

fn head(log: &Log, size: u64) -> TreeHead {
    TreeHead { size, root: root_at(size, log).unwrap() }
}

fn request(log: &Log, old: u64, new: u64) -> AddCheckpoint {
    let proof = consistency_proof(old, new, log).unwrap();
    AddCheckpoint::new(old, proof, signed(new, root_at(new, log).unwrap())).unwrap()
}

fn check(known: Option<TreeHead>, request: &AddCheckpoint, status: u16, body: Option<&str>) {
    let decision = decide(known.as_ref(), &keys(), request);
    assert_eq!((decision.status(), decision.body().as_deref()), (status, body), "{decision:?} of {request:?}");
    let granted = TreeHead::from(request.checkpoint().checkpoint());
    assert_eq!(decision == Decision::Cosign(granted), status == 200, "{decision:?}");
}

#[test]
fn a_witness_answers_as_the_specification_says() {
    let log = Log::of(20);
    let at = |size| Some(head(&log, size));
    check(None, &request(&log, 0, 0), 200, None);
    check(None, &request(&log, 0, 20), 200, None);
    check(Some(TreeHead::EMPTY), &request(&log, 0, 20), 200, None);
    check(at(7), &request(&log, 7, 20), 200, None);
    check(at(20), &request(&log, 20, 20), 200, None);
    check(None, &request(&log, 7, 20), 409, Some("0\n"));
    check(at(7), &request(&log, 0, 20), 409, Some("7\n"));
    check(at(20), &request(&log, 7, 19), 409, Some("20\n"));
    check(at(7), &request(&log, 8, 20), 409, Some("7\n"));
}

#[test]
fn what_is_no_proof_is_refused() {
    let log = Log::of(20);
    let at = |size| Some(head(&log, size));
    let with = |old, proof: &[Hash], size, root| AddCheckpoint::new(old, proof.to_vec(), signed(size, root)).unwrap();
    let (root, hash) = (log.tree.root(), leaf(0));
    let proof = consistency_proof(7, 20, &log).unwrap();
    check(at(7), &with(21, &[], 20, root), 400, None);
    check(at(7), &with(u64::MAX, &[], 20, root), 400, None);
    check(at(7), &with(7, &proof[1..], 20, root), 422, None);
    check(at(7), &with(7, &proof, 20, hash), 422, None);
    check(at(7), &with(7, &[], 20, root), 422, None);
    check(at(20), &with(20, &[], 20, hash), 422, None);
    check(at(20), &with(20, &[hash], 20, root), 422, None);
    check(None, &with(0, &[hash], 20, root), 422, None);
    check(None, &with(0, &[], 0, hash), 422, None);
    check(None, &with(0, &[], 0, EMPTY_ROOT), 200, None);
    // Another history of the same length.
    let forked = Some(TreeHead { size: 7, root: hash });
    check(forked, &with(7, &proof, 20, root), 422, None);
}

#[test]
fn only_known_logs_are_cosigned() {
    let log = Log::of(20);
    let request = request(&log, 0, 20);
    assert_eq!(decide(None, &[], &request), Decision::UnknownLog);
    assert_eq!(Decision::UnknownLog.status(), 404);
    let other = SigningKey::from_seed("log", &[2; 32]).unwrap();
    let decision = decide(None, &[other.verifier().clone()], &request);
    assert_eq!((decision.status(), decision), (403, Decision::Forbidden(NoteError::Unknown)));
    let changed = request.to_string().replace("\n20\n", "\n21\n");
    let decision = decide(None, &keys(), &AddCheckpoint::parse(changed).unwrap());
    assert!(matches!(decision, Decision::Forbidden(NoteError::Invalid { .. })), "{decision:?}");
    // A good signature does not save a bad one of another trusted key.
    let mut checkpoint = signed(20, log.tree.root());
    checkpoint.add(other.signature("another\n").unwrap()).unwrap();
    let both = [keys(), vec![other.verifier().clone()]].concat();
    let request = AddCheckpoint::new(0, vec![], checkpoint).unwrap();
    assert_eq!(decide(None, &both, &request).status(), 403);
    assert_eq!(decide(None, &keys(), &request).status(), 200);
}

fn check_request(body: &str, expected: Result<(u64, usize), RequestError>) {
    let parsed = AddCheckpoint::parse(body);
    let got = parsed.as_ref().map(|request| (request.old(), request.proof().len()));
    assert_eq!(got, expected.as_ref().map(|expected| *expected), "{body:?}");
    assert!(parsed.is_err() || parsed.unwrap().to_string() == body, "{body:?}");
}

#[test]
fn a_request_has_one_form() {
    let (checkpoint, hash) = (signed(20, leaf(0)).to_string(), leaf(1));
    check_request(&format!("old 0\n\n{checkpoint}"), Ok((0, 0)));
    check_request(&format!("old 7\n{hash}\n{hash}\n\n{checkpoint}"), Ok((7, 2)));
    let most = format!("{hash}\n").repeat(MAX_PROOF);
    check_request(&format!("old 7\n{most}\n{checkpoint}"), Ok((7, MAX_PROOF)));
    check_request(&format!("old 7\n{most}{hash}\n\n{checkpoint}"), Err(RequestError::Proof));
    for old in ["", "old", "old ", "old  7", "old 07", "old +7", "Old 7", "old 7 ", "old 7\r", " old 7", "new 7"] {
        check_request(&format!("{old}\n\n{checkpoint}"), Err(RequestError::Old));
    }
    check_request("", Err(RequestError::Old));
    check_request("old 7", Err(RequestError::Old));
    check_request("old 7\n", Err(RequestError::Proof));
    check_request(&format!("old 7\n{hash} \n\n{checkpoint}"), Err(RequestError::Proof));
    check_request(&format!("old 7\n{hash}"), Err(RequestError::Proof));
    assert!(matches!(AddCheckpoint::parse(format!("old 7\n{hash}\n\n")), Err(RequestError::Checkpoint(_))));
    assert!(matches!(AddCheckpoint::parse(format!("old 7\n\n\n{checkpoint}")), Err(RequestError::Checkpoint(_))));
    assert_eq!(AddCheckpoint::parse(b"old 7\n\xff"), Err(RequestError::Utf8));
    assert_eq!(AddCheckpoint::parse(vec![b'x'; MAX_REQUEST + 1]), Err(RequestError::TooLong));
    let long = AddCheckpoint::new(0, vec![hash; MAX_PROOF + 1], signed(20, hash));
    assert_eq!(long, Err(RequestError::Proof));
}

#[test]
fn the_example_of_the_specification_is_a_request() {
    // c2sp.org/tlog-witness, add-checkpoint.
    let body = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        \u{2014} example.com/behind-the-sofa \
        Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    check_request(body, Ok((20_852_014, 4)));
    assert_eq!(AddCheckpoint::parse(body).unwrap().origin(), "example.com/behind-the-sofa");
}

#[test]
fn a_log_takes_the_cosignatures_that_hold() {
    let witness = |seed| CosigningKey::from_seed(format!("w{seed}"), &[seed; 32]).unwrap();
    let (first, second, stranger) = (witness(2), witness(3), witness(4));
    let known = [first.verifier().clone(), second.verifier().clone()];
    let checkpoint = signed(20, leaf(0));
    let by = |witness: &CosigningKey| witness.cosign(checkpoint.checkpoint(), 7).unwrap();
    let (one, two, strange) = (by(&first), by(&second), by(&stranger));
    let answer = |of: &[_]| cosignatures_in(encode_cosignatures(of), &checkpoint, &known);
    assert_eq!(answer(&[strange.clone(), one.clone(), two.clone()]), Ok(vec![one.clone(), two]));
    assert_eq!(answer(&[strange]), Err(AnswerError::Unknown));
    assert_eq!(answer(&[]), Err(AnswerError::Note(NoteError::Unsigned)));
    let of_another = second.cosign(signed(21, leaf(0)).checkpoint(), 7).unwrap();
    assert!(matches!(answer(&[one, of_another]), Err(AnswerError::Note(NoteError::Invalid { .. }))));
    for wrong in ["text\n", "\u{2014} w2 AAAA\n", "\n"] {
        let answer = cosignatures_in(wrong, &checkpoint, &known);
        assert_eq!(answer, Err(AnswerError::Note(NoteError::Signature { line: 1 })), "{wrong:?}");
    }
}

#[test]
fn a_conflict_tells_the_size() {
    assert_eq!(size_in(Decision::Conflict { size: 42 }.body().unwrap()), Ok(42));
    for wrong in ["", "42", "\n", "042\n", "42\n\n", " 42\n", "42\r\n", "-1\n", "18446744073709551616\n"] {
        assert_eq!(size_in(wrong), Err(AnswerError::Size), "{wrong:?}");
    }
}

/// A log that has two histories from some leaf on.
fn forked(common: u64, size: u64) -> [Log; 2] {
    [b"one", b"two"].map(|side| {
        let mut log = Log::of(common);
        (common..size).for_each(|index| log.push(leaf_hash(&[side.as_slice(), &index.to_be_bytes()].concat())));
        log
    })
}

proptest! {
    /// Whatever is asked in whatever order, the sizes that a witness cosigns do not fall and each begins with the last.
    #[test]
    fn a_witness_sees_one_history(
        common in 0_u64..40,
        asked in prop::collection::vec((0_usize..2, 0_u64..80, 0_u64..80, any::<bool>()), 1..40),
    ) {
        let logs = forked(common, 80);
        let mut known: Option<TreeHead> = None;
        let mut side = None;
        for (which, old, new, knows) in asked {
            let old = if knows { known.map_or(0, |head| head.size) } else { old };
            let request = request(&logs[which], old.min(new), new);
            let Decision::Cosign(head) = decide(known.as_ref(), &keys(), &request) else { continue };
            prop_assert!(head.size >= known.map_or(0, |head| head.size));
            prop_assert_eq!(head.root, root_at(head.size, &logs[which]).unwrap());
            if head.size > common {
                prop_assert_eq!(*side.get_or_insert(which), which);
            }
            known = Some(head);
        }
    }
}
