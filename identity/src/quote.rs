//! Texts of strangers, made fit for a log.

/// Characters that are kept of a stranger's text.
const KEPT: usize = 64;

/// The text in quotes with control characters and quotes escaped, cut after 64 characters, so that it neither breaks a
/// log's line nor fills it.
pub(crate) fn quoted(text: &str) -> String {
    let mut kept: String = text.chars().take(KEPT).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    format!("{kept:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_cannot_forge_a_line() {
        assert_eq!(quoted("a\nERROR \"b\"\u{202e}"), "\"a\\nERROR \\\"b\\\"\\u{202e}\"");
        assert_eq!(quoted(&"é".repeat(64)), format!("\"{}\"", "é".repeat(64)));
        assert_eq!(quoted(&"é".repeat(65)), format!("\"{}…\"", "é".repeat(64)));
    }
}
