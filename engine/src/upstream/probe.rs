//! Finds out what a server is and what it can do.
//!
//! What it can do is tried, with a few tokens each. Only a server that answers otherwise or refuses the question
//! cannot do a thing; one that fails is looked at again, or a hiccup at the start would take an ability away for good.

mod draw;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    Api, UpstreamConfig,
    client::{Client, Failure},
    openai::{Dialect, number},
    template::TemplateFile,
    texts::{self, Count, Render, counted},
    way::{Asking, Way},
};
use crate::{Abilities, Conversation, EngineError, Marks, Message, Role};

/// After how many looks a thing that always fails with 500 is one that the server cannot do.
const PATIENCE: u32 = 5;

/// What was found.
pub(super) struct Found {
    pub asking: Asking,
    pub can: Abilities,
    pub weights: String,
    pub context_tokens: u32,
    pub parallel: u32,
    pub identity: Identity,
}

/// Why nothing was found.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server is not there, or still loads its model.
    Away(String),
    /// It will not be right by waiting.
    Wrong(String),
}

/// What tells a server's model from another.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    model: Value,
    props: Option<Value>,
}

impl Identity {
    fn of(model: &Value, props: Option<&Value>) -> Self {
        let some =
            |value: &Value, pointers: &[&str]| pointers.iter().filter_map(|at| value.pointer(at)).cloned().collect();
        Self {
            model: some(model, &["/id", "/root", "/meta", "/max_model_len"]),
            props: props
                .map(|props| some(props, &["/model_path", "/default_generation_settings/n_ctx", "/chat_template"])),
        }
    }

    fn is(&self, now: &Self) -> bool {
        let props = self.props.as_ref().zip(now.props.as_ref());
        self.model == now.model && props.is_none_or(|(before, now)| before == now)
    }
}

pub(super) struct Probe<'a> {
    client: &'a Client,
    config: &'a UpstreamConfig,
    /// Looks before this one.
    tries: u32,
}

/// Looks at a server once.
pub(super) async fn look(client: &Client, config: &UpstreamConfig, tries: u32) -> Result<Found, Trouble> {
    let probe = Probe { client, config, tries };
    let models = probe.models().await?;
    let entry = chosen(&models, config.model.as_deref())?;
    let model = entry.get("id").and_then(Value::as_str).or(config.model.as_deref()).unwrap_or_default();
    client.set_model(model.to_owned());
    let props = probe.side(client.get("/props").await)?;
    let server = probe.server(entry).await?;
    let (asking, can) = probe.way(props.as_ref()).await?;
    let props_number = |pointer: &str| props.as_ref().and_then(|props| number(props, pointer));
    Ok(Found {
        weights: format!("claimed:{}", weights(entry, props.as_ref()).unwrap_or(model)),
        context_tokens: props_number("/default_generation_settings/n_ctx")
            .or_else(|| number(entry, "/max_model_len"))
            .unwrap_or(8192),
        parallel: props_number("/total_slots")
            .or_else(|| number(server.as_ref()?, "/max_running_requests"))
            .unwrap_or(8),
        identity: Identity::of(entry, props.as_ref()),
        asking,
        can,
    })
}

/// What is wrong with the model that was found: the server no longer has it, or has another by its name.
pub(super) async fn changed(client: &Client, before: &Identity) -> Result<Option<String>, EngineError> {
    let wanted = client.model();
    let models = client.get("/v1/models").await?;
    let entry = list(&models).find(|entry| entry.get("id").and_then(Value::as_str) == Some(&wanted));
    // The operator named it to a server that lists none.
    let unlisted = before.model.as_array().is_some_and(Vec::is_empty) && list(&models).next().is_none();
    let Some(entry) = entry.or(unlisted.then_some(&Value::Null)) else {
        return Ok(Some(format!("the server no longer has the model `{wanted}`")));
    };
    let props = if before.props.is_some() { client.get("/props").await.ok() } else { None };
    let same = before.is(&Identity::of(entry, props.as_ref()));
    Ok((!same).then(|| format!("the server has another model by the name `{wanted}` than before")))
}

fn list(models: &Value) -> impl Iterator<Item = &Value> {
    models.get("data").and_then(Value::as_array).into_iter().flatten()
}

/// The entry of the model that is asked for, or of the first.
fn chosen<'a>(models: &'a Value, wanted: Option<&str>) -> Result<&'a Value, Trouble> {
    let name = |entry: &'a Value| entry.get("id").and_then(Value::as_str);
    let names: Vec<&str> = list(models).filter_map(name).collect();
    match wanted {
        Some(_) if names.is_empty() => Ok(&Value::Null),
        Some(wanted) => list(models).find(|entry| name(entry) == Some(wanted)).ok_or_else(|| {
            let names = names.join(", ");
            Trouble::Wrong(format!("the server has no model `{wanted}`; set `model` to one of: {names}"))
        }),
        // mistral.rs lists another name for its first model before the model.
        None => list(models)
            .find(|entry| name(entry).is_some_and(|name| name != "default"))
            .or_else(|| list(models).find(|entry| name(entry).is_some()))
            .ok_or_else(|| Trouble::Wrong("the server lists no model; name one with `model`".to_owned())),
    }
}

