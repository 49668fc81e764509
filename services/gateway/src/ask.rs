//! `forethought ask`: a question to a running service, and a live view of what it does with it.

mod events;
mod view;

use std::io::IsTerminal;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures::StreamExt;
use serde_json::{Map, Value, json};

use crate::cli::output::{self, tame};
use events::Lines;
use view::View;

/// The arguments of `ask`.
#[derive(Args, Debug)]
pub struct AskArgs {
    /// The question.
    pub question: String,
    /// Where the service is.
    #[arg(long, env = "FORETHOUGHT_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The API key.
    #[arg(long, env = "FORETHOUGHT_KEY", hide_env_values = true)]
    pub key: String,
    /// The model; by default the first that the key may use.
    #[arg(long)]
    pub model: Option<String>,
    /// Instructions that stand before the question.
    #[arg(long)]
    pub system: Option<String>,
    /// The named budget: none, minimal, low, medium, high or xhigh.
    #[arg(long)]
    pub effort: Option<String>,
    /// How the budget is spent: single, `best_of_n` or `self_consistency`.
    #[arg(long)]
    pub strategy: Option<String>,
    /// Samples that may be drawn.
    #[arg(long)]
    pub samples: Option<u32>,
    /// Tokens that one answer may have.
    #[arg(long)]
    pub max_tokens: Option<u32>,
    /// Tokens that all samples together may generate.
    #[arg(long)]
    pub total_tokens: Option<u32>,
    /// Time to the answer, in milliseconds.
    #[arg(long)]
    pub deadline_ms: Option<u64>,
    /// What an answer looks like: text, number, choice, json, boxed or regex.
    #[arg(long)]
    pub answer: Option<String>,
    /// The pattern of an answer, of which the last match counts, or its first group.
    #[arg(long, value_name = "REGEX")]
    pub answer_pattern: Option<String>,
    /// How boldly tokens are drawn, 0 to 2.
    #[arg(long)]
    pub temperature: Option<f64>,
    /// The same seed and question give the same deliberation.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Draw all samples, even when the vote is sure before.
    #[arg(long)]
    pub no_early_stop: bool,
    /// Print the whole result as JSON, and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Asks, shows, and prints the answer on standard output.
///
/// # Errors
/// When the service cannot be reached, or refuses.
pub fn run(args: &AskArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(ask(args))
}

async fn ask(args: &AskArgs) -> Result<()> {
    let client = reqwest::Client::new();
    let model = match &args.model {
        Some(model) => model.clone(),
        None => first_model(&client, args).await?,
    };
    let live = std::io::stderr().is_terminal() && !args.json;
    let mut view = View::new(live, args.json);
    let response = client
        .post(format!("{}/v1/chat/completions", args.url.trim_end_matches('/')))
        .bearer_auth(&args.key)
        .json(&body(args, &model))
        .send()
        .await
        .with_context(|| format!("cannot reach {}; is the service running there?", args.url))?;
    let record = header(&response, "x-audit-record");
    let response = accepted(response).await?;
    let mut result = Map::new();
    let mut lines = Lines::default();
    let mut bytes = response.bytes_stream();
    while let Some(piece) = bytes.next().await {
        for event in lines.push(&piece.context("the connection broke off before the answer was whole")?) {
            take(&event, &mut view, &mut result)?;
        }
    }
    view.close();
    let Some(usage) = result.get("usage").cloned() else { bail!("the service ended the stream without an answer") };
    if args.json {
        result.insert("audit_record".to_owned(), json!(record));
        output::print_json(&Value::Object(result))?;
    } else {
        view.summary(&result, &usage, record.as_deref());
        let answer = result.get("content").and_then(Value::as_str).unwrap_or_default();
        // A program gets what the model said; a terminal would obey what it holds.
        let shown = if std::io::stdout().is_terminal() { tame(answer) } else { answer.to_owned() };
        output::print(&format!("{shown}\n"))?;
    }
    Ok(())
}

fn take(event: &Value, view: &mut View, result: &mut Map<String, Value>) -> Result<()> {
    if let Some(message) = event.pointer("/error/message").and_then(Value::as_str) {
        bail!("the service refused: {}", tame(message));
    }
    if event.pointer("/choices/0/index").and_then(Value::as_u64) == Some(0) {
        if let Some(text) = event.pointer("/choices/0/delta/content").and_then(Value::as_str) {
            let before = result.get("content").and_then(Value::as_str).unwrap_or_default();
            let joined = format!("{before}{text}");
            result.insert("content".to_owned(), json!(joined));
        }
        if let Some(reason) = event.pointer("/choices/0/finish_reason").filter(|reason| !reason.is_null()) {
            result.insert("finish_reason".to_owned(), reason.clone());
        }
    }
    if let Some(usage) = event.get("usage").filter(|usage| !usage.is_null()) {
        result.insert("usage".to_owned(), usage.clone());
    }
    if let Some(deliberation) = event.get("deliberation") {
        match deliberation.get("samples") {
            Some(samples) => drop(result.insert("samples".to_owned(), samples.clone())),
            None => view.event(deliberation),
        }
    }
    Ok(())
}

fn body(args: &AskArgs, model: &str) -> Value {
    let mut messages = Vec::new();
    if let Some(system) = &args.system {
        messages.push(json!({ "role": "system", "content": system }));
    }
    messages.push(json!({ "role": "user", "content": args.question }));
    let mut deliberation = json!({ "include_samples": true });
    let mut body = json!({
        "model": model, "messages": messages, "stream": true,
        "stream_options": { "include_usage": true, "include_deliberation": true },
    });
    set(&mut body, "reasoning_effort", args.effort.as_ref());
    set(&mut body, "temperature", args.temperature.as_ref());
    set(&mut body, "seed", args.seed.as_ref());
    set(&mut body, "max_completion_tokens", args.max_tokens.as_ref());
    set(&mut deliberation, "strategy", args.strategy.as_ref());
    set(&mut deliberation, "max_samples", args.samples.as_ref());
    set(&mut deliberation, "total_tokens", args.total_tokens.as_ref());
    set(&mut deliberation, "deadline_ms", args.deadline_ms.as_ref());
    set(&mut deliberation, "answer", args.answer.as_ref());
    set(&mut deliberation, "answer_pattern", args.answer_pattern.as_ref());
    set(&mut deliberation, "early_stop", args.no_early_stop.then_some(false).as_ref());
    set(&mut body, "deliberation", Some(&deliberation));
    body
}

fn set<T: serde::Serialize>(object: &mut Value, key: &str, value: Option<&T>) {
    if let (Value::Object(fields), Some(value)) = (object, value) {
        fields.insert(key.to_owned(), json!(value));
    }
}

/// A JSON answer of a running service.
///
/// # Errors
/// When the service cannot be reached, or refuses.
pub async fn get(url: &str, key: &str) -> Result<Value> {
    let asked = reqwest::Client::new().get(url).bearer_auth(key).send().await;
    let response = asked.with_context(|| format!("cannot reach {url}; is the service running there?"))?;
    Ok(accepted(response).await?.json().await?)
}

async fn first_model(client: &reqwest::Client, args: &AskArgs) -> Result<String> {
    let response = client
        .get(format!("{}/v1/models", args.url.trim_end_matches('/')))
        .bearer_auth(&args.key)
        .send()
        .await
        .with_context(|| format!("cannot reach {}; is the service running there?", args.url))?;
    let models: Value = accepted(response).await?.json().await?;
    let first = models.pointer("/data/0/id").and_then(Value::as_str);
    first.map(ToOwned::to_owned).context("this key may use no model; ask the operator, or name one with --model")
}

async fn accepted(response: reqwest::Response) -> Result<reqwest::Response> {
    if response.status().is_success() {
        return Ok(response);
    }
    let (status, wait) = (response.status(), header(&response, "retry-after"));
    let text = response.text().await.unwrap_or_default();
    let parsed: Option<Value> = serde_json::from_str(&text).ok();
    let message = parsed.as_ref().and_then(|v| v.pointer("/error/message")).and_then(Value::as_str).unwrap_or(&text);
    let message = tame(message);
    match wait {
        Some(seconds) => bail!("{status}: {message} (try again in {seconds} s)"),
        None => bail!("{status}: {message}"),
    }
}

fn header(response: &reqwest::Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}
