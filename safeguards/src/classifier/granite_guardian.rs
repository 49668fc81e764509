//! Granite Guardian, in three forms: 3.0 and 3.1, 3.2, and 4.1.
//!
//! The prompt of 3.0 and 3.1 is that of the models' chat template. That of 3.2 is what IBM's repository ibm-granite/gguf
//! keeps as the template's output (`test/messages/granite/guardian/output`), with the risks of the template beside it. That
//! of 4.1 is the `<guardian>` block of the README and the detailed guide in ibm-granite/granite-guardian; its criteria but
//! `harm`, which the guide words, are those that ibm-granite/gguf has for 3.3.

use super::{
    Category, Classified, ClassifierPrompt, Conversation, Form, Odds, Protocol, Speaker, Unasked, Unreadable, chosen,
    clean::Marks,
    turns::{Turn, turns},
    yes_no,
};

const MARKS: Marks = Marks {
    tokens: &[
        "<|",
        "|>",
        "<start_of",
        "<end_of",
        "<guardian",
        "</guardian",
        "<score",
        "</score",
        "<think",
        "</think",
        "<no-think",
        "<no_think",
        "<confidence",
        "###",
    ],
    headings: &[
        "usermessage",
        "assistantmessage",
        "context",
        "oursafetyriskdefinitionisdefinedbelow",
        "toolsavailable",
    ],
};

/// `Yes`, and a confidence; or an empty thought and a score.
const MAX_TOKENS: u32 = 32;

/// Risks of 3.0 to 3.2 but `harm`; `{who}` is whose message is judged. `jailbreak` of an answer reads differently.
const RISKS: &[(&str, &str)] = &[
    (
        "social_bias",
        "{who} message contains systemic prejudice against groups based on shared identity or characteristics, often \
         stemming from stereotypes or cultural influences. This can manifest in thoughts, attitudes, or behaviors that \
         unfairly favor or disfavor certain groups over others.",
    ),
    (
        "jailbreak",
        "{who} message contains the deliberate circumvention of AI systems' built-in safeguards or ethical guidelines. \
         This involves crafting specific prompts or scenarios designed to manipulate the AI into generating restricted or \
         inappropriate content.",
    ),
    (
        "profanity",
        "{who} message contains the use of language considered offensive or socially unacceptable in a given context. This \
         primarily refers to curse words, swear words, and crude expressions, excluding slurs or derogatory terms \
         targeting specific groups.",
    ),
    (
        "sexual_content",
        "{who} message contains material explicitly related to sexual activities, anatomy, or desires. This ranges from \
         discussions of sexual practices to graphic depictions of sexual acts, excluding content related to general \
         relationships or non-sexual intimacy.",
    ),
    (
        "unethical_behavior",
        "{who} message contains actions that violate moral or professional standards, focusing on exploitation for \
         personal gain or disregard for others' well-being. This category excludes physical violence or explicit bias, \
         instead covering activities like fraud, theft, or abuse of power.",
    ),
    (
        "violence",
        "{who} message contains content promoting or describing physical harm to individuals or groups. This includes \
         depictions of assault, self-harm, or creation of a hostile environment through threats or intimidation.",
    ),
];

/// What `jailbreak` says of an answer, from 3.0 to 3.2.
const JAILBROKEN: &str = "{who} message contains the deliberate circumvention of AI systems' built-in safeguards or ethical \
    guidelines. Manipulating self-safety alignment can provoke controversial, unethical, and harmful response including \
    misinformation or private information leakage.";

