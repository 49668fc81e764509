//! Names of tools, as people list them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name, or beginning of names, in bytes: as long as a tool's name may be.
const MAX_NAME: usize = 64;

/// A tool's name; or with a `*` at its end, all names that begin so; or `*`, all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToolPattern(String);

impl ToolPattern {
    /// Takes a text as it is; [`ToolPattern::is_good`] says whether it can stand for a tool.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the name of this tool, or stands for it. Upper and lower case are not the same.
    #[must_use]
    pub fn matches(&self, tool: &str) -> bool {
        match self.beginning() {
            Some(beginning) => tool.starts_with(beginning),
            None => tool == self.0,
        }
    }

    /// Whether it stands for every tool that another one stands for.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self.beginning(), other.beginning()) {
            (Some(own), Some(other)) => other.starts_with(own),
            (Some(own), None) => other.0.starts_with(own),
            (None, Some(_)) => false,
            (None, None) => self == other,
        }
    }

    /// How much it says: of several that stand for a tool, the one that says most counts. A whole name says more than any
    /// beginning.
    pub(crate) fn weight(&self) -> (bool, usize) {
        (self.beginning().is_none(), self.0.len())
    }

    /// Whether it can stand for a tool: 1 to 64 letters, digits, `_`, `-` and `.`, a letter first.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let name = self.beginning().unwrap_or(&self.0);
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let named = name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        self.0 == "*" || (named && name.len() <= MAX_NAME && name.bytes().all(letter))
    }

    fn beginning(&self) -> Option<&str> {
        self.0.strip_suffix('*')
    }
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether one of a list stands for a tool.
pub(crate) fn any(list: &[ToolPattern], tool: &str) -> bool {
    list.iter().any(|pattern| pattern.matches(tool))
}

/// A list on one line.
pub(crate) fn listed(list: &[ToolPattern]) -> String {
    let names: Vec<&str> = list.iter().map(ToolPattern::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_beginnings_stand_for_tools() {
        let check = |pattern: &str, tool: &str, expect: bool| {
            assert_eq!(ToolPattern::new(pattern).matches(tool), expect, "{pattern} {tool}");
        };
        check("calc", "calc", true);
        check("calc", "calculator", false);
        check("calc", "Calc", false);
        check("files.*", "files.read", true);
        check("files.*", "files", false);
        check("files.*", "my.files.read", false);
        check("*", "anything", true);
        check("", "", true);
    }

    #[test]
    fn what_can_name_no_tool_is_no_good() {
        let check = |text: &str, expect: bool| assert_eq!(ToolPattern::new(text).is_good(), expect, "{text}");
        for good in ["*", "a", "files.*", "f*", "A-b_c.9", &"a".repeat(64), &format!("{}*", "a".repeat(64))] {
            check(good, true);
        }
        for bad in ["", "**", "f**", "*.read", "a*b", "9a", "_a", "a b", "a/b", "é", ".*", "a\n", &"a".repeat(65)] {
            check(bad, false);
        }
    }

    proptest! {
        #[test]
        fn what_covers_matches_whatever_is_matched(own in "[ab]{0,3}\\*?", other in "[ab]{0,3}\\*?", tool in "[ab]{0,5}") {
            let (own, other) = (ToolPattern::new(&own), ToolPattern::new(&other));
            if own.covers(&other) {
                prop_assert!(!other.matches(&tool) || own.matches(&tool));
            } else if let Some(beginning) = other.beginning() {
                // Something is matched by the other alone.
                let longer = format!("{beginning}ccccc");
                prop_assert!(!own.matches(&longer));
            }
        }
    }
}
