//! Server-sent events of a running deliberation.
//!
//! Text of a sample leaves as it is drawn where it is known from the start to be an answer. Text of a vote leaves once the
//! vote is decided, because until then nobody knows which sample is the answer. The last chunk of an answer leaves only
//! after the outcome is durable.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    web::{Bytes, Data},
};
use forethought_actors::{Decided, Deliberated, Deliberation, Event, Job, SampleReport};
use forethought_policies::RateHeaders;
use forethought_reasoning::Tally;
use forethought_safeguards::Restorer;
use forethought_schemas::{ApiError, ChatRequest, ErrorKind, RequestId, StrategyName};
use futures::Stream;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{interval, timeout},
};
use tracing::info;

use super::{
    Gateway,
    answer::{self, Head},
    errors, laws,
    restore::Restore,
};

#[cfg(test)]
mod tests;

/// How often a silent stream says that it is alive, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long a client may read nothing before it is taken for gone: what it holds is others' to use.
const READS_WITHIN: Duration = Duration::from_mins(1);

/// Pieces that may wait for the connection; the rest waits in the deliberation's own buffer.
const PIECES: usize = 16;

struct Writer {
    head: Head,
    job: Job,
    restore: Restore,
    include_usage: bool,
    include_deliberation: bool,
    include_samples: bool,
    out: Outlet,
    choices: BTreeMap<usize, Sent>,
}

/// What the reader has of a choice.
struct Sent {
    /// The sample whose thoughts it reads.
    thinker: Option<u32>,
    thoughts: String,
    text: String,
    /// Both as they are shown: with what was redacted in the request.
    shown_thoughts: Restorer,
    shown_text: Restorer,
    /// Whether the reader knows that it is whole.
    ended: bool,
}

impl Sent {
    fn nothing(restore: &Restore) -> Self {
        let (shown_thoughts, shown_text) = (restore.of_thoughts(), restore.of_answer());
        Self { thinker: None, thoughts: String::new(), text: String::new(), shown_thoughts, shown_text, ended: false }
    }
}

/// The way to the connection.
struct Outlet {
    /// `None` is the end; a body that ends without it is broken off.
    pieces: mpsc::Sender<Option<Bytes>>,
    reads_within: Duration,
}

/// The reader has gone, or does not read.
#[derive(Debug)]
struct Gone;

impl Outlet {
    async fn send(&self, piece: Option<Bytes>) -> Result<(), Gone> {
        if let Ok(sent) = timeout(self.reads_within, self.pieces.send(piece)).await {
            return sent.map_err(|_| Gone);
        }
        info!(within = ?self.reads_within, "the reader of a stream reads nothing; its request is stopped");
        Err(Gone)
    }
}

pub(super) fn response(
    gateway: &Data<Gateway>,
    chat: &ChatRequest,
    (job, restore): (Job, Restore),
    deliberation: Deliberation,
    head: Head,
    id: &RequestId,
    rate: Option<&RateHeaders>,
) -> HttpResponse {
    let (out, pieces) = mpsc::channel(PIECES);
    let disclosures = Arc::clone(&job.disclosures);
    let writer = Writer {
        head,
        job,
        restore,
        include_usage: chat.include_usage,
        include_deliberation: chat.include_deliberation,
        include_samples: chat.deliberation.include_samples,
        out: Outlet { pieces: out, reads_within: READS_WITHIN },
        choices: BTreeMap::new(),
    };
    let mut response = HttpResponse::Ok();
    errors::add_headers(&mut response, id, rate);
    response.insert_header(("x-audit-record", deliberation.admission.as_str()));
    response.insert_header(("cache-control", "no-cache"));
    if let Some(marks) = laws::marks(&disclosures) {
        response.insert_header((laws::MARKS, marks));
    }
    response.insert_header(("x-accel-buffering", "no"));
    let gateway = gateway.clone();
    actix_rt::spawn(async move {
        let _ = writer.write(deliberation, |job, done| gateway.metrics.deliberated(job, done)).await;
    });
    response.content_type("text/event-stream").streaming(body(pieces))
}

/// What the connection takes. Without the end it fails, so that the client does not take a part for the whole.
fn body(pieces: mpsc::Receiver<Option<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> {
    futures::stream::unfold(Some(pieces), |pieces| async {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Some(piece)) => Some((Ok(piece), Some(pieces))),
            Some(None) => None,
            None => Some((Err(io::ErrorKind::BrokenPipe.into()), None)),
        }
    })
}

