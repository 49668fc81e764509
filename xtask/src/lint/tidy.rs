//! House rules that no other tool checks.

use super::files::Source;

const MAX_LINES: usize = 600;

/// Words that may not stand in code, each with the reason. They are put together here, so as not to find themselves.
const FORBIDDEN: [(&str, &str); 7] = [
    (concat!("do_", "send("), "it ignores the mailbox bound and drops silently: use try_send or send"),
    (concat!("to", "do!"), "finish it or leave it out"),
    (concat!("unimpl", "emented!"), "finish it or leave it out"),
    (concat!("FIX", "ME"), "mend it or open an issue"),
    (concat!("XX", "X"), "mend it or open an issue"),
    (concat!("db", "g!("), "use tracing"),
    (concat!("#[ig", "nore"), "a test that never runs proves nothing"),
];

/// Returns what breaks a rule, as `file:line: text`.
pub fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check_one).collect()
}

fn check_one(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut found = Vec::new();
    if !source.text.starts_with("//!") {
        found.push(format!("{path}:1: the file does not open with `//!`: say what it is for"));
    }
    if path.ends_with("/mod.rs") {
        found.push(format!("{path}:1: name the file after its module, not mod.rs"));
    }
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{path}:{lines}: the file has more than {MAX_LINES} lines: split it"));
    }
    for (number, line) in (1..).zip(source.text.lines()) {
        for (word, reason) in FORBIDDEN {
            if line.contains(word) {
                found.push(format!("{path}:{number}: `{word}`: {reason}"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let source = Source { path: "a/src/lib.rs".into(), text: text.into() };
        let found = check_one(&source);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn a_tidy_file_passes() {
        check("//! What it is for.\n\nfn main() {}\n", &[]);
    }

    #[test]
    fn each_rule_names_file_and_line() {
        check("fn main() {}\n", &["a/src/lib.rs:1: the file does not open"]);
        for (word, _) in FORBIDDEN {
            check(&format!("//! Doc.\n\n{word}\n"), &["a/src/lib.rs:3: "]);
        }
        check(&format!("//! Doc.{}", "\n".repeat(601)), &["a/src/lib.rs:601: the file has more than 600 lines"]);
        let source = Source { path: "a/src/b/mod.rs".into(), text: "//! Doc.\n".into() };
        assert_eq!(check_one(&source).len(), 1);
    }

    #[test]
    fn the_longest_allowed_file_passes() {
        check(&format!("//! Doc.{}", "\n".repeat(600)), &[]);
    }
}
