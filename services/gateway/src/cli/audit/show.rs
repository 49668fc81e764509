//! `forethought audit show`: one request, from question to answer.

use std::fmt::Write as _;

use forethought_audit::{
    Admission, AuditReader, Body, ClassifierNote, Content, Digest, Outcome, Record, Review, Shown,
};
use serde_json::Value;

use super::{ShowArgs, duration, paint};
use crate::{
    cli::{
        Usage,
        output::{self, Align, Paint, Style, Table, count, fields, tame},
        time,
    },
    shown::shown_json,
};

/// The start of a digest, enough to tell answers apart.
const SHORT: usize = 12;

pub fn run(args: &ShowArgs) -> anyhow::Result<()> {
    let dir = args.place.dir()?;
    let reader = AuditReader::open(&dir)?;
    let shown = reader.show(&args.id, args.contents)?.ok_or_else(|| {
        let id = tame(&args.id);
        Usage(format!("there is no request or record `{id}` in {}; `forethought audit list` shows them", dir.display()))
    })?;
    if args.json {
        return Ok(output::print_json(&shown_json(&shown))?);
    }
    let style = Style::of_stdout();
    let mut text = request(&shown, reader.in_use(), style);
    if let Some(Body::Outcome(outcome)) = shown.end.as_ref().map(|end| &end.body) {
        text.push_str(&samples(outcome, &shown, style));
    }
    text.push_str(&contents(&shown, args.contents, style));
    Ok(output::print(&text)?)
}

fn request(shown: &Shown, in_use: bool, style: Style) -> String {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    if let Body::Admission(admission) = &shown.admission.body {
        pairs.extend(asked(admission));
    }
    pairs.push(("admitted", record(&shown.admission, shown.admission_hash)));
    match (&shown.end, shown.end_hash) {
        (Some(end), Some(hash)) => pairs.push(("ended", record(end, hash))),
        _ if in_use => pairs.push(("ended", "not yet".to_owned())),
        _ => pairs.push(("ended", "not, and no server is running; the next start closes it as interrupted".to_owned())),
    }
    match shown.end.as_ref().map(|end| &end.body) {
        Some(Body::Outcome(outcome)) => pairs.extend(came(outcome)),
        Some(Body::Interrupted(interrupted)) => pairs.push(("reason", interrupted.reason.clone())),
        _ => {}
    }
    if let Some(review) = &shown.review {
        pairs.extend(decided(review, shown.review_hash));
    }
    let head = style.paint(paint(shown.status), &shown.status.to_string().to_uppercase());
    format!("{head}\n{}", fields(&pairs, style))
}

/// What was decided on an answer that was held.
fn decided(review: &Record, hash: Option<Digest>) -> Vec<(&'static str, String)> {
    let Body::Review(Review { decision, by, reason, .. }) = &review.body else { return Vec::new() };
    let by =
        by.as_ref().map_or_else(|| "nobody".to_owned(), |by| format!("{} of {}, {}", by.key_id, by.tenant, by.role));
    let mut pairs = vec![("review", format!("{} by {}: {}", decision.as_str(), tame(&by), tame(reason)))];
    pairs.extend(hash.map(|hash| ("decided", record(review, hash))));
    pairs
}

fn record(record: &Record, hash: Digest) -> String {
    format!("{} UTC, record {}, sha256 {hash}", time::show(record.time), record.record_id)
}

fn asked(admission: &Admission) -> Vec<(&'static str, String)> {
    let Admission { budget, policy, .. } = admission;
    vec![
        ("request", admission.request_id.to_string()),
        ("tenant", format!("{}, key {}", admission.tenant, admission.key_id)),
        ("model", format!("{}, weights {}", admission.model, admission.weights_digest)),
        ("policy", format!("version {}, {}", policy.version, policy.digest)),
        (
            "strategy",
            format!("{}, effort {}, seed {}, n {}", admission.strategy, admission.effort, admission.seed, admission.n),
        ),
        (
            "budget",
            format!(
                "{}, {} tokens, {} a sample, {}",
                count(budget.max_samples.into(), "sample"),
                budget.total_tokens,
                budget.sample_tokens,
                duration(budget.deadline_ms)
            ),
        ),
    ]
}

fn came(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let spent = outcome.spent;
    let mut pairs = vec![(
        "spent",
        format!(
            "{}, {} tokens and {} of the prompt, {}",
            count(spent.samples.into(), "sample"),
            spent.generated_tokens,
            spent.prompt_tokens,
            duration(spent.wall_ms)
        ),
    )];
    pairs.extend(outcome.finish_reason.clone().map(|reason| ("finish", reason)));
    pairs.extend(outcome.error_code.clone().map(|code| ("error", code)));
    pairs.extend(outcome.classifiers.iter().map(|note| ("classifier", judged(note))));
    pairs
}

