//! The answer to a question: all layers must allow it, and the first that does not says why.

use cedar_policy::{AuthorizationError, Authorizer, Decision as Verdict, Entities, PolicyId, Request, Response};

use crate::{Ask, Rules, entities};

/// The layer of the rules that nobody changes.
pub(crate) const BUILT_IN: &str = "built-in";

/// The rules that are asked after the built-in ones. One that is not there allows everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// Of the installation.
    pub floor: Option<&'a Rules>,
    /// Of the tenant.
    pub tenant: Option<&'a Rules>,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Why it is refused; `None` if it is allowed.
    pub refusal: Option<Refusal>,
    /// The rules that allowed it, those of each layer by id.
    pub allowed_by: Vec<Rule>,
}

/// A rule that was decisive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `built-in`, `floor` or `tenant`.
    pub layer: &'static str,
    /// Its id.
    pub id: String,
    /// Its annotation `@reason("…")`: what a client is told.
    pub reason: Option<String>,
    /// Its annotation `@citation("…")`: the law or rule behind it.
    pub citation: Option<String>,
}

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Rules forbid it: those of the first layer that has some, by id.
    Forbidden(Vec<Rule>),
    /// No rule of this layer permits it.
    NotPermitted(&'static str),
    /// A layer could not be evaluated, with the reason, for the log.
    Broken(&'static str, String),
}

/// Whether something may be done. Of a tool's use ask [`decide_tool`](crate::decide_tool): without its arguments it is
/// refused. The same question has the same answer.
#[must_use]
pub fn decide(ask: &Ask<'_>, layers: Layers<'_>) -> Decision {
    let (request, entities) = match entities::of(ask) {
        Ok(made) => made,
        Err(reason) => {
            return Decision { refusal: Some(Refusal::Broken(BUILT_IN, reason)), allowed_by: Vec::new() };
        }
    };
    ask_layers(&request, &entities, layers, ToString::to_string)
}

/// Asks the built-in rules and every layer. `told` says what is broken of a rule that cannot be evaluated.
pub(crate) fn ask_layers(
    request: &Request,
    entities: &Entities,
    layers: Layers<'_>,
    told: fn(&AuthorizationError) -> String,
) -> Decision {
    let refused = |refusal| Decision { refusal: Some(refusal), allowed_by: Vec::new() };
    let built_in = match Rules::built_in() {
        Ok(rules) => rules,
        Err(reason) => return refused(Refusal::Broken(BUILT_IN, reason)),
    };
    let mut allowed_by = Vec::new();
    let asked = [(BUILT_IN, Some(built_in)), ("floor", layers.floor), ("tenant", layers.tenant)];
    for (layer, rules) in asked.into_iter().filter_map(|(layer, rules)| Some((layer, rules?))) {
        let answer = Authorizer::new().is_authorized(request, &rules.set, entities);
        // Cedar passes over a rule that it cannot evaluate, also over one that forbids.
        if let Some(error) = answer.diagnostics().errors().next() {
            return refused(Refusal::Broken(layer, told(error)));
        }
        match one(layer, rules, &answer) {
            Ok(by) => allowed_by.extend(by),
            Err(refusal) => return refused(refusal),
        }
    }
    Decision { refusal: None, allowed_by }
}

/// The answer of one layer: the rules that allow it.
fn one(layer: &'static str, rules: &Rules, answer: &Response) -> Result<Vec<Rule>, Refusal> {
    let mut decisive: Vec<Rule> = answer.diagnostics().reason().map(|id| rule(layer, rules, id)).collect();
    decisive.sort_by(|a, b| a.id.cmp(&b.id));
    match answer.decision() {
        Verdict::Allow => Ok(decisive),
        Verdict::Deny if decisive.is_empty() => Err(Refusal::NotPermitted(layer)),
        Verdict::Deny => Err(Refusal::Forbidden(decisive)),
    }
}

fn rule(layer: &'static str, rules: &Rules, id: &PolicyId) -> Rule {
    let told = |key| rules.set.annotation(id, key).filter(|text| !text.is_empty()).map(str::to_owned);
    Rule { layer, id: id.to_string(), reason: told("reason"), citation: told("citation") }
}
