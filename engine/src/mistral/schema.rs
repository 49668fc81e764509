//! Draws only what fits a JSON Schema: masks the logits of all other tokens, with the library's own llguidance.
//!
//! The library's own constraints would check a token after it was drawn and draw again; our draw sits before that.

use mistralrs::core::llguidance::{
    Matcher, ParserFactory,
    api::TopLevelGrammar,
    toktrie::{SimpleVob, TokEnv},
};
use serde_json::{Value, json};

use crate::EngineError;

/// At most one space or line break between two parts: a small model may else fill its budget with them.
const WHITESPACE: &str = r"[ \n]";

/// Compiles schemas for one vocabulary.
pub(super) struct Schemas(ParserFactory);

impl Schemas {
    pub(super) fn new(trie: &TokEnv) -> Result<Self, String> {
        let mut factory = ParserFactory::new_simple(trie).map_err(|error| error.to_string())?;
        factory.quiet();
        Ok(Self(factory))
    }

    /// What it cannot enforce is passed over where it may be `lenient`.
    ///
    /// # Errors
    /// [`EngineError::Request`] when the schema asks for what cannot be enforced while drawing.
    pub(super) fn compile(&self, schema: &Value, lenient: bool) -> Result<Fit, EngineError> {
        let mut schema = schema.clone();
        if let Value::Object(fields) = &mut schema {
            fields.insert("x-guidance".to_owned(), json!({ "whitespace_pattern": WHITESPACE, "lenient": lenient }));
        }
        let matcher = Matcher::new(self.0.create_parser(TopLevelGrammar::from_json_schema(schema)));
        match matcher.get_error() {
            None => Ok(Fit { matcher, last: None }),
            Some(error) => Err(EngineError::Request {
                param: "response_format",
                code: "unsupported_schema",
                message: format!(
                    "the schema cannot be enforced while the answer is drawn: {}; use a simpler schema",
                    error.lines().next().unwrap_or_default()
                ),
            }),
        }
    }
}

/// How far one answer fits its schema.
pub(super) struct Fit {
    matcher: Matcher,
    /// The last byte that is no white space.
    last: Option<u8>,
}

impl Fit {
    /// The tokens that may follow.
    pub(super) fn allowed(&mut self) -> Result<SimpleVob, String> {
        self.matcher.compute_mask_or_eos().map_err(|error| error.to_string())
    }

    /// Takes the drawn token; says whether the answer is whole.
    pub(super) fn take(&mut self, id: u32, bytes: &[u8]) -> Result<bool, String> {
        self.matcher.consume_token(id).map_err(|error| error.to_string())?;
        self.last = bytes.iter().rev().copied().find(|byte| !byte.is_ascii_whitespace()).or(self.last);
        if self.matcher.is_stopped() {
            return Ok(true);
        }
        // White space could still follow a closed object; nobody needs it. A number may go on.
        let closed = matches!(self.last, Some(b'}' | b']' | b'"'));
        Ok(closed && self.matcher.is_accepting().map_err(|error| error.to_string())?)
    }
}

/// Makes everything else impossible.
pub(super) fn mask(allowed: &SimpleVob, logits: &mut [f32]) {
    for (id, logit) in (0u32..).zip(logits) {
        if !allowed.is_allowed(id) {
            *logit = f32::NEG_INFINITY;
        }
    }
}
