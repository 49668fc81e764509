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

/// Without the commands that LaTeX puts into numbers: spacing, and the escapes of units.
pub(super) fn plain(text: &str) -> String {
    if !text.contains(['\\', '{']) {
        return text.to_owned();
    }
    text.replace("{,}", ",").replace("\\!", "").replace("\\,", "").replace("\\%", "%").replace("\\$", "$")
}
