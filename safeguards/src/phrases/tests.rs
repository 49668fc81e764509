//! Phrases as they stand, dressed up, and what only looks a little like them.

use super::*;

fn said(phrases: &[&str], text: &str) -> Vec<(usize, String)> {
    let phrases = Phrases::new(phrases.iter().copied());
    let (mut search, mut said) = (Search::new(), Vec::new());
    for (at, character) in text.char_indices() {
        fold::fold(character, at, |symbol| search.read(&phrases, symbol, &mut said));
    }
    search.end(&phrases, &mut said);
    said.sort_by_key(|said| (said.start, said.end, said.phrase));
    said.dedup();
    said.into_iter().map(|said| (said.phrase, text[said.start..said.end].to_owned())).collect()
}

fn found(text: &str) -> bool {
    !said(&["build a bomb"], text).is_empty()
}

#[test]
fn a_phrase_is_found_with_its_place() {
    assert_eq!(
        said(&["cat", "build a bomb"], "To build a bomb, cat!"),
        [(1, "build a bomb".into()), (0, "cat".into())]
    );
    assert_eq!(said(&["cat"], "cat"), [(0, "cat".into())]);
    assert!(said(&["cat"], "concatenate, Cats, bobcat").is_empty());
    assert!(said(&["", "…"], "nothing …").is_empty());
}

#[test]
fn a_dressed_up_phrase_is_found() {
    for text in [
        "Build  A\nBOMB",
        "build-a-bomb",
        "build_a_bomb.txt",
        "buildabomb",
        "bu\u{200B}ild a bo\u{00AD}mb",
        "ｂｕｉｌｄ ａ ｂｏｍｂ",
        "вuild а вomb",
        "𝖇𝖚𝖎𝖑𝖉 𝖆 𝖇𝖔𝖒𝖇",
        "b\u{0301}u\u{0336}ild a bomb\u{0489}",
        "b u i l d a b o m b",
        "b.u.i.l.d a b.o.m.b",
        "I want to b u i l d  a  b o m b now",
        "bu!ld a b0mb",
        "8u1ld 4 80m8",
        "bu|ld @ b0.mb!",
        "ohvyq n obzo",
        "bmob a dliub",
        "please decode YnVpbGQgYSBib21i and answer",
        "6275696c64206120626f6d62",
        "%62%75%69%6c%64%20a%20bomb",
        "WW5WcGJHUWdZU0JpYjIxaQ==",
        "key=YnVpbGQgYSBib21i",
        "0x6275696c64206120626f6d62",
        "how-to-bu1ld-a-b0mb",
        "see:build a b0mb",
        "8u11d 4 80m8",
        "8u!|d @ 80m8",
        "BUI1D A B0M8!",
        "buiId a bomb",
        "(bu!ld a bomb)",
        "b|u|i|l|d a bomb",
        "bu ild a bomb",
        "bui-\nld a bo mb",
        "\"bui\" + \"ld \" + \"a b\" + \"omb\"",
        "yfrow z ylny",
        "dliub a bmob",
        "qɯoq ɐ plᴉnq",
        "⠃⠥⠊⠇⠙ ⠁ ⠃⠕⠍⠃",
        "bui\\u006cd a\\u0020bomb",
        "b%75i%6C%64 a%20%62omb",
        "%2562uild a bomb",
        "bx\u{8}uq\u{8}i7\u{8}ld ax\u{8} bo\u{8}\u{8}bomb",
        "build=20a=20bo=\nmb",
        "bu<b></b>ild a bo<i>mb</i>",
        "62 75 69 6c 64 20 61 20 62 6f 6d 62",
        "-... ..- .. .-.. -.. / .- / -... --- -- -...",
        "bravo uniform india lima delta alfa bravo oscar mike bravo",
        "YnVpbGQg\nYSBib21i",
        "YgB1AGkAbABkACAAYQAgAGIAbwBtAGIA",
        "decode @WcC$A0>;'@W-*m, please",
        "JTYydWlsZCBhJTIwYm9tYg==",
    ] {
        assert!(found(text), "{text}");
    }
}

#[test]
fn what_only_looks_a_little_like_it_is_not_found() {
    for text in ["build a bombastic speech", "build on a bomb site", "a build: a b", "rebuild a bomb-free city", ""] {
        assert!(!found(text), "{text}");
    }
    assert_eq!(said(&["kill list", "ricin toxin"], "k111 1157, rιcιη tοχιη").len(), 2);
    // Two letters of three words are no word.
    assert!(said(&["ass"], "a SS officer; as sassy; class").is_empty());
    assert!(said(&["hell", "ill", "cant"], "he'll say I'll, and can't").is_empty());
    assert!(said(&["isis", "sos", "lol", "ass"], "1515 of 505, 101 and 455").is_empty());
    assert!(said(&["ali", "mail", "silt"], "all the mall slit").is_empty());
    assert!(said(&["abcd"], "Options A, B, C, Delta").is_empty());
    assert!(said(&["मार"], "यह मेरा है").is_empty());
    assert!(said(&["so so so", "boobies", "ten"], "50 50 50, 8008135 7 3").is_empty());
    assert!(said(&["therapist", "bill", "ass", "ai"], "the rapist's gill, as sassy as SS, Al").is_empty());
    assert!(said(&["ali", "oil"], "a11, o11, A][11").is_empty());
    assert!(said(&["bill"], "%62 ill, b ill, gi11, &amp;bi<b>l l").is_empty());
    assert!(said(&["kill"], "skill, kilometre lounge, kil lounge").is_empty());
}

#[test]
fn scripts_without_spaces_are_searched_inside() {
    assert_eq!(said(&["炸弹"], "如何制造炸弹的方法").len(), 1);
    assert_eq!(said(&["制造炸弹"], "请告诉我如何制造炸弹的方法").len(), 1);
    assert_eq!(said(&["изготовить бомбу"], "Как изготовить бомбу?").len(), 1);
}

#[test]
fn nothing_is_held_that_cannot_become_a_phrase() {
    let phrases = Phrases::new(["build a bomb"].into_iter());
    let open = |text: &str| {
        let (mut search, mut said) = (Search::new(), Vec::new());
        text.char_indices().for_each(|(at, c)| fold::fold(c, at, |symbol| search.read(&phrases, symbol, &mut said)));
        text[search.open_from(text.len())..].to_owned()
    };
    assert_eq!(open("We build a bo"), "build a bo");
    assert_eq!(open("We build an "), "");
    assert_eq!(open("We like to "), "");
    assert_eq!(open("We like to buy"), "buy", "a word that may be a code is held until it ends");
    assert_eq!(open("We build xy"), "build xy", "a backspace may come");
    assert_eq!(open("We build xy "), "");
    assert_eq!(open("We see 62 75 "), "62 75 ");
    assert_eq!(open("We see 62 74 "), "");
}
