//! Has models judge whole texts: through the same keepers and turnstiles as samples, bounded in time, and never a pass by mistake.
//!
//! What a classifier does not say clearly, and in time, is a failure of its own kind: neither a violation nor a pass.

mod ask;
mod passed;

use std::{collections::BTreeMap, fmt, sync::Arc};

use forethought_safeguards::{
    Action, Counted, Kind,
    classifier::{Conversation, Speaker, Target},
    whole::ClassifierRule,
};
use tokio::time::{Duration, Instant, timeout_at};
use tracing::warn;

use crate::{EngineDesk, catch};
use ask::{Failed, Spent};
use passed::Passed;

/// What a classifier says of one side of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Judged {
    /// It found nothing.
    Passed,
    /// It found a violation.
    Violated,
    /// It said nothing that counts, or not in time.
    Failed,
}

impl Judged {
    /// Its name in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Violated => "violated",
            Self::Failed => "classifier_failed",
        }
    }
}

/// What one classifier did for one side of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassifierRun {
    /// The classifier's name.
    pub id: String,
    /// The side.
    pub side: Target,
    /// What it says.
    pub judged: Judged,
    /// What is done because of it; `allow` where it passed.
    pub action: Action,
    /// In which respects, by the names that it was asked about.
    pub categories: Vec<String>,
    /// Questions that an engine was asked.
    pub calls: u32,
    /// Tokens of these questions.
    pub prompt_tokens: u64,
    /// Tokens of its answers.
    pub generated_tokens: u64,
    /// How long it took.
    pub took: Duration,
}

impl ClassifierRun {
    /// What is to be told of it, if it did not pass.
    #[must_use]
    pub fn counted(&self) -> Option<Counted> {
        let kind = match self.judged {
            Judged::Passed => return None,
            Judged::Violated => Kind::Classifier,
            Judged::Failed => Kind::ClassifierFailed,
        };
        Some(Counted { kind, list: Some(self.id.clone()), action: self.action, count: 1 })
    }
}

/// Who wants a text judged.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// Whose slots are used.
    pub tenant: &'a str,
    /// When it must be done, whatever the classifier's own time is.
    pub deadline: Instant,
}

/// Hears of every run.
pub type OnRun = Arc<dyn Fn(&ClassifierRun) + Send + Sync>;

/// Asks classifier models. Cheap to clone.
#[derive(Clone)]
pub struct Classifiers {
    engines: Arc<BTreeMap<String, EngineDesk>>,
    passed: Arc<Passed>,
    on_run: OnRun,
}

impl fmt::Debug for Classifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifiers").field("models", &self.engines.keys()).finish_non_exhaustive()
    }
}

impl Classifiers {
    pub(crate) fn new(engines: Arc<BTreeMap<String, EngineDesk>>, on_run: OnRun) -> Self {
        Self { engines, passed: Arc::default(), on_run }
    }

    /// Asks nobody: every judgement fails, as where a model is not there.
    pub(crate) fn nobody() -> Self {
        Self::new(Arc::default(), Arc::new(|_| {}))
    }

    /// Has every classifier judge what is asked: each turn of the user's, with what was said before it. Ends at the first that
    /// blocks. Dropping the future stops the engines' work.
    pub async fn asked(
        &self,
        rules: &[ClassifierRule],
        said: &[(Speaker, String)],
        asker: Asker<'_>,
    ) -> Vec<ClassifierRun> {
        let said: Vec<(Speaker, &str)> = said.iter().map(|(speaker, text)| (*speaker, text.as_str())).collect();
        let ends = (1..=said.len()).filter(|end| ends_a_turn(&said, *end));
        let mut parts: Vec<&[(Speaker, &str)]> = ends.filter_map(|end| said.get(..end)).collect();
        // Where the user says nothing there is nothing to judge, which is no pass.
        if parts.is_empty() {
            parts.push(&said);
        }
        // What is new is most likely to be refused.
        parts.reverse();
        self.all(rules, Target::Input, &parts, asker).await
    }

