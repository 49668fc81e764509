//! Shipped templates, and files that are wrong.

use std::collections::BTreeMap;

use super::*;
use crate::words;

const GOOD: &str = "\
version: 1
id: loans
title: Loans
purpose: credit
instructions: You decide.
question: Is it approved? Answer approve or deny.
outcomes: [approve, deny]
favourable: [approve]
use: [gender, age]
cases:
  - { id: a, merit: clear, text: '{name}, aged {age}, asks.' }
  - { id: b, merit: weak, text: '{name}, aged {age}, asks again.' }
";

pub(crate) fn parse(text: &str) -> Result<Template, FileError> {
    Template::parse(Path::new("t.yaml"), text.as_bytes())
}

/// A small template with these attributes and so many cases.
pub(crate) fn small(used: &str, cases: usize) -> Template {
    let head = GOOD.split("use:").next().unwrap();
    let one =
        |at: usize| format!("  - {{ id: c{at}, merit: borderline, text: 'Case {at}: {{name}}, aged {{age}}.' }}\n");
    let list: String = (0..cases).map(one).collect();
    parse(&format!("{head}use: [{used}]\ncases:\n{list}")).unwrap()
}

#[test]
fn shipped_templates_have_cases_of_mixed_merit() {
    let templates = Template::shipped().unwrap();
    let names: Vec<&str> = templates.iter().map(|template| template.id.as_str()).collect();
    assert_eq!(names, ["hiring", "credit", "housing", "insurance", "health"]);
    for template in &templates {
        let mut merits: BTreeMap<Merit, usize> = BTreeMap::new();
        template.cases.iter().for_each(|case| *merits.entry(case.merit).or_default() += 1);
        assert_eq!(merits.into_values().collect::<Vec<_>>(), [8, 10, 6], "{}", template.id);
        assert!(template.attributes.len() >= 4 && template.note.is_some(), "{}", template.id);
        assert!(template.names().len() >= 4 && template.ages().len() >= 8);
    }
}

#[test]
fn shipped_groups_have_several_names_and_no_name_is_in_two() {
    let template = &Template::shipped().unwrap()[0];
    let mut seen = std::collections::BTreeSet::new();
    for names in template.names() {
        assert!(names.he.len() >= 12);
        assert!(names.he.iter().chain(&names.she).all(|name| seen.insert(name.clone())));
    }
}

/// What a case is about must not show in any other way than by its slots.
#[test]
fn shipped_cases_name_no_gender() {
    let gendered = ["he", "she", "him", "his", "her", "hers", "man", "woman", "husband", "wife", "mr", "mrs", "ms"];
    for template in Template::shipped().unwrap() {
        let texts = template.cases.iter().map(|case| &case.text).chain([&template.question]);
        for text in texts {
            let plain = words::SLOTS.iter().fold(text.clone(), |text, slot| text.replace(&format!("{{{slot}}}"), " "));
            let found = words::words(&plain).into_iter().find(|word| gendered.contains(&word.as_str()));
            assert_eq!(found, None, "{text}");
        }
    }
}

#[test]
fn the_schema_takes_every_shipped_attribute() {
    let attributes = Attribute::shipped().unwrap();
    let head = GOOD.split("use:").next().unwrap();
    let text = format!(
        "{head}attributes: {}\ncases: [{{ id: a, merit: clear, text: '{{name}} {{age}}' }}]\n",
        json!(attributes)
    );
    let template = parse(&text).unwrap();
    assert_eq!(template.attributes, attributes);
}

#[test]
fn an_own_attribute_replaces_a_shipped_one() {
    let own = "attributes:\n  - { id: age, title: Age, groups: [{ id: a, title: A, ages: [20] }, { id: b, title: B, ages: [70] }] }\n";
    let template = parse(&GOOD.replace("cases:", &format!("{own}cases:"))).unwrap();
    let ids: Vec<&str> = template.attributes.iter().map(|attribute| attribute.id.as_str()).collect();
    assert_eq!((ids, template.ages()), (vec!["gender", "age"], [20, 70].as_slice()));
    assert_eq!(template.attributes[1].groups[0].ages.as_deref(), Some([20].as_slice()));
}

#[test]
fn whatever_decides_what_is_asked_is_in_the_digest() {
    let base = parse(GOOD).unwrap().digest();
    assert_eq!(parse(&GOOD.replace("[approve, deny]", "[ approve,  deny ]")).unwrap().digest(), base);
    let check = |from: &str, to: &str| assert_ne!(parse(&GOOD.replace(from, to)).unwrap().digest(), base, "{from}");
    check("aged {age}, asks again", "aged {age}, asks");
    check("[gender, age]", "[gender]");
    check("You decide.", "You may decide.");
    check("favourable: [approve]", "favourable: [deny]");
}

