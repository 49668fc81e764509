//! The model's chat template, where the operator gives it.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{CallFormat, ChatTemplate, Conversation, EngineError, Marks, TemplateError};

/// A template out of a file.
pub(super) struct TemplateFile {
    template: ChatTemplate,
    /// What a text begins with, where the file tells it.
    bos: Option<String>,
    /// The server must add what a text begins with: the template does it, but this file does not tell what it is.
    pub server_adds: bool,
    /// The server adds it whether it is asked to or not.
    pub server_insists: bool,
}

impl TemplateFile {
    /// Reads a file of Jinja, or a `tokenizer_config.json`.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let wrong = |why: &str| format!("`chat_template` {} {why}", path.display());
        let text = fs::read_to_string(path).map_err(|error| wrong(&format!("cannot be read: {error}")))?;
        let (source, bos, eos) = if path.extension().is_some_and(|kind| kind == "json") {
            let config: Value = serde_json::from_str(&text).map_err(|_| wrong("is no JSON; give the model's own"))?;
            let missing = || wrong("has no chat template; give the model's chat_template.jinja instead");
            (
                ChatTemplate::source_in(&config).ok_or_else(missing)?,
                token(&config, "bos_token"),
                token(&config, "eos_token"),
            )
        } else {
            (text, None, None)
        };
        let template = ChatTemplate::new(&source, bos.as_deref(), eos.as_deref())
            .map_err(|error| wrong(&format!("cannot be used: {error}")))?;
        let server_adds = bos.is_none() && source.contains("bos_token");
        Ok(Self { template, bos: bos.filter(|bos| !bos.is_empty()), server_adds, server_insists: false })
    }

    pub(super) fn marks(&self) -> Option<Marks> {
        self.template.marks()
    }

    pub(super) fn calls(&self) -> CallFormat {
        self.template.calls()
    }

    /// The text of a conversation, without what the server adds.
    pub(super) fn render(&self, conversation: &Conversation) -> Result<String, EngineError> {
        let text = self.template.render(conversation).map_err(|error| match error {
            TemplateError::Messages(_) => {
                EngineError::Request { param: "messages", code: "invalid_value", message: error.to_string() }
            }
            TemplateError::Template(_) | TemplateError::Render(_) => EngineError::Template(error.to_string()),
        })?;
        let twice = self.bos.as_deref().filter(|_| self.server_insists).and_then(|bos| text.strip_prefix(bos));
        Ok(twice.map(ToOwned::to_owned).unwrap_or(text))
    }
}

/// A token's text, which may stand within an object.
fn token(config: &Value, key: &str) -> Option<String> {
    let token = config.get(key)?;
    token.as_str().or_else(|| token.get("content")?.as_str()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Role};

    fn hello() -> Conversation {
        vec![Message::new(Role::User, "hi")].into()
    }

    #[test]
    fn both_kinds_of_file_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, text: &str, expect: Result<(&str, bool), &str>| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            match (TemplateFile::load(&path), expect) {
                (Ok(file), Ok((rendered, adds))) => {
                    let text = file.render(&hello()).unwrap();
                    assert_eq!((text.as_str(), file.server_adds), (rendered, adds), "{name}");
                }
                (Err(why), Err(expect)) => assert!(why.contains(expect), "{name}: {why}"),
                (found, _) => panic!("{name}: {:?}", found.map(|file| file.server_adds)),
            }
        };
        let source = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}";
        check("a.jinja", source, Ok(("hi", true)));
        check("b.jinja", "<s>{{ messages[0].content }}", Ok(("<s>hi", false)));
        check("c.jinja", "{% if", Err("cannot be used"));
        let config = |bos: &str| format!(r#"{{"chat_template": "{source}", "bos_token": {bos}, "eos_token": "</s>"}}"#);
        check("d.json", &config(r#""<s>""#), Ok(("<s>hi</s>", false)));
        check("e.json", &config(r#"{"content": "<s>"}"#), Ok(("<s>hi</s>", false)));
        check("f.json", &config("null"), Ok(("hi</s>", true)));
        check("g.json", r#"{"chat_template": [{"name": "default", "template": "x"}]}"#, Ok(("x", false)));
        check("h.json", "{}", Err("has no chat template"));
        check("i.json", "x", Err("no JSON"));
        assert!(TemplateFile::load(&folder.path().join("none")).is_err_and(|why| why.contains("cannot be read")));
        let mut file = TemplateFile::load(&folder.path().join("d.json")).unwrap();
        file.server_insists = true;
        assert_eq!(file.render(&hello()).unwrap(), "hi</s>");
    }
}
