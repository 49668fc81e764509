//! Draws one pass of a sample for a deliberation and reports it. Whatever happens to it, exactly one end is reported.

use std::{pin::pin, sync::Arc, time::Duration};

use forethought_engine::{
    Channel, Engine, EngineError, Finish, Marks, Prompt, SampleEvent, SampleRequest, SampleStream, Usage,
};
use forethought_reasoning::{Markers, ThinkingStyle};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{CallMade, EngineDesk, KillSwitch, catch, engine_keeper::Seat, turnstile::Turn};

/// What a sampler reports, with the number of its run.
#[derive(Debug)]
pub(crate) struct Report {
    pub index: u32,
    pub run: u32,
    pub news: News,
}

#[derive(Debug)]
pub(crate) enum News {
    Token(Token),
    Ended {
        text: String,
        finish: Finish,
        usage: Usage,
    },
    Failed {
        error: EngineError,
    },
    /// Calls of tools were made, in their order.
    Acted {
        calls: Vec<CallMade>,
    },
    /// It was stopped. The engine has drawn so many tokens beside those that were reported.
    Stopped {
        unseen: u32,
    },
}

/// How long an engine may take to hear that a sample is no longer wanted: as long as a step of a large model.
const HEARS_WITHIN: Duration = Duration::from_secs(1);

/// How a request is sent.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    AsAsked,
    /// The answer begins behind a thought that is closed already, as far as the engine can. The style is the model's, where
    /// it is known better than by its engine.
    WithoutThought(Option<Arc<ThinkingStyle>>),
}

/// A token that was drawn.
#[derive(Debug)]
pub(crate) struct Token {
    /// Its id, where the engine tells it.
    pub id: u32,
    pub text: String,
    pub channel: Channel,
    /// Natural logarithm of its probability; NaN when the engine does not tell.
    pub logprob: f32,
    /// Those of the likeliest tokens, as many as were asked for.
    pub top: Vec<f32>,
}

/// One call of an engine for one sample.
pub(crate) struct Sampler {
    pub index: u32,
    pub run: u32,
    pub request: SampleRequest,
    pub way: Way,
    pub engine: EngineDesk,
    /// Whose slots it uses.
    pub tenant: String,
    /// The lowest of a tenant is served first.
    pub rank: u32,
    pub deadline: Instant,
    pub reports: mpsc::Sender<Report>,
    pub kill: KillSwitch,
}

impl Sampler {
    /// Runs to the end. A panic costs this try only.
    pub(crate) async fn run(self) {
        let (index, run, reports) = (self.index, self.run, self.reports.clone());
        let news = match catch(self.draw()).await {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => News::Failed { error },
            Err(panicked) => News::Failed { error: EngineError::Sample(panicked.to_string()) },
        };
        let _ = reports.send(Report { index, run, news }).await;
    }

    async fn draw(self) -> Result<News, EngineError> {
        let kill = self.kill.clone();
        let mut killed = pin!(kill.killed());
        let begun = tokio::select! {
            biased;
            () = &mut killed => None,
            begun = self.begin() => Some(begun?),
        };
        let Some((mut stream, mut turn)) = begun else { return Ok(News::Stopped { unseen: 0 }) };
        let mut told = 0;
        loop {
            let event = tokio::select! {
                biased;
                () = &mut killed => break,
                event = stream.next() => event,
            };
            if let Some(end) = self.tell(event, &mut turn, &mut told).await? {
                return Ok(end);
            }
        }
        // What the engine draws until it hears of it is spent all the same.
        stream.cancel();
        let rest = async {
            while told < self.request.max_tokens {
                match self.tell(stream.next().await, &mut turn, &mut told).await {
                    Ok(None) => {}
                    Ok(Some(News::Ended { usage, .. })) => return usage.completion_tokens.saturating_sub(told),
                    _ => break,
                }
            }
            0
        };
        Ok(News::Stopped { unseen: timeout(HEARS_WITHIN, rest).await.unwrap_or_default() })
    }

    async fn begin(&self) -> Result<(SampleStream, Turn), EngineError> {
        let Seat { engine, turn } = self.engine.seat(&self.tenant, self.rank, self.deadline).await?;
        let request = self.way.prepare(engine.as_ref(), self.request.clone()).await?;
        Ok((engine.sample(request).await?, turn))
    }

    /// Reports a token, or gives the end.
    async fn tell(
        &self,
        event: Option<Result<SampleEvent, EngineError>>,
        turn: &mut Turn,
        told: &mut u32,
    ) -> Result<Option<News>, EngineError> {
        let over = || EngineError::Sample("the engine went on behind the end".to_owned());
        match event.ok_or_else(over)?? {
            SampleEvent::End { text, finish, usage } => Ok(Some(News::Ended { text, finish, usage })),
            SampleEvent::Token { text, channel, id, logprob, top } => {
                turn.token();
                *told += 1;
                let top = top.iter().map(|token| token.logprob).collect();
                let news = News::Token(Token { id, text, channel, logprob, top });
                let sent = self.reports.send(Report { index: self.index, run: self.run, news }).await;
                // Without a run there is nobody to be told of the end.
                Ok(sent.is_err().then_some(News::Stopped { unseen: 0 }))
            }
        }
    }
}

impl Way {
    async fn prepare(&self, engine: &dyn Engine, request: SampleRequest) -> Result<SampleRequest, EngineError> {
        let Self::WithoutThought(known) = self else { return Ok(request) };
        let told = || {
            let markers = match engine.info().marks? {
                Marks::Think => Markers::default(),
                Marks::Harmony => Markers::harmony(),
            };
            Some(Arc::new(ThinkingStyle::new(markers)))
        };
        let Some(style) = known.clone().or_else(told) else { return Ok(request) };
        let request = SampleRequest { show_control: true, ..request };
        if !engine.info().can.continues {
            return Ok(request);
        }
        let opened = engine.rendered(&request.prompt).await?.is_some_and(|text| style.markers.opened_by(&text));
        let prompt = match request.prompt {
            // Without the recipe that makes it think, it does not.
            Prompt::Messages(messages) if opened || style.begin.is_empty() => {
                Prompt::Begun { messages, begun: style.no_thought(opened) }
            }
            prompt => prompt,
        };
        Ok(SampleRequest { prompt, ..request })
    }
}
