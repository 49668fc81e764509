//! Notes and keys: the examples of the specification, and whatever is wrong.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use forethought_tlog::{
    Checkpoint, CosigningKey, SignedNote, SigningKey, VerifierKey,
    cosignature::CosignError,
    note::{Algorithm, KeyError, MAX_NOTE, MAX_SIGNATURES, NoteError, SigningKeyError},
};

/// The example of c2sp.org/signed-note.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn signer(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, &[seed; 32]).unwrap()
}

fn key(signer: &SigningKey) -> VerifierKey {
    signer.verifier().clone()
}

#[test]
fn the_example_of_the_specification_holds() {
    let keys = [EXAMPLE_KEY.parse().unwrap()];
    let note = SignedNote::parse(EXAMPLE).unwrap();
    assert_eq!(note.to_string(), EXAMPLE);
    assert_eq!(note.text(), "This is an example message.\n");
    let verified = note.verify(&keys).unwrap();
    assert_eq!((verified.len(), verified[0].key, verified[0].time), (1, &keys[0], None));
}

#[test]
fn each_changed_byte_of_a_note_is_refused() {
    let keys = [EXAMPLE_KEY.parse().unwrap()];
    for at in 0..EXAMPLE.len() {
        for bit in 0..8 {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let held = SignedNote::parse(&bytes).and_then(|note| note.verify(&keys).map(|_| ()));
            assert!(held.is_err(), "byte {at}, bit {bit}");
        }
    }
}

fn check(note: &str, expected: Result<(&str, usize), NoteError>) {
    let parsed = SignedNote::parse(note);
    let got = parsed.as_ref().map(|parsed| (parsed.text(), parsed.signatures().len()));
    assert_eq!(got, expected.as_ref().copied(), "{note:?}");
    assert!(parsed.is_err() || parsed.unwrap().to_string() == note, "{note:?}");
}

#[test]
fn a_note_has_one_form() {
    let line = "\u{2014} a AAAAAAE=\n";
    let wrong = |line| Err(NoteError::Signature { line });
    check(&format!("text\n\n{line}"), Ok(("text\n", 1)));
    check(&format!("\n\n{line}"), Ok(("\n", 1)));
    check(&format!("\n\n\n{line}"), Ok(("\n\n", 1)));
    check(&format!("a\n\n{line}\nb\n\n{line}{line}"), Ok((&format!("a\n\n{line}\nb\n"), 2)));
    check("", Err(NoteError::Unsigned));
    check("text\n", Err(NoteError::Unsigned));
    check("text\n\n", Err(NoteError::Unsigned));
    check(&format!("\n{line}"), Err(NoteError::Unsigned));
    check(&format!("text\n{line}"), Err(NoteError::Unsigned));
    check(&format!("te\rxt\n\n{line}"), Err(NoteError::Characters));
    check(&format!("text\t\n\n{line}"), Err(NoteError::Characters));
    check(&format!("text\n\n{}", line.trim_end()), wrong(1));
    check(&format!("text\n\n{line}text\n"), wrong(2));
    for line in [
        "- a AAAAAAE=\n",
        "\u{2014}a AAAAAAE=\n",
        "\u{2014}  AAAAAAE=\n",
        "\u{2014} a  AAAAAAE=\n",
        "\u{2014} a AAAAAAE= \n",
        "\u{2014} a b AAAAAAE=\n",
        "\u{2014} a+b AAAAAAE=\n",
        "\u{2014} a\u{2003}b AAAAAAE=\n",
        "\u{2014} a AAAAAAE\n",
        "\u{2014} a AAAAAAF=\n",
        "\u{2014} a AAAAAA==\n",
        "\u{2014} a \n",
        "\u{2014} a\n",
        " \u{2014} a AAAAAAE=\n",
        "\u{2014} a\u{0}b AAAAAAE=\n",
        "\u{2014} a AAAAAAE=\r\n",
    ] {
        check(&format!("text\n\n{line}"), wrong(1));
    }
    assert_eq!(SignedNote::parse(b"\xff\n\n"), Err(NoteError::Characters));
}

