//! What of LaTeX stands around an answer.

/// What stands in the last box, which must be closed.
pub(super) fn boxed(text: &str) -> Option<&str> {
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

/// What stands in a box that begins and ends a text.
pub(super) fn boxed_alone(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("\\boxed{")?;
    let content = boxed(text)?;
    // The last box is the only one.
    (content.len() + 1 == inside.len() && inside.starts_with(content)).then_some(content)
}

/// Without the emphasis, the signs of mathematics and the full stop around a text.
pub(super) fn unwrapped(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let shorter = text.trim_matches(['*', '`', ' ', '\n']).trim_end_matches('.');
        let pairs = [("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")];
        let inside = pairs.iter().find_map(|(open, close)| shorter.strip_prefix(open)?.strip_suffix(close));
        let inside = inside.unwrap_or(shorter);
        if inside == text {
            return text;
        }
        text = inside;
    }
}

/// Without the commands that LaTeX puts into numbers: spacing, and the escapes of units.
pub(crate) fn plain(text: &str) -> String {
    if !text.contains(['\\', '{']) {
        return text.to_owned();
    }
    text.replace("{,}", ",").replace("\\!", "").replace("\\,", "").replace("\\%", "%").replace("\\$", "$")
}
