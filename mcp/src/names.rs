//! What a server's tool is called in front of models.

use forethought_tools::MAX_NAME;
use sha2::{Digest, Sha256};

/// Hexadecimal digits that tell names apart that were changed.
const MARK: usize = 10;

/// `server.tool`, in letters that every name may have. It depends on the two names alone, so that no other tool can change it;
/// one that had to be changed or cut ends with a digest of what it was.
pub(crate) fn shown(server: &str, tool: &str) -> String {
    let clean: String = tool.chars().map(|letter| if is_fine(letter) { letter } else { '_' }).collect();
    let room = MAX_NAME.saturating_sub(server.len() + 1);
    if clean == tool && !clean.is_empty() && clean.len() <= room {
        return format!("{server}.{clean}");
    }
    let mark: String = hex::encode(Sha256::digest(tool.as_bytes())).chars().take(MARK).collect();
    let head: String = clean.chars().take(room.saturating_sub(MARK + 1)).collect();
    format!("{server}.{head}-{mark}")
}

fn is_fine(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-.".contains(letter)
}

#[cfg(test)]
mod tests {
    use forethought_tools::{Effect, ToolSpec};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn names_that_may_stand_stand_as_they_are() {
        let check = |tool: &str, expected: &str| assert_eq!(shown("time", tool), expected);
        check("get_current_time", "time.get_current_time");
        check("a.b-C9", "time.a.b-C9");
        check(&"a".repeat(59), &format!("time.{}", "a".repeat(59)));
        assert!(shown("time", "a b").starts_with("time.a_b-"));
        assert_ne!(shown("time", "a b"), shown("time", "a/b"));
        assert_ne!(shown("time", &"a".repeat(60)), shown("time", &"a".repeat(61)));
    }

    proptest! {
        #[test]
        fn every_tool_has_a_name_that_models_can_use(tool in "\\PC{0,80}", server in "[a-z][a-z0-9_-]{0,23}") {
            let name = shown(&server, &tool);
            prop_assert!(ToolSpec::new(&name, "", Value::Null, Effect::Pure).is_ok(), "{}", name);
        }

        #[test]
        fn different_tools_have_different_names(one in "[a-c /]{0,3}", other in "[a-c /]{0,3}") {
            prop_assert_eq!(one == other, shown("s", &one) == shown("s", &other));
        }
    }
}
