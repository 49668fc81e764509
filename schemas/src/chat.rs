//! The request of `POST /v1/chat/completions`: OpenAI's fields, and the extension object `deliberation`.
//!
//! Parsing is by hand over a JSON value, so that each error names its field and the mend, as OpenAI's do. A field that
//! OpenAI takes and that changes nothing here is ignored; a field that nobody knows is refused, as OpenAI does.

mod deliberation;
mod fields;
mod format;
mod messages;
#[cfg(test)]
mod tests;
mod tools;

use serde_json::Value;

use crate::{ApiError, Effort, ErrorKind};
pub use deliberation::DeliberationAsk;
use fields::Fields;
pub use format::ResponseFormat;
pub use messages::{CalledTool, ChatMessage, ChatRole, MAX_MESSAGES};
pub use tools::{MAX_TOOLS, ToolsAsk, unknown_choice};

/// Answers that may be asked for with `n`.
pub const MAX_CHOICES: u32 = 128;
/// The longest name of whom a request is about, in bytes.
pub const MAX_SUBJECT: usize = 256;
/// Stop sequences that may be given.
pub const MAX_STOPS: usize = 4;

/// Accepted because OpenAI accepts them; they change nothing here.
const IGNORED: &[&str] =
    &["metadata", "prompt_cache_key", "prompt_cache_retention", "service_tier", "store", "verbosity"];
/// Known to OpenAI, but ignoring them would change the meaning of the request.
const UNSUPPORTED: &[&str] = &[
    "audio",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "modalities",
    "prediction",
    "top_logprobs",
    "web_search_options",
];

/// A chat completion, as asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatRequest {
    /// The model's name, as in `GET /v1/models`.
    pub model: String,
    /// The conversation, at least one message, the last from the user or of a tool.
    pub messages: Vec<ChatMessage>,
    /// Answers wanted, distinct and best first.
    pub n: u32,
    /// Whether events are sent as they come.
    pub stream: bool,
    /// Whether a stream ends with the usage.
    pub include_usage: bool,
    /// Whether a stream carries what happens to the samples.
    pub include_deliberation: bool,
    /// In [0, 2]; `None` takes the model's default.
    pub temperature: Option<f32>,
    /// In (0, 1]; `None` is 1.
    pub top_p: Option<f32>,
    /// In [-2, 2].
    pub frequency_penalty: f32,
    /// In [-2, 2].
    pub presence_penalty: f32,
    /// An answer ends before the first of these.
    pub stop: Vec<String>,
    /// The same seed and request give the same deliberation; `None` takes a random one, which the response tells.
    pub seed: Option<u64>,
    /// The most tokens of one answer, thinking included.
    pub max_completion_tokens: Option<u32>,
    /// The named budget.
    pub effort: Option<Effort>,
    /// What the answer must be.
    pub format: ResponseFormat,
    /// What it says of tools.
    pub tools: ToolsAsk,
    /// Whom it is about: `safety_identifier`, or `user` as it was called before. 1 to 256 bytes.
    pub subject: Option<String>,
    /// Everything about thinking that a preset does not say.
    pub deliberation: DeliberationAsk,
}

