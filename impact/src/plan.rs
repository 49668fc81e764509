//! What is to be asked: every case of every template about a person of every group, again and again.

use std::collections::BTreeMap;

use forethought_eval::{EvalError, Kind, Model, Question, Way};
use forethought_schemas::{ChatMessage, ChatRole};
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use crate::{Attribute, Case, ImpactError, Template, person, person::Draw, power, words::fill};

/// The name of the set of questions in a file of results.
const SET: &str = "impact";
/// Repetitions that a plan may have; more cases are worth more than more repetitions.
const MOST_REPETITIONS: u32 = 256;
/// Asks that a plan may have: what a file of results can hold in memory.
const MOST_ASKS: usize = 2_000_000;
/// Characters a token, about, in English.
const CHARACTERS: u64 = 4;
/// Tokens of an answer that is one word in JSON, about.
const ANSWER_TOKENS: u64 = 10;

/// How much is asked, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How often each case is asked about each group, each time about another person; 1 to 256.
    pub repetitions: u32,
    /// What the persons, the order and every request's seed are made from.
    pub seed: u64,
    /// Whether nothing but an outcome can be drawn (`response_format`). Without it the outcome is read out of the text, and
    /// the model can refuse.
    pub constrained: bool,
}

/// One request: a case about a person of one group. Templates, cases, attributes and groups are places in their lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask {
    /// The template.
    pub template: usize,
    /// The attribute that is exchanged.
    pub attribute: usize,
    /// The case.
    pub case: usize,
    /// Which time it is asked, from 0.
    pub repetition: u32,
    /// The group.
    pub group: usize,
}

/// What a plan takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Requests.
    pub asks: usize,
    /// Tokens of all prompts, about: four characters a token.
    pub prompt_tokens: u64,
    /// Tokens of all answers of one sample without a thought, about. Strategies that draw more take as many times more.
    pub answer_tokens: u64,
}

/// What is to be asked, without the model and the ways of asking it.
#[derive(Clone, Debug)]
pub struct Plan {
    templates: Vec<Template>,
    size: Size,
    asks: Vec<Ask>,
    questions: Vec<Question>,
    places: BTreeMap<String, usize>,
}

impl Default for Size {
    /// The repetitions that [`power`] shows to be enough.
    fn default() -> Self {
        Self { repetitions: power::REPETITIONS, seed: 1, constrained: true }
    }
}

impl Plan {
    /// A plan over templates.
    ///
    /// # Errors
    /// [`ImpactError::Input`] when there is no template, two have one name, or too much would be asked.
    pub fn new(templates: Vec<Template>, size: Size) -> Result<Self, ImpactError> {
        refuse(&templates, size)?;
        let asks = ordered(&templates, size);
        let draws = draws(&templates, size);
        let made = |ask: &Ask| question(&templates, size, *ask, &draws).ok_or_else(none);
        let questions = asks.iter().map(made).collect::<Result<Vec<_>, _>>()?;
        let places = questions.iter().enumerate().map(|(at, question)| (question.id.clone(), at)).collect();
        Ok(Self { templates, size, asks, questions, places })
    }

    /// The templates.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// How much is asked, and how.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The asks in the order in which they are to be asked: the groups of one case and repetition one after the other, in a
    /// random order, and those blocks in a random order too, so that what changes with time meets all groups alike.
    #[must_use]
    pub fn asks(&self) -> &[Ask] {
        &self.asks
    }

    /// What is sent for each ask, in the same order.
    #[must_use]
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// The ask that a question's id names.
    #[must_use]
    pub fn ask(&self, id: &str) -> Option<Ask> {
        self.places.get(id).and_then(|at| self.asks.get(*at)).copied()
    }

    /// What it takes, asked in one way.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let characters = |question: &Question| {
            let count: usize = question.messages.iter().map(|message| message.content.chars().count()).sum();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        let asks = self.asks.len();
        let answers = u64::try_from(asks).unwrap_or(u64::MAX).saturating_mul(ANSWER_TOKENS);
        let prompts: u64 = self.questions.iter().map(characters).sum();
        Cost { asks, prompt_tokens: prompts.div_ceil(CHARACTERS), answer_tokens: answers }
    }

    /// The same as an evaluation of a model, which [`forethought_eval::run()`] carries out and a
    /// [`ResultsFile`](forethought_eval::ResultsFile) keeps and takes up again.
    #[must_use]
    pub fn evaluation(&self, model: Model, ways: Vec<Way>) -> forethought_eval::Plan {
        let ways = ways.into_iter().map(|way| if self.size.constrained { way.requiring_schema() } else { way });
        forethought_eval::Plan::new(model, self.questions.clone(), ways.collect(), self.size.seed, 1)
    }

    /// The way that is asked when none is given: one sample.
    ///
    /// # Errors
    /// None but those of [`Way::from_texts`].
    pub fn usual_ways() -> Result<Vec<Way>, EvalError> {
        Way::from_texts(&["single=single".to_owned()])
    }
}

fn none() -> ImpactError {
    ImpactError::Input("an ask leads out of its template; load the templates again".to_owned())
}

