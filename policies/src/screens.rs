//! The safeguards of each tenant: what holds for everybody, and what its tenant adds.

use std::sync::Arc;

use forethought_safeguards::{Rules, Safeguards, whole::Whole};
use serde::{Deserialize, Serialize};

use crate::{document::Document, problem::Problem, whole};

/// What is looked for in what is asked, and in what is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenRules {
    /// In messages and schemas of a request.
    #[serde(default)]
    pub input: Rules,
    /// In answers and thoughts.
    #[serde(default)]
    pub output: Rules,
    /// Whether personal data and secrets that are redacted in a request come back in its answer, for who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<bool>,
}

/// The safeguards that stand around the model for one tenant.
#[derive(Clone, Debug)]
pub struct Screens {
    /// Of what is asked.
    pub input: Arc<Safeguards>,
    /// Of what is asked where the answer will wait for a person: as `input`, but that nothing is held.
    pub input_released: Arc<Safeguards>,
    /// Of what is answered.
    pub output: Arc<Safeguards>,
    /// Of an answer on which a person has decided: as `output`, but that nothing is held.
    pub released: Arc<Safeguards>,
    /// Whether what is redacted in what is asked comes back in the answer.
    pub restore: bool,
    /// What is checked in what is asked as a whole.
    pub whole: Arc<Whole>,
    /// What is checked in an answer as a whole.
    pub answers: Arc<Whole>,
}

impl Screens {
    /// What all of several rules say: each can make it stricter, none weaker.
    pub(crate) fn of(rules: &[&ScreenRules]) -> Self {
        let (asked, answered): (Vec<_>, Vec<_>) = rules.iter().map(|rules| (&rules.input, &rules.output)).unzip();
        let ((input, input_released), (output, released)) = (side(&asked), side(&answered));
        let (whole, answers) = (Arc::new(Whole::new(&asked)), Arc::new(Whole::new(&answered)));
        let says = |wanted: bool| rules.iter().any(|rules| rules.restore == Some(wanted));
        let restore = says(true) && !says(false);
        Self { input, input_released, output, released, restore, whole, answers }
    }
}

/// The safeguards of one side, and the same for what a person decides on.
fn side(all: &[&Rules]) -> (Arc<Safeguards>, Arc<Safeguards>) {
    let kept = Safeguards::new(all);
    if !all.iter().any(|rules| rules.holds()) {
        return (Arc::clone(&kept), kept);
    }
    let released: Vec<Rules> = all.iter().map(|rules| rules.released()).collect();
    (kept, Safeguards::new(&released.iter().collect::<Vec<_>>()))
}

/// Phrases that could never be found, and rules that could not be kept, at their places in a policy file.
pub(crate) fn problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let owners = whole::owners(&value);
    let lists = owners.iter().flat_map(|owner| ["input", "output"].map(|side| format!("{owner}/safeguards/{side}")));
    let empty = |pointer: String| {
        // What does not even have the form of rules is told by the schema.
        let rules: Rules = serde_json::from_value(value.pointer(&pointer)?.clone()).ok()?;
        let (list, phrase) = rules.empty_phrase()?;
        let at = format!("{pointer}/deny/{list}/phrases/{phrase}");
        Some(document.problem(
            &at,
            "the phrase has no letter or digit, so it is never found",
            "write words, or remove it",
        ))
    };
    let unheard = owners
        .iter()
        .flat_map(|owner| ["groups", "kinds"].map(|by| format!("{owner}/safeguards/output/{by}/injection")));
    let unheard = unheard.filter(|at| value.pointer(at).is_some()).map(|at| {
        let told = "signs of injection are looked for in what is asked, not in answers";
        document.problem(&at, told, "set it under `input`, and remove it here")
    });
    let of_wholes = owners.iter().flat_map(|owner| whole::problems(document, &value, owner));
    let of_wholes = of_wholes.chain(whole::shadowed(document, &value));
    lists.filter_map(empty).chain(unheard).chain(of_wholes).collect()
}
