//! What is checked in whole texts: of a request before any model sees it, and of an answer that a reviewer writes.

use std::sync::Arc;

use forethought_actors::{Asker, BLOCKED, CLASSIFIER_FAILED, ClassifierRun, Job, Judged, WholePlan};
use forethought_policies::Screens;
use forethought_safeguards::{
    Action, Kind,
    classifier::Speaker,
    whole::{Verdict, Whole},
};
use forethought_schemas::{ApiError, ChatMessage, ChatRequest, ChatRole, ErrorKind};
use tokio::time::{Duration, Instant};

use super::{
    Gateway,
    screen::{self, Screened},
};

/// How long a reviewer waits for all classifiers together.
const EDIT_WITHIN: Duration = Duration::from_mins(1);

/// Adds what is found in a request as a whole, as it is after what safeguards have put in place of what they found.
pub(super) fn look(rules: &Whole, mut screened: Screened) -> Screened {
    let said: Vec<_> =
        screened.chat.messages.iter().map(|message| (speaker(message.role), screen::said(message))).collect();
    let said: Vec<(Speaker, &str)> = said.iter().map(|(speaker, text)| (*speaker, &**text)).collect();
    let verdicts = rules.asked(&said);
    if screened.refusal.is_none() {
        screened.refusal = verdicts.iter().find(|verdict| verdict.action == Action::Block).map(refusal);
    }
    let held = verdicts.iter().filter(|verdict| verdict.action == Action::Hold);
    screened.held.extend(held.map(|verdict| verdict.kind.named(verdict.list.as_deref())));
    screened.found.extend(Verdict::counted(&verdicts));
    screened
}

/// What a message says, for models that judge it: what tools were called with included.
fn with_calls(message: &ChatMessage) -> String {
    let calls = message.calls.iter().map(|call| format!("{} {}", call.name, call.arguments));
    let said = Some(message.content.clone()).filter(|content| !content.is_empty() || message.calls.is_empty());
    said.into_iter().chain(calls).collect::<Vec<_>>().join("\n")
}

const fn speaker(role: ChatRole) -> Speaker {
    match role {
        ChatRole::System => Speaker::System,
        // What a tool says is nobody's of ours, and no more trusted than a person.
        ChatRole::User | ChatRole::Tool => Speaker::User,
        ChatRole::Assistant => Speaker::Assistant,
    }
}

fn refusal(verdict: &Verdict) -> ApiError {
    let param = verdict.message.map_or_else(|| "messages".to_owned(), |at| format!("messages[{at}].content"));
    let (what, mend) = match verdict.kind {
        Kind::Language => ("is in a language".to_owned(), "write it in another one"),
        Kind::Length => ("has a length".to_owned(), "shorten it"),
        kind => (format!("is about {}", kind.named(verdict.list.as_deref())), "ask about something else"),
    };
    let message =
        format!("{param} {what}, which this tenant's safeguards do not let through; {mend} and send the request again");
    ApiError { param: Some(param), ..ApiError::new(ErrorKind::Permission, BLOCKED, message) }
}

/// Puts into a job what is to be checked in whole texts around it.
pub(super) fn plan(gateway: &Gateway, screens: &Screens, chat: &ChatRequest, job: &mut Job) {
    let said = chat.messages.iter().map(|message| (speaker(message.role), with_calls(message)));
    job.whole = WholePlan {
        asked: Arc::clone(&screens.whole),
        answers: Arc::clone(&screens.answers),
        said: said.collect(),
        classifiers: Some(gateway.classifiers.clone()),
    };
}

/// Whether an answer that a reviewer writes may leave, in a conversation. What would be held is decided on already.
///
/// # Errors
/// What keeps it from leaving.
pub(super) async fn edit(
    gateway: &Gateway,
    tenant: &str,
    rules: &Whole,
    conversation: &[ChatMessage],
    answer: &str,
) -> Result<(), ApiError> {
    let rules = rules.released();
    let found = rules.answered("", answer);
    if let Some(verdict) = found.iter().find(|verdict| verdict.action == Action::Block) {
        return Err(not_let_through(&verdict.kind.named(verdict.list.as_deref())));
    }
    let said: Vec<(Speaker, String)> =
        conversation.iter().map(|message| (speaker(message.role), with_calls(message))).collect();
    let asker = Asker { tenant, deadline: Instant::now() + EDIT_WITHIN };
    let runs = gateway.classifiers.answered(rules.classifiers(), &said, &[answer], asker).await;
    runs.iter().find(|run| run.action == Action::Block).map_or(Ok(()), |run| Err(classified(run)))
}

fn not_let_through(what: &str) -> ApiError {
    let message =
        format!("`answer` is not let through by the tenant's safeguards because of {what}; write it otherwise");
    ApiError::invalid("answer", BLOCKED, message)
}

fn classified(run: &ClassifierRun) -> ApiError {
    if run.judged == Judged::Failed {
        let message = format!("the classifier `{}` could not judge `answer`, so it may not leave; try again", run.id);
        return ApiError::new(ErrorKind::Unavailable, CLASSIFIER_FAILED, message).retry_after(5);
    }
    not_let_through(&format!("the classifier `{}` ({})", run.id, run.categories.join(", ")))
}
