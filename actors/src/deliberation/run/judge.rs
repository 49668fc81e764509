//! Having a model judge a sample.

use std::sync::Arc;

use forethought_engine::{Channel, EngineError, Message, Prompt, Role, SampleRequest, Sampling, Usage};
use forethought_reasoning::{Markers, Observation};
use tracing::warn;

use super::{Event, News, Report, Run, Sampler, Way};
use crate::sampler::Token;

impl Run {
    pub(super) fn judge(&mut self, index: u32, seed: u64, prompt: &Arc<str>, max_tokens: u32) {
        let Some(sample) = self.samples.get_mut(&index) else { return };
        sample.begin_judgement();
        sample.kill = self.kill.child();
        let run = sample.run;
        if let Err(refused) = self.ledger.reserve(index, max_tokens) {
            warn!(%refused, index, "the budget refuses a judgement");
            let news = News::Failed { error: EngineError::Sample(refused.to_string()) };
            let _ = self.sender.try_send(Report { index, run, news });
            return;
        }
        let prompt = Prompt::Messages(vec![Message::new(Role::User, prompt.to_string())].into());
        // Of the model that answers it is known how it thinks; of another one its engine tells.
        let own = self.job.thinking.as_ref().filter(|_| self.engines.judge.is_none());
        let sampler = Sampler {
            index,
            run,
            request: SampleRequest {
                // The judge's likeliest word: a score is not to depend on luck.
                sampling: Sampling { temperature: 0.0, ..Sampling::default() },
                ..SampleRequest::new(prompt, max_tokens, seed)
            },
            way: Way::WithoutThought(own.map(|thinking| thinking.style.clone())),
            engine: self.engines.judge.as_ref().unwrap_or(&self.engines.model).clone(),
            tenant: self.job.tenant.clone(),
            rank: 0,
            deadline: self.deadline,
            reports: self.sender.clone(),
            kill: sample.kill.clone(),
        };
        self.spawn(sampler);
    }

    pub(super) fn judge_token(&mut self, index: u32, token: &Token) -> Option<Observation> {
        self.judge_spends(index, 1).err().map(|error| self.failed(index, error)).or_else(|| {
            // What it thinks before it judges is no judgement.
            if token.channel != Channel::Thinking {
                self.samples.get_mut(&index)?.judgement.push_str(&token.text);
            }
            None
        })
    }

    pub(super) fn judged(&mut self, index: u32, text: &str, usage: Usage) -> Option<Observation> {
        let seen = self.samples.get(&index)?.judge_tokens;
        if let Err(error) = self.judge_spends(index, usage.completion_tokens.saturating_sub(seen)) {
            return Some(self.failed(index, error));
        }
        self.ledger.record_prompt(u64::from(usage.prompt_tokens));
        self.settle(index);
        let sample = self.samples.get_mut(&index)?;
        sample.work = None;
        sample.judgement.push_str(text);
        sample.report.prompt_tokens += u64::from(usage.prompt_tokens);
        sample.report.cached_tokens += u64::from(usage.cached_tokens);
        let style = self.job.thinking.as_ref().map(|thinking| &thinking.style.markers);
        let (tokens, text) = (sample.judge_tokens, behind_thought(&sample.judgement, style).to_owned());
        self.tell(Event::SampleJudged { index, tokens, failed: false });
        Some(Observation::Judged { index, text, tokens })
    }

    fn judge_spends(&mut self, index: u32, tokens: u32) -> Result<(), EngineError> {
        self.ledger.record(index, tokens).map_err(|over| EngineError::Sample(over.to_string()))?;
        if let Some(sample) = self.samples.get_mut(&index) {
            sample.judge_tokens += tokens;
            sample.report.judge_tokens += tokens;
            sample.report.tokens += tokens;
        }
        self.spend(tokens);
        Ok(())
    }
}

/// What a judge says behind its last thought; nothing where that has not come to its end.
pub(crate) fn behind_thought<'a>(said: &'a str, markers: Option<&Markers>) -> &'a str {
    let known = [Markers::default(), Markers::harmony()];
    let known = || known.iter().chain(markers);
    let closed = known().flat_map(|markers| &markers.close).filter_map(|close| Some(said.rfind(close)? + close.len()));
    match closed.max() {
        Some(end) => said.get(end..).unwrap_or_default(),
        None if known().flat_map(|markers| &markers.open).any(|open| said.contains(open.as_str())) => "",
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_behind_the_thoughts_is_a_judgement() {
        let own = Markers { open: vec!["[T]".into()], close: vec!["[/T]".into()] };
        let check = |said: &str, expect: &str| assert_eq!(behind_thought(said, Some(&own)), expect, "{said}");
        check("Score: 7", "Score: 7");
        check("Score: 2 or so</think>\nScore: 7", "\nScore: 7");
        check("<think>a</think>b</think>7", "7");
        check("<think>Score: 7", "");
        check("[T]Score: 2[/T]Score: 7", "Score: 7");
        check("<|channel|>analysis<|message|>2<|end|><|start|>assistant<|channel|>final<|message|>7", "7");
        check("<|channel|>analysis<|message|>2", "");
    }
}