impl Writer {
    /// Writes the whole stream; `count` is called with an answer before it is written.
    async fn write(mut self, deliberation: Deliberation, count: impl FnOnce(&Job, &Deliberated)) -> Result<(), Gone> {
        let Deliberation { mut events, mut end, guard, .. } = deliberation;
        let mut alive = interval(KEEP_ALIVE);
        alive.reset();
        self.disclose().await?;
        self.begin(0).await?;
        let mut open = true;
        let ended = loop {
            tokio::select! {
                biased;
                () = self.out.pieces.closed() => return Err(Gone),
                event = events.recv(), if open => match event {
                    Some(event) => self.event(event).await?,
                    None => open = false,
                },
                ended = &mut end => break ended,
                _ = alive.tick() => self.piece(": keep-alive\n\n".to_owned()).await?,
            }
        };
        while let Ok(event) = events.try_recv() {
            self.event(event).await?;
        }
        drop(guard.disarm());
        match ended.unwrap_or_else(|_| Err(errors::lost())) {
            Ok(done) => {
                count(&self.job, &done);
                self.finish(&done).await?;
            }
            Err(error) => self.data(&error.body()).await?,
        }
        self.piece("data: [DONE]\n\n".to_owned()).await?;
        self.out.send(None).await
    }

    /// What a law asks for stands before the first word.
    async fn disclose(&mut self) -> Result<(), Gone> {
        if self.job.disclosures.is_null() {
            return Ok(());
        }
        let mut chunk = self.head.object("chat.completion.chunk", &json!([]));
        answer::add(&mut chunk, "disclosures", Value::clone(&self.job.disclosures));
        self.data(&chunk).await
    }

    async fn event(&mut self, event: Event) -> Result<(), Gone> {
        let told = match event {
            // Each sample whose text is shown is an answer of its own.
            Event::Text { index, text } => return self.text(self.choice_of(0, index), &text).await,
            Event::Thinking { index, text } => return self.thoughts(self.choice_of(0, index), index, &text).await,
            Event::Decided(answers) => {
                for (rank, answer) in answers.iter().enumerate() {
                    self.rest(rank, answer).await?;
                }
                return Ok(());
            }
            _ if !self.include_deliberation => return Ok(()),
            Event::SampleStarted { index } => json!({ "event": "sample_started", "index": index }),
            Event::Progress { index, tokens } => json!({ "event": "progress", "index": index, "tokens": tokens }),
            Event::SampleFinished { index, tokens, answer } => {
                json!({ "event": "sample_finished", "index": index, "tokens": tokens, "answer": answer })
            }
            Event::SampleFailed { index, tokens } => {
                json!({ "event": "sample_failed", "index": index, "tokens": tokens })
            }
            Event::SampleCancelled { index, tokens } => {
                json!({ "event": "sample_cancelled", "index": index, "tokens": tokens })
            }
            Event::SampleActed { index, round, calls } => {
                let calls: Vec<Value> =
                    calls.iter().map(|(tool, state)| json!({ "tool": tool, "state": state })).collect();
                json!({ "event": "sample_acted", "index": index, "round": round, "calls": calls })
            }
            Event::SampleJudged { index, tokens, failed } => {
                json!({ "event": "sample_judged", "index": index, "tokens": tokens, "failed": failed })
            }
            Event::Votes { tally, generated } => self.votes(&tally, generated),
        };
        let mut chunk = self.head.object("chat.completion.chunk", &json!([]));
        answer::add(&mut chunk, "deliberation", told);
        self.restore.value(&mut chunk);
        self.data(&chunk).await
    }

    fn votes(&self, tally: &Tally, generated: u32) -> Value {
        let votes = answer::votes(&tally.votes);
        json!({
            "event": "votes", "votes": votes, "planned": tally.planned, "finished": tally.finished,
            "running": tally.running, "generated_tokens": generated,
            "tokens_left": self.job.budget.total_tokens.saturating_sub(generated),
        })
    }

    /// The calls that whoever asked is to make. They were looked at as a whole, so they come as a whole.
    async fn calls(&mut self, choice: usize, sample: &SampleReport) -> Result<(), Gone> {
        let calls = answer::tool_calls(self.head.short(), sample.index, &sample.calls);
        for (at, mut call) in calls.into_iter().enumerate() {
            self.restore.value(&mut call);
            let arguments = call.pointer("/function/arguments").cloned().unwrap_or_default();
            if let Some(function) = call.get_mut("function") {
                answer::add(function, "arguments", json!(""));
            }
            answer::add(&mut call, "index", json!(at));
            self.chunk(choice, &json!({ "tool_calls": [call] }), &Value::Null).await?;
            let rest = json!({ "tool_calls": [{ "index": at, "function": { "arguments": arguments } }] });
            self.chunk(choice, &rest, &Value::Null).await?;
        }
        Ok(())
    }