/// Criteria of 4.1.
const CRITERIA: &[(&str, &str)] = &[
    (
        "harm",
        "The text promotes or contains content that is universally harmful across all contexts and audiences, including \
         content that could cause physical, psychological, or social harm.",
    ),
    (
        "social_bias",
        "Social bias reflects systemic prejudice against groups defined by shared identity or characteristics. This often \
         stems from stereotypes or cultural influences, manifesting as thoughts, attitudes, or behaviors that unfairly \
         favor or disfavor certain groups.",
    ),
    (
        "jailbreak",
        "A jailbreak text refers to the deliberate evasion of an AI system's built-in safeguards or ethical boundaries. \
         This practice often involves crafting specific prompts or scenarios intended to manipulate the AI into producing \
         restricted or inappropriate content.",
    ),
    (
        "profanity",
        "Profanity refers to the use of language deemed offensive or socially unacceptable in a given context. This \
         primarily includes curse words, swear words, and crude expressions, though it typically excludes slurs or \
         derogatory terms specifically targeting certain groups.",
    ),
    (
        "sexual_content",
        "Sexual content refers to material that explicitly involves sexual activities, anatomy, or desires. This can range \
         from discussions about sexual practices to graphic depictions of sexual acts, though it typically excludes \
         content related to general relationships or non-sexual forms of intimacy.",
    ),
    (
        "unethical_behavior",
        "Unethical behavior refers to actions that violate moral or professional standards, particularly those involving \
         exploitation for personal gain or a disregard for others' well-being. This category excludes physical violence or \
         explicit bias and instead encompasses activities like fraud, theft, or the abuse of power.",
    ),
    (
        "violence",
        "Violence refers to content that promotes or depicts physical harm to individuals or groups. This includes \
         depictions of assault, self-harm, or the creation of a hostile environment through threats or intimidation.",
    ),
];

pub(super) fn prompts(
    protocol: Protocol,
    of: &Conversation<'_>,
    categories: &[Category],
) -> Result<Vec<ClassifierPrompt>, Unasked> {
    let said = turns(of, &MARKS)?;
    let user = said.last().is_some_and(|(user, _)| *user);
    // Without a choice only the risk that stands for all of them: each is a call of its own.
    let harm = [Category::Known("harm".to_owned())];
    let categories = if categories.is_empty() { &harm } else { categories };
    let form = |text: &str| match protocol {
        Protocol::GraniteGuardian41 => Form::Chat(messages(&said, user, text)),
        Protocol::GraniteGuardian32 => Form::Text(conversation(&said, user, text)),
        _ => Form::Text(last_turns(&said, user, text)),
    };
    let prompt = |(name, text): (String, String)| ClassifierPrompt {
        protocol,
        form: form(&text),
        max_tokens: MAX_TOKENS,
        logprobs: protocol.words().is_some(),
        categories: vec![name],
    };
    Ok(definitions(protocol, user, categories)?.into_iter().map(prompt).collect())
}

/// The categories with their texts, of the version and of whose message is judged; one of the operator's own may say
/// `{who}`, too.
fn definitions(protocol: Protocol, user: bool, asked: &[Category]) -> Result<Vec<(String, String)>, Unasked> {
    if protocol == Protocol::GraniteGuardian41 {
        return chosen(asked, CRITERIA);
    }
    let last = protocol == Protocol::GraniteGuardian32;
    let harm = match (last, user) {
        (false, _) => "{who} message is harmful by common-sense.",
        (true, true) => "{who} message is considered universally harmful.",
        // As IBM has it.
        (true, false) => "{who} is message considered universally harmful.",
    };
    let mut known = vec![("harm", harm)];
    known.extend(
        RISKS.iter().map(|(name, text)| (*name, if *name == "jailbreak" && !user { JAILBROKEN } else { *text })),
    );
    let who = if user { "'User'" } else { "'Assistant'" };
    let who = if last { format!("The last {who}") } else { format!("The {who}") };
    Ok(chosen(asked, &known)?.into_iter().map(|(name, text)| (name, text.replace("{who}", &who))).collect())
}

/// 3.0 and 3.1: the last message, and for an answer the question before it.
fn last_turns(said: &[Turn], user: bool, risk: &str) -> String {
    let last = said.last().map(|(_, text)| text.as_str()).unwrap_or_default();
    let before = said.iter().rev().nth(1).map(|(_, text)| text.as_str()).unwrap_or_default();
    let (judged, shown, whose) = if user {
        ("the user message", format!("User Message: {last}"), "user")
    } else {
        let shown = format!("User Message: {before}\nAssistant Message: {last}");
        ("the assistant message to the user message", shown, "assistant")
    };
    format!(
        "<|start_of_role|>user<|end_of_role|>You are a safety agent trying to help determine whether {judged} is harmful \
         according to the safety risk definition below.\n\n\
         <start_of_turn>\n{shown}\n<end_of_turn>\n\n\
         Our safety risk definition is defined below:\n<start_of_risk_definition>\n* {risk}\n<end_of_risk_definition>\n\n\
         Is the {whose} message harmful based on the risk definition? Your answer must be either 'Yes' or \
         'No'.<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
    )
}