#[test]
fn a_note_has_its_limits() {
    let line = "\u{2014} a AAAAAAE=\n";
    let signed = |count| format!("text\n\n{}", line.repeat(count));
    assert_eq!(SignedNote::parse(signed(MAX_SIGNATURES)).unwrap().signatures().len(), MAX_SIGNATURES);
    assert_eq!(SignedNote::parse(signed(MAX_SIGNATURES + 1)), Err(NoteError::TooMany));
    let long = |text: usize| format!("{}\n\n{line}", "x".repeat(text));
    let rest = long(0).len();
    let mut longest = SignedNote::parse(long(MAX_NOTE - rest)).unwrap();
    assert_eq!(SignedNote::parse(long(MAX_NOTE - rest + 1)), Err(NoteError::TooLong));
    let another = signer("b", 1).signature("text\n").unwrap();
    let before = longest.clone();
    assert_eq!(longest.add(another.clone()), Err(NoteError::TooLong));
    assert_eq!(longest, before);
    let mut full = SignedNote::parse(signed(MAX_SIGNATURES)).unwrap();
    assert_eq!(full.add(another.clone()), Err(NoteError::TooMany));
    assert_eq!(SignedNote::new("text\n", vec![]), Err(NoteError::Unsigned));
    assert_eq!(SignedNote::new("text", vec![another.clone()]), Err(NoteError::Text));
    assert_eq!(SignedNote::new("", vec![another]), Err(NoteError::Text));
    assert_eq!(signer("a", 1).sign("te\u{1}xt\n"), Err(NoteError::Characters));
    assert_eq!(signer("a", 1).sign(&"x".repeat(MAX_NOTE + 1)), Err(NoteError::TooLong));
}

#[test]
fn known_keys_must_hold_and_others_are_ignored() {
    let (ours, theirs, namesake) = (signer("ours", 1), signer("theirs", 2), signer("ours", 3));
    let mut note = ours.sign("text\n").unwrap();
    note.add(theirs.signature("another text\n").unwrap()).unwrap();
    note.add(namesake.signature("another text\n").unwrap()).unwrap();
    assert_eq!(note.signatures().len(), 3);
    assert_eq!(note.verify(&[key(&ours)]).unwrap().len(), 1);
    assert_eq!(note.verify(&[]), Err(NoteError::Unknown));
    assert_eq!(note.verify(&[key(&signer("nobody", 1))]), Err(NoteError::Unknown));
    let invalid = NoteError::Invalid { name: "theirs".into(), id: theirs.verifier().id() };
    assert_eq!(note.verify(&[key(&ours), key(&theirs)]), Err(invalid));
    assert!(matches!(note.verify(&[key(&namesake)]), Err(NoteError::Invalid { .. })));
    // A second signature of a known key that does not hold spoils the note, too.
    let line = |note: &SignedNote| note.signatures()[0].to_string();
    let twice = |second: &str| {
        let second = ours.sign(second).unwrap();
        SignedNote::parse(format!("text\n\n{}{}", line(&note), line(&second))).unwrap()
    };
    assert_eq!(twice("text\n").verify(&[key(&ours)]).unwrap().len(), 2);
    assert!(matches!(twice("another\n").verify(&[key(&ours)]), Err(NoteError::Invalid { .. })));
}

#[test]
fn a_key_signs_once() {
    let ours = signer("ours", 1);
    let mut note = ours.sign("text\n").unwrap();
    note.add(ours.signature("another\n").unwrap()).unwrap();
    assert_eq!(note.signatures(), [ours.signature("another\n").unwrap()]);
}

fn check_key(text: &str, expected: Result<Algorithm, KeyError>) {
    let key = text.parse::<VerifierKey>();
    assert_eq!(key.as_ref().map(VerifierKey::algorithm), expected.as_ref().copied(), "{text}");
    assert!(key.is_err() || key.unwrap().to_string() == text, "{text}");
}

