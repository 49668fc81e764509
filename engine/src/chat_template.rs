//! Renders a conversation with the model's own chat template.

use std::error::Error as _;

use forethought_schemas::ToolCard;
use jiff::{Timestamp, fmt::strtime, tz::TimeZone};
use minijinja::{Environment, Error, ErrorKind, context, value::Kwargs};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{CallFormat, Called, Conversation, Marks, Message, Role, tools};

/// A template that cannot be used, or that refuses a conversation.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template itself is wrong.
    #[error("the model's chat template is wrong: {0}")]
    Template(String),
    /// The template refuses this conversation, for example for the order of its roles.
    #[error("the model's chat template refuses these messages: {0}")]
    Messages(String),
    /// The template fails by itself, for example because it calls what does not exist. It quotes no message.
    #[error("the model's chat template fails: {0}")]
    Render(String),
}

/// What `raise_exception` says: the mark of a refusal, beside all other errors of a template.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

impl From<Error> for TemplateError {
    fn from(error: Error) -> Self {
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(Refusal(why)) = inner.downcast_ref() {
                return Self::Messages(why.clone());
            }
            cause = inner.source();
        }
        Self::Render(match error.line() {
            Some(line) => format!("{} in line {line}", error.kind()),
            None => error.kind().to_string(),
        })
    }
}

/// A compiled chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    marks: Option<Marks>,
    calls: CallFormat,
}

/// A turn as templates have it; what is not there is left out, for those that ask whether it is.
#[derive(Serialize)]
struct Turn<'a> {
    role: Role,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

impl<'a> Turn<'a> {
    fn of(message: &'a Message) -> Self {
        let call = |Called { id, name, arguments }: &Called| json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } });
        Self {
            role: message.role,
            content: &message.content,
            reasoning_content: message.thinking.as_deref(),
            tool_calls: message.calls.iter().map(call).collect(),
            tool_call_id: message.answers.as_deref(),
        }
    }
}

impl ChatTemplate {
    /// The template's text in a `tokenizer_config.json`: a text, or the default of several that have names.
    pub(crate) fn source_in(config: &Value) -> Option<String> {
        match config.get("chat_template")? {
            Value::String(source) => Some(source.clone()),
            Value::Array(named) => {
                let default = named.iter().find(|one| one.get("name").and_then(Value::as_str) == Some("default"))?;
                Some(default.get("template")?.as_str()?.to_owned())
            }
            _ => None,
        }
    }

    /// Compiles a Jinja template as Hugging Face's libraries do.
    ///
    /// `strftime_now(format)` is the present date and time, in UTC. A template that calls it makes the prompt depend on
    /// the date: the same seed and messages may then give another sample on another day.
    ///
    /// # Errors
    /// [`TemplateError::Template`] when it is not valid Jinja.
    pub fn new(source: &str, bos: Option<&str>, eos: Option<&str>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Refusal(message)))
        });
        environment.add_function("strftime_now", |format: String| {
            strtime::format(format, &Timestamp::now().to_zoned(TimeZone::UTC))
                .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
        });
        environment.add_filter("tojson", |value: minijinja::Value, options: Kwargs| -> Result<String, Error> {
            let indent: Option<usize> = options.get("indent")?;
            let json = serde_json::to_value(&value)
                .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
            Ok(tools::python_json(&json, indent))
        });
        environment
            .add_template_owned("chat", source.to_owned())
            .map_err(|error| TemplateError::Template(error.to_string()))?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Self {
            environment,
            bos: text(bos),
            eos: text(eos),
            marks: Marks::of(source),
            calls: CallFormat::of(source),
        })
    }

    /// How it marks thoughts, where it does.
    #[must_use]
    pub fn marks(&self) -> Option<Marks> {
        self.marks
    }

    /// How its model calls tools.
    #[must_use]
    pub fn calls(&self) -> CallFormat {
        self.calls
    }

    /// The text that the model continues with its answer.
    ///
    /// # Errors
    /// [`TemplateError::Messages`] when the template refuses the conversation, [`TemplateError::Render`] when it fails by
    /// itself.
    pub fn render(&self, conversation: &Conversation) -> Result<String, TemplateError> {
        let plain = self.calls == CallFormat::Plain && !tools::is_plain(conversation);
        let words = if plain { tools::plainly(conversation) } else { Vec::new() };
        let turns: Vec<_> = if plain { &words } else { &conversation.messages }.iter().map(Turn::of).collect();
        let cards: Vec<Value> = conversation.tools.iter().filter(|_| !plain).map(ToolCard::function).collect();
        // Templates ask whether there are tools, and an empty list is none.
        let tools =
            if cards.is_empty() { minijinja::Value::UNDEFINED } else { minijinja::Value::from_serialize(&cards) };
        Ok(self.environment.get_template("chat")?.render(context! {
            messages => turns, tools => tools, add_generation_prompt => true, bos_token => self.bos, eos_token => self.eos,
        })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_rendered_as_the_model_was_trained() {
        let source = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + \
            message['content'].strip() + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}\
            {{ '<|im_start|>assistant\n' }}{% endif %}";
        let template = ChatTemplate::new(source, None, None).unwrap();
        let text = template.render(&vec![Message::new(Role::User, " hi ")].into()).unwrap();
        assert_eq!(text, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    }

    #[test]
    fn a_refusal_says_why() {
        let template = ChatTemplate::new("{{ raise_exception('roles must alternate') }}", None, None).unwrap();
        let error = template.render(&Conversation::default()).unwrap_err();
        assert!(matches!(&error, TemplateError::Messages(why) if why == "roles must alternate"), "{error}");
        let inside = "{% macro check() %}{{ raise_exception('no system role') }}{% endmacro %}{{ check() }}";
        let error = ChatTemplate::new(inside, None, None).unwrap().render(&Conversation::default()).unwrap_err();
        assert!(matches!(&error, TemplateError::Messages(why) if why == "no system role"), "{error}");
        assert!(ChatTemplate::new("{% if", None, None).is_err());
    }

    #[test]
    fn a_template_that_fails_by_itself_is_no_fault_of_the_messages() {
        for source in ["\n{{ no_such_function() }}", "\n{{ messages.secret.deeper }}"] {
            let error = ChatTemplate::new(source, None, None).unwrap().render(&Conversation::default()).unwrap_err();
            assert!(matches!(&error, TemplateError::Render(why) if why.contains("line 2")), "{error}");
        }
    }

    #[test]
    fn a_template_may_name_the_date() {
        let today = || Timestamp::now().strftime("%d %B %Y").to_string();
        let template = ChatTemplate::new("{{ strftime_now('%d %B %Y') }}", None, None).unwrap();
        let (before, text, after) = (today(), template.render(&Conversation::default()).unwrap(), today());
        assert!(text == before || text == after, "{text}");
        assert!(
            ChatTemplate::new("{{ strftime_now('%!') }}", None, None)
                .unwrap()
                .render(&Conversation::default())
                .is_err()
        );
    }
}
