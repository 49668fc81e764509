//! Which meanings, how close together, are a sign.

use crate::words::{self, Word};

use super::{
    Found, Reason, Sign,
    vocabulary::{
        VOCABULARY,
        means::{
            ANY, DATA, DECODE, EARLIER, FOLLOW, IGNORE, INSTEAD, LIMITS, LINK, MAKER, MODEL, MORALS, MUST, NO, NOTE,
            OWN_PROMPT, PAST, PROMPT, REFUSE, REPEAT, ROLE, RULES, SEND, SHOW, WHAT, YOUR,
        },
    },
};

/// Meanings that stand together.
struct Rule {
    sign: Sign,
    weight: u8,
    /// Words from the first to the last, at most.
    within: usize,
    /// Each must be there.
    all: &'static [u32],
}

const RULES_OF_MEANING: &[Rule] = &[
    Rule { sign: Sign::Override, weight: 60, within: 9, all: &[IGNORE, RULES, EARLIER] },
    Rule { sign: Sign::Override, weight: 35, within: 4, all: &[IGNORE, RULES] },
    Rule { sign: Sign::Override, weight: 50, within: 8, all: &[IGNORE, PAST, INSTEAD] },
    Rule { sign: Sign::Override, weight: 55, within: 7, all: &[IGNORE, RULES, INSTEAD] },
    Rule { sign: Sign::Persona, weight: 20, within: 1, all: &[ROLE] },
    Rule { sign: Sign::Unbound, weight: 30, within: 5, all: &[NO, MORALS] },
    Rule { sign: Sign::Unbound, weight: 20, within: 4, all: &[NO, LIMITS] },
    Rule { sign: Sign::Unbound, weight: 30, within: 4, all: &[MAKER, LIMITS] },
    Rule { sign: Sign::Unrefusing, weight: 25, within: 5, all: &[NO, REFUSE] },
    Rule { sign: Sign::Unrefusing, weight: 20, within: 5, all: &[FOLLOW, ANY, YOUR] },
    Rule { sign: Sign::Addressed, weight: 50, within: 14, all: &[NOTE, MODEL, MUST] },
    Rule { sign: Sign::DecodeAndFollow, weight: 55, within: 12, all: &[DECODE, FOLLOW] },
    Rule { sign: Sign::Exfiltration, weight: 35, within: 16, all: &[SEND, DATA, LINK] },
    Rule { sign: Sign::Extraction, weight: 55, within: 8, all: &[REPEAT, PROMPT] },
    Rule { sign: Sign::Extraction, weight: 55, within: 8, all: &[SHOW, YOUR, PROMPT] },
    Rule { sign: Sign::Extraction, weight: 50, within: 8, all: &[SHOW, OWN_PROMPT] },
    Rule { sign: Sign::Extraction, weight: 50, within: 6, all: &[WHAT, OWN_PROMPT] },
];

/// Words in a row that are a sign by themselves; a star at the end stands for any ending.
const ROWS: &[(Sign, u8, &str)] = &[
    (
        Sign::Override,
        35,
        "new instructions, new task, new rules, real task, real instructions, new session, your new, no longer a helper",
    ),
    (Sign::Override, 40, "follow mine instead, obey me only, do what i say"),
    (
        Sign::Mode,
        50,
        "do anything now, act as dan, as dan, dan mode, jailbreak mode, jailbroken, developer mode, god mode, opposite mode, evil mode, \
         unrestricted mode, unfiltered mode, sudo mode, anti dan",
    ),
    (Sign::Mode, 35, "jailbreak, jailbreaks, jailbreaking, mode enabled"),
    (
        Sign::Unbound,
        35,
        "uncensored, unfiltered, unrestricted, amoral, no longer bound, broken free, not bound by, typical confines, morally \
         unrestrained, uninhibited, fully unlocked, filters off, are disabled, no restrictions, without restrictions, any restrictions, no limits, no filters, no rules, any rules,
         unethical",
    ),
    (
        Sign::Unrefusing,
        25,
        "stay in character, break character, breaking character, if you refuse, never refuse*, never say no",
    ),
    (Sign::Unbound, 20, "evil, unlocked, no matter how, unlimited language model"),
    (
        Sign::Secrecy,
        50,
        "do not tell the user, dont tell the user, without asking the user, without telling, not mention this, hide this \
         sentence, hide this, nobody notices, in your monologue, not confuse the user, without showing",
    ),
    (Sign::Extraction, 30, "print everything above, output the text above, systemprompt, console log"),
];

