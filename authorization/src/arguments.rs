//! The arguments of a call as rules look at them: each by where it stands.
//!
//! Arguments are any JSON, and rules are checked against a schema. So rules are given a few kinds of values by JSON pointer.
//! What a rule asks for and does not find is not there: rules that say what is good, and refuse the rest, are safe against
//! arguments of another shape.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Number, Value};

use crate::number::Around;

/// The most values that the arguments of a call may have: texts, numbers, flags, nulls, and lists and objects with nothing in them.
pub const MAX_ARGUMENTS: usize = 256;
/// How deep lists and objects may stand in each other; a field of the arguments themselves is 1 deep.
pub const MAX_ARGUMENT_DEPTH: usize = 16;
/// The most bytes of all texts together, and of where everything stands.
pub const MAX_ARGUMENT_BYTES: usize = 256 << 10;

/// What arguments are too many or too odd to be judged, so that no rule may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unjudged;

/// Arguments by where they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// As the tool gets them.
    pub(crate) texts: BTreeMap<String, String>,
    /// Those that are plain paths.
    pub(crate) paths: BTreeMap<String, String>,
    pub(crate) numbers: BTreeMap<String, i64>,
    pub(crate) floors: BTreeMap<String, i64>,
    pub(crate) ceilings: BTreeMap<String, i64>,
    pub(crate) flags: BTreeMap<String, bool>,
    /// Of lists and objects.
    pub(crate) sizes: BTreeMap<String, i64>,
    pub(crate) sets: BTreeMap<String, BTreeSet<String>>,
}

/// All that stands at the same place of every item of a list.
#[derive(Clone, Debug)]
enum Alike {
    Numbers(i64, i64),
    Texts(BTreeSet<String>),
    /// Neither, or not all of one kind.
    Mixed,
}

impl Alike {
    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Numbers(floor, ceiling), Self::Numbers(low, high)) => {
                Self::Numbers(floor.min(low), ceiling.max(high))
            }
            (Self::Texts(mut texts), Self::Texts(more)) => {
                texts.extend(more);
                Self::Texts(texts)
            }
            _ => Self::Mixed,
        }
    }
}

/// Where something stands: exactly, and with a `*` in the place of each number of an item.
#[derive(Clone, Debug, Default)]
struct Place {
    exact: String,
    pattern: String,
    depth: usize,
}

impl Place {
    fn field(&self, name: &str) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.step(&name, &name)
    }

    fn item(&self, at: usize) -> Self {
        self.step(&at.to_string(), "*")
    }

    fn step(&self, exact: &str, pattern: &str) -> Self {
        let join = |before: &str, step: &str| match self.depth {
            0 => step.to_owned(),
            _ => format!("{before}/{step}"),
        };
        Self { exact: join(&self.exact, exact), pattern: join(&self.pattern, pattern), depth: self.depth + 1 }
    }
}

#[derive(Default)]
struct Walk {
    found: Arguments,
    alike: BTreeMap<String, Alike>,
    values: usize,
    bytes: usize,
}

impl Arguments {
    /// Reads the arguments of a call. The order of fields does not matter.
    pub(crate) fn read(arguments: &Value) -> Result<Self, Unjudged> {
        let fields = arguments.as_object().ok_or(Unjudged)?;
        let mut walk = Walk::default();
        for (name, value) in fields {
            walk.value(&Place::default().field(name), value)?;
        }
        Ok(walk.end())
    }
}

impl Walk {
    fn value(&mut self, place: &Place, value: &Value) -> Result<(), Unjudged> {
        self.bytes += place.exact.len();
        match value {
            Value::Object(fields) => {
                self.container(place, fields.len())?;
                fields.iter().try_for_each(|(name, value)| self.value(&place.field(name), value))
            }
            Value::Array(items) => {
                self.container(place, items.len())?;
                items.iter().enumerate().try_for_each(|(at, value)| self.value(&place.item(at), value))
            }
            Value::String(text) => self.text(place, text),
            Value::Number(number) => self.number(place, number),
            Value::Bool(flag) => {
                self.found.flags.insert(place.exact.clone(), *flag);
                self.one(place, Alike::Mixed)
            }
            Value::Null => self.one(place, Alike::Mixed),
        }
    }

