//! Why a lane runs one sequence at a time: what the library makes of a batch on a CPU (ADR 4).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "helpers/support.rs"]
mod support;

use forethought_engine::mistral::MistralEngine;
use futures::future::join;
use mistralrs::{
    Constraint, GgufModelBuilder, Model, NormalRequest, Request, RequestMessage, Response, SamplingParams,
};
use support::{RUNTIME, config, model};
use tokio::sync::mpsc::{Receiver, channel};

const TOKENS: usize = 16;

/// Fails when the library has mended it. Then the lanes may go.
#[test]
fn a_batch_on_a_cpu_mixes_its_sequences_up() {
    RUNTIME.block_on(async {
        let (colours, hamlet) = prompts().await;
        let raw = load().await;
        let alone = (greedy(&raw, 1, &colours).await, greedy(&raw, 2, &hamlet).await);
        let again = (greedy(&raw, 3, &colours).await, greedy(&raw, 4, &hamlet).await);
        assert_eq!(alone, again, "one at a time the model is repeatable");
        // Sent before the engine takes a step, so they run as one batch.
        let (first, second) = (start(&raw, 5, &colours).await, start(&raw, 6, &hamlet).await);
        let batch = join(text(first), text(second)).await;
        assert_eq!(alone.1, batch.1, "the last of a batch is right");
        assert_ne!(alone.0, batch.0, "batches are right on a CPU now: the lanes can go (ADR 4)");
    });
}

/// Two prompts of one length: only such sequences share a batch.
async fn prompts() -> (Vec<u32>, Vec<u32>) {
    let engine = MistralEngine::load(&config()).await.unwrap();
    let ask =
        |text: &str| engine.tokenize(&format!("<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")).unwrap();
    let (mut colours, hamlet) = (ask("Name three colours that you like very much."), ask("Who wrote Hamlet?"));
    // Tokens are taken away in the middle, where the words are.
    colours.drain(5..5 + colours.len() - hamlet.len());
    (colours, hamlet)
}

async fn load() -> Model {
    let path = model();
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let folder = path.parent().unwrap().display().to_string();
    GgufModelBuilder::new(folder, vec![name]).with_prefix_cache_n(None).build().await.unwrap()
}

async fn greedy(model: &Model, id: usize, prompt: &[u32]) -> String {
    text(start(model, id, prompt).await).await
}

async fn start(model: &Model, id: usize, prompt: &[u32]) -> Receiver<Response> {
    let (sender, receiver) = channel(2 * TOKENS);
    let params = SamplingParams { temperature: Some(0.0), max_len: Some(TOKENS), ..SamplingParams::neutral() };
    let request = NormalRequest {
        is_streaming: true,
        constraint: Constraint::None,
        ..NormalRequest::new_simple(RequestMessage::CompletionTokens(prompt.to_vec()), params, sender, id, None, None)
    };
    model.inner().get_sender(None).unwrap().send(Request::Normal(Box::new(request))).await.unwrap();
    receiver
}

async fn text(mut responses: Receiver<Response>) -> String {
    let mut all = String::new();
    while let Some(response) = responses.recv().await {
        match response {
            Response::CompletionChunk(chunk) => {
                let choice = chunk.choices.first().unwrap();
                all += &choice.text;
                if choice.finish_reason.is_some() {
                    break;
                }
            }
            other => panic!("{}", std::any::type_name_of_val(&other)),
        }
    }
    all
}
