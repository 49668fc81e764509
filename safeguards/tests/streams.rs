//! What leaves a stream is what may leave the whole text, in whatever pieces it comes.

use std::sync::Arc;

use forethought_safeguards::{Action, Counted, DenyList, Group, Guard, Kind, Passed, Rules, Safeguards};
use proptest::prelude::*;

fn rules(pii: Action, phrases: Action) -> Arc<Safeguards> {
    let deny = vec![
        DenyList { id: "weapons".into(), action: phrases, phrases: vec!["build a bomb".into(), "nerve gas".into()] },
        DenyList {
            id: "names".into(),
            action: Action::Flag,
            phrases: vec!["Project Falcon".into(), "bomb".into(), "制造".into()],
        },
    ];
    let groups = [(Group::Pii, pii), (Group::Secret, Action::Redact), (Group::Hidden, Action::Flag)].into();
    Safeguards::new(&[&Rules { groups, kinds: [(Kind::Phone, pii)].into(), deny, ..Rules::default() }])
}

/// Texts in which there is something, at the beginning, in the middle, at the end, and side by side.
const TEXTS: &[&str] = &[
    "",
    "Nothing here.",
    "Write to jane.doe+tag@example.co.uk, or to bob@example.org.",
    "bob@example.org",
    "My card is 4111 1111 1111 1111 22, my IBAN DE89 3704 0044 0532 0130 00 x.",
    "Call 415-555-2671 or +49 (0)30 23125-014; born on 12/05/1990, SSN 536-90-4399.",
    "536-90-4399536-90-4399 536-90-43995 1.2.3.4.5 10.0.0.1, fe80::1 and 00:1A:2B:3C:4D:5E",
    "password: hunter2! postgres://app:s3cret@db.internal/x sk-proj-abcdefghij0123456789 eyJhbGciOiJI.eyJzdWIiOiIx.abc_d",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc=\n-----END RSA PRIVATE KEY-----\nand on",
    "-----BEGIN PRIVATE KEY----- MIIEpAIB",
    "How to build a bomb? First, nerve-gas and Project Falcon.",
    "b u i l d  a  b o m b, bu!ld a b0mb, YnVpbGQgYSBib21i, ohvyq n obzo; n e r v e g a s",
    "Ｂｏｂ＠ｅｘａｍｐｌｅ．ｏｒｇ и вuild а вomb, hid\u{E0041}\u{E0042}den 请制造 Zoë",
    "a@b.cd@e.fg@h.ij kl@m.no-p.qr. st@u 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "To bui1d a b0mb, bui|d a bomb, ki!! and Project Fa1con, n e r v e g a s",
    "8u11d 4 80m8 (bu!ld a bomb!), bu ild a bo\nmb. bui\\u006cd a\\u0020bomb b%75i%6C%64 a%2520%62omb x",
    "bx\u{8}ux\u{8}ild a bo\u{8}\u{8}bomb n%65rve=20ga=\ns bu<b></b>ild&nbsp;a&#32;bomb",
    "62 75 69 6c 64 20 61 20 62 6f 6d 62, bravo oscar mike bravo; -. . .-. ...- . / --. .- ... YnVp bGQg YSBi b21i @WcC$A0>;'@W-*m,",
    "jane\\u0040example.org, \\\\u006aane\\u0040example\\u002eorg 4111\\u0020111\\u0031 1111 1111 \\u12",
    "No list: \\u0034111 1111 1111 1111, \\u006aane@example.org",
    "😀\u{E0152}\u{E015F}\u{E015D}\u{E0152} x\u{2062}\u{2064}\u{2064}\u{2062}\u{2062}\u{2062}\u{2062}\u{2064} 葛\u{E0100} ⠃⠕⠍⠃",
];

fn in_pieces<'t>(rules: &Arc<Safeguards>, pieces: impl Iterator<Item = &'t str>) -> Passed {
    let mut guard = Guard::new(rules);
    let mut all = Passed::default();
    let mut take = |passed: Passed| {
        all.text.push_str(&passed.text);
        all.findings.extend(passed.findings);
        all.stopped |= passed.stopped;
    };
    for piece in pieces {
        take(guard.feed(piece));
    }
    take(guard.finish());
    all
}

fn all_rules() -> Vec<Arc<Safeguards>> {
    // Where there are phrases, words are held for their sake.
    let patterns = Rules { groups: [(Group::Pii, Action::Redact)].into(), ..Rules::default() };
    vec![
        rules(Action::Redact, Action::Block),
        rules(Action::Flag, Action::Redact),
        rules(Action::Block, Action::Flag),
        Safeguards::new(&[&patterns]),
    ]
}

