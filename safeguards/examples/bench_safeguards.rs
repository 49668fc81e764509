//! Checks texts from stdin, one JSON object `{"text": …}` a line, for personal data and secrets, and prints what was found in
//! each, `[[kind, start, end], …]` with places in characters. The last line tells the time that the checks took:
//! `{"bytes": n, "seconds": s, "pass_seconds": p, "held": [m, q]}`, where `p` is one plain pass over the same bytes, and `held`
//! the median and the 95th percentile of the bytes that are held back, over all characters of a stream.
//!
//! With `--cost`, it checks texts of each given size and the worst repeats instead, and prints for each the seconds, the
//! nanoseconds a byte, the same of a plain pass, and how many passes the checks cost.

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

/// Repeats that make patterns begin again and again, or that are many symbols each: the worst that a search over short repeats
/// of words, signs and what rules look for has come up with.
const WORST: &[&str] = &[
    "sk-",
    "sk-a-",
    "xoxb-",
    "a.a.",
    "eyJaaaaaaaa-",
    "pwdis-",
    "k-a-pwdis-sk-x",
    "ya29.-",
    "1-",
    " 1",
    "4111 ",
    "a@b.",
    ":",
    "-----BEGIN PRIVATE KEY-----",
    "AAAA+",
    "b o ",
    "½ ",
    "ﷺ",
    "ﷺ1ﷺ1",
    "ﷺ-",
    "%2562",
    "forbidden\\u0020 ",
    "62 75 ",
    "trﷺЅ@ﷺﷺ-.ﷺ11-ﷺ",
];

const LETTER: &str = "Dear Ms Miller, your order 48213 was sent on 2026-03-04; call +49 30 23125-014 or write to \
    service@example.org if anything is missing. The total is 1,284.50 EUR, paid by card ending in 1111. ";
const RUSSIAN: &str = "Уважаемая госпожа Миллер, Ваш заказ 48213 отправлен 04.03.2026; пишите на service@example.org, если \
    чего-то не хватает. Сумма 1284,50 EUR оплачена картой. ";
/// What phrases are made of that begin in all ways.
const SYLLABLES: &[&str] = &[
    "ba", "co", "di", "fe", "gu", "ha", "ji", "ko", "lu", "ma", "ne", "or", "pi", "qua", "re", "su", "to", "ur", "ve",
    "wi",
];
/// Seconds that are spent on each text.
const SECONDS: f64 = 1.5;

/// The time that all checks of one text take, beside one plain pass over it: of a letter at each size, with a list of phrases
/// that begin alike and with one of phrases that begin in all ways, and of the worst repeats that are known.
fn cost(sizes: &[usize]) {
    let alike = deny((0..1000).map(|n| format!("forbidden phrase number {n}")).collect());
    let all = deny((0..1000).map(phrase).collect());
    for size in sizes {
        let cut = |text: &str| text.chars().cycle().take(*size).collect::<String>();
        row(&alike, "letter", &cut(LETTER));
        row(&all, "letter, phrases of all sorts", &cut(LETTER));
        row(&alike, "letter in Russian", &cut(RUSSIAN));
    }
    for piece in WORST {
        row(&alike, piece, &piece.repeat(5_000 / piece.len()));
    }
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}", "MIIEpAIBAAKCAQEA".repeat(1_000));
    for (name, text) in [("letter, in a stream", LETTER.repeat(20)), ("a key, in a stream", key)] {
        measure(name, &text, &|| {
            black_box(stream(&alike, &text));
        });
    }
}

/// Checks a text that comes four bytes at a time.
fn stream(rules: &Arc<Safeguards>, text: &str) -> usize {
    let mut guard = Guard::new(rules);
    let pieces = text.as_bytes().chunks(4).map(|piece| std::str::from_utf8(piece).expect("ASCII"));
    pieces.map(|piece| guard.feed(piece).text.len()).sum::<usize>() + guard.finish().text.len()
}

fn deny(phrases: Vec<String>) -> Arc<Safeguards> {
    rules(vec![DenyList { id: "deny".to_owned(), action: Action::Block, phrases }])
}

fn phrase(number: usize) -> String {
    let syllable = |n: usize| SYLLABLES[n % SYLLABLES.len()];
    format!("{}{} {}{}", syllable(number), syllable(number / 20), syllable(number / 7), syllable(number / 3))
}

/// Seconds of one run: of the best one, or what a run takes of the processor in the mean, whichever is less. Where other programs
/// run, too, no long run is left in peace.
fn cheapest(seconds: f64, work: &dyn Fn()) -> f64 {
    let (begin, used) = (Instant::now(), processor_seconds());
    let (mut best, mut runs) = (f64::INFINITY, 0.0);
    while begin.elapsed().as_secs_f64() < seconds {
        let run = Instant::now();
        work();
        best = best.min(run.elapsed().as_secs_f64());
        runs += 1.0;
    }
    let mean = processor_seconds().zip(used).map(|(now, before)| (now - before) / runs);
    // The system counts in ticks of some milliseconds, so a run that is too short for it tells nothing.
    mean.filter(|mean| *mean > 1e-4).map_or(best, |mean| best.min(mean))
}

/// What this thread has had of the processor, where the system tells it.
fn processor_seconds() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds * 1e-9)
}

fn row(rules: &Arc<Safeguards>, name: &str, text: &str) {
    measure(name, text, &|| drop(black_box(Guard::check(rules, text))));
}

fn measure(name: &str, text: &str, work: &dyn Fn()) {
    let checks = cheapest(SECONDS, work);
    let pass = cheapest(SECONDS / 10.0, &|| {
        black_box(plain_pass(text));
    });
    let each = |seconds: f64| seconds * 1e9 / text.len() as f64;
    println!(
        "{}",
        json!({
            "text": name, "bytes": text.len(), "seconds": checks, "pass_seconds": pass,
            "ns_per_byte": each(checks), "pass_ns_per_byte": each(pass), "passes": checks / pass,
        })
    );
}