/// Signs among words.
pub(super) fn look(words: &[Word]) -> Vec<Found> {
    let mut found = Vec::new();
    // Of each meaning, the last word that has it.
    let mut last = [None; u32::BITS as usize];
    for (at, word) in words.iter().enumerate() {
        let means = meaning(words, at, word);
        for (_, last) in (0..).zip(&mut last).filter(|(bit, _)| means & (1_u32 << bit) != 0) {
            *last = Some(at);
        }
        let touched = RULES_OF_MEANING.iter().filter(|rule| rule.all.iter().any(|mask| mask & means != 0));
        found.extend(touched.filter_map(|rule| found_by(rule, words, &last, at)));
        found.extend(rows(words, at));
    }
    found
}

/// What a word means; a word of a script without blanks means all that stands in it.
fn meaning(words: &[Word], at: usize, word: &Word) -> u32 {
    let mut means = VOCABULARY.means(&word.text, words.get(at + 1..).unwrap_or_default());
    if word.text.contains(is_unspaced) {
        means = VOCABULARY.within(&word.text).into_iter().fold(means, |all, (_, means)| all | means);
    }
    means
}

/// Scripts that put no blanks between words.
fn is_unspaced(character: char) -> bool {
    matches!(u32::from(character), 0x0E00..=0x0E7F | 0x3040..=0x30FF | 0x3400..=0x9FFF)
}

fn found_by(rule: &Rule, words: &[Word], last: &[Option<usize>], at: usize) -> Option<Found> {
    let latest = |mask: &u32| {
        let bits = (0..u32::BITS).filter(|bit| mask & (1 << bit) != 0);
        bits.filter_map(|bit| last.get(bit as usize).copied().flatten()).max()
    };
    let places: Option<Vec<usize>> = rule.all.iter().map(latest).collect();
    let first = places?.into_iter().min()?;
    (at - first < rule.within).then(|| sign(rule.sign, rule.weight, words, first, at)).flatten()
}

fn rows(words: &[Word], at: usize) -> impl Iterator<Item = Found> {
    let rows = ROWS_BY_FIRST.get(words.get(at).map_or("", |word| word.text.as_str())).into_iter().flatten();
    rows.filter_map(move |(sign_of, weight, row, stem)| {
        let behind = words.get(at..at + row.len())?;
        let mut pairs = behind.iter().zip(row).enumerate();
        let alike = pairs.all(|(place, (word, wanted))| {
            if *stem && place + 1 == row.len() { word.text.starts_with(wanted.as_str()) } else { word.text == *wanted }
        });
        if alike { sign(*sign_of, *weight, words, at, at + row.len() - 1) } else { None }
    })
}

type Row = (Sign, u8, Vec<String>, bool);

static ROWS_BY_FIRST: std::sync::LazyLock<std::collections::HashMap<String, Vec<Row>>> =
    std::sync::LazyLock::new(|| {
        let mut made = std::collections::HashMap::<String, Vec<Row>>::new();
        for (sign, weight, entries) in ROWS {
            for entry in entries.split(',') {
                let row = words::of(entry);
                let stem = entry.ends_with('*');
                if let Some(first) = row.first().cloned() {
                    made.entry(first).or_default().push((*sign, *weight, row, stem));
                }
            }
        }
        made
    });

/// A sign from one word to another; it weighs half where all of it is quoted.
fn sign(sign: Sign, weight: u8, words: &[Word], first: usize, last: usize) -> Option<Found> {
    let all = words.get(first..=last)?;
    let quoted = all.iter().all(|word| word.quoted);
    let place = all.first()?.start..all.last()?.end;
    Some(Found { word: last, reason: Reason { sign, weight: if quoted { weight / 2 } else { weight }, place } })
}
