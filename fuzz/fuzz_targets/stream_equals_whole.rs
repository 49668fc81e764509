//! What leaves a guard in pieces is what may leave of the whole text, and nothing leaves that must not.
//!
//! The first byte of an input chooses the rules. In the text behind it, the byte 0xFF cuts, and 0xFE with a byte behind it says
//! how often the piece before it stands there, so that texts come to be long.

#![no_main]

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use forethought_safeguards::{Action, DenyList, Finding, Group, Guard, Kind, Passed, Rules, Safeguards};
use libfuzzer_sys::fuzz_target;

const CUT: u8 = 0xFF;
const REPEAT: u8 = 0xFE;
/// Bytes of a text at most, so that an input takes milliseconds.
const MAX_TEXT: usize = 20_000;
/// Bytes up to which a text is also read character by character.
const MAX_SINGLE: usize = 400;
/// Bytes that may be held at most: the longest thing that is looked for, with what its characters may take.
const MAX_HELD: usize = 140_000;

static RULES: LazyLock<Vec<Arc<Safeguards>>> = LazyLock::new(|| {
    use Action::{Allow, Block, Flag, Redact};
    let one = |pii, phrases, kinds: &[(Kind, Action)]| {
        let list = |id: &str, action, phrases: &[&str]| {
            let phrases = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
            DenyList { id: id.to_owned(), action, phrases }
        };
        let deny = vec![
            list("weapons", phrases, &["build a bomb", "nerve gas", "ill", "lilith il", "a1b2 c3", "aba"]),
            list("names", Flag, &["Project Falcon", "bomb", "制造", "kill", "straße", "İstanbul"]),
        ];
        let groups = [(Group::Pii, pii), (Group::Secret, Redact), (Group::Hidden, Flag)].into();
        Safeguards::new(&[&Rules { groups, kinds: kinds.iter().copied().collect(), deny, ..Rules::default() }])
    };
    vec![
        one(Redact, Redact, &[]),
        one(Flag, Redact, &[(Kind::Phone, Redact), (Kind::Card, Allow)]),
        one(Redact, Block, &[(Kind::Email, Flag)]),
        one(Block, Flag, &[(Kind::Password, Flag), (Kind::IpAddress, Redact)]),
    ]
});

fuzz_target!(|input: &[u8]| {
    let Some((which, text)) = input.split_first() else { return };
    let rules = &RULES[usize::from(*which) % RULES.len()];
    let pieces = pieces(text);
    let text = pieces.concat();
    let whole = Guard::check(rules, &text);
    check_findings(&text, &whole);
    assert_eq!(whole.text, expected(&text, &whole.findings), "what leaves of {text:?}");
    assert_eq!(in_pieces(rules, pieces.iter().map(String::as_str)), whole, "{pieces:?}");
    if text.len() <= MAX_SINGLE {
        let single = text.char_indices().map(|(at, character)| &text[at..at + character.len_utf8()]);
        assert_eq!(in_pieces(rules, single), whole, "{text:?} by characters");
    }
});

/// The pieces of a text as an input writes it.
fn pieces(input: &[u8]) -> Vec<String> {
    let mut pieces = vec![];
    let mut length = 0;
    for written in input.split(|byte| *byte == CUT) {
        let mut piece = String::new();
        let mut rest = written;
        while let Some(at) = rest.iter().position(|byte| *byte == REPEAT) {
            piece.push_str(&String::from_utf8_lossy(&rest[..at]));
            let times = rest.get(at + 1).map_or(1, |times| usize::from(*times));
            piece = piece.repeat(times.min(MAX_TEXT / piece.len().max(1)));
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        piece.push_str(&String::from_utf8_lossy(rest));
        length += piece.len();
        if length > MAX_TEXT {
            break;
        }
        pieces.push(piece);
    }
    pieces
}

fn in_pieces<'t>(rules: &Arc<Safeguards>, pieces: impl Iterator<Item = &'t str>) -> Passed {
    let mut guard = Guard::new(rules);
    let mut all = Passed::default();
    for piece in pieces {
        let passed = guard.feed(piece);
        assert!(!all.stopped || passed.text.is_empty() && passed.findings.is_empty(), "something left after the end");
        assert!(guard.held_bytes() <= MAX_HELD, "{} bytes are held", guard.held_bytes());
        add(&mut all, passed);
    }
    add(&mut all, guard.finish());
    assert_eq!(guard.held_bytes(), 0, "something stays");
    all
}

fn add(all: &mut Passed, passed: Passed) {
    all.text.push_str(&passed.text);
    all.findings.extend(passed.findings);
    all.stopped |= passed.stopped;
}

/// Findings are places in the text, in their order, and nothing comes after one that stops.
fn check_findings(text: &str, passed: &Passed) {
    for finding in &passed.findings {
        assert!(text.get(finding.place.clone()).is_some_and(|found| !found.is_empty()), "{finding:?} in {text:?}");
        assert!(finding.action != Action::Allow, "{finding:?} is not looked for");
    }
    assert!(passed.findings.is_sorted_by_key(|finding| finding.place.start), "{:?}", passed.findings);
    let stops = passed.findings.iter().position(|finding| finding.action.stops());
    assert_eq!(stops.map(|at| at + 1), passed.stopped.then_some(passed.findings.len()), "{:?}", passed.findings);
}

/// What may leave of a text in which this was found, byte by byte: nothing that is redacted, and nothing from where it stops.
fn expected(text: &str, findings: &[Finding]) -> String {
    let stop = findings.iter().find(|finding| finding.action.stops()).map_or(text.len(), |finding| finding.place.start);
    let mut begins = BTreeMap::new();
    let mut covered = vec![false; text.len()];
    for finding in findings.iter().filter(|finding| finding.action == Action::Redact) {
        begins.entry(finding.place.start).or_insert(finding.kind);
        covered[finding.place.start + 1..finding.place.end].fill(true);
    }
    let mut told = String::new();
    for (at, character) in text.char_indices().filter(|(at, _)| *at < stop && !covered[*at]) {
        match begins.get(&at) {
            Some(kind) => told.push_str(&format!("[{}]", kind.as_str().to_uppercase())),
            None => told.push(character),
        }
    }
    told
}
