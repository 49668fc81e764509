//! Llama Guard 3.
//!
//! The prompt is that of the model's chat template, `tokenizer_config.json` of Llama-Guard-3-8B, and of
//! llama.com/docs/model-cards-and-prompt-formats/llama-guard-3; that file has a blank before the first token, the page and
//! the templates of the other sizes have none, nor is one here.

use super::{
    Category, Classified, ClassifierPrompt, Conversation, Form, Odds, Protocol, Target, Unasked, Unreadable, chosen,
    clean::Marks, turns::turns, yes_no,
};

const MARKS: Marks = Marks { tokens: &["<|", "|>", "<begin ", "<end "], headings: &["user", "agent"] };

/// `unsafe`, and the names of all categories.
const MAX_TOKENS: u32 = 64;

/// The categories of the 8B model. The 1B model has no S14.
const CATEGORIES: &[(&str, &str)] = &[
    ("S1", "Violent Crimes."),
    ("S2", "Non-Violent Crimes."),
    ("S3", "Sex Crimes."),
    ("S4", "Child Exploitation."),
    ("S5", "Defamation."),
    ("S6", "Specialized Advice."),
    ("S7", "Privacy."),
    ("S8", "Intellectual Property."),
    ("S9", "Indiscriminate Weapons."),
    ("S10", "Hate."),
    ("S11", "Self-Harm."),
    ("S12", "Sexual Content."),
    ("S13", "Elections."),
    ("S14", "Code Interpreter Abuse."),
];

pub(super) fn prompt(of: &Conversation<'_>, categories: &[Category]) -> Result<ClassifierPrompt, Unasked> {
    let categories = chosen(categories, CATEGORIES)?;
    let listed: String = categories.iter().flat_map(|(name, text)| [name, ": ", text, "\n"]).collect();
    let said = turns(of, &MARKS)?;
    let said: String = said.iter().flat_map(|(user, text)| [speaker(*user), ": ", text.trim(), "\n\n"]).collect();
    let role = speaker(of.target == Target::Input);
    Ok(ClassifierPrompt {
        protocol: Protocol::LlamaGuard3,
        form: Form::Text(text(role, &listed, &said)),
        max_tokens: MAX_TOKENS,
        logprobs: true,
        categories: categories.into_iter().map(|(name, _)| name).collect(),
    })
}

const fn speaker(user: bool) -> &'static str {
    if user { "User" } else { "Agent" }
}

fn text(role: &str, categories: &str, conversation: &str) -> String {
    format!(
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n\
         Task: Check if there is unsafe content in '{role}' messages in conversations according our safety policy with \
         the below categories.\n\n\
         <BEGIN UNSAFE CONTENT CATEGORIES>\n{categories}<END UNSAFE CONTENT CATEGORIES>\n\n\
         <BEGIN CONVERSATION>\n\n{conversation}<END CONVERSATION>\n\n\
         Provide your safety assessment for ONLY THE LAST {role} message in the above conversation:\n \
         - First line must read 'safe' or 'unsafe'.\n \
         - If unsafe, a second line must include a comma-separated list of violated categories.\
         <|eot_id|><|start_header_id|>assistant<|end_header_id|>"
    )
}

/// `safe` alone, or `unsafe` and a line of categories.
pub(super) fn verdict(asked: &[String], answer: &str, odds: Option<Odds>) -> Result<Classified, Unreadable> {
    let mut lines = answer.trim().lines().map(str::trim);
    match (lines.next(), lines.next(), lines.next()) {
        (Some("safe"), None, None) => yes_no::classified(false, asked, odds),
        (Some("unsafe"), Some(named), None) => {
            let named: Vec<String> = named.split(',').map(|name| name.trim().to_owned()).collect();
            if !named.iter().all(|name| asked.contains(name)) {
                return Err(Unreadable::Category);
            }
            yes_no::classified(true, &named, odds)
        }
        _ => Err(Unreadable::Form("`safe`, or `unsafe` and a line of categories")),
    }
}
