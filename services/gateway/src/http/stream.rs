//! Server-sent events of a running deliberation.
//!
//! Text of a single sample leaves as it is drawn. Text of a vote leaves once the vote is decided, because until then
//! nobody knows which sample is the answer. The last chunk leaves only after the outcome is durable.

use std::{io, time::Duration};

use actix_web::{
    HttpResponse,
    web::{Bytes, Data},
};
use forethought_actors::{Deliberated, Deliberation, Event, Job, SampleReport};
use forethought_policies::RateHeaders;
use forethought_reasoning::Tally;
use forethought_schemas::{ChatRequest, RequestId};
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
    errors,
};

#[cfg(test)]
mod tests;

/// How often a silent stream says that it is alive, so that proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long a client may read nothing before it is taken for gone: what it holds is others' to use.
const READS_WITHIN: Duration = Duration::from_secs(60);

/// Pieces that may wait for the connection; the rest waits in the deliberation's own buffer.
const PIECES: usize = 16;

struct Writer {
    head: Head,
    job: Job,
    include_usage: bool,
    include_deliberation: bool,
    include_samples: bool,
    out: Outlet,
    /// Bytes of the answer that were sent.
    sent: usize,
    /// Bytes of the first sample's thoughts that were sent.
    thought: usize,
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
    job: Job,
    deliberation: Deliberation,
    head: Head,
    id: &RequestId,
    rate: Option<&RateHeaders>,
) -> HttpResponse {
    let (out, pieces) = mpsc::channel(PIECES);
    let writer = Writer {
        head,
        job,
        include_usage: chat.include_usage,
        include_deliberation: chat.include_deliberation,
        include_samples: chat.deliberation.include_samples,
        out: Outlet { pieces: out, reads_within: READS_WITHIN },
        sent: 0,
        thought: 0,
    };
    let mut response = HttpResponse::Ok();
    errors::add_headers(&mut response, id, rate);
    response.insert_header(("x-audit-record", deliberation.admission.as_str()));
    response.insert_header(("cache-control", "no-cache"));
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
        self.delta(opening(), Value::Null).await?;
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

    async fn event(&mut self, event: Event) -> Result<(), Gone> {
        let told = match event {
            Event::Text(text) => {
                self.sent += text.len();
                return self.delta(json!({ "content": text }), Value::Null).await;
            }
            Event::Thinking(text) => {
                self.thought += text.len();
                return self.delta(json!({ "reasoning_content": text, "reasoning_sample": 0 }), Value::Null).await;
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
            Event::Votes { tally, generated } => self.votes(&tally, generated),
        };
        let mut chunk = self.head.object("chat.completion.chunk", &json!([]));
        answer::add(&mut chunk, "deliberation", told);
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

    async fn finish(&mut self, done: &Deliberated) -> Result<(), Gone> {
        for (at, sample) in answer::chosen(done).enumerate() {
            if at > 0 {
                self.choice(at, opening(), Value::Null).await?;
            }
            let thoughts = self.unseen_thoughts(at, sample);
            if !thoughts.is_empty() {
                self.choice(at, json!({ "reasoning_content": thoughts }), Value::Null).await?;
            }
            let rest = if at == 0 { sample.text.get(self.sent..).unwrap_or_default() } else { &sample.text };
            if !rest.is_empty() {
                self.choice(at, json!({ "content": rest }), Value::Null).await?;
            }
            self.choice(at, json!({}), json!(answer::finish_reason(sample))).await?;
        }
        if self.include_usage || self.include_samples {
            let mut chunk = self.head.object("chat.completion.chunk", &json!([]));
            answer::add(&mut chunk, "usage", answer::usage(&self.job, done));
            if self.include_samples {
                answer::add(&mut chunk, "deliberation", json!({ "samples": answer::samples(done) }));
            }
            self.data(&chunk).await?;
        }
        Ok(())
    }

    /// What the reader has not seen of a chosen sample's thoughts. Where it has begun to read another one's, which stay
    /// pinned, these are not put behind them.
    fn unseen_thoughts<'s>(&self, at: usize, sample: &'s SampleReport) -> &'s str {
        match (at, self.thought, sample.index) {
            (0, 0, _) | (1.., _, _) => &sample.thinking,
            (0, thought, 0) => sample.thinking.get(thought..).unwrap_or_default(),
            (0, _, _) => "",
        }
    }

    async fn delta(&mut self, delta: Value, finish: Value) -> Result<(), Gone> {
        self.choice(0, delta, finish).await
    }

    async fn choice(&mut self, index: usize, delta: Value, finish: Value) -> Result<(), Gone> {
        let choices = json!([{ "index": index, "delta": delta, "finish_reason": finish, "logprobs": null }]);
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

/// What each choice of a stream begins with.
fn opening() -> Value {
    json!({ "role": "assistant", "content": "" })
}