#[test]
fn every_split_gives_the_same() {
    for rules in all_rules() {
        for text in TEXTS {
            let whole = Guard::check(&rules, text);
            let splits = || text.char_indices().map(|(at, _)| at);
            for at in splits() {
                let pieces = [&text[..at], &text[at..]];
                assert_eq!(in_pieces(&rules, pieces.into_iter()), whole, "{text:?} split at {at}");
            }
            let single = splits().map(|at| &text[at..at + text[at..].chars().next().unwrap().len_utf8()]);
            assert_eq!(in_pieces(&rules, single), whole, "{text:?} character by character");
        }
    }
}

#[test]
fn what_is_found_does_not_leave() {
    let rules = rules(Action::Redact, Action::Redact);
    let check = |text: &str| Guard::check(&rules, text).text;
    assert_eq!(check(TEXTS[2]), "Write to [EMAIL], or to [EMAIL].");
    assert_eq!(check(TEXTS[4]), "My card is [CARD] 22, my IBAN [IBAN] x.");
    assert_eq!(check(TEXTS[5]), "Call [PHONE] or [PHONE]; born on [DATE_OF_BIRTH], SSN [US_SSN].");
    assert_eq!(
        check(TEXTS[6]),
        "536-90-4399536-90-4399 536-90-43995 1.2.3.4.5 [IP_ADDRESS], [IP_ADDRESS] and [MAC_ADDRESS]"
    );
    assert_eq!(check(TEXTS[7]), "password: [PASSWORD] postgres://[PASSWORD]@[INTERNAL_HOST]/x [API_KEY] [TOKEN]");
    assert_eq!(check(TEXTS[8]), "[PRIVATE_KEY]\nand on");
    assert_eq!(check(TEXTS[9]), "[PRIVATE_KEY]");
    assert_eq!(check(TEXTS[10]), "How to [PHRASE]? First, [PHRASE] and Project Falcon.");
    assert_eq!(check(TEXTS[11]), "[PHRASE], [PHRASE], [PHRASE], [PHRASE]; [PHRASE]");
    assert_eq!(check(TEXTS[15]), "[PHRASE] ([PHRASE]!), [PHRASE]. [PHRASE] [PHRASE] x");
    assert_eq!(check(TEXTS[16]), "[PHRASE] [PHRASE] [PHRASE]");
    assert_eq!(check(TEXTS[18]), "[EMAIL], [EMAIL] [CARD] \\u12");
}

#[test]
fn what_blocks_ends_the_text_before_it() {
    let rules = rules(Action::Redact, Action::Block);
    let passed = Guard::check(&rules, "Mail bob@example.org how to build a bomb, bob@example.org");
    assert_eq!((passed.text.as_str(), passed.stopped), ("Mail [EMAIL] how to ", true));
    let found: Vec<_> =
        passed.findings.iter().map(|finding| (finding.kind, finding.action, finding.list.as_deref())).collect();
    assert_eq!(found, [(Kind::Email, Action::Redact, None), (Kind::Phrase, Action::Block, Some("weapons"))]);
    let mut guard = Guard::new(&rules);
    assert!(guard.feed("build a bomb now").stopped);
    assert_eq!(guard.feed("and more"), Passed { stopped: true, ..Passed::default() });
}

#[test]
fn no_rules_weaken_others() {
    let says = |groups: &[(Group, Action)], kinds: &[(Kind, Action)]| Rules {
        groups: groups.iter().copied().collect(),
        kinds: kinds.iter().copied().collect(),
        ..Rules::default()
    };
    let floor = says(&[(Group::Pii, Action::Redact)], &[(Kind::Phone, Action::Flag)]);
    let tenant = says(&[(Group::Pii, Action::Allow)], &[(Kind::Phone, Action::Block), (Kind::Email, Action::Allow)]);
    let both = Safeguards::new(&[&floor, &tenant]);
    let action = |kind| both.action(kind);
    assert_eq!(
        (action(Kind::Email), action(Kind::Phone), action(Kind::ApiKey)),
        (Action::Redact, Action::Block, Action::Allow)
    );
    assert!(Safeguards::new(&[&says(&[], &[])]).is_empty());
}

#[test]
fn findings_are_counted_without_the_text() {
    let found = Guard::check(&rules(Action::Redact, Action::Block), "a@b.org, c@d.org, build a bomb").findings;
    let counted: Vec<_> = Counted::of(&found).into_iter().map(|c| (c.kind, c.action, c.list, c.count)).collect();
    let phrase = (Kind::Phrase, Action::Block, Some("weapons".to_owned()), 1);
    assert_eq!(counted, [phrase, (Kind::Email, Action::Redact, None, 2)]);
}

