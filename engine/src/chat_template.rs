//! Renders a conversation with the model's own chat template.

use minijinja::{Environment, Error, ErrorKind, context};
use serde::Serialize;

use crate::{Message, Role};

/// A template that cannot be used, or that refuses a conversation.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The template itself is wrong.
    #[error("the model's chat template is wrong: {0}")]
    Template(String),
    /// The template refuses this conversation, for example for the order of its roles.
    #[error("the model's chat template refuses these messages: {0}")]
    Messages(String),
}

/// A compiled chat template.
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: Role,
    content: &'a str,
}

impl ChatTemplate {
    /// Compiles a Jinja template as Hugging Face's libraries do.
    ///
    /// # Errors
    /// [`TemplateError::Template`] when it is not valid Jinja.
    pub fn new(source: &str, bos: Option<&str>, eos: Option<&str>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment
            .add_template_owned("chat", source.to_owned())
            .map_err(|error| TemplateError::Template(error.to_string()))?;
        Ok(Self { environment, bos: bos.unwrap_or_default().to_owned(), eos: eos.unwrap_or_default().to_owned() })
    }

    /// The text that the model continues with its answer.
    ///
    /// # Errors
    /// [`TemplateError::Messages`] when the template refuses the conversation.
    pub fn render(&self, messages: &[Message]) -> Result<String, TemplateError> {
        let turns: Vec<_> = messages.iter().map(|m| Turn { role: m.role, content: &m.content }).collect();
        self.environment
            .get_template("chat")
            .and_then(|template| {
                template.render(context! {
                    messages => turns, add_generation_prompt => true, bos_token => self.bos, eos_token => self.eos,
                })
            })
            .map_err(|error| TemplateError::Messages(error.to_string()))
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
        let text = template.render(&[Message { role: Role::User, content: " hi ".into() }]).unwrap();
        assert_eq!(text, "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    }

    #[test]
    fn a_refusal_says_why() {
        let template = ChatTemplate::new("{{ raise_exception('roles must alternate') }}", None, None).unwrap();
        assert!(template.render(&[]).unwrap_err().to_string().contains("roles must alternate"));
        assert!(ChatTemplate::new("{% if", None, None).is_err());
    }
}