/// What a classifier said of one side.
fn judged(note: &ClassifierNote) -> String {
    let ClassifierNote { id, stage, verdict, action, categories, .. } = note;
    let named = if categories.is_empty() { String::new() } else { format!(" ({})", categories.join(", ")) };
    let done = action.as_ref().map(|action| format!(", {action}")).unwrap_or_default();
    format!("{} of the {stage}: {verdict}{}{done}", tame(id), tame(&named))
}

/// The samples and what they voted for: the answers themselves when they were unsealed, else their commitments.
fn samples(outcome: &Outcome, shown: &Shown, style: Style) -> String {
    let name = |answer: Digest| answer_text(answer, shown).unwrap_or_else(|| short(answer));
    let plain = |text: String| (text, Paint::Plain);
    let mut text = String::new();
    if !outcome.samples.is_empty() {
        let mut table = Table::new(&[
            ("SAMPLE", Align::Right),
            ("SEED", Align::Right),
            ("TOKENS", Align::Right),
            ("FINISH", Align::Left),
            ("COUNTED", Align::Left),
            ("ANSWER", Align::Left),
        ]);
        for sample in &outcome.samples {
            let finish = sample.finish_reason.clone().unwrap_or_else(|| "-".to_owned());
            table.row(vec![
                plain(sample.index.to_string()),
                plain(sample.seed.to_string()),
                plain(sample.tokens.to_string()),
                plain(if sample.cancelled { "cancelled".to_owned() } else { finish }),
                plain(if sample.counted { "yes" } else { "no" }.to_owned()),
                plain(sample.answer.map_or_else(|| "-".to_owned(), name)),
            ]);
        }
        _ = write!(text, "\n{}", table.render(style));
    }
    if !outcome.votes.is_empty() {
        let mut table = Table::new(&[("VOTES", Align::Right), ("ANSWER", Align::Left)]);
        for vote in &outcome.votes {
            table.row(vec![plain(vote.count.to_string()), plain(name(vote.answer))]);
        }
        _ = write!(text, "\n{}", table.render(style));
    }
    text
}

fn short(digest: Digest) -> String {
    digest.to_string().chars().take(SHORT).collect::<String>() + "…"
}

/// The canonical answer behind a commitment, if it was unsealed.
fn answer_text(answer: Digest, shown: &Shown) -> Option<String> {
    let commitment = shown.end.as_ref()?.contents.iter().find(|commitment| commitment.commitment == answer)?;
    let content = shown.contents.iter().find(|content| content.name == commitment.name)?;
    content.content.as_ref().ok().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

fn contents(shown: &Shown, asked_for: bool, style: Style) -> String {
    if !asked_for {
        let sealed = shown.admission.contents.len() + shown.end.as_ref().map_or(0, |end| end.contents.len());
        return style
            .paint(Paint::Dim, &format!("\n{}; `--contents` unseals them\n", count(sealed as u64, "sealed content")));
    }
    let mut text = String::new();
    // Canonical answers stand beside the samples already.
    for Content { name, content, .. } in shown.contents.iter().filter(|content| !content.name.starts_with("vote/")) {
        _ = writeln!(text, "\n{}", style.paint(Paint::Bold, &tame(name)));
        let told = match content {
            Ok(bytes) => tame(&readable(&String::from_utf8_lossy(bytes))),
            Err(error) => style.paint(Paint::Bad, &tame(&error.to_string())),
        };
        _ = writeln!(text, "{}", told.trim_end());
    }
    text
}

/// A prompt is kept as a JSON list of messages: each is shown as who says what.
fn readable(text: &str) -> String {
    let messages = serde_json::from_str::<Value>(text).ok();
    let messages = messages.as_ref().and_then(|value| value.as_array().or_else(|| value.get("messages")?.as_array()));
    let lines: Option<Vec<String>> = messages.and_then(|messages| {
        let line = |message: &Value| {
            Some(format!("{}: {}", message.get("role")?.as_str()?, message.get("content")?.as_str()?))
        };
        messages.iter().map(line).collect()
    });
    match lines {
        Some(lines) if !lines.is_empty() => lines.join("\n"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_shown_as_a_conversation() {
        let check = |text: &str, expect: &str| assert_eq!(readable(text), expect);
        check(
            r#"[{"role":"system","content":"be brief"},{"role":"user","content":"a\nb"}]"#,
            "system: be brief\nuser: a\nb",
        );
        check(r#"{"messages":[{"role":"user","content":"hi"}]}"#, "user: hi");
        check("[1, 2]", "[1, 2]");
        check("[]", "[]");
        check("plain {text", "plain {text");
    }
}
