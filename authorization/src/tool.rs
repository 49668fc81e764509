//! Whether a model may call a tool, out of what the layers of rules answer to up to three questions.
//!
//! Rules only permit and forbid. What a rule forbids of a call that nobody has approved, and does not forbid of one that a person
//! has, waits for that person; and what it does not forbid as long as the call is only told, is only told.

use cedar_policy::AuthorizationError;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Decision, Facts, Layers, Refusal, Rule, Who,
    arguments::{Arguments, Unjudged},
    decide::{BUILT_IN, ask_layers},
    entities::{self, Probe},
};

/// The id of the built-in rule that refuses arguments which are no object, or too many, too deep or too long to be judged.
pub const ARGUMENTS_RULE: &str = "arguments-are-bounded";

const TOO_MUCH: &str = "the arguments are no object, or too many, too deep or too long to be judged";

/// One call of a tool that a model asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToolAsk<'a> {
    /// Who asked the model.
    pub who: Who<'a>,
    /// The tool's name.
    pub tool: &'a str,
    /// What calling it may change: `pure`, `reads` or `changes`.
    pub effect: &'a str,
    /// The digest of what the tool says of itself.
    pub spec: &'a str,
    /// Where it runs: `built-in`, or a server's name.
    pub server: &'a str,
    /// What it is to be called with: as the tool would get it, checked against the tool's own schema.
    pub arguments: &'a Value,
    /// What the deliberation is about.
    pub facts: Facts<'a>,
    /// When.
    pub at: Timestamp,
    /// Calls that the sample made before.
    pub sample_calls: u32,
    /// Calls that all samples of the deliberation made before.
    pub calls: u32,
    /// How often the sample has turned to tools before.
    pub round: u32,
    /// Whether a person has approved this very call.
    pub approved: bool,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolDecision {
    /// It is made.
    Allow {
        /// The rules that allow it, those of each layer by id.
        by: Vec<Rule>,
    },
    /// It waits until a person approves it.
    Hold {
        /// The rules that have it wait: those that forbid it as it is, or else those that allow it once it is approved.
        because: Vec<Rule>,
    },
    /// It is not made, and the model is told what would have been.
    DryRun {
        /// The rules that have it so, likewise.
        because: Vec<Rule>,
    },
    /// It is not made.
    Refuse(Refusal),
}

/// What becomes of a call: it is made if all layers allow it; else it waits if they would allow it once it is approved; else it
/// is only told if they allow that; else it is refused. A layer that cannot be evaluated refuses.
/// The same question has the same answer, in whatever order the arguments stand.
#[must_use]
pub fn decide_tool(ask: &ToolAsk<'_>, layers: Layers<'_>) -> ToolDecision {
    let asked = match Arguments::read(ask.arguments) {
        Ok(arguments) => Asked { ask, arguments, layers },
        Err(Unjudged) => return ToolDecision::Refuse(unjudged()),
    };
    asked.decision().unwrap_or_else(ToolDecision::Refuse)
}

struct Asked<'a> {
    ask: &'a ToolAsk<'a>,
    arguments: Arguments,
    layers: Layers<'a>,
}

impl Asked<'_> {
    fn decision(&self) -> Result<ToolDecision, Refusal> {
        let approved = self.ask.approved;
        let refused = match self.answer(approved, false)? {
            Ok(by) => return Ok(ToolDecision::Allow { by }),
            Err(refused) => refused,
        };
        if !approved && let Ok(by) = self.answer(true, false)? {
            return Ok(ToolDecision::Hold { because: because(refused, by) });
        }
        if let Ok(by) = self.answer(approved, true)? {
            return Ok(ToolDecision::DryRun { because: because(refused, by) });
        }
        // What would not help either is why; rules that only want an approval are not.
        Ok(ToolDecision::Refuse(self.answer(true, true)?.err().unwrap_or(refused)))
    }

    /// The rules that allow it, or why it is refused; outside of that, what is broken.
    fn answer(&self, approved: bool, dry_run: bool) -> Result<Result<Vec<Rule>, Refusal>, Refusal> {
        let probe = Probe { ask: self.ask, arguments: &self.arguments, approved, dry_run };
        // What these errors say can have arguments in it, which belong into no log.
        let (request, entities) = entities::of_tool(&probe)
            .map_err(|_| Refusal::Broken(BUILT_IN, "the call does not fit the schema of rules".to_owned()))?;
        let Decision { refusal, allowed_by } = ask_layers(&request, &entities, self.layers, without_values);
        match refusal {
            None => Ok(Ok(allowed_by)),
            Some(broken @ Refusal::Broken(..)) => Err(broken),
            Some(refusal) => Ok(Err(refusal)),
        }
    }
}

fn without_values(error: &AuthorizationError) -> String {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    format!("the rule `{}` cannot be evaluated with these arguments", error.policy_id())
}

/// The rules that forbade it before, or those that allow it now where none did.
fn because(refused: Refusal, by: Vec<Rule>) -> Vec<Rule> {
    match refused {
        Refusal::Forbidden(rules) => rules,
        Refusal::NotPermitted(layer) => by.into_iter().filter(|rule| rule.layer == layer).collect(),
        Refusal::Broken(..) => Vec::new(),
    }
}

fn unjudged() -> Refusal {
    let reason = Some(TOO_MUCH.to_owned());
    Refusal::Forbidden(vec![Rule { layer: BUILT_IN, id: ARGUMENTS_RULE.to_owned(), reason, citation: None }])
}
