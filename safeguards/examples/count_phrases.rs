//! Counts what a deny list finds in files, each read as one text; of `.jsonl` files, in each line's `prompt` or `messages`.
//!
//! ```console
//! $ cargo run -p forethought-safeguards --example count_phrases -- tests/bypass/phrases.txt docs/*.md
//! ```
//! The first file holds the phrases, one a line. `--missed` prints the lines of `.jsonl` files in which nothing is found, with
//! their label; `--found` prints what is found.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::{collections::BTreeMap, error::Error, fs, path::Path, sync::Arc, time::Instant};

use forethought_safeguards::{Action, DenyList, Group, Guard, Rules, Safeguards};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let (options, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|text| text.starts_with("--"));
    let show = |option: &str| options.iter().any(|given| given == option);
    let Some((phrases, files)) = files.split_first() else { return Err("name a file of phrases".into()) };
    let rules = rules(&fs::read_to_string(phrases)?);
    let (mut bytes, mut texts, mut hits, mut begun) = (0, 0, BTreeMap::<String, u32>::new(), Instant::now());
    for (at, file) in files.iter().enumerate() {
        let Ok(whole) = fs::read_to_string(file) else { continue };
        for (label, text) in texts_of(file, &whole)? {
            let findings = Guard::check(&rules, &text).findings;
            if findings.is_empty() && show("--missed") {
                println!("missed {label}: {text:?}");
            }
            for finding in findings {
                if show("--found") {
                    println!("found {label}: {:?} {:?}", finding.list, text.get(finding.place).unwrap_or_default());
                }
                *hits.entry(finding.list.unwrap_or_else(|| finding.kind.as_str().to_owned())).or_default() += 1;
            }
            texts += 1;
            bytes += text.len();
        }
        // What is learnt once for the whole process is no part of it.
        if at == 0 {
            begun = Instant::now();
        }
    }
    for (phrase, count) in &hits {
        println!("{count:>6} {phrase}");
    }
    let all: u32 = hits.values().sum();
    println!("{all} in {texts} texts, {bytes} bytes in {:.3} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Each phrase is a list of its own, so that it is told which one is found.
fn rules(phrases: &str) -> Arc<Safeguards> {
    let list =
        |phrase: &str| DenyList { id: phrase.to_owned(), action: Action::Flag, phrases: vec![phrase.to_owned()] };
    let deny = phrases.lines().filter(|line| !line.is_empty()).map(list).collect();
    let groups = [(Group::Hidden, Action::Flag)].into();
    Safeguards::new(&[&Rules { groups, deny, ..Rules::default() }])
}

fn texts_of(file: &str, whole: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    if Path::new(file).extension().is_none_or(|extension| extension != "jsonl") {
        return Ok(vec![(file.to_owned(), whole.to_owned())]);
    }
    let rows = whole.lines().map(serde_json::from_str::<Value>);
    rows.map(|row| row.map(|row| (label(&row), text_of(&row)))).collect()
}

fn label(row: &Value) -> String {
    let told = ["group", "probe", "disguise"].into_iter().filter_map(|name| row.get(name).and_then(Value::as_str));
    told.collect::<Vec<_>>().join(" ")
}

fn text_of(row: &Value) -> String {
    if let Some(prompt) = row.get("prompt").and_then(Value::as_str) {
        return prompt.to_owned();
    }
    let messages = row.get("messages").and_then(Value::as_array).into_iter().flatten();
    messages.filter_map(|message| message.get("content").and_then(Value::as_str)).collect::<Vec<_>>().join("\n")
}
