//! Names, titles and media types of an annex: safe as paths on every system, and safe to show.

use std::collections::BTreeSet;

use super::{Annex, AnnexNote, naming::is_digest, refused};
use crate::export::ExportError;

/// The most files: each record is looked through for each digest.
pub(in crate::export) const MAX_FILES: usize = 1000;
/// The longest part of a name, in bytes, and the most parts.
const MAX_PART: usize = 128;
const MAX_PARTS: usize = 8;
/// The longest title, in characters.
const MAX_TITLE: usize = 200;
/// The longest half of a media type, in bytes (RFC 6838, section 4.2).
const MAX_HALF: usize = 127;

/// Refuses what cannot be a file of an annex, or is there twice.
pub(in crate::export) fn check_all(annex: &[Annex]) -> Result<(), ExportError> {
    if let Some(more) = annex.get(MAX_FILES) {
        return Err(refused(
            &more.name,
            format!("there are {MAX_FILES} files before it, and no more can be there: pack some together"),
        ));
    }
    let mut names = Names::default();
    for Annex { name, title, media_type, named, .. } in annex {
        let checked = check(name, title, media_type, named.as_deref()).and_then(|()| names.add(name));
        checked.map_err(|what| refused(name, what))?;
    }
    Ok(())
}

/// What is wrong with a file of an annex as a manifest has it.
pub(in crate::export) fn check_note(note: &AnnexNote) -> Result<(), String> {
    check(&note.name, &note.title, &note.media_type, note.digest())
}

fn check(name: &str, title: &str, media_type: &str, named: Option<&str>) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!(
            "a name is a path of at most {MAX_PARTS} parts with `/` between, each of at most {MAX_PART} ASCII letters, digits, `.`, `_` \
             and `-`, not with a dot at either end"
        ));
    }
    if !is_title(title) {
        return Err(format!("a title is one line of 1 to {MAX_TITLE} characters"));
    }
    if !is_media_type(media_type) {
        return Err(format!("`{}` is no media type such as `text/plain`", media_type.escape_default()));
    }
    match named.filter(|digest| !is_digest(digest)) {
        Some(_) => Err("a digest is `sha256:` and 64 lower-case hexadecimal digits, or the digits alone".to_owned()),
        None => Ok(()),
    }
}

fn is_name(name: &str) -> bool {
    name.split('/').count() <= MAX_PARTS && name.split('/').all(is_part)
}

fn is_part(part: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_PART).contains(&part.len()) && part.bytes().all(good) && !part.starts_with('.') && !part.ends_with('.')
}

/// Marks that change the direction of writing make a line look like another one.
fn is_title(title: &str) -> bool {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (1..=MAX_TITLE).contains(&title.chars().count()) && !title.chars().any(|c| c.is_control() || turns(c))
}

/// A type and a subtype (RFC 6838, section 4.2), without parameters.
fn is_media_type(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
    let half = |half: &str| (1..=MAX_HALF).contains(&half.len()) && half.bytes().all(good);
    text.split_once('/').is_some_and(|(one, other)| half(one) && half(other))
}

/// The names of an annex. Two that differ only in case are one on some systems.
#[derive(Debug, Default)]
struct Names {
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, name: &str) -> Result<(), String> {
        let name = name.to_ascii_lowercase();
        let folders: Vec<String> =
            name.match_indices('/').filter_map(|(at, _)| name.get(..at)).map(Into::into).collect();
        let taken = self.folders.contains(&name) || folders.iter().any(|folder| self.files.contains(folder));
        self.folders.extend(folders);
        if self.files.insert(name) && !taken {
            return Ok(());
        }
        Err("another file or folder of the annex has this name, or one that differs in case only: give it another"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder_on_every_system() {
        let check = |name: &str, expected: bool| assert_eq!(is_name(name), expected, "{name:?}");
        check("policy.toml", true);
        check("a/b/c/d/e/f/g/h", true);
        check("a/b/c/d/e/f/g/h/i", false);
        check(&"x".repeat(128), true);
        check(&"x".repeat(129), false);
        for bad in
            ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".a", "a.", "a/.b", "a\\b", "c:a"]
        {
            check(bad, false);
        }
        for bad in ["a b", "a\0", "a\n", "ä", "a*", "~", "a?b", "-/.."] {
            check(bad, false);
        }
    }

    #[test]
    fn titles_are_one_line_that_shows_what_it_is() {
        let check = |title: &str, expected: bool| assert_eq!(is_title(title), expected, "{title:?}");
        check("The policy of 2026, „strict“ <b>", true);
        check(&"ä".repeat(200), true);
        check(&"ä".repeat(201), false);
        for bad in ["", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{2028}b", "\u{85}", "a\u{2066}"] {
            check(bad, false);
        }
    }

    #[test]
    fn media_types_are_two_halves() {
        let check = |text: &str, expected: bool| assert_eq!(is_media_type(text), expected, "{text:?}");
        check("text/markdown", true);
        check("application/vnd.oasis.opendocument.text+zip", true);
        for bad in ["", "text", "text/", "/plain", "text/a/b", "text/a b", "text/plain; charset=utf-8", "téxt/plain"] {
            check(bad, false);
        }
        check(&format!("a/{}", "x".repeat(128)), false);
    }

    #[test]
    fn no_name_is_there_twice() {
        let check = |names: &[&str], expected: bool| {
            let mut all = Names::default();
            assert_eq!(names.iter().all(|name| all.add(name).is_ok()), expected, "{names:?}");
        };
        check(&["a", "b", "c/a", "c/b", "d/c"], true);
        check(&["a", "b", "a"], false);
        check(&["a", "A"], false);
        check(&["a/b", "a"], false);
        check(&["a", "a/b"], false);
        check(&["a/b", "A"], false);
        check(&["a/b/c", "a/b"], false);
        check(&["a", "A/b"], false);
        check(&["ab", "a/b"], true);
    }
}
