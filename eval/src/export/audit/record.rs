//! One request of the audit log as a deliberation: its prompt, its samples and what is known of them.

use forethought_audit::{Admission, Body, Digest, Outcome, SampleOutcome, Shown};
use forethought_reasoning::{Markers, Segment, Segments};
use forethought_schemas::ChatMessage;
use serde::Deserialize;

use crate::export::{Deliberation, Drawn, Origin, Why};

/// What is sealed as a request's prompt, as far as it matters here.
#[derive(Deserialize)]
struct Prompt {
    messages: Vec<ChatMessage>,
    #[serde(default)]
    thinking: Option<Thinking>,
}

#[derive(Deserialize)]
struct Thinking {
    style: Option<Style>,
}

#[derive(Deserialize)]
struct Style {
    open: Vec<String>,
    close: Vec<String>,
}

/// Reads what was shown with its contents.
pub(super) fn read(shown: &Shown) -> Result<Deliberation, Why> {
    let Body::Admission(admission) = &shown.admission.body else { return Err(Why::NoAnswer) };
    let Some(Body::Outcome(outcome)) = shown.end.as_ref().map(|end| &end.body) else { return Err(Why::NoAnswer) };
    let prompt: Prompt = serde_json::from_slice(content(shown, "prompt")?).map_err(|_| Why::Unreadable)?;
    let answer = text(content(shown, "answer")?)?;
    let ended = outcome.samples.iter().filter(|sample| !sample.cancelled && sample.finish_reason.is_some());
    let samples = ended.map(|sample| drawn(shown, sample, &prompt)).collect::<Result<Vec<_>, _>>()?;
    Ok(Deliberation {
        served: Some(served(&samples, &answer, outcome, shown).ok_or(Why::NotASample)?),
        origin: origin(shown, admission),
        model: admission.model.clone(),
        weights: admission.weights_digest.clone(),
        strategy: admission.strategy.to_string(),
        prompt: prompt.messages,
        samples,
    })
}

fn origin(shown: &Shown, admission: &Admission) -> Origin {
    Origin::Audit {
        request: admission.request_id.to_string(),
        tenant: admission.tenant.clone(),
        time: shown.admission.time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    }
}

fn content<'s>(shown: &'s Shown, name: &str) -> Result<&'s [u8], Why> {
    let found = shown.contents.iter().find(|content| content.name == name).ok_or(Why::NoAnswer)?;
    found.content.as_deref().map_err(|_| Why::Unreadable)
}

fn text(bytes: &[u8]) -> Result<String, Why> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Why::Unreadable)
}

fn drawn(shown: &Shown, sample: &SampleOutcome, prompt: &Prompt) -> Result<Drawn, Why> {
    let raw = text(content(shown, &format!("sample/{}", sample.index))?)?;
    let (thinking, said) = split(&raw, prompt.thinking.as_ref().and_then(|thinking| thinking.style.as_ref()));
    let answer = sample.answer.map(|digest| canonical(shown, digest)).transpose()?;
    Ok(Drawn {
        text: said,
        thinking,
        answer,
        whole: sample.finish_reason.as_deref() == Some("stop"),
        check: sample.check.clone(),
        tokens: sample.tokens.into(),
        right: None,
    })
}

/// The canonical answer behind a commitment.
fn canonical(shown: &Shown, answer: Digest) -> Result<String, Why> {
    let commitments = shown.end.iter().flat_map(|end| &end.contents);
    let named = commitments.into_iter().find(|commitment| commitment.commitment == answer).ok_or(Why::Unreadable)?;
    text(content(shown, &named.name)?)
}

/// Thoughts and answer of a sample, which is kept with the markers between them. Where the chat template has opened the
/// thought, its opening marker is not there.
fn split(raw: &str, style: Option<&Style>) -> (String, String) {
    let Some(Style { open, close }) = style else { return (String::new(), raw.to_owned()) };
    let begins = open.iter().any(|marker| raw.trim_start().starts_with(marker.as_str()));
    let opened = !begins && close.iter().any(|marker| raw.contains(marker.as_str()));
    let mut segments = Segments::new(Markers { open: open.clone(), close: close.clone() }, opened);
    let (mut thinking, mut said) = (String::new(), String::new());
    for segment in segments.push(raw).into_iter().chain(segments.finish()) {
        match segment {
            Segment::Thinking(text) => thinking.push_str(&text),
            Segment::Answer(text) => said.push_str(&text),
        }
    }
    (thinking, said)
}

/// The sample whose text the client got. Several may say the same: the one with the answer that most gave comes first.
fn served(samples: &[Drawn], answer: &str, outcome: &Outcome, shown: &Shown) -> Option<usize> {
    let same = || samples.iter().enumerate().filter(|(_, sample)| sample.text == answer);
    let most = outcome.votes.iter().max_by_key(|vote| vote.count).and_then(|vote| canonical(shown, vote.answer).ok());
    let found = same().find(|(_, sample)| most.is_some() && sample.answer == most).or_else(|| same().next());
    found.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_told_from_answers() {
        let style = Style { open: vec!["<think>".into()], close: vec!["</think>".into()] };
        let check = |raw: &str, thinking: &str, said: &str| {
            assert_eq!(split(raw, Some(&style)), (thinking.to_owned(), said.to_owned()), "{raw}");
        };
        check("<think>\na\n</think>\n\n4", "a", "4");
        check("a</think>4", "a", "4");
        check("no thoughts: 4", "", "no thoughts: 4");
        check("<think>never closed", "never closed", "");
        assert_eq!(split("<think>a</think>4", None), (String::new(), "<think>a</think>4".to_owned()));
    }
}
