//! Measures the embedded engine: total tokens a second with so many samples of one prompt at once, for each model form.
//!
//! Prints one JSON object on standard output; `cargo xtask bench engine` sets it beside llama.cpp. It names the prompt as
//! it was rendered with the first model's chat template, so that the other side can be given the same text. Lanes and
//! threads are chosen as the server chooses them, from the cores that this process may use. All lanes have read the prompt
//! before the clock runs.

use std::{collections::BTreeMap, num::NonZeroU32, process::ExitCode, time::Instant};

use forethought_engine::{
    ChatTemplate, Engine, GgufHeader, Message, Prompt, Role, SampleEvent, SampleRequest, Sampling, Usage,
    mistral::{MistralConfig, MistralEngine},
};
use serde_json::json;

/// The server's allocator, so that its memory is what is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    models: Vec<(String, String)>,
    counts: Vec<u64>,
    prompt: String,
    tokens: u32,
    lanes: Option<NonZeroU32>,
    threads: Option<NonZeroU32>,
    /// Requests of a soak: each of eight samples, each with a prompt of its own.
    soak: u32,
}

const OPTIONS: [&str; 7] =
    ["--model", "--counts", "--prompt", "--n-predict", "--lanes", "--threads-per-lane", "--soak"];

fn arguments() -> Result<Arguments, Failure> {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if !OPTIONS.contains(&word.as_str()) {
            return Err(format!("{word} is no option; there are: {}", OPTIONS.join(", ")).into());
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        given.entry(word).or_default().push(value);
    }
    let one = |key: &str| given.get(key).and_then(|values| values.last()).cloned();
    let models = given.get("--model").ok_or("give --model FORM=PATH, once or more")?;
    Ok(Arguments {
        models: models
            .iter()
            .map(|model| model.split_once('=').map(|(f, p)| (f.to_owned(), p.to_owned())).ok_or("--model FORM=PATH"))
            .collect::<Result<_, _>>()?,
        counts: one("--counts")
            .unwrap_or("1,2,8,32".to_owned())
            .split(',')
            .map(str::parse)
            .collect::<Result<_, _>>()?,
        prompt: one("--prompt").unwrap_or("Explain how a lighthouse works.".to_owned()),
        tokens: one("--n-predict").map_or(Ok(64), |n| n.parse())?,
        lanes: one("--lanes").map(|n| n.parse()).transpose()?,
        threads: one("--threads-per-lane").map(|n| n.parse()).transpose()?,
        soak: one("--soak").map_or(Ok(0), |n| n.parse())?,
    })
}

/// Resident memory of this process in MiB, now and at its highest.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// The prompt's text as the model's chat template renders it.
fn rendered(model: &str, prompt: &str) -> Result<String, Failure> {
    let header = GgufHeader::read(model.as_ref())?;
    let source = header.chat_template.ok_or("the model has no chat template")?;
    let template = ChatTemplate::new(&source, header.bos.as_deref(), header.eos.as_deref())?;
    Ok(template.render(&vec![Message::new(Role::User, prompt)].into())?)
}

async fn draw(engine: &MistralEngine, prompt: &str, max_tokens: u32, seed: u64) -> Result<Usage, Failure> {
    let request = SampleRequest {
        sampling: Sampling { temperature: 0.7, ..Sampling::default() },
        ignore_end: true,
        ..SampleRequest::new(Prompt::Raw(prompt.to_owned()), max_tokens, seed)
    };
    let mut stream = engine.sample(request).await?;
    while let Some(event) = stream.next().await {
        if let SampleEvent::End { usage, .. } = event? {
            return Ok(usage);
        }
    }
    Err("the stream had no end".into())
}

async fn measure(arguments: &Arguments) -> Result<serde_json::Value, Failure> {
    let mut rows = Vec::new();
    let mut prompt_tokens = 0;
    let (_, first) = arguments.models.first().ok_or("no model")?;
    let prompt = rendered(first, &arguments.prompt)?;
    for (form, path) in &arguments.models {
        let config =
            MistralConfig { lanes: arguments.lanes, threads_per_lane: arguments.threads, ..MistralConfig::new(path) };
        let engine = MistralEngine::load(&config).await?;
        let lanes = u64::from(engine.info().parallel);
        futures::future::try_join_all((0..lanes).map(|seed| draw(&engine, &prompt, 4, seed))).await?;
        for count in &arguments.counts {
            let start = Instant::now();
            let drawn =
                futures::future::try_join_all((0..*count).map(|seed| draw(&engine, &prompt, arguments.tokens, seed)))
                    .await?;
            let seconds = start.elapsed().as_secs_f64();
            let tokens: u32 = drawn.iter().map(|usage| usage.completion_tokens).sum();
            prompt_tokens = drawn.first().map_or(0, |usage| usage.prompt_tokens);
            let (rss, peak) = memory();
            eprintln!(
                "{form}: {count} at once: {:.1} tokens/s, {rss} MiB now, {peak} MiB peak",
                f64::from(tokens) / seconds
            );
            rows.push(json!({ "form": form, "count": count, "tokens_per_second": f64::from(tokens) / seconds,
                "rss_mib": rss, "peak_mib": peak, "lanes": engine.info().parallel }));
        }
        if arguments.soak > 0 {
            soak(&engine, form, &prompt, arguments.soak).await?;
        }
    }
    Ok(json!({ "prompt": prompt, "prompt_tokens": prompt_tokens, "rows": rows }))
}

/// Memory after many different requests: what it was after 50 is what it should stay.
async fn soak(engine: &MistralEngine, form: &str, prompt: &str, requests: u32) -> Result<(), Failure> {
    for request in 1..=requests {
        let prompt = format!("Request {request}: {prompt}");
        futures::future::try_join_all((0..8).map(|seed| draw(engine, &prompt, 4, seed))).await?;
        if request == 50 || request % 100 == 0 {
            let (rss, peak) = memory();
            eprintln!("{form}: after {request} requests of 8 samples: {rss} MiB now, {peak} MiB peak");
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let run = || -> Result<(), Failure> {
        let arguments = arguments()?;
        let runtime = tokio::runtime::Runtime::new()?;
        println!("{}", runtime.block_on(measure(&arguments))?);
        Ok(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
