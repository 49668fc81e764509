//! Measures the embedded engine: total tokens a second with so many samples of one prompt at once, for each model form.
//!
//! Prints one JSON object on standard output; `cargo xtask bench engine` sets it beside llama.cpp.

use std::{collections::BTreeMap, num::NonZeroU32, process::ExitCode, time::Instant};

use forethought_engine::{
    Engine, Message, Prompt, Role, SampleEvent, SampleRequest, Sampling,
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

fn arguments() -> Result<Arguments, Failure> {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
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

async fn draw(engine: &MistralEngine, prompt: &str, max_tokens: u32, seed: u64) -> Result<u32, Failure> {
    let request = SampleRequest {
        prompt: Prompt::Messages(vec![Message { role: Role::User, content: prompt.to_owned() }]),
        sampling: Sampling { temperature: 0.7, ..Sampling::default() },
        seed,
        stop: vec![],
        max_tokens,
        top_logprobs: 0,
        ignore_end: true,
    };
    let mut stream = engine.sample(request).await?;
    while let Some(event) = stream.next().await {
        if let SampleEvent::End { usage, .. } = event? {
            return Ok(usage.completion_tokens);
        }
    }
    Err("the stream had no end".into())
}

async fn measure(arguments: &Arguments) -> Result<serde_json::Value, Failure> {
    let mut rows = Vec::new();
    for (form, path) in &arguments.models {
        let config =
            MistralConfig { lanes: arguments.lanes, threads_per_lane: arguments.threads, ..MistralConfig::new(path) };
        let engine = MistralEngine::load(&config).await?;
        draw(&engine, &arguments.prompt, arguments.tokens, 0).await?;
        for count in &arguments.counts {
            let start = Instant::now();
            let drawn = futures::future::try_join_all(
                (0..*count).map(|seed| draw(&engine, &arguments.prompt, arguments.tokens, seed)),
            )
            .await?;
            let seconds = start.elapsed().as_secs_f64();
            let tokens: u32 = drawn.iter().sum();
            let (rss, peak) = memory();
            eprintln!(
                "{form}: {count} at once: {:.1} tokens/s, {rss} MiB now, {peak} MiB peak",
                f64::from(tokens) / seconds
            );
            rows.push(json!({ "form": form, "count": count, "tokens_per_second": f64::from(tokens) / seconds,
                "rss_mib": rss, "peak_mib": peak, "lanes": engine.info().parallel }));
        }
        if arguments.soak > 0 {
            soak(&engine, form, arguments).await?;
        }
    }
    Ok(json!({ "rows": rows }))
}

/// Memory after many different requests: what it was after 50 is what it should stay.
async fn soak(engine: &MistralEngine, form: &str, arguments: &Arguments) -> Result<(), Failure> {
    for request in 1..=arguments.soak {
        let prompt = format!("Request {request}: {}", arguments.prompt);
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
