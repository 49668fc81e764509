//! A JSON Schema finding, said to the person who wrote the file: which line, what is wrong, what to write instead.

use forethought_schemas::JsonSchema;
use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Kind},
    paths::{Location, LocationSegment},
};
use serde_json::Value;

use crate::{
    problem::Problem,
    suggest::nearest,
    yaml::{Node, Step, path_text},
};

/// Every violation of a schema.
pub(crate) fn violations(schema: &JsonSchema, root: &Node, value: &Value) -> Vec<Problem> {
    schema.validator().iter_errors(value).flat_map(|error| Finding { schema, error: &error }.explain(root)).collect()
}

/// One violation, with the schema that says what should be there.
#[derive(Clone, Copy)]
struct Finding<'f> {
    schema: &'f JsonSchema,
    error: &'f ValidationError<'f>,
}

impl<'f> Finding<'f> {
    fn explain(self, root: &Node) -> Vec<Problem> {
        let steps = steps(self.error.instance_path());
        if let Kind::AdditionalProperties { unexpected } = self.error.kind() {
            return unexpected.iter().map(|key| self.unknown_key(root, &steps, key)).collect();
        }
        let (message, mend) = self.sentence(&steps);
        vec![Problem::new(root.place_of(&steps), path_text(&steps), message).mend(mend)]
    }

    fn unknown_key(self, root: &Node, steps: &[Step], key: &str) -> Problem {
        let parent = if steps.is_empty() { "the file".to_owned() } else { path_text(steps) };
        let mut full = steps.to_vec();
        full.push(Step::Key(key.to_owned()));
        let mut known: Vec<&str> = self
            .owner()
            .and_then(|schema| schema.get("properties")?.as_object())
            .map(|properties| properties.keys().map(String::as_str).collect())
            .unwrap_or_default();
        known.sort_unstable();
        let guess = nearest(key, known.iter().copied());
        let guess = guess.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        Problem::new(root.place_of(&full), path_text(&full), format!("unknown key `{key}` in {parent}"))
            .mend(format!("{guess}known keys: {}", known.join(", ")))
    }

    /// The sub-schema whose keyword was violated.
    fn owner(self) -> Option<&'f Value> {
        let (parent, _keyword) = self.error.schema_path().as_str().rsplit_once('/')?;
        self.schema.document().pointer(parent)
    }

    fn description(self) -> &'f str {
        self.owner()
            .and_then(|schema| schema.get("description")?.as_str())
            .map_or("see the file's JSON schema", |text| text.trim_end_matches('.'))
    }

    /// What is wrong, and the mend.
    fn sentence(self, steps: &[Step]) -> (String, String) {
        let found = found(steps, self.error.instance());
        let message = match self.error.kind() {
            Kind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                return (format!("the key `{key}` is missing"), format!("add `{key}:` {}", self.about(key)));
            }
            Kind::Type { kind } => {
                return (format!("expected {}, found {found}", type_name(kind)), self.type_mend(kind));
            }
            Kind::Enum { options } => return self.not_one_of(options, &found),
            Kind::UniqueItems => return ("the list names something twice".to_owned(), "keep each once".to_owned()),
            Kind::Constant { expected_value } => {
                return (format!("{found} is not {expected_value}"), format!("write `{expected_value}`"));
            }
            Kind::Minimum { limit } | Kind::ExclusiveMinimum { limit } => {
                format!("{found} is too small, the least is {limit}")
            }
            Kind::Maximum { limit } | Kind::ExclusiveMaximum { limit } => {
                format!("{found} is too large, the most is {limit}")
            }
            Kind::MinLength { .. } => "the text is empty".to_owned(),
            Kind::MaxLength { limit } => format!("the text is longer than {limit} characters"),
            Kind::MinItems { limit } if *limit > 1 => format!("the list has fewer than {limit} items"),
            Kind::MinItems { .. } => "the list is empty".to_owned(),
            Kind::MinProperties { .. } => "the mapping is empty".to_owned(),
            Kind::MaxItems { limit } => format!("the list has more than {limit} items"),
            Kind::Pattern { .. } => format!("{found} has the wrong form"),
            Kind::Format { .. } => format!("{found} is not a time"),
            _ => self.error.masked().to_string(),
        };
        (message, self.description().to_owned())
    }

    fn not_one_of(self, options: &Value, found: &str) -> (String, String) {
        let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let guess = self.error.instance().as_str().and_then(|word| nearest(word, options.iter().copied()));
        let guess = guess.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        (format!("{found} is not one of the known values"), format!("{guess}known values: {}", options.join(", ")))
    }

    /// What a missing key is for, in brackets.
    fn about(self, key: &str) -> String {
        let property = self.owner().and_then(|schema| schema.get("properties")?.get(key));
        let target = property.map(|property| {
            let reference = property.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
            reference.and_then(|pointer| self.schema.document().pointer(pointer)).unwrap_or(property)
        });
        let text = target.and_then(|target| target.get("description")?.as_str()).unwrap_or_default();
        format!("({})", text.trim_end_matches('.'))
    }

    fn type_mend(self, kind: &TypeKind) -> String {
        let wanted = match kind {
            TypeKind::Single(kind) => kind.as_str(),
            TypeKind::Multiple(_) => "",
        };
        match (wanted, self.error.instance().as_ref()) {
            ("integer", Value::String(text)) if text.parse::<i64>().is_ok() => "remove the quotes".to_owned(),
            ("string", Value::Number(_) | Value::Bool(_)) => "put it in quotes".to_owned(),
            ("array", Value::String(_)) => "write one item a line, each after `- `".to_owned(),
            ("array", Value::Null) => "write `[]` for an empty list, or remove the key".to_owned(),
            _ => self.description().to_owned(),
        }
    }
}

fn steps(location: &Location) -> Vec<Step> {
    let step = |segment| match segment {
        LocationSegment::Property(name) => Step::Key(name.into_owned()),
        LocationSegment::Index(index) => Step::Index(index),
    };
    location.segments().map(step).collect()
}

/// The value that was found; a key's hash is never repeated, for it may be the key itself, pasted by mistake.
fn found(steps: &[Step], value: &Value) -> String {
    let secret = matches!(steps.last(), Some(Step::Key(key)) if key == "hash");
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(number) => format!("{number}"),
        Value::String(_) if secret => "the text".to_owned(),
        Value::String(text) if text.chars().count() > 80 => {
            format!("the text `{}…`", text.chars().take(80).collect::<String>())
        }
        Value::String(text) => format!("the text `{text}`"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn type_name(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(kind) => match kind.as_str() {
            "integer" => "a whole number",
            "string" => "text",
            "array" => "a list",
            "object" => "a mapping",
            "number" => "a number",
            other => other,
        }
        .to_owned(),
        TypeKind::Multiple(_) => "another type".to_owned(),
    }
}