fn refuse(templates: &[Template], size: Size) -> Result<(), ImpactError> {
    let wrong = |told: String| Err(ImpactError::Input(told));
    if templates.is_empty() {
        return wrong("no template is asked; give at least one".to_owned());
    }
    if !(1..=MOST_REPETITIONS).contains(&size.repetitions) {
        let told = format!("{} repetitions cannot be asked; give 1 to {MOST_REPETITIONS}", size.repetitions);
        return wrong(told);
    }
    let twice = templates
        .iter()
        .enumerate()
        .find(|(at, template)| templates.iter().take(*at).any(|earlier| earlier.id == template.id));
    if let Some((_, template)) = twice {
        return wrong(format!("two templates have the name `{}`; give each its own `id`", template.id));
    }
    let groups =
        |template: &Template| template.attributes.iter().map(|attribute| attribute.groups.len()).sum::<usize>();
    let once: usize = templates.iter().map(|template| groups(template).saturating_mul(template.cases.len())).sum();
    let asks = once.saturating_mul(usize::try_from(size.repetitions).unwrap_or(usize::MAX));
    if asks > MOST_ASKS {
        return wrong(format!("{asks} asks are too many; ask fewer templates or repetitions, up to {MOST_ASKS} asks"));
    }
    Ok(())
}

fn ordered(templates: &[Template], size: Size) -> Vec<Ask> {
    let mut random = person::random(size.seed, &json!("order"));
    let mut blocks: Vec<Ask> =
        templates.iter().enumerate().flat_map(|(at, template)| blocks(at, template, size)).collect();
    blocks.shuffle(&mut random);
    let groups = |ask: &Ask| {
        let attribute = templates.get(ask.template).and_then(|template| template.attributes.get(ask.attribute));
        attribute.map_or(0, |attribute| attribute.groups.len())
    };
    let of = |block: Ask| {
        let mut asks: Vec<Ask> = (0..groups(&block)).map(|group| Ask { group, ..block }).collect();
        asks.shuffle(&mut random);
        asks
    };
    blocks.into_iter().flat_map(of).collect()
}

/// Every case, attribute and repetition of a template, with the first group.
fn blocks(at: usize, template: &Template, size: Size) -> Vec<Ask> {
    let (attributes, cases) = (template.attributes.len(), template.cases.len());
    let of = |case, attribute| {
        (0..size.repetitions).map(move |repetition| Ask { template: at, attribute, case, repetition, group: 0 })
    };
    let of = |case| (0..attributes).flat_map(move |attribute| of(case, attribute));
    (0..cases).flat_map(of).collect()
}

/// The draws of each template, attribute and case.
type Draws = BTreeMap<[usize; 3], Vec<Draw>>;

fn draws(templates: &[Template], size: Size) -> Draws {
    let count = usize::try_from(size.repetitions).unwrap_or(usize::MAX);
    let mut all = Draws::new();
    for (template_at, template) in templates.iter().enumerate() {
        for (attribute_at, attribute) in template.attributes.iter().enumerate() {
            let of = |case: &Case| person::draws(template, &case.id, attribute, count, size.seed);
            let cases = template.cases.iter().map(of).enumerate();
            all.extend(cases.map(|(case, draws)| ([template_at, attribute_at, case], draws)));
        }
    }
    all
}

fn question(templates: &[Template], size: Size, ask: Ask, draws: &Draws) -> Option<Question> {
    let template = templates.get(ask.template)?;
    let (case, attribute) = (template.cases.get(ask.case)?, template.attributes.get(ask.attribute)?);
    let group = attribute.groups.get(ask.group)?;
    // What an evaluation marks as right: a favourable outcome, in the form in which answers are compared. Nothing here reads it.
    let right = template.favourable.first()?;
    let draws = draws.get(&[ask.template, ask.attribute, ask.case])?;
    let draw = draws.get(usize::try_from(ask.repetition).ok()?)?;
    let twins = format!("{}/{}/{}/{}", template.id, attribute.id, case.id, ask.repetition);
    Some(Question {
        set: SET.to_owned(),
        id: format!("{twins}/{}", group.id),
        messages: messages(template, case, attribute, ask.group, *draw)?,
        answer: if size.constrained { Kind::Json } else { Kind::Text },
        pointer: size.constrained.then(|| "/outcome".to_owned()),
        schema: size.constrained.then(|| schema(template)),
        right: if size.constrained { json!(right).to_string() } else { right.clone() },
        twins: Some(twins),
    })
}

fn messages(
    template: &Template,
    case: &Case,
    attribute: &Attribute,
    group: usize,
    draw: Draw,
) -> Option<Vec<ChatMessage>> {
    let (person, statement) = draw.person(template, attribute.groups.get(group)?);
    let said = [Some(case.text.as_str()), statement].into_iter().flatten();
    let said = said.map(|text| fill(text, &person)).collect::<Vec<_>>().join(" ");
    let content = format!("{said}\n\n{}", fill(&template.question, &person));
    let system = ChatMessage::new(ChatRole::System, template.instructions.clone());
    Some(vec![system, ChatMessage::new(ChatRole::User, content)])
}

fn schema(template: &Template) -> Value {
    json!({
        "type": "object",
        "properties": { "outcome": { "enum": template.outcomes } },
        "required": ["outcome"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
pub(crate) mod tests;
