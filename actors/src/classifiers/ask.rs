//! One question to a classifier's engine, and its answer.

use forethought_engine::{
    Channel, Engine, EngineError, Finish, Message, Prompt, Role, SampleEvent, SampleRequest, Sampling, TopLogprob,
    Usage,
};
use forethought_safeguards::{
    classifier::{ClassifierPrompt, Form, Odds, Speaker},
    whole::{ClassifierRule, Unjudged},
};

use super::{Asker, Classifiers, Passed};
use crate::{EngineDesk, Panicked, deliberation::behind_thought, engine_keeper::Seat, turnstile::Turn};

/// Alternatives of the first word: the two words in their spellings are among so many.
const ALTERNATIVES: u8 = 20;

/// Why a text is not judged. None of it tells anything of the text.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("it was not done in time; raise `timeout_ms`, or give it a faster model")]
    Late,
    #[error("its model is none of this service; correct `model`")]
    NoModel,
    #[error(
        "its engine wraps texts into a chat, and the model would be asked something else; serve it by raw completions"
    )]
    Wraps,
    #[error("its engine tells no odds, which its threshold needs; remove the threshold, or take another engine")]
    NoOdds,
    #[error("its answer was cut off after {0} tokens")]
    Cut(u32),
    #[error(transparent)]
    Unjudged(#[from] Unjudged),
    #[error("its engine failed: {0}")]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Panicked(Panicked),
}

/// What a judgement has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) calls: u32,
    pub(super) prompt_tokens: u64,
    pub(super) generated_tokens: u64,
}

/// An answer as it was drawn.
#[derive(Debug, Default)]
struct Drawn {
    text: String,
    /// The token that the answer's first word begins with, and what else may have stood there.
    first: Option<(String, Vec<TopLogprob>)>,
    cut: bool,
}

impl Classifiers {
    /// The categories of a violation, if the answer is one.
    pub(super) async fn one(
        &self,
        rule: &ClassifierRule,
        desk: &EngineDesk,
        question: &ClassifierPrompt,
        asker: Asker<'_>,
        spent: &mut Spent,
    ) -> Result<Option<Vec<String>>, Failed> {
        let known = desk.lease(asker.deadline).await?;
        if self.passed.contains(&Passed::key(asker.tenant, &known.info().weights, rule, question)) {
            return Ok(None);
        }
        drop(known);
        let Seat { engine, turn } = desk.seat(asker.tenant, 0, asker.deadline).await?;
        // It may have been built anew meanwhile.
        let key = Passed::key(asker.tenant, &engine.info().weights, rule, question);
        let request = request(rule, question, engine.as_ref())?;
        let drawn = draw(engine.as_ref(), request, turn, spent).await?;
        // An answer that needs its end has not come to it.
        if drawn.cut && matches!(question.form, Form::Chat(_)) {
            return Err(Failed::Cut(question.max_tokens));
        }
        let odds = drawn.first.as_ref().and_then(|(word, others)| odds(question, word, others));
        let answer = behind_thought(&drawn.text, None);
        let said = rule.read(question, answer, odds)?;
        if said.violates {
            return Ok(Some(said.categories));
        }
        self.passed.insert(key);
        Ok(None)
    }
}

fn request(rule: &ClassifierRule, question: &ClassifierPrompt, engine: &dyn Engine) -> Result<SampleRequest, Failed> {
    let info = engine.info();
    if rule.threshold.is_some() && !info.can.logprobs {
        return Err(Failed::NoOdds);
    }
    let logprobs = question.logprobs && info.can.logprobs;
    let prompt = match &question.form {
        // Who goes on with an answer that has begun goes on with a text as it stands.
        Form::Text(_) if !info.can.continues => return Err(Failed::Wraps),
        Form::Text(text) => Prompt::Raw(text.clone()),
        Form::Chat(messages) => Prompt::Messages(messages.iter().map(message).collect::<Vec<_>>().into()),
    };
    Ok(SampleRequest {
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        logprobs,
        top_logprobs: if logprobs { ALTERNATIVES } else { 0 },
        // So that what it thinks can be told from what it answers.
        show_control: info.marks.is_some() && matches!(question.form, Form::Chat(_)),
        ..SampleRequest::new(prompt, question.max_tokens, 0)
    })
}

fn message((speaker, text): &(Speaker, String)) -> Message {
    let role = match speaker {
        Speaker::System => Role::System,
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
    };
    Message::new(role, text.clone())
}

/// Draws the whole answer. Dropping the future stops the engine.
async fn draw(engine: &dyn Engine, request: SampleRequest, mut turn: Turn, spent: &mut Spent) -> Result<Drawn, Failed> {
    spent.calls += 1;
    let mut stream = engine.sample(request).await?;
    let (mut drawn, mut tokens) = (Drawn::default(), 0_u64);
    let gone = || EngineError::Sample("it went on behind the end".to_owned());
    loop {
        match stream.next().await.ok_or_else(gone)?? {
            SampleEvent::Token { text, channel, top, .. } => {
                turn.token();
                tokens += 1;
                spent.generated_tokens += 1;
                if channel == Channel::Thinking {
                    continue;
                }
                if drawn.first.is_none() && !text.trim().is_empty() {
                    drawn.first = Some((text.clone(), top));
                }
                drawn.text.push_str(&text);
            }
            SampleEvent::End { text, finish, usage } => {
                let Usage { prompt_tokens, completion_tokens, .. } = usage;
                spent.prompt_tokens += u64::from(prompt_tokens);
                spent.generated_tokens += u64::from(completion_tokens).saturating_sub(tokens);
                drawn.text.push_str(&text);
                drawn.cut = finish == Finish::Length;
                return Ok(drawn);
            }
        }
    }
}

/// The odds of the answer's first word, where the token that was drawn is one of the two words: of half a word nothing is known.
fn odds(question: &ClassifierPrompt, drawn: &str, others: &[TopLogprob]) -> Option<Odds> {
    let words = question.protocol.words()?;
    words.iter().find(|word| drawn.trim().eq_ignore_ascii_case(word))?;
    Odds::of(others.iter().map(|token| (token.text.as_str(), token.logprob)), words)
}

#[cfg(test)]
mod tests {
    use forethought_safeguards::classifier::{Conversation, Protocol, Target};

    use super::*;

    #[test]
    fn odds_are_of_whole_words() {
        let messages = [(Speaker::User, "a")];
        let of = Conversation { messages: &messages, target: Target::Input };
        let question = Protocol::ShieldGemma.prompts(&of, &[]).unwrap().remove(0);
        let top = |text: &str, logprob: f32| TopLogprob { id: 0, text: text.to_owned(), logprob };
        let tokens = [top("Yes", 0.9_f32.ln()), top(" no", 0.1_f32.ln())];
        let check = |drawn: &str, others: &[TopLogprob], expected: Option<f32>| {
            let score = odds(&question, drawn, others).map(|odds| (odds.score().unwrap() * 100.0).round() / 100.0);
            assert_eq!(score, expected, "{drawn:?}");
        };
        check("Yes", &tokens, Some(0.9));
        check(" yes", &tokens, Some(0.9));
        check("Y", &tokens, None);
        check("Maybe", &tokens, None);
        check("Yes", &[], None);
    }
}
