//! Having a model judge a sample.

use std::sync::Arc;

use forethought_engine::{EngineError, Message, Prompt, Role, SampleRequest, Sampling, Usage};
use forethought_reasoning::Observation;
use tracing::warn;

use super::{Event, News, Report, Run, Sampler, Work};

impl Run {
    pub(super) fn judge(&mut self, index: u32, seed: u64, prompt: &Arc<str>, max_tokens: u32) {
        let Some(sample) = self.samples.get_mut(&index) else { return };
        (sample.run, sample.work) = (sample.run + 1, Some(Work::Judge));
        sample.judgement.clear();
        sample.judge_tokens = 0;
        sample.kill = self.kill.child();
        let run = sample.run;
        if let Err(refused) = self.ledger.reserve(index, max_tokens) {
            warn!(%refused, index, "the budget refuses a judgement");
            let news = News::Failed { error: EngineError::Sample(refused.to_string()) };
            let _ = self.sender.try_send(Report { index, run, news });
            return;
        }
        let prompt = Prompt::Messages(vec![Message { role: Role::User, content: prompt.to_string() }]);
        let sampler = Sampler {
            index,
            run,
            request: SampleRequest {
                // The judge's likeliest word: a score is not to depend on luck.
                sampling: Sampling { temperature: 0.0, ..Sampling::default() },
                ..SampleRequest::new(prompt, max_tokens, seed)
            },
            engine: self.engines.judge.as_ref().unwrap_or(&self.engines.model).clone(),
            tenant: self.job.tenant.clone(),
            rank: 0,
            deadline: self.deadline,
            reports: self.sender.clone(),
            kill: sample.kill.clone(),
        };
        tokio::spawn(sampler.run());
    }

    pub(super) fn judge_token(&mut self, index: u32, text: &str) -> Option<Observation> {
        self.judge_spends(index, 1).err().map(|error| self.failed(index, error)).or_else(|| {
            self.samples.get_mut(&index)?.judgement.push_str(text);
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
        let (tokens, text) = (sample.judge_tokens, sample.judgement.clone());
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