    /// Counted before it is gone into, so that nothing is walked through that is too much.
    fn container(&mut self, place: &Place, size: usize) -> Result<(), Unjudged> {
        if place.depth >= MAX_ARGUMENT_DEPTH || size > MAX_ARGUMENTS {
            return Err(Unjudged);
        }
        self.found.sizes.insert(place.exact.clone(), i64::try_from(size).map_err(|_| Unjudged)?);
        if size == 0 {
            return self.one(place, Alike::Mixed);
        }
        self.join(place, Alike::Mixed);
        Ok(())
    }

    fn text(&mut self, place: &Place, text: &str) -> Result<(), Unjudged> {
        self.bytes += text.len();
        self.one(place, Alike::Texts(BTreeSet::from([text.to_owned()])))?;
        if let Some(path) = plain_path(text) {
            self.found.paths.insert(place.exact.clone(), path);
        }
        self.found.texts.insert(place.exact.clone(), text.to_owned());
        Ok(())
    }

    fn number(&mut self, place: &Place, number: &Number) -> Result<(), Unjudged> {
        let Around { floor, ceiling, whole } = Around::read(&number.to_string()).ok_or(Unjudged)?;
        self.found.floors.insert(place.exact.clone(), floor);
        self.found.ceilings.insert(place.exact.clone(), ceiling);
        if whole {
            self.found.numbers.insert(place.exact.clone(), floor);
        }
        self.one(place, Alike::Numbers(floor, ceiling))
    }

    fn one(&mut self, place: &Place, alike: Alike) -> Result<(), Unjudged> {
        self.values += 1;
        if self.values > MAX_ARGUMENTS || self.bytes > MAX_ARGUMENT_BYTES {
            return Err(Unjudged);
        }
        self.join(place, alike);
        Ok(())
    }

    fn join(&mut self, place: &Place, alike: Alike) {
        let before = self.alike.remove(&place.pattern);
        let joined = before.map_or(alike.clone(), |before| before.joined(alike));
        self.alike.insert(place.pattern.clone(), joined);
    }

    fn end(self) -> Arguments {
        let Self { mut found, alike, .. } = self;
        for (pattern, alike) in alike {
            match alike {
                Alike::Numbers(floor, ceiling) => {
                    found.floors.insert(pattern.clone(), floor);
                    found.ceilings.insert(pattern, ceiling);
                }
                Alike::Texts(texts) => drop(found.sets.insert(pattern, texts)),
                Alike::Mixed => {}
            }
        }
        found
    }
}

