//! Checkpoints, and whatever is none.

use forethought_tlog::{
    Checkpoint, CosigningKey, EMPTY_ROOT, SignedCheckpoint, SigningKey, checkpoint::CheckpointError, note::NoteError,
};

const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

fn check(text: &str, expected: Result<(&str, u64, usize), CheckpointError>) {
    let parsed = Checkpoint::parse(text);
    let got = parsed.as_ref().map(|one| (one.origin(), one.size(), one.extensions().len()));
    assert_eq!(got, expected.as_ref().map(|expected| *expected), "{text:?}");
    assert!(parsed.is_err() || parsed.unwrap().to_string() == text, "{text:?}");
}

#[test]
fn a_checkpoint_has_one_form() {
    check(&format!("example.com/log\n20852163\n{ROOT}\n"), Ok(("example.com/log", 20_852_163, 0)));
    check(&format!("a log +\n0\n{ROOT}\n"), Ok(("a log +", 0, 0)));
    check(&format!("log\n18446744073709551615\n{ROOT}\nextension\n \n"), Ok(("log", u64::MAX, 2)));
    check("", Err(CheckpointError::Origin));
    check("log", Err(CheckpointError::Origin));
    check(&format!("\n1\n{ROOT}\n"), Err(CheckpointError::Origin));
    check(&format!("lo\rg\n1\n{ROOT}\n"), Err(CheckpointError::Origin));
    for size in ["", "01", "00", "+1", "-1", " 1", "1 ", "0x1", "18446744073709551616", "1.0"] {
        check(&format!("log\n{size}\n{ROOT}\n"), Err(CheckpointError::Size));
    }
    check("log\n1\n", Err(CheckpointError::Root));
    check(&format!("log\n1\n{ROOT}"), Err(CheckpointError::Root));
    check(&format!("log\n1\n{ROOT} \n"), Err(CheckpointError::Root));
    check(&format!("log\n1\n{}\n", &ROOT[1..]), Err(CheckpointError::Root));
    check(&format!("log\n1\n{ROOT}\n\n"), Err(CheckpointError::Extension(1)));
    check(&format!("log\n1\n{ROOT}\na\nb"), Err(CheckpointError::Extension(2)));
    check(&format!("log\n1\n{ROOT}\na\n\nb\n"), Err(CheckpointError::Extension(2)));
}

#[test]
fn nothing_forges_lines() {
    assert_eq!(Checkpoint::new("log\n7", 1, EMPTY_ROOT), Err(CheckpointError::Origin));
    assert_eq!(Checkpoint::new("", 1, EMPTY_ROOT), Err(CheckpointError::Origin));
    let checkpoint = Checkpoint::new("log", 1, EMPTY_ROOT).unwrap();
    for line in ["", "a\nb", "\n", "a\n\n\u{2014} a AAAAAAE="] {
        let extended = checkpoint.clone().with_extensions(vec!["good".into(), line.into()]);
        assert_eq!(extended, Err(CheckpointError::Extension(2)), "{line:?}");
    }
}

#[test]
fn a_checkpoint_is_believed_of_its_log_and_keys_only() {
    let signer = SigningKey::from_seed("log", &[1; 32]).unwrap();
    let other = SigningKey::from_seed("log", &[2; 32]).unwrap();
    let checkpoint = Checkpoint::new("log", 1, EMPTY_ROOT).unwrap();
    let note = checkpoint.clone().sign(&signer).unwrap();
    let keys = [signer.verifier().clone()];
    assert_eq!(note.verify("log", &keys), Ok(&checkpoint));
    let other_log = CheckpointError::OtherLog { expected: "log2".into(), got: "log".into() };
    assert_eq!(note.verify("log2", &keys), Err(other_log));
    let unknown = Err(CheckpointError::Note(NoteError::Unknown));
    assert_eq!(note.verify("log", &[other.verifier().clone()]), unknown);
    let changed = note.to_string().replace("\n1\n", "\n2\n");
    let changed = SignedCheckpoint::parse(changed).unwrap();
    assert!(matches!(changed.verify("log", &keys), Err(CheckpointError::Note(NoteError::Invalid { .. }))));
    assert_eq!(SignedCheckpoint::parse(signer.sign("text\n").unwrap().to_string()), Err(CheckpointError::Size));
}

#[test]
fn cosignatures_are_those_of_witnesses() {
    let signer = SigningKey::from_seed("log", &[1; 32]).unwrap();
    let witness = CosigningKey::from_seed("witness", &[2; 32]).unwrap();
    let checkpoint = Checkpoint::new("log", 1, EMPTY_ROOT).unwrap();
    let mut note = checkpoint.clone().sign(&signer).unwrap();
    let keys = [signer.verifier().clone(), witness.verifier().clone()];
    // The log's own signature is none, whoever lists its key among the witnesses.
    assert_eq!(note.cosignatures(&keys), Ok(vec![]));
    note.add(witness.cosign(&checkpoint, 7).unwrap()).unwrap();
    let cosignatures = note.cosignatures(&keys).unwrap();
    assert_eq!((cosignatures.len(), cosignatures[0].key, cosignatures[0].time), (1, &keys[1], Some(7)));
    let another = Checkpoint::new("log", 2, EMPTY_ROOT).unwrap();
    note.add(witness.cosign(&another, 7).unwrap()).unwrap();
    assert!(matches!(note.cosignatures(&keys), Err(CheckpointError::Note(NoteError::Invalid { .. }))));
    assert_eq!(note.note().signatures().len(), 2);
}
