//! The last `\boxed{…}` of a text: how models trained on mathematics mark their answer.

use super::{Answer, numbers, text};

/// What stands in the last box, which must be closed.
pub(super) fn content(text: &str) -> Option<&str> {
    let from = text.rfind("\\boxed{")? + "\\boxed{".len();
    let rest = text.get(from..)?;
    let mut depth = 1_u32;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return rest.get(..at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

pub(super) fn find(input: &str) -> Option<Answer> {
    let content = content(input)?.trim();
    if let Some(canonical) = numbers::whole(content) {
        return Some(Answer { canonical, shown: content.to_owned() });
    }
    let canonical: String = text::normalise(content).split_whitespace().collect();
    (!canonical.is_empty()).then(|| Answer { canonical, shown: content.to_owned() })
}
