//! Rules in Cedar within a policy file: what is wrong with them, at their places in the file.

use forethought_authorization::{Flaw, Rules};

use crate::{document::Document, problem::Problem};

/// Everything that is wrong with the rules of a file, those of all tenants included.
pub(crate) fn problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let tenants = value.get("tenants").and_then(|tenants| tenants.as_array()).map_or(0, Vec::len);
    let owners = [String::new()].into_iter().chain((0..tenants).map(|at| format!("/tenants/{at}")));
    let texts = owners.map(|owner| format!("{owner}/authorization"));
    texts
        .flat_map(|at| {
            value.pointer(&at).and_then(|text| text.as_str()).map_or_else(Vec::new, |text| flaws(document, &at, text))
        })
        .collect()
}

/// What is wrong with one text of rules.
pub(crate) fn flaws(document: &Document, pointer: &str, text: &str) -> Vec<Problem> {
    let flaws = Rules::parse(text).err().unwrap_or_default();
    flaws
        .into_iter()
        .map(|Flaw { line, column, message, mend }| document.problem_within(pointer, (line, column), message, mend))
        .collect()
}
