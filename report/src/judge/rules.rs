//! Checks over rules of law that had a say.

use super::{Finding, State, View, counted};
use crate::{
    EntryAt, Figure,
    duties::RulePattern,
    request::{Fate, Note, Request},
};

/// Requests in which rules had a say, by how.
struct Said<'f> {
    enforced: Vec<&'f Request>,
    shadow: Vec<&'f Request>,
    undetermined: Vec<&'f Request>,
}

impl<'f> Said<'f> {
    fn of(view: &View<'f>, rules: &[RulePattern], effect: Option<&str>) -> Self {
        let having = |state: &str| {
            let is = |note: &Note| {
                let meant = rules.iter().any(|rule| rule.is(&note.rule)) && *note.state == *state;
                meant && (note.effect.is_empty() || effect.is_none_or(|effect| *note.effect == *effect))
            };
            let requests = view.figures.found.requests.iter();
            requests.filter(|request| request.laws.iter().any(is)).collect::<Vec<_>>()
        };
        Self { enforced: having("enforced"), shadow: having("shadow"), undetermined: having("undetermined") }
    }

    fn is_empty(&self) -> bool {
        self.enforced.is_empty() && self.shadow.is_empty() && self.undetermined.is_empty()
    }

    fn figures(&self) -> [Figure; 3] {
        [
            figure("requests that left open whether a rule applies", &self.undetermined),
            figure("requests in which a rule was only told", &self.shadow),
            figure("requests in which a rule had effect", &self.enforced),
        ]
    }

    /// What stands in the way, if anything does.
    fn gap(&self) -> Option<Finding> {
        let gap = |why| Some(Finding::new(State::Gap, why).with(self.figures()));
        if !self.undetermined.is_empty() {
            let left = counted(self.undetermined.len(), "request", "requests");
            return gap(format!("{left} left out a fact that the rule hangs on, so nobody can say whether it applied"));
        }
        if !self.shadow.is_empty() {
            let told = counted(self.shadow.len(), "request", "requests");
            return gap(format!("in {told} the rule was only told and had no effect"));
        }
        None
    }
}

fn figure(name: &str, requests: &[&Request]) -> Figure {
    Figure::of(name, requests.iter().map(|request| request.admission))
}

/// What is said where no rule of these had a say.
fn nothing_said(view: &View<'_>, otherwise: &str) -> Finding {
    if let Some(finding) = view.none_reached() {
        return finding;
    }
    let requests = || view.figures.found.requests.iter().flat_map(|request| &request.laws);
    let of_pack =
        |pack: &str| requests().any(|note| note.rule.strip_prefix(pack).is_some_and(|rest| rest.starts_with('/')));
    match &view.law.pack {
        Some(pack) if !of_pack(pack) => {
            let within = view.within.iter().map(|request| request.admission);
            Finding::new(
                State::Gap,
                format!(
                    "no rule of the pack `{pack}` had a say in {}: the pack may not have been in the policy",
                    counted(view.reached_count(), "request that the law may reach", "requests that the law may reach")
                ),
            )
            .with([Figure::of("requests of the law's regions", within)])
        }
        _ => Finding::new(State::NotApplicable, otherwise),
    }
}

pub(super) fn applied(view: &View<'_>, rules: &[RulePattern]) -> Finding {
    let said = Said::of(view, rules, None);
    if said.is_empty() {
        return nothing_said(view, "no request of the period was of the kind that this is about");
    }
    said.gap().unwrap_or_else(|| {
        let had = counted(said.enforced.len(), "request that it applies to", "requests that it applies to");
        Finding::new(State::Shown, format!("the rule had effect in {had}, and in none it was left open"))
            .with(said.figures())
    })
}

