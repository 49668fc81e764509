//! Scores prompts for signs of injection: JSON lines with `prompt`, and `probe` or `group` to count by.
//!
//! ```console
//! $ cargo run -p forethought-safeguards --example score_injection -- tests/bypass/benign.jsonl tests/bypass/attacks.jsonl
//! ```
//! Prompts are split into halves by their SHA-256: signs, weights and the threshold were chosen on the first half, the
//! second is held out. `--below` and `--above` print the prompts of the first half that score so.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::{collections::BTreeMap, error::Error, fs, time::Instant};

use forethought_safeguards::injection::Injection;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Prompts, and those that reach the threshold, of the two halves.
type Counts = [(u32, u32); 2];

fn main() -> Result<(), Box<dyn Error>> {
    let (options, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|text| text.starts_with("--"));
    let show = |option: &str| options.iter().any(|given| given == option);
    println!("{:<58} {:>14} {:>14}", "set", "chosen on", "held out");
    for file in files {
        let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
        let (mut bytes, begun) = (0, Instant::now());
        for line in fs::read_to_string(&file)?.lines() {
            let row: Value = serde_json::from_str(line)?;
            let Some(prompt) = row.get("prompt").and_then(Value::as_str) else { continue };
            let label = row.get("probe").or_else(|| row.get("group")).and_then(Value::as_str).unwrap_or("all");
            let scored = Injection::score(prompt);
            let reached = scored.score >= Injection::THRESHOLD;
            let half = usize::from(Sha256::digest(prompt).first().is_some_and(|byte| byte % 2 == 1));
            for label in [label, " all"] {
                if let Some((all, found)) = counts.entry(label.to_owned()).or_default().get_mut(half) {
                    *all += 1;
                    *found += u32::from(reached);
                }
            }
            bytes += prompt.len();
            if half == 0 && show(if reached { "--above" } else { "--below" }) {
                let signs: Vec<_> = scored.reasons.iter().map(|why| (why.sign, why.weight)).collect();
                println!("  {label} {} {signs:?} {:?}", scored.score, prompt.chars().take(400).collect::<String>());
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        for (label, counts) in counts {
            let [chosen, held] = counts.map(|(all, found)| format!("{found}/{all}"));
            println!("{:<58} {chosen:>14} {held:>14}", format!("{file}: {label}"));
        }
        println!("{bytes} bytes in {seconds:.3} s");
    }
    Ok(())
}
