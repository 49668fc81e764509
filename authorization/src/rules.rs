//! A text of rules: read, checked against the schema, and what is wrong with it told by line.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator, ffi::DetailedError};

/// The schema that every rule is checked against, for tools that check rules too.
pub const SCHEMA: &str = include_str!("../rules/forethought.cedarschema");
/// The longest text of rules, in bytes.
pub const MAX_BYTES: usize = 64 << 10;
/// The most rules of one text: each is looked at for each request.
pub const MAX_RULES: usize = 200;

/// Deeper nesting than anybody writes; the parser recurses.
const MAX_DEPTH: usize = 64;

/// The built-in separation of duties.
const ROLES: &str = include_str!("../rules/roles.cedar");

static PARSED: LazyLock<Result<Schema, String>> = LazyLock::new(|| {
    Schema::from_cedarschema_str(SCHEMA)
        .map(|(schema, _)| schema)
        .map_err(|error| format!("the built-in schema: {error}"))
});

static BUILT_IN: LazyLock<Result<Rules, Vec<Flaw>>> = LazyLock::new(|| Rules::parse(ROLES));

pub(crate) fn schema() -> Result<&'static Schema, String> {
    PARSED.as_ref().map_err(Clone::clone)
}

/// Rules that were checked. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(crate) set: Arc<PolicySet>,
}

/// Something that is wrong with a text of rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Flaw {
    /// The line in the text, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub mend: String,
}

impl Rules {
    /// Reads and checks rules. Each is known by its annotation `@id("…")`, or else by `rule-1`, `rule-2` and so on.
    ///
    /// # Errors
    /// Every [`Flaw`], by line: what is no Cedar, what does not fit the schema, what could never apply, what looks like
    /// something else than it is, the same id twice, templates, and more than [`MAX_BYTES`] or [`MAX_RULES`].
    pub fn parse(text: &str) -> Result<Self, Vec<Flaw>> {
        let schema =
            schema().map_err(|message| vec![Flaw::at(text, 0, message, "report it: it is a fault of this program")])?;
        if text.len() > MAX_BYTES {
            let told = format!("the rules are longer than {MAX_BYTES} bytes");
            return Err(vec![Flaw::at(
                text,
                0,
                told,
                "write fewer or shorter rules: each is looked at for each request",
            )]);
        }
        if let Some(at) = too_deep(text) {
            let told = format!("brackets or signs stand more than {MAX_DEPTH} deep in each other");
            return Err(vec![Flaw::at(text, at, told, "split the rule, or write the condition flatter")]);
        }
        let read: PolicySet = text.parse().map_err(|error| flaws_of(text, &DetailedError::from(&error)))?;
        let set = named(text, &read)?;
        let checked = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
        let errors = checked.validation_errors().map(DetailedError::from).collect::<Vec<_>>();
        let warnings = checked.validation_warnings().map(DetailedError::from).collect::<Vec<_>>();
        let mut flaws: Vec<Flaw> = errors.iter().chain(&warnings).flat_map(|error| flaws_of(text, error)).collect();
        flaws.sort();
        flaws.dedup();
        if flaws.is_empty() { Ok(Self { set: Arc::new(set) }) } else { Err(flaws) }
    }

    /// The built-in separation of duties.
    ///
    /// # Errors
    /// The flaws of the built-in text: none, as a test shows.
    pub(crate) fn built_in() -> Result<&'static Self, String> {
        BUILT_IN.as_ref().map_err(|flaws| flaws.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// The rules' ids, sorted.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.set.policies().map(|rule| rule.id().to_string()).collect();
        ids.sort();
        ids
    }
}

/// The same rules under the ids of their annotations.
fn named(text: &str, read: &PolicySet) -> Result<PolicySet, Vec<Flaw>> {
    if let Some(template) = read.templates().next() {
        let at = text.find("?principal").or_else(|| text.find("?resource")).unwrap_or(0);
        let told = format!("`{}` is a template, which has no place to be filled", template.id());
        return Err(vec![Flaw::at(text, at, told, "name the principal and the resource in the rule")]);
    }
    if read.num_of_policies() > MAX_RULES {
        let told = format!("there are {} rules, and no more than {MAX_RULES} may be", read.num_of_policies());
        return Err(vec![Flaw::at(text, 0, told, "join rules, or move limits to `limits`, `budget` and `models`")]);
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut rules: Vec<(usize, &Policy)> = read.policies().map(|rule| (number(rule), rule)).collect();
    rules.sort_by_key(|(number, _)| *number);
    let mut named = Vec::new();
    for (number, rule) in rules {
        let id = rule
            .annotation("id")
            .filter(|id| !id.is_empty())
            .map_or_else(|| format!("rule-{}", number + 1), str::to_owned);
        let at = rule.annotation("id").and_then(|id| text.rfind(&format!("\"{id}\""))).unwrap_or(0);
        if seen.insert(id.clone(), number).is_some() {
            let told = format!("two rules have the id `{id}`");
            return Err(vec![Flaw::at(
                text,
                at,
                told,
                "give each its own `@id(\"…\")`: it stands in errors and records",
            )]);
        }
        named.push(rule.new_id(PolicyId::new(id)));
    }
    PolicySet::from_policies(named).map_err(|error| vec![Flaw::at(text, 0, error.to_string(), "correct the rules")])
}

/// Its place in the text: the parser calls rules `policy0`, `policy1` and so on.
fn number(rule: &Policy) -> usize {
    rule.id().to_string().trim_start_matches("policy").parse().unwrap_or(usize::MAX - 1)
}

fn flaws_of(text: &str, error: &DetailedError) -> Vec<Flaw> {
    let at = error.source_locations.first().map_or(0, |found| found.loc.start);
    let label = error.source_locations.first().and_then(|found| found.label.clone());
    let message = match label {
        Some(label) if !error.message.contains(&label) => format!("{}: {label}", one_line(&error.message)),
        _ => one_line(&error.message),
    };
    let mend = error.help.as_deref().map_or_else(
        || {
            "see the schema with `forethought policy schema cedar`, and https://docs.cedarpolicy.com for the language"
                .to_owned()
        },
        one_line,
    );
    let mut flaws = vec![Flaw::at(text, at, message, &mend)];
    flaws.extend(error.related.iter().flat_map(|related| flaws_of(text, related)));
    flaws
}

/// Where a text is nested too deep, if it is, or has too many signs or operators in a row. Strings and comments are looked at
/// too: nobody has 64 open brackets there either.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut signs, mut operators) = (0_usize, 0_usize, 0_usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' => operators = 0,
            b'&' | b'|' | b'+' | b'*' | b'<' | b'>' | b'=' => operators += 1,
            _ => {}
        }
        signs = if matches!(byte, b'!' | b'-') {
            signs + 1
        } else if byte.is_ascii_whitespace() {
            signs
        } else {
            0
        };
        // A chain of operators is a tree as deep as it is long.
        if depth > MAX_DEPTH || signs > MAX_DEPTH || operators > 32 * MAX_DEPTH {
            return Some(at);
        }
    }
    let conditions = text.matches("else").count();
    (conditions > 8 * MAX_DEPTH).then(|| text.find("else").unwrap_or(0))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Flaw {
    fn at(text: &str, offset: usize, message: impl Into<String>, mend: impl Into<String>) -> Self {
        let mut cut = offset.min(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let before = text.get(..cut).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column, message: message.into(), mend: mend.into() }
    }
}
