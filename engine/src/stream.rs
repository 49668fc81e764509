//! What comes out of an engine: events, and a stream whose end of life cancels the work.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::EngineError;

/// Why a sample ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended; or a stop sequence was met, on an engine that cannot tell the two apart.
    Stop,
    /// A stop sequence was met.
    Matched,
    /// The cap on tokens was met.
    Length,
    /// Nobody wanted it any more.
    Cancelled,
}

/// What a sample used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Those of them that were computed for an earlier sample.
    pub cached_tokens: u32,
    /// Tokens drawn, the end token included.
    pub completion_tokens: u32,
}

/// One alternative to a drawn token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopLogprob {
    /// The token's id.
    pub id: u32,
    /// The token's text; bytes that are no text of their own are replaced.
    pub text: String,
    /// Natural logarithm of its probability under the model at temperature 1.
    pub logprob: f32,
}

/// Which part of an answer a piece of text is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Channel {
    /// As the model wrote it, with the markers of its thoughts.
    #[default]
    Raw,
    /// Of a thought, told apart by the engine.
    Thinking,
    /// Of the answer, told apart by the engine.
    Answer,
}

/// One step of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleEvent {
    /// A token was drawn.
    Token {
        /// Text that became certain with it; empty while a character or a possible stop sequence is incomplete.
        text: String,
        /// Which part it is of.
        channel: Channel,
        /// The token's id.
        id: u32,
        /// Natural logarithm of its probability under the model at temperature 1, before any cut; NaN from an engine that
        /// [does not tell](crate::Abilities::logprobs).
        logprob: f32,
        /// The likeliest tokens at this step, best first.
        top: Vec<TopLogprob>,
    },
    /// The sample is over; nothing follows.
    End {
        /// Text that was held back until the end.
        text: String,
        /// Why it ended.
        finish: Finish,
        /// What it used.
        usage: Usage,
    },
}

/// The events of one sample. Dropping it cancels the work.
#[derive(Debug)]
pub struct SampleStream {
    events: mpsc::Receiver<Result<SampleEvent, EngineError>>,
    /// An end or an error was given out.
    over: bool,
    cancel: Option<DropGuard>,
}

impl SampleStream {
    /// Wraps the receiving end; `cancel` is set off when the stream is dropped.
    #[must_use]
    pub fn new(events: mpsc::Receiver<Result<SampleEvent, EngineError>>, cancel: CancellationToken) -> Self {
        Self { events, over: false, cancel: Some(cancel.drop_guard()) }
    }

    /// Cancels the work as dropping the stream does, and keeps what the engine draws until it hears of it: to be counted.
    pub fn cancel(&mut self) {
        drop(self.cancel.take());
    }

    /// The next event, or `None` after the end. An engine that goes away without an end is an error, never a short
    /// sample.
    pub async fn next(&mut self) -> Option<Result<SampleEvent, EngineError>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<SampleEvent, EngineError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let event = match ready!(self.events.poll_recv(cx)) {
            Some(event) => event,
            None => Err(EngineError::Sample("the engine went away in the middle of it".to_owned())),
        };
        self.over = !matches!(event, Ok(SampleEvent::Token { .. }));
        Poll::Ready(Some(event))
    }
}

impl Stream for SampleStream {
    type Item = Result<SampleEvent, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}