/// The same path without what says nothing. `None` for a text that systems do not all take for the same path.
fn plain_path(text: &str) -> Option<String> {
    let odd = |letter: char| letter.is_control() || matches!(letter, '\\' | '%');
    if text.is_empty() || text.starts_with("//") || text.chars().any(odd) {
        return None;
    }
    let steps: Vec<&str> = text.split('/').filter(|step| !matches!(*step, "" | ".")).collect();
    // Where names may not end with a dot or a blank, `.. ` is `..` too.
    if steps.iter().any(|step| step.chars().all(|letter| matches!(letter, '.' | ' '))) {
        return None;
    }
    Some(format!("{}{}", if text.starts_with('/') { "/" } else { "" }, steps.join("/")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_is_found_where_it_stands() {
        let found = Arguments::read(&json!({
            "path": "/srv/./a", "amount": 10.5, "urgent": true, "none": null, "": "empty",
            "a/b": { "c~d": 7 }, "items": [{ "price": 3, "in": "EUR" }, { "price": 2.5, "in": "USD", "note": [] }],
        }))
        .unwrap();
        let told = format!("{found:?}");
        let expect = "Arguments { \
            texts: {\"\": \"empty\", \"items/0/in\": \"EUR\", \"items/1/in\": \"USD\", \"path\": \"/srv/./a\"}, \
            paths: {\"\": \"empty\", \"items/0/in\": \"EUR\", \"items/1/in\": \"USD\", \"path\": \"/srv/a\"}, \
            numbers: {\"a~1b/c~0d\": 7, \"items/0/price\": 3}, \
            floors: {\"amount\": 10, \"a~1b/c~0d\": 7, \"items/*/price\": 2, \"items/0/price\": 3, \"items/1/price\": 2}, \
            ceilings: {\"amount\": 11, \"a~1b/c~0d\": 7, \"items/*/price\": 3, \"items/0/price\": 3, \"items/1/price\": 3}, \
            flags: {\"urgent\": true}, \
            sizes: {\"a~1b\": 1, \"items\": 2, \"items/0\": 2, \"items/1\": 3, \"items/1/note\": 0}, \
            sets: {\"\": {\"empty\"}, \"items/*/in\": {\"EUR\", \"USD\"}, \"path\": {\"/srv/./a\"}} }";
        assert_eq!(told, expect);
    }

    #[test]
    fn a_pattern_stands_only_for_what_is_all_of_one_kind() {
        let check = |arguments: Value, floors: &[&str], sets: &[&str]| {
            let found = Arguments::read(&arguments).unwrap();
            let patterns = |names: Vec<&String>| -> Vec<String> {
                names.into_iter().filter(|name| name.contains('*')).cloned().collect()
            };
            assert_eq!(patterns(found.floors.keys().collect()), floors, "{arguments}");
            assert_eq!(patterns(found.ceilings.keys().collect()), floors, "{arguments}");
            assert_eq!(patterns(found.sets.keys().collect()), sets, "{arguments}");
        };
        check(json!({ "a": [1, 2] }), &["a/*"], &[]);
        check(json!({ "a": [1, "2"] }), &[], &[]);
        check(json!({ "a": ["1", null] }), &[], &[]);
        check(json!({ "a": [1, [2]] }), &["a/*/*"], &[]);
        check(json!({ "a": [{ "b": 1 }, { "b": { "c": "x" } }] }), &[], &["a/*/b/c"]);
        check(json!({ "a": [] }), &[], &[]);
        // A name may be a star itself; it is joined with what it could be taken for.
        check(json!({ "a": [{ "*": 9 }, [1]] }), &["a/*/*", "a/0/*"], &[]);
        check(json!({ "a": [{ "*": "x" }, [1]] }), &[], &[]);
    }

    #[test]
    fn what_is_too_much_is_not_judged() {
        let check = |arguments: Value, judged: bool| {
            assert_eq!(Arguments::read(&arguments).is_ok(), judged, "{}", &arguments.to_string()[..20]);
        };
        let list = |count: usize, value: Value| json!({ "list": vec![value; count] });
        let deep = |depth: usize| (1..depth).fold(json!({ "a": "deepest" }), |inner, _| json!({ "a": inner }));
        check(list(MAX_ARGUMENTS, json!(1)), true);
        check(list(MAX_ARGUMENTS + 1, json!(1)), false);
        check(list(MAX_ARGUMENTS + 1, json!([])), false);
        check(list(1_000_000, Value::Null), false);
        check(list(64, json!([1, 2, 3, 4])), true);
        check(list(64, json!([1, 2, 3, 4, 5])), false);
        check(deep(MAX_ARGUMENT_DEPTH), true);
        check(deep(MAX_ARGUMENT_DEPTH + 1), false);
        check(deep(1_000), false);
        check(json!({ "text": "x".repeat(MAX_ARGUMENT_BYTES - 4) }), true);
        check(json!({ "text": "x".repeat(MAX_ARGUMENT_BYTES) }), false);
        check(json!({ "x".repeat(MAX_ARGUMENT_BYTES): "aaaaaaaaaaaaaaaaaaaaaaaaaaa" }), false);
        let twice = "x".repeat(MAX_ARGUMENT_BYTES / 4);
        check(json!({ twice: [1, 2, 3, 4, 5] }), false);
        for no_object in [json!([1, 2, 3, 4, 5, 6, 7, 8]), json!("aaaaaaaaaaaaaaaaaaaaaaaa"), json!(1e22)] {
            assert_eq!(Arguments::read(&no_object), Err(Unjudged));
        }
    }

    #[test]
    fn paths_are_those_that_everybody_reads_alike() {
        let check = |text: &str, path: Option<&str>| assert_eq!(plain_path(text).as_deref(), path, "{text}");
        check("/srv/public/a.txt", Some("/srv/public/a.txt"));
        check("/srv/./public///a/", Some("/srv/public/a"));
        check("a/b", Some("a/b"));
        check("./a", Some("a"));
        check("/", Some("/"));
        check(".", Some(""));
        check("/srv/...a", Some("/srv/...a"));
        for odd in [
            "",
            "..",
            "/srv/public/../private",
            "a/..",
            "/srv/.. /x",
            "/srv/.../x",
            "/srv/ /x",
            "//host/share",
            "/srv\\..\\x",
            "/srv/%2e%2e/x",
            "/srv/\0x",
            "/srv/\u{85}x",
        ] {
            check(odd, None);
        }
    }
}