    /// Has every classifier judge an answer and its thoughts, each as the last that the model says. Ends at the first that blocks.
    pub async fn answered(
        &self,
        rules: &[ClassifierRule],
        said: &[(Speaker, String)],
        answers: &[&str],
        asker: Asker<'_>,
    ) -> Vec<ClassifierRun> {
        let said: Vec<(Speaker, &str)> = said.iter().map(|(speaker, text)| (*speaker, text.as_str())).collect();
        let answers = answers.iter().filter(|text| !text.is_empty());
        let wholes = answers.map(|answer| [said.as_slice(), &[(Speaker::Assistant, *answer)]].concat());
        let wholes: Vec<Vec<(Speaker, &str)>> = wholes.collect();
        let parts: Vec<&[(Speaker, &str)]> = wholes.iter().map(Vec::as_slice).collect();
        if parts.is_empty() {
            return Vec::new();
        }
        self.all(rules, Target::Output, &parts, asker).await
    }

    async fn all(
        &self,
        rules: &[ClassifierRule],
        side: Target,
        parts: &[&[(Speaker, &str)]],
        asker: Asker<'_>,
    ) -> Vec<ClassifierRun> {
        let mut runs = Vec::new();
        for rule in rules {
            let run = self.run(rule, side, parts, asker).await;
            (self.on_run)(&run);
            let blocks = run.action == Action::Block;
            runs.push(run);
            if blocks {
                break;
            }
        }
        runs
    }

    /// One classifier's judgement of all parts, within its time.
    async fn run(
        &self,
        rule: &ClassifierRule,
        side: Target,
        parts: &[&[(Speaker, &str)]],
        asker: Asker<'_>,
    ) -> ClassifierRun {
        let (since, mut spent) = (Instant::now(), Spent::default());
        let deadline = asker.deadline.min(since + Duration::from_millis(rule.timeout_ms));
        let judging = self.judge(rule, side, parts, Asker { deadline, ..asker }, &mut spent);
        // A panic is a failure like any other.
        let judged = match timeout_at(deadline, catch(judging)).await {
            Ok(Ok(judged)) => judged,
            Ok(Err(panicked)) => Err(Failed::Panicked(panicked)),
            Err(_) => Err(Failed::Late),
        };
        let (judged, action, categories) = match judged {
            Ok(None) => (Judged::Passed, Action::Allow, Vec::new()),
            Ok(Some(categories)) => (Judged::Violated, rule.action, categories),
            Err(failed) => {
                warn!(classifier = rule.id, model = rule.model, %failed, "a classifier could not judge a text");
                (Judged::Failed, rule.on_failure, Vec::new())
            }
        };
        let Spent { calls, prompt_tokens, generated_tokens } = spent;
        let took = since.elapsed();
        ClassifierRun {
            id: rule.id.clone(),
            side,
            judged,
            action,
            categories,
            calls,
            prompt_tokens,
            generated_tokens,
            took,
        }
    }

    /// The categories of the first violation, if there is any.
    async fn judge(
        &self,
        rule: &ClassifierRule,
        side: Target,
        parts: &[&[(Speaker, &str)]],
        asker: Asker<'_>,
        spent: &mut Spent,
    ) -> Result<Option<Vec<String>>, Failed> {
        let desk = self.engines.get(&rule.model).ok_or(Failed::NoModel)?;
        for messages in parts {
            for question in rule.questions(&Conversation { messages, target: side })? {
                let found = self.one(rule, desk, &question, asker, spent).await?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }
}

/// Whether the message before `end` is the user's last before the model speaks, or the last of all.
fn ends_a_turn(said: &[(Speaker, &str)], end: usize) -> bool {
    let user = |at: usize| said.get(at).is_some_and(|(speaker, _)| *speaker != Speaker::Assistant);
    user(end.wrapping_sub(1)) && !user(end)
}

#[cfg(test)]
mod tests;
