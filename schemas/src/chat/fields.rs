//! Takes typed fields out of a JSON object, with errors that name the field and the mend.

use std::{collections::BTreeSet, str::FromStr};

use serde_json::{Map, Value};

use crate::ApiError;

pub(super) struct Fields<'a> {
    prefix: &'static str,
    object: &'a Map<String, Value>,
    known: BTreeSet<&'static str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(prefix: &'static str, object: &'a Map<String, Value>) -> Self {
        Self { prefix, object, known: BTreeSet::new() }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.object.get(key)
    }

    fn present(&mut self, key: &'static str) -> Option<&'a Value> {
        self.take(key).filter(|value| !value.is_null())
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn required_text(&mut self, key: &'static str) -> Result<String, ApiError> {
        match self.text(key)? {
            Some(text) if !text.trim().is_empty() => Ok(text),
            Some(_) => Err(self.invalid(key, format!("`{}` is empty", self.path(key)))),
            None => Err(ApiError::invalid(
                self.path(key),
                "missing_required_parameter",
                format!("`{}` is missing; add it", self.path(key)),
            )),
        }
    }

    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, ApiError> {
        match self.present(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(wrong_type(&self.path(key), "a text", other)),
        }
    }

    /// A list of texts, at most `most`; none where there is no list.
    pub(super) fn texts(&mut self, key: &'static str, most: usize) -> Result<Vec<String>, ApiError> {
        let list = match self.present(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) if list.len() <= most => list,
            Some(Value::Array(list)) => {
                let message = format!("`{}` has {} entries; give at most {most}", self.path(key), list.len());
                return Err(self.invalid(key, message));
            }
            Some(other) => return Err(wrong_type(&self.path(key), "a list of texts", other)),
        };
        let text = |value: &Value| {
            value.as_str().map(str::to_owned).ok_or_else(|| wrong_type(&self.path(key), "a list of texts", value))
        };
        list.iter().map(text).collect()
    }

    /// As [`texts`](Self::texts); nothing where there is no list.
    pub(super) fn optional_texts(&mut self, key: &'static str, most: usize) -> Result<Option<Vec<String>>, ApiError> {
        if self.present(key).is_none() { Ok(None) } else { self.texts(key, most).map(Some) }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, ApiError> {
        match self.present(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(&self.path(key), "`true` or `false`", other)),
        }
    }

    /// As exact as engines take it.
    pub(super) fn number(&mut self, key: &'static str, low: f64, high: f64) -> Result<Option<f32>, ApiError> {
        #[expect(clippy::cast_possible_truncation, reason = "within the range just checked")]
        Ok(self.exact_number(key, low, high)?.map(|number| number as f32))
    }

    /// As exact as it was written: a threshold of 0.8 is met by 4 of 5, one of 0.800000012 is not.
    pub(super) fn exact_number(&mut self, key: &'static str, low: f64, high: f64) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.present(key) else { return Ok(None) };
        let Some(number) = value.as_f64() else { return Err(wrong_type(&self.path(key), "a number", value)) };
        if !(low..=high).contains(&number) {
            return Err(self.invalid(key, format!("`{}` is {number}; use {low} to {high}", self.path(key))));
        }
        Ok(Some(number))
    }

    pub(super) fn integer(&mut self, key: &'static str, low: u64, high: u64) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.present(key) else { return Ok(None) };
        if !value.is_i64() && !value.is_u64() {
            return Err(wrong_type(&self.path(key), "an integer", value));
        }
        match value.as_u64() {
            Some(number) if (low..=high).contains(&number) => Ok(Some(number)),
            _ => Err(self.invalid(key, format!("`{}` is {value}; use {low} to {high}", self.path(key)))),
        }
    }

    /// `OpenAI`'s seed is signed; the bits are kept.
    pub(super) fn seed(&mut self) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.present("seed") else { return Ok(None) };
        match (value.as_u64(), value.as_i64()) {
            (Some(seed), _) => Ok(Some(seed)),
            (None, Some(seed)) => Ok(Some(seed.cast_unsigned())),
            (None, None) => Err(wrong_type(&self.path("seed"), "an integer of at most 64 bits", value)),
        }
    }

    pub(super) fn named<T>(&mut self, key: &'static str, code: &'static str) -> Result<Option<T>, ApiError>
    where
        T: FromStr<Err = String>,
    {
        let Some(text) = self.text(key)? else { return Ok(None) };
        text.parse().map(Some).map_err(|known| {
            ApiError::invalid(
                self.path(key),
                code,
                format!("`{}` is `{text}`, which is not known; use one of: {known}", self.path(key)),
            )
        })
    }

    pub(super) fn one_of(&mut self, key: &'static str, names: &[&str]) -> Result<Option<String>, ApiError> {
        match self.text(key)? {
            Some(text) if !names.contains(&text.as_str()) => Err(self.invalid(
                key,
                format!("`{}` is `{text}`, which is not known; use one of: {}", self.path(key), names.join(", ")),
            )),
            other => Ok(other),
        }
    }

    /// Refuses fields that OpenAI knows and that cannot be ignored without changing what was asked.
    pub(super) fn refuse_unsupported(&mut self, names: &[&'static str]) -> Result<(), ApiError> {
        for name in names {
            let asked = match self.take(name) {
                None | Some(Value::Null | Value::Bool(false)) => false,
                Some(Value::Array(list)) => !list.is_empty(),
                Some(Value::Object(object)) => !object.is_empty(),
                Some(_) => true,
            };
            if asked {
                return Err(ApiError::invalid(
                    self.path(name),
                    "unsupported_parameter",
                    format!("`{}` is not supported here; leave it out", self.path(name)),
                ));
            }
        }
        Ok(())
    }

    /// Refuses what was neither taken nor is in `ignored`.
    pub(super) fn refuse_unknown(&self, ignored: &[&str]) -> Result<(), ApiError> {
        let unknown =
            self.object.keys().find(|key| !self.known.contains(key.as_str()) && !ignored.contains(&key.as_str()));
        match unknown {
            None => Ok(()),
            Some(key) => Err(ApiError::invalid(
                self.path(key),
                "unknown_parameter",
                format!("`{}` is not a parameter; leave it out, or check its spelling", self.path(key)),
            )),
        }
    }

    fn invalid(&self, key: &str, message: String) -> ApiError {
        ApiError::invalid(self.path(key), "invalid_value", message)
    }
}

pub(super) fn wrong_type(path: &str, wanted: &str, value: &Value) -> ApiError {
    ApiError::invalid(path, "invalid_type", format!("`{path}` is {}; use {wanted}", kind(value)))
}

/// What a value is, for an error message; never the value itself, which may be private.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
