//! A conversation as classifiers take it: user and model in turn, ending with what is judged.

use super::{Conversation, Speaker, Target, Unasked, clean::Marks};

/// A turn: whether the user speaks, and what is said.
pub(super) type Turn = (bool, String);

/// The turns up to the one that is judged, cleaned; the first is the user's. Messages of one side in a row are one turn,
/// parted by a blank line; what the model says before the user says anything is left out.
pub(super) fn turns(of: &Conversation<'_>, marks: &Marks) -> Result<Vec<Turn>, Unasked> {
    let mut turns: Vec<Turn> = Vec::new();
    for (speaker, text) in of.messages {
        let user = *speaker != Speaker::Assistant;
        let text = marks.clean(text.trim());
        match turns.last_mut() {
            Some((before, said)) if *before == user => {
                said.push_str("\n\n");
                said.push_str(&text);
            }
            None if !user => {}
            _ => turns.push((user, text)),
        }
    }
    let input = of.target == Target::Input;
    let judged = turns.iter().rposition(|(user, _)| *user == input);
    let judged = judged.ok_or(Unasked::NoMessage(if input { "user" } else { "assistant" }))?;
    turns.truncate(judged + 1);
    Ok(turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Marks = Marks { tokens: &[], headings: &[] };
    use Speaker::{Assistant, System, User};

    #[test]
    fn turns_alternate_and_end_with_what_is_judged() {
        let check = |messages: &[(Speaker, &str)], target, expected: Result<&[(bool, &str)], Unasked>| {
            let turns = turns(&Conversation { messages, target }, &NONE);
            let turns = turns.as_ref().map(|turns| turns.iter().map(|(user, text)| (*user, text.as_str())).collect());
            assert_eq!(turns, expected.as_ref().map(|turns| turns.to_vec()), "{messages:?} {target:?}");
        };
        check(&[(User, " a ")], Target::Input, Ok(&[(true, "a")]));
        check(&[(System, "s"), (User, "a"), (User, "b")], Target::Input, Ok(&[(true, "s\n\na\n\nb")]));
        check(&[(Assistant, "hello"), (User, "a")], Target::Input, Ok(&[(true, "a")]));
        check(&[(User, "a"), (Assistant, "b")], Target::Input, Ok(&[(true, "a")]));
        check(&[(User, "a"), (Assistant, "b"), (User, "c")], Target::Output, Ok(&[(true, "a"), (false, "b")]));
        check(&[(User, "a")], Target::Output, Err(Unasked::NoMessage("assistant")));
        check(&[(Assistant, "b")], Target::Input, Err(Unasked::NoMessage("user")));
        check(&[], Target::Input, Err(Unasked::NoMessage("user")));
    }
}
