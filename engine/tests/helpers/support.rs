//! The real model, and a runtime that outlives every test.
#![allow(dead_code, reason = "each test target uses its own part")]

use std::{path::PathBuf, sync::LazyLock};

use forethought_engine::{
    Engine, EngineError, Finish, Message, Prompt, Role, SampleEvent, SampleRequest, Sampling, Usage,
    mistral::MistralConfig,
};
use tokio::runtime::Runtime;

/// Lanes work in the runtime that first used them, so all tests share one.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

pub fn model() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cache"), PathBuf::from);
    let folder = std::env::var_os("FORETHOUGHT_MODELS").map_or_else(|| cache.join("forethought/models"), PathBuf::from);
    let path = folder.join("SmolLM2-135M-Instruct.Q8_0.gguf");
    assert!(path.exists(), "{} is missing; run `cargo xtask model`", path.display());
    path
}

pub fn config() -> MistralConfig {
    MistralConfig { lanes: std::num::NonZeroU32::new(2), ..MistralConfig::new(model()) }
}

pub fn ask(question: &str, seed: u64) -> SampleRequest {
    let prompt = Prompt::Messages(vec![Message::new(Role::User, question)].into());
    SampleRequest {
        sampling: Sampling { temperature: 0.7, ..Sampling::default() },
        ..SampleRequest::new(prompt, 24, seed)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    pub text: String,
    pub ids: Vec<u32>,
    pub logprobs: Vec<f32>,
    pub finish: Finish,
    pub usage: Usage,
}

pub async fn draw(engine: &dyn Engine, request: SampleRequest) -> Result<Drawn, EngineError> {
    let mut stream = engine.sample(request).await?;
    let (mut all, mut ids, mut logprobs) = (String::new(), vec![], vec![]);
    while let Some(event) = stream.next().await {
        match event? {
            SampleEvent::Token { text, id, logprob, .. } => {
                all += &text;
                ids.push(id);
                logprobs.push(logprob);
            }
            SampleEvent::End { text, finish, usage } => {
                return Ok(Drawn { text: all + &text, ids, logprobs, finish, usage });
            }
        }
    }
    unreachable!("a stream ends with an end or an error")
}
