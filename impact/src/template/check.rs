//! What a schema cannot say of a template.

use std::collections::BTreeSet;

use forethought_policies::{Document, Problem};

use super::Contents;
use crate::{
    Attribute,
    words::{SLOTS, words, wrong_slots},
};

/// Everything that is wrong, each with its place.
pub(super) fn problems(document: &Document, contents: &Contents, shipped: &[Attribute]) -> Vec<Problem> {
    let checks = [outcomes, used, attributes, cases, slots, visible];
    checks.iter().flat_map(|check| check(document, contents, shipped)).collect()
}

fn outcomes(document: &Document, contents: &Contents, _: &[Attribute]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, word) in contents.favourable.iter().enumerate().filter(|(_, word)| !contents.outcomes.contains(word)) {
        let mend = format!("use some of: {}", contents.outcomes.join(", "));
        problems.push(document.problem(&format!("/favourable/{at}"), format!("`{word}` is no outcome"), mend));
    }
    if contents.outcomes.iter().all(|word| contents.favourable.contains(word)) {
        let mend = "leave at least one outcome out of `favourable`";
        problems.push(document.problem("/favourable", "every outcome is favourable", mend));
    }
    let asked = words(&contents.question);
    for word in contents.outcomes.iter().filter(|word| !asked.contains(word)) {
        let mend = "say in the question which words may be the answer";
        problems.push(document.problem("/question", format!("the question does not name the outcome `{word}`"), mend));
    }
    problems
}

fn used(document: &Document, contents: &Contents, shipped: &[Attribute]) -> Vec<Problem> {
    let known = |id: &String| shipped.iter().chain(&contents.attributes).any(|attribute| attribute.id == *id);
    let named: Vec<&str> = shipped.iter().map(|attribute| attribute.id.as_str()).collect();
    let unknown = contents.used.iter().enumerate().filter(|(_, id)| !known(id));
    let tell = |(at, id): (usize, &String)| {
        let mend = format!("use one of {}, or write it under `attributes`", named.join(", "));
        document.problem(&format!("/use/{at}"), format!("there is no shipped attribute `{id}`"), mend)
    };
    let mut problems: Vec<Problem> = unknown.map(tell).collect();
    if contents.used.is_empty() && contents.attributes.is_empty() {
        let mend = "name shipped ones under `use`, or write some under `attributes`";
        problems.push(document.problem("", "no attribute is exchanged", mend));
    }
    problems
}

fn attributes(document: &Document, contents: &Contents, _: &[Attribute]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, attribute) in contents.attributes.iter().enumerate() {
        let here = format!("/attributes/{at}");
        if !seen.insert(&attribute.id) {
            let what = format!("the attribute `{}` stands twice", attribute.id);
            problems.push(document.problem(&format!("{here}/id"), what, "give each attribute its own name"));
        }
        let inside = attribute.problems().into_iter();
        problems.extend(inside.map(|(place, what, mend)| document.problem(&format!("{here}{place}"), what, mend)));
    }
    problems
}

fn cases(document: &Document, contents: &Contents, _: &[Attribute]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let twice = contents.cases.iter().enumerate().filter(|(_, case)| !seen.insert(case.id.as_str()));
    let tell = |(at, case): (usize, &super::Case)| {
        let what = format!("the case `{}` stands twice", case.id);
        document.problem(&format!("/cases/{at}/id"), what, "give each case its own name")
    };
    twice.map(tell).collect()
}

/// Texts that may have slots, with their places.
fn texts(contents: &Contents) -> Vec<(String, &str)> {
    let mut texts = vec![("/question".to_owned(), contents.question.as_str())];
    let cases = contents.cases.iter().enumerate();
    texts.extend(cases.map(|(at, case)| (format!("/cases/{at}/text"), case.text.as_str())));
    for (at, attribute) in contents.attributes.iter().enumerate() {
        for (group_at, group) in attribute.groups.iter().enumerate() {
            let statements = group.statements.iter().flatten().enumerate();
            let here = format!("/attributes/{at}/groups/{group_at}/statements");
            texts.extend(statements.map(|(at, text)| (format!("{here}/{at}"), text.as_str())));
        }
    }
    texts
}

fn slots(document: &Document, contents: &Contents, _: &[Attribute]) -> Vec<Problem> {
    let known = SLOTS.map(|slot| format!("{{{slot}}}")).join(" ");
    let wrong = texts(contents).into_iter().filter_map(|(place, text)| wrong_slots(text).map(|what| (place, what)));
    wrong.map(|(place, what)| document.problem(&place, what, format!("the slots are {known}"))).collect()
}

/// Whether an attribute shows in a slot.
type Needs = fn(&Attribute) -> bool;

/// A case in which an attribute does not show asks the same of every group.
fn visible(document: &Document, contents: &Contents, shipped: &[Attribute]) -> Vec<Problem> {
    let is_own = |id: &String| contents.attributes.iter().any(|attribute| attribute.id == *id);
    let used = shipped.iter().filter(|attribute| contents.used.contains(&attribute.id) && !is_own(&attribute.id));
    let exchanged: Vec<&Attribute> = used.chain(&contents.attributes).collect();
    let needed: [(&str, Needs); 2] =
        [("{name}", |of| of.has_names() || of.has_pronouns()), ("{age}", Attribute::has_ages)];
    let mut problems = Vec::new();
    for (slot, needs) in needed {
        let Some(attribute) = exchanged.iter().find(|attribute| needs(attribute)) else { continue };
        let hidden = contents.cases.iter().enumerate().filter(|(_, case)| !case.text.contains(slot));
        problems.extend(hidden.map(|(at, _)| {
            let what = format!("the attribute `{}` does not show in this case", attribute.id);
            document.problem(&format!("/cases/{at}/text"), what, format!("write {slot} into the case"))
        }));
    }
    problems
}