pub(super) fn prohibited(view: &View<'_>, rules: &[RulePattern]) -> Finding {
    let said = Said::of(view, rules, Some("forbid"));
    if said.is_empty() {
        let finding = nothing_said(view, "");
        if finding.state != State::NotApplicable || view.reached_count() == 0 {
            return finding;
        }
        let all = counted(view.reached_count(), "request that the law may reach", "requests that the law may reach");
        return Finding::new(
            State::Shown,
            format!("none of {all} declared such a purpose, and none left open whether it has one"),
        );
    }
    let went_on = |request: &&&Request| {
        let generated = request.spent.is_some_and(|spent| spent.samples > 0);
        generated || matches!(request.fate, Fate::Answered | Fate::Held)
    };
    let passed: Vec<EntryAt> = said.enforced.iter().filter(went_on).map(|request| request.shown()).collect();
    if !passed.is_empty() {
        let why = format!("{} went on although a rule forbids it", counted(passed.len(), "request", "requests"));
        return Finding::new(State::Gap, why)
            .with([Figure::of("requests that went on although forbidden", passed)])
            .with(said.figures());
    }
    said.gap().unwrap_or_else(|| {
        let all = counted(
            said.enforced.len(),
            "request with such a purpose was refused",
            "requests with such a purpose were refused, all of them",
        );
        Finding::new(State::Shown, all).with(said.figures())
    })
}

pub(super) fn owed(view: &View<'_>, rules: &[RulePattern]) -> Finding {
    let said = Said::of(view, rules, Some("owe"));
    if said.is_empty() {
        return nothing_said(view, "no request of the period was of the kind that this is about");
    }
    let count = said.enforced.len() + said.shadow.len() + said.undetermined.len();
    let may = counted(count, "request", "requests");
    let why = format!(
        "of {may} it may become due; whether it did, and was done, happens outside of the service: keep a record of it"
    );
    Finding::new(State::BeyondALog, why).with(said.figures())
}

pub(super) fn reviewed(view: &View<'_>, rules: &[RulePattern]) -> Finding {
    let said = Said::of(view, rules, Some("review"));
    if said.is_empty() {
        return nothing_said(view, "no request of the period was of the kind that this is about");
    }
    let is_bare = |request: &&&Request| request.fate == Fate::Answered && request.decided.is_none();
    let bare: Vec<EntryAt> = said.enforced.iter().filter(is_bare).map(|request| request.shown()).collect();
    if !bare.is_empty() {
        let why = format!("{} left without a person's decision", counted(bare.len(), "answer", "answers"));
        return Finding::new(State::Gap, why)
            .with([Figure::of("answers that left without a person's decision", bare)])
            .with(said.figures());
    }
    said.gap().unwrap_or_else(|| {
        let decided = said.enforced.iter().filter(|request| request.decided.is_some()).map(|request| request.shown());
        let figure = Figure::of("decisions on them", decided);
        let why = format!(
            "of {} that ask for a person none was answered without one",
            counted(said.enforced.len(), "request", "requests")
        );
        Finding::new(State::Shown, why).with([figure]).with(said.figures())
    })
}

/// Notes that are not of a law: what the policy asks for a purpose.
pub(super) fn assessed(view: &View<'_>) -> Finding {
    if let Some(finding) = view.none_reached() {
        return finding;
    }
    let is_own = |note: &&Note| note.rule.starts_with("purposes/") || &*note.rule == "undeclared_purpose";
    let (mut met, mut unmet) = (Vec::new(), Vec::new());
    for request in view.reached() {
        for note in request.laws.iter().filter(is_own) {
            if note.has_assessment { met.push(request.admission) } else { unmet.push(request) }
        }
    }
    let passed = unmet.iter().filter(|request| request.fate == Fate::Answered).map(|request| request.shown());
    let passed = Figure::of("answered without an assessment", passed);
    let figures = [
        passed.clone(),
        Figure::of("requests with an assessment", met.iter().copied()),
        Figure::of("requests whose purpose has none", unmet.iter().map(|request| request.admission)),
    ];
    match (passed.entries.len(), met.len(), unmet.len()) {
        (0, 0, 0) => {
            Finding::new(State::NotApplicable, "the policy asked for no assessment of any purpose in the period")
        }
        (0, _, _) => Finding::new(
            State::Shown,
            format!(
                "{} had an assessment, and none was answered without one",
                counted(met.len(), "request", "requests")
            ),
        )
        .with(figures),
        (without, _, _) => Finding::new(
            State::Gap,
            format!(
                "{} answered although the assessment that the policy asks for is missing",
                counted(without, "request was", "requests were")
            ),
        )
        .with(figures),
    }
}
