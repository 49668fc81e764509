//! Relative links in Markdown: the file, and the heading when one is named, must be there.

use std::fs;
use std::path::Path;

use super::files::Source;

/// Returns links that lead nowhere, as `file:line: text`.
pub fn check(root: &Path, sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(|source| check_one(root, source)).collect()
}

fn check_one(root: &Path, source: &Source) -> Vec<String> {
    let folder = root.join(&source.path);
    let folder = folder.parent().unwrap_or(root);
    let mut found = Vec::new();
    for (number, line) in prose(&source.text) {
        for target in targets(&line) {
            if let Err(why) = resolve(folder, &source.text, target) {
                found.push(format!("{}:{number}: link to `{target}`: {why}", source.path));
            }
        }
    }
    found
}

/// The numbered lines outside of code blocks, without inline code.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push((number, line.split('`').step_by(2).collect::<Vec<_>>().join("` `")));
        }
    }
    lines
}

/// What stands in `](…)`, and after `[name]:` at a line's start.
fn targets(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let defined = line.strip_prefix('[').and_then(|rest| rest.split_once("]:")).map(|(_, target)| target);
    inline.chain(defined).map(|target| target.split_whitespace().next().unwrap_or_default()).collect()
}

fn resolve(folder: &Path, own_text: &str, target: &str) -> Result<(), &'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = folder.join(file);
    if !path.exists() {
        return Err("there is no such file");
    }
    if heading.is_empty() {
        return Ok(());
    }
    let text = if file.is_empty() { own_text.to_owned() } else { fs::read_to_string(path).unwrap_or_default() };
    let known = prose(&text).iter().any(|(_, line)| line.starts_with('#') && slug(line) == heading);
    if known { Ok(()) } else { Err("there is no such heading") }
}

/// A heading's anchor, made as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let root = crate::paths::workspace().unwrap().join("xtask");
        let source = Source { path: "NOTES.md".into(), text: text.into() };
        assert_eq!(check_one(&root, &source), expected, "{text:?}");
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        check("[a](Cargo.toml), [b](src/main.rs) and [c](https://example.org/x)\n[d]: src\n", &[]);
        check("# A heading: two words\n[here](#a-heading-two-words)\n", &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_named() {
        check("one\n[a](none.md)\n", &["NOTES.md:2: link to `none.md`: there is no such file"]);
        check("[b]: gone.md\n", &["NOTES.md:1: link to `gone.md`: there is no such file"]);
        check("[c](#gone)\n", &["NOTES.md:1: link to `#gone`: there is no such heading"]);
    }

    #[test]
    fn code_is_not_looked_at() {
        check("```\n[a](none.md)\n```\nuse `[b](none.md)` so\n", &[]);
    }
}