    async fn finish(&mut self, done: &Deliberated) -> Result<(), Gone> {
        for (rank, sample) in answer::chosen(done).enumerate() {
            let (thinking, text) = (sample.thinking.clone(), sample.text.clone());
            self.rest(rank, &Decided { sample: sample.index, thinking, text }).await?;
            let choice = self.choice_of(rank, sample.index);
            self.end_thoughts(choice).await?;
            self.end_text(choice).await?;
            self.calls(choice, sample).await?;
            self.begin(choice).await?.ended = true;
            self.chunk(choice, &json!({}), &json!(answer::finish_reason(sample))).await?;
        }
        if self.include_usage || self.include_samples || done.held.is_some() {
            let mut chunk = self.head.object("chat.completion.chunk", &json!([]));
            answer::add(&mut chunk, "usage", answer::usage(&self.job, done));
            if self.include_samples {
                answer::add(&mut chunk, "deliberation", json!({ "samples": answer::samples(done) }));
            }
            self.restore.value(&mut chunk);
            self.data(&chunk).await?;
        }
        let broken = self.choices.iter().find(|(_, sent)| !sent.ended && !sent.text.is_empty());
        match broken.map(|(choice, _)| broken_off(*choice)) {
            Some(error) => self.data(&error.body()).await,
            None => Ok(()),
        }
    }

    /// The choice that a sample is: with `single` samples are answers in their order, whatever becomes of those before.
    fn choice_of(&self, rank: usize, sample: u32) -> usize {
        if self.job.strategy == StrategyName::Single { sample as usize } else { rank }
    }

    /// Sends what the reader has not seen of an answer. Where it has begun to read the thoughts of another sample, which
    /// stay pinned, or others of the same, these are not put behind them.
    async fn rest(&mut self, rank: usize, answer: &Decided) -> Result<(), Gone> {
        let choice = self.choice_of(rank, answer.sample);
        let sent = self.begin(choice).await?;
        let unseen = match sent.thinker {
            None => answer.thinking.as_str(),
            Some(thinker) if thinker == answer.sample => {
                answer.thinking.strip_prefix(sent.thoughts.as_str()).unwrap_or_default()
            }
            Some(_) => "",
        };
        let rest = answer.text.strip_prefix(sent.text.as_str()).unwrap_or_default();
        self.thoughts(choice, answer.sample, unseen).await?;
        self.text(choice, rest).await
    }

    async fn thoughts(&mut self, choice: usize, sample: u32, text: &str) -> Result<(), Gone> {
        if text.is_empty() {
            return Ok(());
        }
        let sent = self.begin(choice).await?;
        sent.thinker = Some(sample);
        sent.thoughts.push_str(text);
        let shown = sent.shown_thoughts.feed(text);
        self.show_thoughts(choice, sample, &shown).await
    }

    async fn show_thoughts(&mut self, choice: usize, sample: u32, shown: &str) -> Result<(), Gone> {
        if shown.is_empty() {
            return Ok(());
        }
        self.chunk(choice, &json!({ "reasoning_content": shown, "reasoning_sample": sample }), &Value::Null).await
    }

    async fn text(&mut self, choice: usize, text: &str) -> Result<(), Gone> {
        if text.is_empty() {
            return Ok(());
        }
        let sent = self.begin(choice).await?;
        sent.text.push_str(text);
        let shown = sent.shown_text.feed(text);
        self.end_thoughts(choice).await?;
        self.show_text(choice, &shown).await
    }

    async fn show_text(&mut self, choice: usize, shown: &str) -> Result<(), Gone> {
        if shown.is_empty() {
            return Ok(());
        }
        self.chunk(choice, &json!({ "content": shown }), &Value::Null).await
    }

    /// Shows what was held back because it might have become a placeholder.
    async fn end_thoughts(&mut self, choice: usize) -> Result<(), Gone> {
        let sent = self.begin(choice).await?;
        let (thinker, rest) = (sent.thinker.unwrap_or_default(), sent.shown_thoughts.finish());
        self.show_thoughts(choice, thinker, &rest).await
    }

    async fn end_text(&mut self, choice: usize) -> Result<(), Gone> {
        let rest = self.begin(choice).await?.shown_text.finish();
        self.show_text(choice, &rest).await
    }

    /// What each choice begins with, once.
    async fn begin(&mut self, choice: usize) -> Result<&mut Sent, Gone> {
        if !self.choices.contains_key(&choice) {
            self.chunk(choice, &json!({ "role": "assistant", "content": "" }), &Value::Null).await?;
        }
        Ok(self.choices.entry(choice).or_insert_with(|| Sent::nothing(&self.restore)))
    }

    async fn chunk(&mut self, choice: usize, delta: &Value, finish: &Value) -> Result<(), Gone> {
        let choices = json!([{ "index": choice, "delta": delta, "finish_reason": finish, "logprobs": null }]);
        let chunk = self.head.object("chat.completion.chunk", &choices);
        self.data(&chunk).await
    }

    async fn data(&mut self, value: &Value) -> Result<(), Gone> {
        self.piece(format!("data: {value}\n\n")).await
    }

    async fn piece(&mut self, text: String) -> Result<(), Gone> {
        self.out.send(Some(Bytes::from(text))).await
    }
}

fn broken_off(choice: usize) -> ApiError {
    let message = format!("choice {choice} broke off; discard what was streamed of it, the others are whole");
    ApiError::new(ErrorKind::Unavailable, "stream_interrupted", message)
}
