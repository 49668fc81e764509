//! gpt-oss-safeguard.
//!
//! OpenAI's guide (cookbook.openai.com/articles/gpt-oss-safeguard-guide) has the policy in the system message, the content
//! in the user message, and asks that every policy says how to answer; so its form for answers that name a rule stands
//! behind the operator's policy. The chat template makes harmony of it.

use serde::Deserialize;

use super::{
    Category, Classified, ClassifierPrompt, Conversation, Form, Protocol, Speaker, Target, Unasked, Unreadable,
    clean::Marks,
    turns::{Turn, turns},
};

/// Harmony's tokens. Who speaks is told by JSON where it matters.
const MARKS: Marks = Marks { tokens: &["<|", "|>"], headings: &[] };

/// It thinks before it answers, and the guide asks not to be sparing.
const MAX_TOKENS: u32 = 4096;

/// Behind every policy, in the guide's words.
const OUTPUT: &str = "## OUTPUT\n\n\
    If the content violates this policy, return:\n\
    {\"violation\": 1, \"policy_category\": \"<category_or_rule_id>\"}\n\n\
    If the content does NOT violate this policy, return:\n\
    {\"violation\": 0, \"policy_category\": null}\n";

pub(super) fn prompts(of: &Conversation<'_>, policies: &[Category]) -> Result<Vec<ClassifierPrompt>, Unasked> {
    if policies.is_empty() {
        return Err(Unasked::NoPolicy);
    }
    let content = content(of.target, turns(of, &MARKS)?);
    policies.iter().map(|policy| prompt(policy, &content)).collect()
}

fn prompt(policy: &Category, content: &str) -> Result<ClassifierPrompt, Unasked> {
    let Category::Own { id, text } = policy else { return Err(Unasked::NoPolicy) };
    let policy = format!("{}\n\n{OUTPUT}", text.trim());
    Ok(ClassifierPrompt {
        protocol: Protocol::GptOssSafeguard,
        form: Form::Chat(vec![(Speaker::System, policy), (Speaker::User, content.to_owned())]),
        max_tokens: MAX_TOKENS,
        logprobs: false,
        categories: vec![id.clone()],
    })
}

/// What a user asks stands alone; an answer stands with its question, as JSON, which no text can end.
fn content(target: Target, mut said: Vec<Turn>) -> String {
    let judged = said.pop().map(|(_, text)| text).unwrap_or_default();
    let before = said.pop().map(|(_, text)| text).unwrap_or_default();
    match target {
        Target::Input => judged,
        Target::Output => {
            let [user, assistant] = [before, judged].map(|text| serde_json::Value::String(text).to_string());
            format!("{{\"user\": {user}, \"assistant\": {assistant}}}")
        }
    }
}

/// An answer in JSON. What else the policy asks for is ignored.
#[derive(Deserialize)]
struct Answer {
    violation: u8,
    #[serde(default)]
    policy_category: Option<String>,
    #[serde(default)]
    rule_ids: Vec<String>,
    #[serde(default)]
    rationale: Option<String>,
}

/// `0`, `1`, or an object with a `violation`.
pub(super) fn verdict(asked: &[String], answer: &str) -> Result<Classified, Unreadable> {
    const FORM: Unreadable = Unreadable::Form("`0`, `1` or a JSON object with a `violation` of 0 or 1");
    let plain = |violation| Answer { violation, policy_category: None, rule_ids: Vec::new(), rationale: None };
    let said = match answer.trim() {
        "0" => plain(0),
        "1" => plain(1),
        json => serde_json::from_str(json).map_err(|_| FORM)?,
    };
    let mut categories: Vec<String> = said.policy_category.into_iter().chain(said.rule_ids).collect();
    categories.dedup();
    let violates = match said.violation {
        0 if categories.is_empty() => false,
        0 => return Err(Unreadable::Contradiction),
        1 => true,
        _ => return Err(FORM),
    };
    if violates && categories.is_empty() {
        categories = asked.to_vec();
    }
    Ok(Classified { violates, categories, score: None, reason: said.rationale })
}