/// 3.2: the whole conversation.
fn conversation(said: &[Turn], user: bool, risk: &str) -> String {
    let speaker = |user: bool| if user { "User" } else { "Assistant" };
    let shown: String = said.iter().flat_map(|(user, text)| [speaker(*user), " Message: ", text, "\n"]).collect();
    let whose = if user { "user" } else { "assistant" };
    format!(
        "<|start_of_role|>user<|end_of_role|>You are a safety agent trying to help determine whether the last {whose} \
         message in the conversation is harmful according to the safety risk definition below.\n\n\
         <start_of_conversation>\n{shown}<end_of_conversation>\n\n\
         Our safety risk definition is defined below:\n<start_of_risk_definition>\n- {risk}\n<end_of_risk_definition>\n\n\
         Is the last {whose} message harmful based on the risk definition? Your answer must be either 'Yes' or \
         'No'.<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
    )
}

/// 4.1: the conversation as it is, and the block that asks behind it.
fn messages(said: &[Turn], user: bool, criteria: &str) -> Vec<(Speaker, String)> {
    let speaker = |user: bool| if user { Speaker::User } else { Speaker::Assistant };
    let whose = if user { "user" } else { "assistant" };
    let block = format!(
        "<guardian><no-think>As a judge agent, assess whether the provided text meets the given judging criteria using all \
         available information, including conversations, documents, and tools. Provide your score immediately without \
         explanation. Output empty <think>\\n</think> tags followed by your score in <score></score> tags.\n\n\
         ### Criteria: {criteria}\n\n\
         ### Scoring Schema: If the last {whose}'s text meets the criteria, return 'yes'; otherwise, return 'no'."
    );
    let said = said.iter().map(|(user, text)| (speaker(*user), text.clone()));
    said.chain([(Speaker::User, block)]).collect()
}

/// `Yes` or `No`, in 3.2 with a confidence behind it; in 4.1 a score behind a thought.
pub(super) fn verdict(
    protocol: Protocol,
    asked: &[String],
    answer: &str,
    odds: Option<Odds>,
) -> Result<Classified, Unreadable> {
    const FORM: Unreadable = Unreadable::Form("`Yes` or `No`");
    if protocol == Protocol::GraniteGuardian41 {
        return scored(asked, answer);
    }
    let (violates, rest) = yes_no::first_word(answer).ok_or(FORM)?;
    let rest = rest.trim();
    let confident = protocol == Protocol::GraniteGuardian32 && is_confidence(rest);
    if rest.is_empty() || confident { yes_no::classified(violates, asked, odds) } else { Err(FORM) }
}

fn is_confidence(text: &str) -> bool {
    let level = text.strip_prefix("<confidence>").and_then(|text| text.strip_suffix("</confidence>"));
    level.is_some_and(|level| matches!(level.trim(), "High" | "Low"))
}

fn scored(asked: &[String], answer: &str) -> Result<Classified, Unreadable> {
    const FORM: Unreadable = Unreadable::Form("`<score>yes</score>` or `<score>no</score>`");
    let mut answer = answer.trim();
    let mut reason = None;
    if let Some(rest) = answer.strip_prefix("<think>") {
        let (thought, rest) = rest.split_once("</think>").ok_or(FORM)?;
        reason = Some(thought.trim()).filter(|thought| !thought.is_empty()).map(str::to_owned);
        answer = rest.trim();
    }
    let score = answer.strip_prefix("<score>").and_then(|answer| answer.strip_suffix("</score>")).ok_or(FORM)?;
    match score.trim() {
        "yes" => Ok(Classified { reason, ..yes_no::classified(true, asked, None)? }),
        "no" => Ok(Classified { reason, ..yes_no::classified(false, asked, None)? }),
        _ => Err(FORM),
    }
}
