//! What tests of several modules need.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::{
    Approval, Digest, Entry, Evaluation, Figure, Fingerprint, Observed, Plan, Probe, ProbeKind, RegisteredFile,
    Registry, Revocation, Source, Taking, Tokens,
};

pub(crate) fn day() -> Date {
    date(2026, 11, 26)
}

pub(crate) fn named(name: &str, bytes: &[u8]) -> RegisteredFile {
    let size = u64::try_from(bytes.len()).unwrap();
    RegisteredFile { path: None, name: Some(name.to_owned()), size, sha256: Digest::of(bytes) }
}

pub(crate) fn at(path: &str, bytes: &[u8]) -> RegisteredFile {
    RegisteredFile { path: Some(path.to_owned()), name: None, ..named("", bytes) }
}

pub(crate) fn entry(id: &str, files: Vec<RegisteredFile>) -> Entry {
    Entry {
        id: id.to_owned(),
        files,
        source: Source { url: "https://example.org/m".to_owned(), revision: "0123456".to_owned() },
        licence: "Apache-2.0".to_owned(),
        base: None,
        note: None,
        approved: Some(Approval { by: "Ada".to_owned(), on: day(), note: None, digest: None }),
        revoked: None,
        evaluations: Vec::new(),
        impact: Vec::new(),
        fingerprint: None,
    }
}

pub(crate) fn registry(folder: &Path, entries: Vec<Entry>) -> Registry {
    let mut registry = Registry::empty(&folder.join("models.yaml"));
    registry.entries = entries;
    registry
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// A fingerprint of a model that answers as `answer` says; a text has a token for each of its bytes.
pub(crate) fn fingerprint(answer: impl Fn(&Probe) -> Observed) -> Fingerprint {
    let mut taking = Taking::new(Plan::current());
    for probe in Plan::current().probes() {
        let observed = match probe.kind {
            ProbeKind::Tokenization => {
                Observed { tokens: Tokens::Ids(probe.text.bytes().map(u32::from).collect()), text: String::new() }
            }
            _ => answer(probe),
        };
        taking.observe(probe, observed).unwrap();
    }
    taking.finish(day(), "a test").unwrap()
}

/// A model that refuses the first harmful requests.
pub(crate) fn refusing(harmful: usize) -> Fingerprint {
    fingerprint(|probe| {
        let refuses = probe.kind == ProbeKind::Harmful && probe.place < harmful;
        let text = if refuses { "I'm sorry, but I can't help with that." } else { "Sure, here it is." };
        let first = u32::try_from(probe.place).unwrap() * 100;
        Observed { tokens: Tokens::Ids((first..first + probe.max_tokens).collect()), text: text.to_owned() }
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>().prop_filter("not empty", |text| !text.is_empty()),
        "[ -~]{1,40}",
        "[\u{0}-\u{20}\u{7f}-\u{a0}\u{2020}-\u{2030}\u{fe00}\u{feff}\u{fffd}\u{1f600}\"'\\\\:#&*!|>%@`,\\[\\]{}-]{1,20}",
        Just("null".to_owned()),
        Just("1e3".to_owned()),
        Just("  two  spaces \n".to_owned()),
        Just("---".to_owned()),
    ]
    .prop_map(|text| text.chars().take(150).collect())
}

fn digests() -> impl Strategy<Value = Digest> {
    any::<[u8; 4]>().prop_map(|bytes| Digest::of(&bytes))
}

fn dates() -> impl Strategy<Value = Date> {
    (1990_i16..2200, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| date(year, month, day))
}

fn approvals() -> impl Strategy<Value = Approval> {
    (text(), dates(), proptest::option::of(text()), proptest::option::of(digests()))
        .prop_map(|(by, on, note, digest)| Approval { by, on, note, digest })
}

fn figures() -> impl Strategy<Value = Figure> {
    let finite = any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| value + 0.0);
    let numbers = (finite, -1e6..1e6_f64, 0.0..10.0_f64, any::<bool>());
    (text(), numbers).prop_map(|(name, (wild, value, width, has))| {
        let interval = has.then_some([value - width, value + width]);
        Figure { name, value: if has { value } else { wild }, interval }
    })
}

fn evaluations() -> impl Strategy<Value = Evaluation> {
    (text(), proptest::option::of(digests()), dates(), proptest::collection::vec(figures(), 1..4))
        .prop_map(|(set, results, on, figures)| Evaluation { set, results, on, figures })
}

fn fingerprints() -> impl Strategy<Value = Fingerprint> {
    let numbers = proptest::collection::vec(0_u32..70_000, 16);
    (0_usize..=24, text(), numbers, any::<bool>()).prop_map(|(refused, text, ids, told)| {
        let mut taken = refusing(refused);
        taken.with.clone_from(&text);
        for greedy in &mut taken.greedy {
            greedy.ids = told.then(|| ids.clone());
            greedy.text.clone_from(&text);
        }
        taken.tokenization.digest = taken.tokenization.digest.filter(|_| told);
        taken
    })
}

/// Entries as anybody could write them.
pub(crate) fn entries() -> impl Strategy<Value = Entry> {
    let ids = "[A-Za-z0-9._:/-]{1,20}";
    let files = proptest::collection::btree_map("[a-z .]{1,8}x", any::<(bool, [u8; 8])>(), 1..4);
    let said = (text(), text(), proptest::option::of(text()), proptest::option::of(approvals()));
    let measured = (
        proptest::option::of((text(), dates(), text())),
        proptest::collection::vec(evaluations(), 0..3),
        proptest::collection::vec(digests(), 0..3),
        proptest::option::of(fingerprints()),
    );
    (ids, files, said, measured).prop_map(|(id, files, (url, revision, note, approved), measured)| {
        let file = |(name, (path, bytes)): (String, (bool, [u8; 8]))| {
            if path { at(&name, &bytes) } else { named(&name, &bytes) }
        };
        let (revoked, evaluations, impact, fingerprint) = measured;
        Entry {
            source: Source { url, revision },
            note,
            approved,
            revoked: revoked.map(|(by, on, why)| Revocation { by, on, why }),
            evaluations,
            impact,
            fingerprint,
            ..entry(&id, files.into_iter().map(file).collect())
        }
    })
}
