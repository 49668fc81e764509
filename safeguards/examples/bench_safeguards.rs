//! Checks texts from stdin, one JSON object `{"text": …}` a line, for personal data and secrets, and prints what was found in
//! each, `[[kind, start, end], …]` with places in characters. The last line tells the time that the checks took:
//! `{"bytes": n, "seconds": s, "pass_seconds": p, "held": [m, q]}`, where `p` is one plain pass over the same bytes, and `held`
//! the median and the 95th percentile of the bytes that are held back, over all characters of a stream.
//!
//! With `--cost`, it checks one text of each given size instead, and prints the times.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a measurement ends at its first fault, prints, and counts far below 2^52"
)]

use std::{
    hint::black_box,
    io::{self, BufRead},
    sync::Arc,
    time::Instant,
};

use forethought_safeguards::{Action, DenyList, Group, Guard, Rules, Safeguards};
use serde_json::{Value, json};

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(2).map(|size| size.parse().expect("sizes are numbers")).collect();
    if std::env::args().nth(1).as_deref() == Some("--cost") {
        return cost(&sizes);
    }
    let rules = rules(Vec::new());
    let lines = io::stdin().lock().lines().map(|line| line.expect("a line"));
    let texts: Vec<String> = lines
        .map(|line| serde_json::from_str::<Value>(&line).expect("JSON")["text"].as_str().expect("a text").to_owned())
        .collect();
    // What is learnt once for the whole process is learnt before the clock runs.
    texts.iter().take(50).for_each(|text| drop(black_box(Guard::check(&rules, text))));
    let begin = Instant::now();
    let passed: Vec<_> = texts.iter().map(|text| Guard::check(&rules, text)).collect();
    let seconds = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let sum: u64 = texts.iter().map(|text| plain_pass(text)).sum();
    let pass_seconds = begin.elapsed().as_secs_f64();
    black_box(sum);
    for (text, passed) in texts.iter().zip(&passed) {
        let at = |byte: usize| text[..byte].chars().count();
        let found: Vec<Value> = passed
            .findings
            .iter()
            .map(|finding| json!([finding.kind, at(finding.place.start), at(finding.place.end)]))
            .collect();
        println!("{}", Value::Array(found));
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    let held = held(&rules, &texts);
    println!("{}", json!({ "bytes": bytes, "seconds": seconds, "pass_seconds": pass_seconds, "held": held }));
}

/// The median and the 95th percentile of what is held back after each character.
fn held(rules: &Arc<Safeguards>, texts: &[String]) -> [usize; 2] {
    let mut held = Vec::new();
    for text in texts {
        let mut guard = Guard::new(rules);
        for (at, character) in text.char_indices() {
            guard.feed(&text[at..at + character.len_utf8()]);
            held.push(guard.held_bytes());
        }
    }
    held.sort_unstable();
    [held[held.len() / 2], held[held.len() * 95 / 100]]
}

fn rules(deny: Vec<DenyList>) -> Arc<Safeguards> {
    let groups = [(Group::Pii, Action::Flag), (Group::Secret, Action::Flag), (Group::Hidden, Action::Flag)].into();
    Safeguards::new(&[&Rules { groups, deny, ..Rules::default() }])
}

fn plain_pass(text: &str) -> u64 {
    text.bytes().fold(0, |sum, byte| black_box(sum + u64::from(byte)))
}

/// Repeats that make patterns begin again and again.
const WORST: &[&str] = &[
    "sk-a-",
    "xoxb-",
    "a.a.",
    "eyJaaaaaaaa-",
    "pwdis-",
    "ya29.-",
    "1-",
    "4111 ",
    "a@b.",
    "-----BEGIN PRIVATE KEY-----",
    "AAAA+",
    "b o ",
];

/// The time that all checks of one text take, beside one plain pass over it, the best of several runs: of a letter at each
/// size, and of the worst repeats that are known.
fn cost(sizes: &[usize]) {
    const SENTENCE: &str = "Dear Ms Miller, your order 48213 was sent on 2026-03-04; call +49 30 23125-014 or write to \
        service@example.org if anything is missing. The total is 1,284.50 EUR, paid by card ending in 1111. ";
    let phrases = (0..1000).map(|n| format!("forbidden phrase number {n}")).collect();
    let rules = rules(vec![DenyList { id: "deny".to_owned(), action: Action::Block, phrases }]);
    for size in sizes {
        row(&rules, "letter", &SENTENCE.chars().cycle().take(*size).collect::<String>(), 30);
    }
    for piece in WORST {
        row(&rules, piece, &piece.repeat(20_000 / piece.len()), 3);
    }
}

fn row(rules: &Arc<Safeguards>, name: &str, text: &str, runs: u32) {
    let best = |work: &dyn Fn()| {
        let times = (0..runs).map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_secs_f64()
        });
        times.fold(f64::INFINITY, f64::min)
    };
    let checks = best(&|| drop(black_box(Guard::check(rules, text))));
    let pass = best(&|| {
        black_box(plain_pass(text));
    });
    println!("{}", json!({ "text": name, "bytes": text.len(), "seconds": checks, "pass_seconds": pass }));
}