/// What the server says that its weights are: a file, else what a name of the operator stands for.
fn weights<'a>(entry: &'a Value, props: Option<&'a Value>) -> Option<&'a str> {
    let file = |path: &'a str| path.rsplit('/').next().unwrap_or(path);
    let path = props.and_then(|props| props.get("model_path")?.as_str()).map(file);
    let root = || entry.get("root").and_then(Value::as_str).filter(|root| !root.is_empty());
    path.or_else(|| root().map(|root| if root.starts_with('/') { file(root) } else { root }))
}

impl Probe<'_> {
    async fn models(&self) -> Result<Value, Trouble> {
        self.client.get("/v1/models").await.map_err(|failure| match failure.status {
            Some(StatusCode::NOT_FOUND) => Trouble::Wrong(
                "the server has no /v1/models there; set `url` to the address below which its `/v1` stands".to_owned(),
            ),
            Some(status) if status.is_success() => {
                Trouble::Wrong("what answers at `url` is no server of models; correct the address".to_owned())
            }
            _ => self.trouble(&failure),
        })
    }

    /// What `SGLang` says of itself; nothing of any other server.
    async fn server(&self, entry: &Value) -> Result<Option<Value>, Trouble> {
        if entry.get("owned_by").and_then(Value::as_str) != Some("sglang") {
            return Ok(None);
        }
        match self.side(self.client.get("/get_server_info").await)? {
            Some(told) => Ok(Some(told)),
            None => self.side(self.client.get("/server_info").await),
        }
    }

    /// The best way of asking that there is, or that the operator names.
    async fn way(&self, props: Option<&Value>) -> Result<(Asking, Abilities), Trouble> {
        let wanted = |api: Api| self.config.api.is_none_or(|wanted| wanted == api);
        let source = props.and_then(|props| props.get("chat_template")).and_then(Value::as_str);
        if wanted(Api::Llama) {
            if let Some(source) = source
                && let Some(found) = self.llama(source).await?
            {
                return Ok(found);
            }
            if self.config.api.is_some() {
                return wrong("the server is not llama.cpp's; remove `api: llama`");
            }
        }
        if wanted(Api::Completions) {
            if let Some(found) = self.raw().await? {
                return Ok(found);
            }
            if self.config.api.is_some() {
                return wrong(
                    "the server takes no rendered text: it renders none itself and `chat_template` is not set, or it \
                     refuses raw completions; set `chat_template` to the model's, or `api: chat`",
                );
            }
        }
        self.chat(source.and_then(Marks::of)).await
    }

    async fn llama(&self, source: &str) -> Result<Option<(Asking, Abilities)>, Trouble> {
        let body = json!({ "messages": hello().messages });
        let rendered = self.side(self.client.post("/apply-template", &body).await)?;
        if !rendered.is_some_and(|reply| reply.get("prompt").is_some_and(Value::is_string)) {
            return Ok(None);
        }
        let dialect = Dialect { extra: self.config.extra_body.clone(), ..Dialect::default() };
        let (render, marks) = match self.file()? {
            None => (Render::Llama, Marks::of(source)),
            Some(mut file) => {
                let body = json!({ "content": "a", "add_special": true });
                let counted = self.side(self.client.post("/tokenize", &body).await)?.as_ref().and_then(counted);
                file.server_insists = counted == Some(2);
                let marks = file.marks();
                (Render::File(file), marks)
            }
        };
        let asking = Asking { way: Way::Llama(render), dialect, count: Count::Llama, marks };
        Ok(Some((asking, Abilities { json_schema: self.config.json_schema.unwrap_or(true), ..Abilities::ALL })))
    }

    async fn raw(&self) -> Result<Option<(Asking, Abilities)>, Trouble> {
        let count = self.count().await?;
        let mut dialect = Dialect { extra: self.config.extra_body.clone(), ..Dialect::default() };
        let (render, marks) = match self.file()? {
            Some(file) => {
                dialect.adds_special = file.server_adds;
                let marks = file.marks();
                (Render::File(file), marks)
            }
            None if self.renders(count).await? => (Render::Vllm, None),
            None => return Ok(None),
        };
        let mut asking = Asking { way: Way::Raw(render), dialect, count, marks };
        let Some(drawn) = self.fit(&mut asking).await? else { return Ok(None) };
        if !asking.dialect.adds_special
            && let Some(true) = self.insists(&asking).await?
            && let Way::Raw(Render::File(file)) = &mut asking.way
        {
            file.server_insists = true;
        }
        if asking.marks.is_none() {
            let prompt =
                asking.text(self.client, &draw::hello(1).prompt).await.map_err(|e| Trouble::Away(e.to_string()))?;
            asking.marks = Marks::of(&(prompt.unwrap_or_default() + &drawn.text));
        }
        // The markers of gpt-oss are control tokens, which are given as text only by a server that was asked for it.
        if asking.marks == Some(Marks::Harmony) && asking.dialect.refused.contains("skip_special_tokens") {
            asking.marks = None;
        }
        let can = self.abilities(&mut asking, &drawn, true).await?;
        Ok(Some((asking, can)))
    }

    async fn chat(&self, marks: Option<Marks>) -> Result<(Asking, Abilities), Trouble> {
        let count = self.count().await?;
        let dialect = Dialect { extra: self.config.extra_body.clone(), ..Dialect::default() };
        let mut asking = Asking { way: Way::Chat, dialect, count, marks };
        let Some(drawn) = self.fit(&mut asking).await? else {
            return wrong("the server refuses a chat completion of one word; its log says why");
        };
        asking.marks = asking.marks.or_else(|| Marks::of(&drawn.answer));
        let can = self.abilities(&mut asking, &drawn, false).await?;
        Ok((asking, can))
    }

    async fn abilities(&self, asking: &mut Asking, drawn: &draw::Drawn, continues: bool) -> Result<Abilities, Trouble> {
        Ok(Abilities {
            continues,
            logprobs: drawn.tells_logprobs(),
            json_schema: match self.config.json_schema {
                Some(told) => told,
                None => self.keeps_to_schema(asking).await?,
            },
            tells_stops: self.tells_stops(asking).await?,
        })
    }

    /// The operator's template, which must work.
    fn file(&self) -> Result<Option<Box<TemplateFile>>, Trouble> {
        let Some(path) = &self.config.chat_template else { return Ok(None) };
        let file = TemplateFile::load(path).map_err(Trouble::Wrong)?;
        let rendered = file.render(&hello());
        rendered.map_err(|error| Trouble::Wrong(format!("`chat_template` {}: {error}", path.display())))?;
        Ok(Some(Box::new(file)))
    }

    async fn count(&self) -> Result<Count, Trouble> {
        let says = |reply: Option<Value>| reply.is_some_and(|reply| number(&reply, "/count").is_some());
        let ask = async |body: Value| self.side(self.client.post("/tokenize", &body).await);
        if says(ask(texts::conversation(self.client, &hello())).await?) {
            return Ok(Count::Vllm { conversations: true });
        }
        if says(ask(texts::text(self.client, "a", false)).await?) {
            return Ok(Count::Vllm { conversations: false });
        }
        let listed = ask(json!({ "content": "a" })).await?;
        let lists = listed.as_ref().and_then(counted).is_some_and(|tokens| tokens > 0);
        Ok(if lists { Count::Llama } else { Count::Bytes })
    }

    /// Whether the server gives the text of a conversation, such that it has the same tokens as the conversation.
    async fn renders(&self, count: Count) -> Result<bool, Trouble> {
        if count != (Count::Vllm { conversations: true }) {
            return Ok(false);
        }
        let ask = async |path: &str, body: Value| self.side(self.client.post(path, &body).await);
        let Some(tokens) = ask("/tokenize", texts::conversation(self.client, &hello())).await? else {
            return Ok(false);
        };
        let listed = tokens.get("tokens").unwrap_or(&Value::Null);
        let body = json!({ "model": self.client.model(), "tokens": listed });
        let Some(reply) = ask("/detokenize", body).await? else { return Ok(false) };
        let Some(text) = reply.get("prompt").and_then(Value::as_str) else { return Ok(false) };
        let again = ask("/tokenize", texts::text(self.client, text, false)).await?;
        Ok(again.is_some_and(|again| again.get("tokens") == Some(listed)))
    }

    /// A question beside the API's own paths, of which a server or what stands before it may have none.
    fn side<T>(&self, answer: Result<T, Failure>) -> Result<Option<T>, Trouble> {
        match answer {
            Err(Failure { status: Some(StatusCode::FORBIDDEN), .. }) => Ok(None),
            answer => self.can(answer),
        }
    }

    /// `None` from a server that cannot do it.
    fn can<T>(&self, answer: Result<T, Failure>) -> Result<Option<T>, Trouble> {
        let failure = match answer {
            Ok(answer) => return Ok(Some(answer)),
            Err(failure) => failure,
        };
        match failure.status {
            Some(
                StatusCode::BAD_REQUEST
                | StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::NOT_IMPLEMENTED,
            ) => Ok(None),
            Some(status) if status.is_success() => Ok(None),
            Some(StatusCode::INTERNAL_SERVER_ERROR) if self.tries >= PATIENCE => Ok(None),
            _ => Err(self.trouble(&failure)),
        }
    }

    fn trouble(&self, failure: &Failure) -> Trouble {
        match failure.status {
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) if self.client.has_key() => {
                Trouble::Wrong("the server refuses the key in `api_key_env`".to_owned())
            }
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Trouble::Wrong(
                "the server wants a key; set `api_key_env` to the environment variable that holds it".to_owned(),
            ),
            Some(status) if status.is_redirection() => {
                Trouble::Wrong("the server sends us elsewhere; set `url` to the address that answers".to_owned())
            }
            _ => Trouble::Away(failure.error.to_string()),
        }
    }
}

fn hello() -> Conversation {
    vec![Message::new(Role::User, "hi")].into()
}

fn wrong<T>(what: &str) -> Result<T, Trouble> {
    Err(Trouble::Wrong(what.to_owned()))
}
