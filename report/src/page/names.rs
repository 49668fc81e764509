//! The names of the pages of entries. They are made of places and never of what a log says.

use crate::Group;

/// The page of a figure of a group, counted from 0.
pub(crate) fn group_page(group: &Group, at: usize) -> String {
    of(group.id, at)
}

/// The page of a step of a spread, counted from 0.
pub(crate) fn of(id: &str, at: usize) -> String {
    format!("{id}-{}.html", at + 1)
}

/// The page of a figure of a duty, each counted from 0.
pub(crate) fn law_page(law: usize, duty: usize, figure: usize) -> String {
    format!("law-{}-{}-{}.html", law + 1, duty + 1, figure + 1)
}

/// The page of the requests that a law reaches, or may reach.
pub(crate) fn reach_page(law: usize, is_known: bool) -> String {
    format!("law-{}-{}.html", law + 1, if is_known { "requests" } else { "unknown" })
}

/// The further pages of a page, the first of which is 1.
pub(crate) fn part(page: &str, number: usize) -> String {
    match number {
        0 | 1 => page.to_owned(),
        _ => format!("{}-p{number}.html", page.strip_suffix(".html").unwrap_or(page)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_names_of_their_own() {
        let check = |number, expected: &str| assert_eq!(part(&of("days", 2), number), expected);
        check(1, "days-3.html");
        check(2, "days-3-p2.html");
    }
}
