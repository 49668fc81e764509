//! Patterns of LIKE and GLOB (SQLite, `lang_expr.html#like`), matched in at most the product of both lengths, and broken off in time.

/// Steps between two looks at the time.
const LOOK: u32 = 50_000;

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    /// Whether `A` is `a`; of other letters than those of ASCII neither is the other, as in SQLite.
    folded: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Any characters, or none.
    Any,
    /// Any character.
    One,
    /// This one.
    Char(char),
    /// One of these, or none of them.
    Set { ranges: Vec<(char, char)>, but: bool },
}

impl Piece {
    fn is(&self, character: char, folded: bool) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Char(own) => *own == character || (folded && own.eq_ignore_ascii_case(&character)),
            Self::Set { ranges, but } => *but != ranges.iter().any(|(from, to)| (*from..=*to).contains(&character)),
        }
    }
}

impl Pattern {
    /// The longest pattern, in bytes.
    pub(super) const MOST: usize = 200;

    /// `%` is anything, `_` one character, and what is behind `escape` itself.
    pub(super) fn like(pattern: &str, escape: Option<char>) -> Self {
        let mut pieces = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                own if Some(own) == escape => pieces.push(characters.next().map_or_else(nothing, Piece::Char)),
                '%' => pieces.push(Piece::Any),
                '_' => pieces.push(Piece::One),
                own => pieces.push(Piece::Char(own)),
            }
        }
        Self { pieces, folded: true }
    }

    /// `*` is anything, `?` one character, `[a-z]` and `[^a-z]` one that is among these or is not.
    pub(super) fn glob(pattern: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = pattern;
        while let Some(character) = rest.chars().next() {
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
            match character {
                '*' => pieces.push(Piece::Any),
                '?' => pieces.push(Piece::One),
                '[' => {
                    let (set, after) = set(rest);
                    pieces.push(set);
                    rest = after;
                }
                own => pieces.push(Piece::Char(own)),
            }
        }
        Self { pieces, folded: false }
    }

    /// Whether the whole text is as the pattern says; none when it was stopped.
    pub(super) fn matches(&self, text: &str, stopped: impl Fn() -> bool) -> Option<bool> {
        let (mut piece, mut at, mut steps) = (0, 0, 0u32);
        // Where the last `Any` was, and how far it reaches: an earlier one need not reach further.
        let mut last: Option<(usize, usize)> = None;
        let next = |at: usize| text.get(at..).and_then(|rest| rest.chars().next());
        loop {
            if steps.is_multiple_of(LOOK) && stopped() {
                return None;
            }
            steps = steps.wrapping_add(1);
            match (self.pieces.get(piece), next(at)) {
                (Some(Piece::Any), _) => {
                    piece += 1;
                    last = Some((piece, at));
                }
                (Some(one), Some(character)) if one.is(character, self.folded) => {
                    piece += 1;
                    at += character.len_utf8();
                }
                (None, None) => return Some(true),
                _ => {
                    let Some((behind, reached)) = last else { return Some(false) };
                    let Some(character) = next(reached) else { return Some(false) };
                    (piece, at) = (behind, reached + character.len_utf8());
                    last = Some((behind, at));
                }
            }
        }
    }
}

/// What no character is.
fn nothing() -> Piece {
    Piece::Set { ranges: Vec::new(), but: false }
}

/// A set behind its `[`, and what is behind its `]`. One that is not closed is no character.
fn set(text: &str) -> (Piece, &str) {
    let (but, inner) = text.strip_prefix('^').map_or((false, text), |inner| (true, inner));
    // A `]` at the beginning is itself.
    let end = inner.char_indices().skip(1).find(|(_, character)| *character == ']').map(|(at, _)| at);
    let Some(end) = end else { return (nothing(), "") };
    let characters: Vec<char> = inner.get(..end).unwrap_or_default().chars().collect();
    let (mut ranges, mut rest) = (Vec::new(), characters.as_slice());
    loop {
        rest = match rest {
            [from, '-', to, rest @ ..] => {
                // What a range begins with is in it, even where it ends before that.
                ranges.extend([(*from, *from), (*from, *to)]);
                rest
            }
            [own, rest @ ..] => {
                ranges.push((*own, *own));
                rest
            }
            [] => break,
        };
    }
    (Piece::Set { ranges, but }, inner.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    /// What SQLite itself says.
    fn sqlite(operator: &str, text: &str, pattern: &str) -> bool {
        let connection = Connection::open_in_memory().expect("opened");
        let sql = format!("SELECT ?1 {operator} ?2");
        connection.query_row(&sql, [text, pattern], |row| row.get(0)).expect("answered")
    }

    fn check(text: &str, pattern: &str) {
        let ours = Pattern::like(pattern, None).matches(text, || false);
        assert_eq!(ours, Some(sqlite("LIKE", text, pattern)), "{text:?} LIKE {pattern:?}");
        let ours = Pattern::glob(pattern).matches(text, || false);
        assert_eq!(ours, Some(sqlite("GLOB", text, pattern)), "{text:?} GLOB {pattern:?}");
    }

    #[test]
    fn patterns_match_as_those_of_sqlite() {
        for pattern in [
            "", "%", "_", "a%", "%A", "%a%b%", "_%_", "é", "É", "%%", "a", "*", "?", "*a*", "[ab]", "[^ab]", "[a-c]*",
            "[]a]", "[^]]", "[", "[a", "a[", "[-a]", "[a-]", "*[b-a]", "??", "[^", "[]",
        ] {
            for text in ["", "a", "A", "ab", "abc", "é", "É", "]", "-", "b", "aXb", "[", "a[", "^"] {
                check(text, pattern);
            }
        }
    }

    #[test]
    fn what_is_escaped_is_itself() {
        let check = |text: &str, pattern: &str, expect: bool| {
            assert_eq!(Pattern::like(pattern, Some('\\')).matches(text, || false), Some(expect), "{text} {pattern}");
        };
        check("50%", "50\\%", true);
        check("50x", "50\\%", false);
        check("a_b", "a\\_b", true);
        check("a\\b", "a\\\\b", true);
        check("a", "a\\", false);
    }

    #[test]
    fn matching_is_broken_off() {
        let pattern = Pattern::like(&format!("%{}b", "a".repeat(150)), None);
        assert_eq!(pattern.matches(&"a".repeat(10_000), || true), None);
        assert_eq!(pattern.matches(&"a".repeat(10_000), || false), Some(false));
    }

    proptest! {
        #[test]
        fn any_pattern_matches_as_that_of_sqlite(text in "[abAé\\-\\]]{0,8}", pattern in "[abAé%_*?\\[\\]^\\-]{0,8}") {
            check(&text, &pattern);
        }
    }
}