impl ChatRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// An [`ApiError`] of kind [`ErrorKind::InvalidRequest`] that names the field and the mend.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let object = parse_object(body)?;
        let mut fields = Fields::new("", &object);
        let request = Self {
            model: fields.required_text("model")?,
            messages: messages::parse(fields.take("messages"))?,
            n: fields.integer("n", 1, u64::from(MAX_CHOICES))?.map_or(1, to_u32),
            stream: fields.flag("stream")?.unwrap_or(false),
            include_usage: false,
            include_deliberation: false,
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p: fields.number("top_p", 0.0, 1.0)?,
            frequency_penalty: fields.number("frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            presence_penalty: fields.number("presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
            stop: stops(fields.take("stop"))?,
            seed: fields.seed()?,
            max_completion_tokens: max_tokens(&mut fields)?,
            effort: fields.named::<Effort>("reasoning_effort", "unknown_effort")?,
            format: format::parse(fields.take("response_format"))?,
            tools: tools::parse(&mut fields)?,
            subject: subject(&mut fields)?,
            deliberation: DeliberationAsk::default(),
        };
        let request = request.with_stream_options(fields.take("stream_options"))?;
        let request = match fields.take("deliberation") {
            None | Some(Value::Null) => request,
            Some(Value::Object(object)) => request.with_deliberation(object)?,
            Some(other) => return Err(fields::wrong_type("deliberation", "an object", other)),
        };
        fields.refuse_unsupported(UNSUPPORTED)?;
        fields.refuse_unknown(IGNORED)?;
        request.check_format()?;
        request.tools.check(request.deliberation.tools.as_ref().is_some_and(|tools| !tools.is_empty()))?;
        if request.top_p == Some(0.0) {
            return Err(ApiError::invalid(
                "top_p",
                "invalid_value",
                "`top_p` is 0, which leaves no token; use a share above 0, or `temperature: 0` for the likeliest token",
            ));
        }
        Ok(request)
    }

    fn with_deliberation(self, object: &serde_json::Map<String, Value>) -> Result<Self, ApiError> {
        let mut fields = Fields::new("deliberation.", object);
        let inner = fields.seed()?;
        if inner.is_some() && self.seed.is_some() && inner != self.seed {
            return Err(ApiError::invalid(
                "deliberation.seed",
                "invalid_value",
                "`seed` and `deliberation.seed` differ; send only one of them",
            ));
        }
        Ok(Self { seed: self.seed.or(inner), deliberation: DeliberationAsk::parse(fields)?, ..self })
    }

    fn with_stream_options(self, options: Option<&Value>) -> Result<Self, ApiError> {
        let object = match options {
            None | Some(Value::Null) => return Ok(self),
            Some(Value::Object(object)) => object,
            Some(other) => return Err(fields::wrong_type("stream_options", "an object", other)),
        };
        if !self.stream {
            return Err(ApiError::invalid(
                "stream_options",
                "invalid_value",
                "`stream_options` is only for streams; add `\"stream\": true` or leave it out",
            ));
        }
        let mut fields = Fields::new("stream_options.", object);
        let include_usage = fields.flag("include_usage")?.unwrap_or(false);
        let include_deliberation = fields.flag("include_deliberation")?.unwrap_or(false);
        fields.refuse_unknown(&["include_obfuscation"])?;
        Ok(Self { include_usage, include_deliberation, ..self })
    }
}

fn parse_object(body: &[u8]) -> Result<serde_json::Map<String, Value>, ApiError> {
    let bad = |code, message: String| ApiError::new(ErrorKind::InvalidRequest, code, message);
    let text = std::str::from_utf8(body).map_err(|error| {
        bad("invalid_utf8", format!("the body is not UTF-8 at byte {}; send JSON in UTF-8", error.valid_up_to()))
    })?;
    if text.trim().is_empty() {
        return Err(bad("empty_body", "the body is empty; send a JSON object with `model` and `messages`".to_owned()));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(bad(
            "invalid_json",
            format!("the body is {}; send a JSON object with `model` and `messages`", fields::kind(&other)),
        )),
        Err(error) => Err(bad("invalid_json", format!("the body is not JSON: {error}; check the quotes and commas"))),
    }
}

/// Whom a request is about.
fn subject(fields: &mut Fields<'_>) -> Result<Option<String>, ApiError> {
    let (new, old) = (fields.text("safety_identifier")?, fields.text("user")?);
    let (field, subject) = if new.is_some() { ("safety_identifier", new) } else { ("user", old) };
    match subject.filter(|subject| !subject.is_empty()) {
        Some(subject) if subject.len() > MAX_SUBJECT => {
            let message = format!("`{field}` is longer than {MAX_SUBJECT} bytes; use a shorter name or its digest");
            Err(ApiError::invalid(field, "invalid_value", message))
        }
        subject => Ok(subject),
    }
}

fn stops(value: Option<&Value>) -> Result<Vec<String>, ApiError> {
    let wrong = |value| Err(fields::wrong_type("stop", "a text or a list of texts", value));
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(list)) if list.len() <= MAX_STOPS => list
            .iter()
            .map(|stop| {
                stop.as_str().map(ToOwned::to_owned).map_or_else(|| wrong(stop).map(|_: Vec<String>| String::new()), Ok)
            })
            .collect(),
        Some(Value::Array(list)) => Err(ApiError::invalid(
            "stop",
            "invalid_value",
            format!("`stop` has {} texts; give at most {MAX_STOPS}", list.len()),
        )),
        Some(other) => wrong(other),
    }
}

fn max_tokens(fields: &mut Fields<'_>) -> Result<Option<u32>, ApiError> {
    let new = fields.integer("max_completion_tokens", 1, u64::from(u32::MAX))?;
    let old = fields.integer("max_tokens", 1, u64::from(u32::MAX))?;
    if new.is_some() && old.is_some() && new != old {
        return Err(ApiError::invalid(
            "max_tokens",
            "invalid_value",
            "`max_tokens` and `max_completion_tokens` differ; send only `max_completion_tokens`",
        ));
    }
    Ok(new.or(old).map(to_u32))
}

fn to_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