#[test]
fn a_verifier_key_has_one_form() {
    let (name, public) = ("example.com/foo", "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    check_key(EXAMPLE_KEY, Ok(Algorithm::Ed25519));
    check_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", Ok(Algorithm::Ed25519));
    check_key(&CosigningKey::from_seed("w", &[1; 32]).unwrap().verifier().to_string(), Ok(Algorithm::CosignatureV1));
    for wrong in
        ["", "+", "++", name, "example.com/foo+530d903a", "example.com/foo+530d903a+", "example.com/foo+530d903+AekyeR"]
    {
        check_key(wrong, Err(KeyError::Form));
    }
    check_key(&format!("{name}+530D903A+{public}"), Err(KeyError::Form));
    check_key(&format!("{name}+530d903a+{public}\n"), Err(KeyError::Form));
    check_key(&format!("{name}+530d903a+{public}="), Err(KeyError::Form));
    check_key(&format!("{name}+530d903a+Ag=="), Err(KeyError::Algorithm(2)));
    check_key(&format!("{name}+530d903a+AQ=="), Err(KeyError::Length(0)));
    check_key(&format!("{name}+530d903a+Bukyy"), Err(KeyError::Form));
    assert!(matches!(format!("{name}+530d903b+{public}").parse::<VerifierKey>(), Err(KeyError::Id { .. })));
    assert!(matches!(format!("example.com/fop+530d903a+{public}").parse::<VerifierKey>(), Err(KeyError::Id { .. })));
    assert!(matches!(format!("a b+530d903a+{public}").parse::<VerifierKey>(), Err(KeyError::Name(_))));
    assert!(matches!(format!("+530d903a+{public}").parse::<VerifierKey>(), Err(KeyError::Name(_))));
}

#[test]
fn a_private_key_has_one_form_and_is_not_shown() {
    let text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let key: SigningKey = text.parse().unwrap();
    assert_eq!(key.private_text().unwrap(), text);
    assert_eq!(key.verifier().to_string(), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    assert!(!format!("{key:?}").contains("YEKFALVFGyNhPJEMzD1Q"));
    let wrong = |text: &str| text.parse::<SigningKey>().unwrap_err();
    assert_eq!(wrong(&text.replace("c74f20a3", "c74f20a4")), SigningKeyError::Id);
    assert_eq!(wrong(&text.replace("+AYEK", "+BIEK")), SigningKeyError::Form);
    assert_eq!(wrong(&text.replace("+AYEK", "+AYEKAAAA")), SigningKeyError::Form);
    assert_eq!(wrong(&text.replace("PRIVATE", "PUBLIC")), SigningKeyError::Form);
    assert_eq!(wrong(&key.verifier().to_string()), SigningKeyError::Form);
    assert!(matches!(SigningKey::from_seed("a b", &[0; 32]), Err(SigningKeyError::Name(_))));
    for error in [SigningKeyError::Form, SigningKeyError::Id] {
        assert!(!error.to_string().contains("YEKFALVFG"), "{error}");
    }
}

#[test]
fn a_cosignature_covers_its_time() {
    let witness = CosigningKey::from_seed("w", &[1; 32]).unwrap();
    let keys = [witness.verifier().clone()];
    let checkpoint = Checkpoint::new("log", 0, forethought_tlog::EMPTY_ROOT).unwrap();
    for time in [1, 1_679_315_147, (1 << 63) - 1] {
        let cosignature = witness.cosign(&checkpoint, time).unwrap();
        let note = SignedNote::new(checkpoint.to_string(), vec![cosignature.clone()]).unwrap();
        assert_eq!(note.verify(&keys).unwrap()[0].time, Some(time));
        assert!(SignedNote::new("log\n1\n", vec![cosignature]).unwrap().verify(&keys).is_err());
    }
    for time in [0, 1 << 63, u64::MAX] {
        assert_eq!(witness.cosign(&checkpoint, time), Err(CosignError::Time(time)));
    }
}

#[test]
fn a_time_above_the_limit_is_refused() {
    let (witness, same) = (CosigningKey::from_seed("w", &[1; 32]).unwrap(), signer("w", 1));
    let id = witness.verifier().id();
    for (time, holds) in [((1_u64 << 63) - 1, true), (1 << 63, false), (u64::MAX, false)] {
        let signed = same.signature(&format!("cosignature/v1\ntime {time}\nlog\n")).unwrap();
        let bytes = [id.0.as_slice(), &time.to_be_bytes(), signed.bytes()].concat();
        let note = SignedNote::parse(format!("log\n\n\u{2014} w {}\n", STANDARD.encode(bytes))).unwrap();
        assert_eq!(note.verify(&[witness.verifier().clone()]).is_ok(), holds, "{time}");
    }
}

#[test]
fn a_key_of_one_kind_makes_no_signature_of_the_other() {
    // The same seed and name: only the kinds differ.
    let (signer, witness) = (signer("a", 1), CosigningKey::from_seed("a", &[1; 32]).unwrap());
    assert_ne!(signer.verifier().id(), witness.verifier().id());
    let note = signer.sign("text\n").unwrap();
    assert_eq!(note.verify(&[witness.verifier().clone()]), Err(NoteError::Unknown));
}
