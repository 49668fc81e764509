//! Whether the models that a policy asks as classifiers will do.

use std::{cell::RefCell, collections::BTreeMap, path::Path, sync::Arc};

use forethought_actors::Rooms;
use forethought_engine::{Abilities, upstream::Api};
use forethought_policies::Policy;
use forethought_safeguards::whole::ClassifierRule;
use tokio::time::{Duration, Instant};
use tracing::error;

use crate::config::{EngineConfig, ModelConfig};

/// How long a large model may take to load.
const LOADED_WITHIN: Duration = Duration::from_mins(15);

/// Says what is wrong with the model of a classifier, and the mend.
pub type Fits = Arc<dyn Fn(&ClassifierRule) -> Option<(String, String)> + Send + Sync>;

/// Whether a model is configured, and asked in chats only.
#[must_use]
pub fn fits(models: &[ModelConfig]) -> Fits {
    let chats: BTreeMap<String, bool> = models.iter().map(|model| (model.id.clone(), chats(&model.engine))).collect();
    Arc::new(move |rule| match chats.get(&rule.model) {
        None => {
            let known: Vec<&str> = chats.keys().map(String::as_str).collect();
            let told = format!("`{}` is no model of this service", rule.model);
            Some((told, format!("name one of: {}", known.join(", "))))
        }
        Some(true) if rule.protocol.is_text() => Some(wraps(rule)),
        Some(_) => None,
    })
}

/// Whether the configuration has an engine, or a member of a pool, asked in chats.
fn chats(engine: &EngineConfig) -> bool {
    match engine {
        EngineConfig::Upstream(upstream) => upstream.api == Some(Api::Chat),
        EngineConfig::Pool(pool) => pool.members.iter().any(|(_, member)| chats(member)),
        EngineConfig::Mistral(_) | EngineConfig::Scripted(_) => false,
    }
}

fn wraps(rule: &ClassifierRule) -> (String, String) {
    let told = format!(
        "the model `{}` is asked in chats, and this protocol's text would be wrapped into one, which asks something else",
        rule.model
    );
    (told, "serve it by raw completions (`api`, `chat_template`)".to_owned())
}

/// What an engine that is there cannot do for a classifier.
fn lacks(can: Abilities, rule: &ClassifierRule) -> Option<(String, String)> {
    if rule.protocol.is_text() && !can.continues {
        return Some(wraps(rule));
    }
    let told = || format!("the engine of the model `{}` tells no odds, which the threshold needs", rule.model);
    (rule.threshold.is_some() && !can.logprobs)
        .then(|| (told(), "remove the threshold, or take another engine".to_owned()))
}

/// Looks at the engines of all classifiers once they are there, and has the log tell which of them will not do. Their
/// judgements fail, each as its `on_failure` says.
pub async fn look(rooms: Rooms, policy: Policy) {
    for rule in rules(&policy) {
        let Some(desk) = rooms.engine(&rule.model) else { continue };
        let Ok(engine) = desk.lease(Instant::now() + LOADED_WITHIN).await else { continue };
        if let Some((told, mend)) = lacks(engine.info().can, &rule) {
            error!(classifier = rule.id, mend, "a classifier can judge nothing: {told}");
        }
    }
}

fn rules(policy: &Policy) -> Vec<ClassifierRule> {
    let rules = RefCell::new(Vec::new());
    // Nothing is refused: it is only listed.
    let _ = policy.check_classifiers(Path::new(""), |rule| {
        rules.borrow_mut().push(rule.clone());
        None
    });
    rules.into_inner()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_an_engine_lacks_is_told() {
        let guard = json!({ "id": "g", "model": "m", "protocol": "llama_guard_3", "action": "block" });
        let odds = json!({ "id": "g", "model": "m", "protocol": "llama_guard_3", "action": "block", "threshold": 50 });
        let chat =
            json!({ "id": "g", "model": "m", "protocol": "gpt_oss_safeguard", "policy": "x", "action": "block" });
        let check = |of: &Value, can: Abilities, expected: Option<&str>| {
            let rule: ClassifierRule = serde_json::from_value(of.clone()).unwrap();
            let told = lacks(can, &rule).map(|(told, _)| told);
            assert_eq!(told.is_some(), expected.is_some(), "{of} {told:?}");
            assert!(told.unwrap_or_default().contains(expected.unwrap_or_default()), "{of}");
        };
        check(&guard, Abilities::ALL, None);
        check(&guard, Abilities { continues: false, ..Abilities::ALL }, Some("chats"));
        check(&guard, Abilities { logprobs: false, ..Abilities::ALL }, None);
        check(&odds, Abilities { logprobs: false, ..Abilities::ALL }, Some("odds"));
        check(&chat, Abilities { continues: false, logprobs: false, ..Abilities::ALL }, None);
    }
}
