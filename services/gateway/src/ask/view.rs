//! What a person sees while the service deliberates: a bar a sample on a terminal, a line an event elsewhere.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use crate::cli::output::tame;

/// The widest answer that is shown in a table.
const SHOWN: usize = 60;

pub(super) struct View {
    live: bool,
    quiet: bool,
    bars: MultiProgress,
    samples: BTreeMap<u64, ProgressBar>,
    votes: Option<ProgressBar>,
}

impl View {
    pub(super) fn new(live: bool, quiet: bool) -> Self {
        Self { live, quiet, bars: MultiProgress::new(), samples: BTreeMap::new(), votes: None }
    }

    pub(super) fn event(&mut self, event: &Value) {
        let index = event.get("index").and_then(Value::as_u64);
        let tokens = event.get("tokens").and_then(Value::as_u64).unwrap_or_default();
        match (event.get("event").and_then(Value::as_str).unwrap_or_default(), index) {
            ("sample_started", Some(index)) => self.sample(index, 0, "thinking"),
            ("progress", Some(index)) => self.sample(index, tokens, "thinking"),
            ("sample_finished", Some(index)) => {
                let answer = event.get("answer").and_then(Value::as_str).unwrap_or("no answer found");
                self.ended(index, tokens, &short(answer));
            }
            ("sample_failed", Some(index)) => self.ended(index, tokens, "failed"),
            ("sample_cancelled", Some(index)) => self.ended(index, tokens, "not needed any more"),
            ("votes", _) => self.votes(event),
            _ => {}
        }
    }

    fn sample(&mut self, index: u64, tokens: u64, state: &str) {
        if !self.live {
            if tokens == 0 && !self.quiet {
                eprintln!("sample {index}: started");
            }
            return;
        }
        let bar = self.bar(index);
        bar.set_message(format!("{tokens:>5} tokens  {state}"));
        bar.tick();
    }

    fn ended(&mut self, index: u64, tokens: u64, what: &str) {
        if self.live {
            let bar = self.bar(index);
            bar.finish_with_message(format!("{tokens:>5} tokens  {what}"));
        } else if !self.quiet {
            eprintln!("sample {index}: {tokens} tokens: {what}");
        }
    }

    fn bar(&mut self, index: u64) -> &ProgressBar {
        let bars = &self.bars;
        self.samples.entry(index).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {spinner} {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(format!("sample {index}"));
            bar
        })
    }

    fn votes(&mut self, event: &Value) {
        let number = |key: &str| event.get(key).and_then(Value::as_u64).unwrap_or_default();
        let (finished, planned) = (number("finished"), number("planned"));
        let (spent, left) = (number("generated_tokens"), number("tokens_left"));
        let text = format!("{}  |  {spent} tokens spent, {left} left", votes(event.get("votes")));
        if !self.live {
            if !self.quiet {
                eprintln!("votes after {finished} of {planned}: {text}");
            }
            return;
        }
        let bars = &self.bars;
        let bar = self.votes.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(planned));
            if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {bar:24} {pos}/{len}  {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix("votes");
            bar
        });
        bar.set_position(finished);
        bar.set_message(text);
    }

    pub(super) fn close(&mut self) {
        for bar in self.samples.values().chain(&self.votes) {
            bar.abandon();
        }
    }

    /// What was spent and how it was decided, on standard error, so that the answer stands alone on standard output.
    pub(super) fn summary(&self, result: &Map<String, Value>, usage: &Value, record: Option<&str>) {
        let of = |path: &str| usage.pointer(path).cloned().unwrap_or_default();
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), short);
        if !self.live {
            for sample in result.get("samples").and_then(Value::as_array).into_iter().flatten() {
                let said = sample.get("text").and_then(Value::as_str).unwrap_or_default();
                eprintln!("sample {} said: {}", sample.get("index").cloned().unwrap_or_default(), short(said));
            }
        }
        eprintln!("strategy:   {}, stopped by: {}", text(of("/deliberation/strategy")), text(of("/deliberation/stop")));
        eprintln!("votes:      {}", votes(usage.pointer("/deliberation/votes")));
        eprintln!(
            "budget:     {} of {} tokens, {} of {} samples, {} of {} ms",
            of("/deliberation/generated_tokens"),
            of("/deliberation/budget/total_tokens"),
            of("/deliberation/samples/started"),
            of("/deliberation/budget/max_samples"),
            of("/deliberation/wall_ms"),
            of("/deliberation/budget/deadline_ms"),
        );
        eprintln!("seed:       {}", of("/deliberation/seed"));
        eprintln!("audit:      {}", record.unwrap_or("no record named"));
        eprintln!("answer:");
    }
}

fn votes(votes: Option<&Value>) -> String {
    let list = votes.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        return "none".to_owned();
    }
    let one = |vote: &Value| {
        let answer = vote.get("answer").and_then(Value::as_str).unwrap_or_default();
        format!("{} × {}", vote.get("count").cloned().unwrap_or_default(), short(answer))
    };
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// One line of bounded width, without anything that steers a terminal.
fn short(text: &str) -> String {
    let line = tame(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line,
    }
}
