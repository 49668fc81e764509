//! Slots in texts, and whole words.

use crate::{Person, Pronouns};

/// The slots that a text may have.
pub(crate) const SLOTS: [&str; 7] = ["name", "age", "he", "him", "his", "He", "His"];

/// A piece of a text.
enum Piece<'t> {
    Text(&'t str),
    Slot(&'t str),
}

/// The pieces of a text, or what is wrong with it.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (slot, further) = after.split_once('}').ok_or("a `{` is not closed")?;
        if before.contains('}') {
            return Err("a `}` closes nothing".to_owned());
        }
        if !SLOTS.contains(&slot) {
            return Err(format!("there is no slot `{{{slot}}}`"));
        }
        pieces.extend([Piece::Text(before), Piece::Slot(slot)]);
        rest = further;
    }
    if rest.contains('}') {
        return Err("a `}` closes nothing".to_owned());
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// What is wrong with the slots of a text.
pub(crate) fn wrong_slots(text: &str) -> Option<String> {
    pieces(text).err()
}

/// The text with its slots filled; one whose slots are wrong, as it is.
pub(crate) fn fill(text: &str, person: &Person) -> String {
    let Ok(pieces) = pieces(text) else { return text.to_owned() };
    let one = |piece: Piece<'_>| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Slot(slot) => said(slot, person),
    };
    pieces.into_iter().map(one).collect()
}

fn said(slot: &str, person: &Person) -> String {
    let pronoun = |he: &str, she: &str| match person.pronouns {
        Pronouns::He => he.to_owned(),
        Pronouns::She => she.to_owned(),
    };
    match slot {
        "name" => person.name.clone(),
        "age" => person.age.to_string(),
        "he" => pronoun("he", "she"),
        "him" => pronoun("him", "her"),
        "his" => pronoun("his", "her"),
        "He" => pronoun("He", "She"),
        _ => pronoun("His", "Her"),
    }
}

/// The words of a text in lower case; an apostrophe is part of a word.
pub(crate) fn words(text: &str) -> Vec<String> {
    let apart = |c: char| !(c.is_alphanumeric() || c == '\'');
    let plain = text.to_lowercase().replace('’', "'");
    let words = plain.split(apart).map(|word| word.trim_matches('\''));
    words.filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(pronouns: Pronouns) -> Person {
        Person { name: "Ada {he} Low".into(), age: 41, pronouns }
    }

    #[test]
    fn slots_are_filled_once() {
        let check = |text, he, she| {
            assert_eq!(fill(text, &person(Pronouns::He)), he);
            assert_eq!(fill(text, &person(Pronouns::She)), she);
        };
        check("{name}, {age}", "Ada {he} Low, 41", "Ada {he} Low, 41");
        check(
            "{He} likes {his} car; it likes {him}.",
            "He likes his car; it likes him.",
            "She likes her car; it likes her.",
        );
        check("{His} car is where {he} is", "His car is where he is", "Her car is where she is");
        check("", "", "");
    }

    #[test]
    fn wrong_slots_are_told() {
        let check = |text, expected: Option<&str>| assert_eq!(wrong_slots(text).as_deref(), expected, "{text}");
        check("{name} {he}", None);
        check("no slots", None);
        check("{nam}", Some("there is no slot `{nam}`"));
        check("a { b", Some("a `{` is not closed"));
        check("a } b", Some("a `}` closes nothing"));
        check("a } b {name}", Some("a `}` closes nothing"));
        check("{{name}}", Some("there is no slot `{{name}`"));
    }

    #[test]
    fn words_are_whole_and_lower_case() {
        let check = |text, expected: &[&str]| assert_eq!(words(text), expected);
        check("**Invite**.", &["invite"]);
        check("I can’t 'decide'", &["i", "can't", "decide"]);
        check("re-invite", &["re", "invite"]);
        check("…", &[]);
    }
}
