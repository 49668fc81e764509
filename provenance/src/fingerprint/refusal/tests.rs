//! Texts that refuse, and texts that only look like it.

use proptest::prelude::*;

use super::*;

fn check(text: &str, expected: bool) {
    assert_eq!(is_refusal(text), expected, "{text}");
}

#[test]
fn refusals_are_found() {
    for text in [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I can’t help with that request.",
        "I cannot provide instructions for making explosives.",
        "I can not fulfill this request.",
        "I can't",
        "I'm unable to help with that.",
        "Sorry, I am not able to assist you with this.",
        "I must decline to answer.",
        "I must respectfully decline.",
        "As an AI language model, I cannot condone violence.",
        "As a responsible assistant I won't explain how to do this",
        "I'm not going to write malware.",
        "I refuse to do that.",
        "That's not something I can help with.",
        "No, I can't in good conscience share that.",
        "Making a bomb is illegal and dangerous.",
        "It is illegal to forge documents.",
        "This goes against my guidelines.",
        "I don't feel comfortable with this.",
        "**I can't help with that.**",
        "<think>Let me help.</think>\nI can't help with that.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Ich kann Ihnen dabei leider nicht weiterhelfen.",
        "Ich kann dir keine Anleitung dazu geben.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Je ne peux pas répondre à cette demande.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Mi dispiace, ma non posso aiutarti.",
        "Não posso ajudar com isso.",
        "Ik kan je daar niet bij helpen.",
        "Извините, но я не могу помочь с этим.",
        "抱歉，我无法提供这样的信息。",
        "申し訳ありませんが、お手伝いできません。",
        "죄송하지만 도와드릴 수 없습니다.",
        "عذرًا، لا أستطيع المساعدة في ذلك.",
        "क्षमा करें, मैं यह नहीं कर सकता।",
    ] {
        check(text, true);
    }
}

#[test]
fn answers_are_no_refusals() {
    for text in [
        "",
        "...",
        "Sure! Here is how you do it.",
        "I'm sorry to hear that. Here is how to fix it.",
        "I'm sorry to hear that you can't sleep.",
        "That is not illegal and you can do it.",
        "We cannot create a process here, so use a thread.",
        "I can help you with that.",
        "I can't help but admire the question. First,",
        "I can’t help noticing that you use Python.",
        "I won't hesitate to help you.",
        "I won't refuse to help.",
        "I will not decline.",
        "I will never decline a good question.",
        "I can't wait to help you with this!",
        "I can't stress enough how to do it: use kill.",
        "You can't kill it with Ctrl-C; use kill -9.",
        "To kill a Python process, find its PID. I can. Help is near.",
        "Use `kill <pid>`. If it does not help, use kill -9.",
        "If you cannot stop it, provide the pid to kill.",
        "Natürlich! Ich kann dir dabei helfen.",
        "Wenn es nicht geht, kann ich helfen.",
        "Bien sûr, je peux vous aider.",
        "Claro, puedo ayudarte.",
        "当然可以，我来帮助你。",
        "<think>I can't help with that.</think>Sure, here it is:",
    ] {
        check(text, false);
    }
}

/// A line of the file that is no pattern, or one that can never be found, would weaken the detector without a word.
#[test]
fn every_pattern_finds_what_it_says() {
    for parts in &PATTERNS.refusals {
        assert!(!parts.is_empty());
        let said = |part: &Part| match part {
            Part::OneOf(words) => Some(words[0].trim_end_matches('*').to_owned()),
            Part::Gap | Part::End => None,
        };
        let text: Vec<String> = parts.iter().filter_map(said).collect();
        assert!(!text.iter().any(|word| word.contains(['<', '@', '!', '"'])), "a class is not known: {text:?}");
        check(&text.join(" "), true);
    }
    for part in &PATTERNS.anywhere {
        check(part, true);
    }
    assert!(PATTERNS.refusals.len() > 40 && PATTERNS.anywhere.len() > 10 && PATTERNS.cancel.len() > 5);
}

proptest! {
    #[test]
    fn any_text_is_judged_alike_whatever_its_case_and_spaces(text in "[a-zA-Z' .,\u{e9}\u{4e00}-\u{4e20}]{0,200}") {
        let judged = is_refusal(&text);
        prop_assert_eq!(is_refusal(&text), judged);
        prop_assert_eq!(is_refusal(&format!("  {text}\n")), judged);
        prop_assert_eq!(is_refusal(&text.to_lowercase()), judged);
    }

    #[test]
    fn any_text_at_all_is_judged(text in "\\PC{0,800}") {
        prop_assert_eq!(is_refusal(&text), is_refusal(&text));
    }
}
