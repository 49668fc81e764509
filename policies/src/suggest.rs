//! "Did you mean …?": the nearest of the words that would have been right.

/// The nearest of `known` to `word`, if it is near enough to be a slip of the fingers.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Two letters in the wrong order are two changes.
    let allowed = match word.chars().count() {
        0..=3 => 1,
        4..=8 => 2,
        length => length / 3,
    };
    known
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: the fewest insertions, deletions and replacements of one character.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&to) {
            let above = *cell;
            let best = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
            (diagonal, left, *cell) = (above, best, best);
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_levenshtein() {
        let check = |a, b, expect| assert_eq!(distance(a, b), expect, "{a} {b}");
        check("", "", 0);
        check("", "abc", 3);
        check("abc", "", 3);
        check("kitten", "sitting", 3);
        check("limit", "limits", 1);
        check("flaw", "lawn", 2);
    }

    #[test]
    fn a_slip_is_mended_and_another_word_is_not() {
        let known = ["id", "name", "models", "limits", "budget", "keys"];
        let check = |word, expect| assert_eq!(nearest(word, known), expect, "{word}");
        check("limit", Some("limits"));
        check("Limits", Some("limits"));
        check("bugdet", Some("budget"));
        check("model", Some("models"));
        check("safeguards", None);
        check("xy", None);
        check("keyring", None);
    }
}
