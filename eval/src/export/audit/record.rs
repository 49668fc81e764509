//! One request of the audit log as a deliberation: its prompt, its samples and what is known of them.

use forethought_audit::{Admission, Body, Digest, Outcome, SampleOutcome, Shown};
use forethought_reasoning::{
    AnswerKind, Finish, Markers, Outcome as Checked, SampleResult, Segment, Segments, VerifierSpec, Verifiers, extract,
};
use forethought_schemas::ChatMessage;
use serde::Deserialize;
use serde_json::Value;

use crate::export::{Deliberation, Drawn, Origin, Why};

/// What is sealed as a request's prompt, as far as it matters here.
#[derive(Deserialize)]
struct Prompt {
    messages: Vec<ChatMessage>,
    /// The kind of answer, as it is written for debugging.
    #[serde(default)]
    answer: String,
    #[serde(default)]
    verifiers: Vec<VerifierSpec>,
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
    let checks = Checks::of(&prompt);
    let ended = outcome.samples.iter().filter(|sample| !sample.cancelled && sample.finish_reason.is_some());
    let samples = ended.map(|sample| drawn(shown, sample, &prompt, &checks)).collect::<Result<Vec<_>, _>>()?;
    Ok(Deliberation {
        served: Some(served(&samples, &answer, outcome, shown).ok_or(Why::Unreadable)?),
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

fn drawn(shown: &Shown, sample: &SampleOutcome, prompt: &Prompt, checks: &Checks) -> Result<Drawn, Why> {
    let raw = text(content(shown, &format!("sample/{}", sample.index))?)?;
    let (thinking, said) = split(&raw, prompt.thinking.as_ref().and_then(|thinking| thinking.style.as_ref()));
    let answer = sample.answer.map(|digest| canonical(shown, digest)).transpose()?;
    let check = recorded(sample).or_else(|| checks.again(sample, &thinking, &said));
    Ok(Drawn {
        text: said,
        thinking,
        answer,
        whole: sample.finish_reason.as_deref() == Some("stop"),
        check,
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

/// What verifiers said of a sample, if the record says it: a text, or an object with `outcome`.
fn recorded(sample: &SampleOutcome) -> Option<String> {
    // Records that are written today have no such field yet; once they do, it is found without another change here.
    let value = serde_json::to_value(sample).ok()?;
    let check = value.get("check")?;
    check.get("outcome").unwrap_or(check).as_str().map(ToOwned::to_owned)
}

/// The request's verifiers, to check a sample again: they depend on nothing but the sample.
struct Checks {
    kind: AnswerKind,
    verifiers: Option<Verifiers>,
    /// Whether some of them cannot be asked again, because they need a model or its probabilities.
    partial: bool,
}

impl Checks {
    fn of(prompt: &Prompt) -> Self {
        let kind = kind(&prompt.answer);
        let needs_more =
            |spec: &VerifierSpec| matches!(spec, VerifierSpec::Judge { .. } | VerifierSpec::Confidence { .. });
        let again: Vec<VerifierSpec> = prompt.verifiers.iter().filter(|spec| !needs_more(spec)).cloned().collect();
        let built = kind.as_ref().and_then(|kind| VerifierSpec::build(&again, kind, "").ok());
        Self {
            verifiers: built.filter(|verifiers| !verifiers.is_empty()),
            partial: again.len() < prompt.verifiers.len(),
            kind: kind.unwrap_or(AnswerKind::Text),
        }
    }

    fn again(&self, sample: &SampleOutcome, thinking: &str, said: &str) -> Option<String> {
        let result = SampleResult {
            index: sample.index,
            thinking: thinking.to_owned(),
            text: said.to_owned(),
            finish: if sample.finish_reason.as_deref() == Some("stop") { Finish::Stop } else { Finish::Length },
            tokens: sample.tokens,
            mean_logprob: None,
            confidence: None,
        };
        let outcome = self.verifiers.as_ref()?.check(&result, extract(&self.kind, said).as_ref()).outcome;
        // Nobody knows what the others said: only a fault is certain.
        let certain = !self.partial || outcome == Checked::Refuted;
        Some(if certain { outcome } else { Checked::Unchecked }.as_str().to_owned())
    }
}

/// The kind of answer out of how it is written for debugging.
fn kind(written: &str) -> Option<AnswerKind> {
    let plain = [AnswerKind::Text, AnswerKind::Number, AnswerKind::Choice, AnswerKind::Boxed];
    let json = AnswerKind::Json { pointer: None };
    if let Some(kind) = plain.into_iter().chain([json]).find(|kind| format!("{kind:?}") == written) {
        return Some(kind);
    }
    let quoted = written.strip_prefix("Json { pointer: Some(")?.strip_suffix(") }")?;
    let pointer: Value = serde_json::from_str(quoted).ok()?;
    Some(AnswerKind::Json { pointer: Some(pointer.as_str()?.to_owned()) })
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

    #[test]
    fn kinds_are_read_as_they_are_written() {
        let kinds = [
            AnswerKind::Text,
            AnswerKind::Number,
            AnswerKind::Choice,
            AnswerKind::Boxed,
            AnswerKind::Json { pointer: None },
            AnswerKind::Json { pointer: Some("/a \"b\"".into()) },
        ];
        for expect in kinds {
            assert_eq!(kind(&format!("{expect:?}")), Some(expect));
        }
        assert_eq!(kind(""), None);
        assert_eq!(kind("Prose"), None);
    }
}
