//! Where a value stands among a token's claims.

use serde_json::{Map, Value};

/// The name of a claim, taken literally, or, where it begins with `/`, a JSON Pointer (RFC 6901) such as
/// `/realm_access/roles`.
///
/// Dots do not part names: names of claims are often addresses, such as `https://example.org/roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimPath {
    steps: Vec<String>,
}

impl ClaimPath {
    /// Reads a name or pointer; the error is what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let steps: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect::<Option<_>>(),
            None => Some(vec![text.to_owned()]),
        }
        .ok_or("has a `~` that is not followed by `0` or `1`; write `~0` for `~` and `~1` for `/`")?;
        if steps.iter().any(String::is_empty) {
            return Err("has an empty name; write a claim's name, or a pointer such as `/realm_access/roles`");
        }
        Ok(Self { steps })
    }

    /// The value there. Only objects are gone into, not arrays.
    pub(crate) fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.steps.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, step| value.as_object()?.get(step))
    }

    /// Whether it is the claim `scope`, whose text is a list (RFC 8693, section 4.2).
    pub(crate) fn is_scope(&self) -> bool {
        self.steps == ["scope"]
    }
}

fn unescaped(step: &str) -> Option<String> {
    let mut parts = step.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) =
            part.strip_prefix('0').map(|rest| ('~', rest)).or_else(|| Some(('/', part.strip_prefix('1')?)))?;
        text.push(sign);
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<i64>) {
        let claims = json!({
            "roles": 1, "a.b": 2, "https://x.example/roles": 3, "realm": {"roles": 4, "a/b~c": 5}, "list": [6], "~": 7
        });
        let path = ClaimPath::parse(path).unwrap();
        assert_eq!(path.find(claims.as_object().unwrap()).and_then(Value::as_i64), expected, "{path:?}");
    }

    #[test]
    fn a_name_is_taken_literally_and_a_pointer_goes_down() {
        check("roles", Some(1));
        check("/roles", Some(1));
        check("a.b", Some(2));
        check("https://x.example/roles", Some(3));
        check("/realm/roles", Some(4));
        check("/realm/a~1b~0c", Some(5));
        check("~", Some(7));
        check("realm/roles", None);
        check("/list/0", None);
        check("/realm/roles/x", None);
        check("missing", None);
    }

    #[test]
    fn what_points_nowhere_is_refused() {
        for text in ["", "/", "//", "/a/", "/a~", "/a~2b", "/~01~"] {
            assert!(ClaimPath::parse(text).is_err(), "{text}");
        }
    }
}
