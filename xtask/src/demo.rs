//! `cargo xtask demo`: the whole service at work, from a small real model to the audit log.

use anyhow::{Context, Result};

use crate::build;
use crate::model::{self, Form};
use crate::service::{self, Engine, MODEL, Service};

/// A question on which the first sample of the model is wrong and eight of them vote right, with [`SEED`].
const QUESTION: &str = "What is 5 * 4? Reply with the number.";
const SEED: u64 = 2;

/// What `cargo xtask demo` takes.
#[derive(clap::Args)]
pub struct Args {
    /// End the server after the demonstration.
    #[arg(long)]
    once: bool,
    /// The port to listen on (default: 8080, or a free one when that is taken).
    #[arg(long)]
    port: Option<u16>,
    /// The question to ask.
    #[arg(long, default_value = QUESTION)]
    question: String,
    /// The seed: the same one gives the same samples.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// Runs the demonstration.
pub fn run(args: &Args) -> Result<()> {
    let model = model::prepare(Form::default(), false)?;
    let program = build::workspace(&["--examples"])?.path("forethought")?;
    let service = Service::prepare("demo", program, Engine::File(&model), service::free_port(args.port)?)?;
    heading("a tenant and its key");
    let key = service.add_tenant("demo", &[])?;
    let auditor = service.add_auditor("demo")?;
    heading("the server");
    let mut server = service.serve()?;
    heading(&format!("one sample: {}", args.question));
    let one = ask(&service, &key, args, &["--strategy", "single"])?;
    heading("8 samples and a vote; the first sample is the same one, because the seed is");
    let voted = ask(&service, &key, args, &["--strategy", "self_consistency", "--samples", "8"])?;
    heading("what the vote changed");
    println!("one sample:  {}\nthe vote:    {}", line(&one), line(&voted));
    heading("the audit records");
    let record = show_audit(&service)?;
    heading("the proof: its records are in the signed log");
    service.say(&["audit", "prove", &record, "--url", &service.url(), "--key", &auditor])?;
    heading("carried out again, and compared token by token");
    service.say(&["audit", "replay", &record, "--config", &service.config_file()])?;
    if args.once {
        heading("the server ends");
        return server.stop();
    }
    heading("how to go on");
    println!("{}", how_to_go_on(&service.program(), &service.url(), &service.data(), &key, args.seed));
    server.wait()
}

/// Asks, shows the samples, votes and budget as they come, and returns the answer.
fn ask(service: &Service, key: &str, args: &Args, how: &[&str]) -> Result<String> {
    let (url, seed) = (service.url(), args.seed.to_string());
    let common = ["ask", &args.question, "--url", &url, "--key", key, "--seed", &seed, "--max-tokens", "64"];
    let answer = service.ask_for(&[&common, how].concat())?;
    println!("{answer}");
    Ok(answer)
}

/// Shows the latest request, and gives its record.
fn show_audit(service: &Service) -> Result<String> {
    let data = service.data();
    let list = service.ask_for(&["audit", "list", "--data-dir", &data])?;
    println!("{list}\n");
    // The latest comes first.
    let latest = list.split_whitespace().find(|word| word.starts_with("req_") || word.starts_with("rec_"));
    let latest = latest.context("the audit log lists no record")?;
    service.say(&["audit", "show", latest, "--contents", "--data-dir", &data])?;
    println!();
    service.say(&["audit", "verify", "--data-dir", &data])?;
    Ok(latest.to_owned())
}

fn heading(text: &str) {
    println!("\n=== {text} ===");
}

/// A text on one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn how_to_go_on(program: &str, url: &str, data: &str, key: &str, seed: u64) -> String {
    format!(
        r#"With curl:

  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{
    "model": "{MODEL}",
    "messages": [{{"role": "user", "content": "What is 7 + 6? Reply with the number."}}],
    "seed": {seed},
    "deliberation": {{"strategy": "self_consistency", "max_samples": 8}}
  }}'

With the OpenAI client for Python:

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  answer = client.chat.completions.create(
      model="{MODEL}",
      messages=[{{"role": "user", "content": "What is 7 + 6? Reply with the number."}}],
      seed={seed},
      extra_body={{"deliberation": {{"strategy": "self_consistency", "max_samples": 8}}}},
  )
  print(answer.choices[0].message.content)

The audit log is in {data}. To list it, and to have a report of it for people:

  '{program}' audit list --data-dir '{data}'
  '{program}' report --data-dir '{data}' --from 1d --out '{data}/../report'

The server runs until Ctrl-C."#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_to_go_on_with_name_the_program_that_was_built() {
        let told = how_to_go_on("/target/debug/forethought", "http://127.0.0.1:1", "/a b/data", "key", SEED);
        assert!(told.contains("\n  '/target/debug/forethought' audit list --data-dir '/a b/data'\n"), "{told}");
        assert!(!told.contains("`forethought"), "{told}");
    }

    #[test]
    fn an_answer_is_shown_on_one_line() {
        assert_eq!(line(" 8 + 6\n\n= 14 "), "8 + 6 = 14");
    }
}