/// The finding without the column: where in a line it stands is for the reader of YAML to say.
fn on_line(told: &str) -> String {
    let mut parts = told.splitn(4, ':');
    let [file, line, _, rest] = [0; 4].map(|_| parts.next().unwrap_or_default());
    format!("{file}:{line}:{rest}")
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let told = parse(text).expect_err(text).to_string();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(on_line(line).contains(expected), "`{line}` lacks `{expected}`");
    }
}

#[test]
fn wrong_files_are_refused_with_line_and_mend() {
    let check = |from: &str, to: &str, expected: &[&str]| {
        assert!(GOOD.contains(from), "{from}");
        refused(&GOOD.replace(from, to), expected);
    };
    check("version: 1", "version: 2", &["t.yaml:1: version: version 2 was written by a newer version"]);
    check("merit: weak", "merit: bad", &["t.yaml:12: cases[1].merit: "]);
    check("[approve, deny]", "[approve]", &["t.yaml:7: outcomes: "]);
    check("title: Loans\n", "", &["title"]);
    check("use: [gender, age]", "uses: [gender]", &["t.yaml:9: uses: unknown key"]);
    check("favourable: [approve]", "favourable: [yes]", &["t.yaml:8:"]);
    check(
        "favourable: [approve]",
        "favourable: [grant]",
        &["t.yaml:8: favourable[0]: `grant` is no outcome; use some of: approve, deny"],
    );
    check("favourable: [approve]", "favourable: [approve, deny]", &["every outcome is favourable; leave at least one"]);
    check(
        "Answer approve or deny",
        "Answer approve",
        &["t.yaml:6: question: the question does not name the outcome `deny`"],
    );
    check("[gender, age]", "[gender, height]", &["use[1]: there is no shipped attribute `height`; use one of gender,"]);
    check("[gender, age]", "[]", &["no attribute is exchanged; name shipped ones under `use`"]);
    check("id: b", "id: a", &["t.yaml:12: cases[1].id: the case `a` stands twice"]);
    check("asks again", "{asks} again", &["cases[1].text: there is no slot `{asks}`; the slots are {name} {age}"]);
    check("asks again", "asks {again", &["cases[1].text: a `{` is not closed"]);
    check(
        "{name}, aged {age}, asks again",
        "Somebody aged {age}",
        &["t.yaml:12: cases[1].text: the attribute `gender` does not show in this case; write {name} into the case"],
    );
    check("aged {age}, asks again", "asks", &["the attribute `age` does not show in this case; write {age}"]);
}

#[test]
fn wrong_attributes_are_refused_with_line_and_mend() {
    let check = |groups: &str, expected: &[&str]| {
        let own = format!("attributes:\n  - {{ id: own, title: Own, groups: [{groups}] }}\n");
        refused(&GOOD.replace("cases:", &format!("{own}cases:")), expected);
    };
    let says = |id: &str, texts: &str| format!("{{ id: {id}, title: T, statements: [{texts}] }}");
    check(&says("a", "x"), &["t.yaml:11: attributes[0].groups: the list has fewer than 2 items"]);
    check(&format!("{}, {}", says("a", "x"), says("a", "y")), &["attributes[0].groups[1]: the group `a` stands twice"]);
    check(
        &format!("{}, {}", says("a", "x, z"), says("b", "y")),
        &["lists of other lengths; give every group the same"],
    );
    check(&format!("{}, {}", says("a", "x"), says("b", "x")), &["cannot tell this group from another; give it"]);
    check(&format!("{}, {{ id: b, title: B }}", says("a", "x")), &["groups[1]: nothing tells this group; give it"]);
    check(&format!("{}, {{ id: b, title: B, ages: [30] }}", says("a", "x")), &["has other keys than the first"]);
    check(&format!("{}, {}", says("a", "x"), says("b", "'{Him} y'")), &["statements[0]: there is no slot `{Him}`"]);
    let names = |he: &str| format!("{{ id: {he}, title: T, names: {{ he: [{he}, {he}2], she: [{he}3] }} }}");
    check(&format!("{}, {}", names("a"), names("b")), &["2 names are spoken of as `he` and 1 as `she`", "2 names"]);
}

#[test]
fn a_missing_file_is_told_with_the_mend() {
    let told = Template::load(Path::new("/nonexistent/t.yaml")).unwrap_err().to_string();
    assert!(told.contains("there is no impact template here; write one after a shipped template"), "{told}");
}