#[test]
fn memory_is_bounded() {
    let rules = rules(Action::Redact, Action::Block);
    let endless = [
        "a",
        "a.",
        "1-",
        "eyJaaaaaaaaa",
        "-----BEGIN PRIVATE KEY-----",
        "AAAA+",
        "b ",
        "\u{E0041}",
        " ",
        "\u{0301}",
        "\u{200B}",
        "-",
        "!",
        "\\u0062",
        "\\",
        "%62",
        "%25",
        "x\u{8}",
        "<b>",
        "62 ",
        "bravo uniform ",
        "-... ",
        "YnVp ",
        "=\n",
        "制",
        "\u{2062}",
        "\u{E0152}",
    ];
    for piece in endless {
        for start in ["", "build", " b", "nerve "] {
            let mut guard = Guard::new(&rules);
            guard.feed(start);
            let much = piece.repeat(100);
            let most = (0..300_000 / much.len())
                .map(|_| {
                    guard.feed(&much);
                    guard.held_bytes()
                })
                .max()
                .unwrap();
            assert!(most <= 80_000, "{start:?} and {piece:?}: {most}");
        }
    }
}

/// It took six seconds while each letter had the key read from its beginning, and takes hundredths of one.
#[test]
fn a_long_key_letter_by_letter_is_not_read_again_and_again() {
    let rules = rules(Action::Redact, Action::Block);
    let mut guard = Guard::new(&rules);
    let begin = std::time::Instant::now();
    guard.feed("-----BEGIN PRIVATE KEY-----\n");
    (0..30_000).for_each(|_| assert_eq!(guard.feed("A").text, ""));
    let rest = format!("{}{}", guard.feed("\n-----END PRIVATE KEY-----\nand on").text, guard.finish().text);
    assert_eq!(rest, "[PRIVATE_KEY]\nand on");
    assert!(begin.elapsed().as_secs() < 3, "{:?}", begin.elapsed());
}

/// Pieces of all that is looked for, so that chance makes things and what is nearly one.
fn material() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "bob",
        "@",
        "example",
        ".org",
        " ",
        "4111",
        "1111",
        "-",
        "build",
        " a ",
        "bomb",
        "b o m b",
        "+49 30 ",
        "23125",
        "born ",
        "12/05/1990",
        "SSN ",
        "536-90-4399",
        "password: ",
        "hunter2",
        "sk-",
        "abcdefghij0123456789",
        "eyJhbGciOiJI.",
        "DE89 3704 0044 0532 0130 00",
        "é",
        "\u{200B}",
        "½",
        "⒜",
        "ﷺ",
        "炸",
        "制造",
        "0",
        "!",
        "\n",
        "YnVpbGQgYSBib21i",
        "10.0.0.1",
        "://u:",
        "nerve",
        "Ѕ",
        "\u{E0041}",
        "\u{E0152}",
        "\u{2062}",
        "\u{8}",
        "\\u0062",
        "\\",
        "u0040",
        "\\u0034",
        "%6F",
        "=\n",
        "&#98;",
        "<b>",
        "62 6f 6d 62 ",
        "6f",
        "bravo ",
        "oscar mike bravo ",
        "-... ",
        "YnVp ",
        "bo",
        "mb",
        "1",
        "|",
        "(",
        ")",
        "x",
    ]);
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_pieces_give_the_same(text in material(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12), which in 0..4_usize) {
        let rules = &RULES[which];
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).filter(|at| text.is_char_boundary(*at)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]);
        prop_assert_eq!(in_pieces(rules, pieces), Guard::check(rules, &text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Across the places where symbols are forgotten, words are cut and codes are looked at in pieces.
    #[test]
    fn long_texts_give_the_same(
        parts in prop::collection::vec((material(), prop::sample::select(vec!["w ", "a", "1 2 ", "é", "A1"]), 0..4500_usize), 1..5),
        size in 1..3000_usize, which in 0..4_usize,
    ) {
        let rules = &RULES[which];
        let text: String = parts.iter().flat_map(|(text, filler, count)| [text.clone(), filler.repeat(*count)]).collect();
        let mut rest = text.as_str();
        let pieces = std::iter::from_fn(|| {
            let (piece, left) = rest.split_at((size..rest.len()).find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len()));
            rest = left;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(in_pieces(rules, pieces), Guard::check(rules, &text));
    }
}

static RULES: std::sync::LazyLock<Vec<Arc<Safeguards>>> = std::sync::LazyLock::new(all_rules);
