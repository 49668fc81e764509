//! The last `\boxed{…}` of a text: how models trained on mathematics mark their answer.

use super::{Answer, latex, numbers};

pub(super) fn find(input: &str) -> Option<Answer> {
    let content = latex::boxed(input)?.trim();
    if let Some(canonical) = numbers::whole(content) {
        return Some(Answer { canonical, shown: content.to_owned() });
    }
    let canonical = canonical(content);
    (!canonical.is_empty()).then(|| Answer { canonical, shown: content.to_owned() })
}

/// Lower case, without the spaces that mean nothing. Brackets and signs stay: `(1,2)` is not `[1,2]`, `5!` is not `5`.
fn canonical(content: &str) -> String {
    let lower: String = content.chars().flat_map(char::to_lowercase).collect();
    let mut out = String::with_capacity(lower.len());
    for word in lower.trim_end_matches([' ', '.', ',', ';', ':']).split_whitespace() {
        // Between two words or numbers a space is what keeps them apart.
        let joined = out.ends_with(char::is_alphanumeric) && word.starts_with(char::is_alphanumeric);
        if joined {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
