//! Draws one pass of a sample for a deliberation and reports it. Whatever happens to it, exactly one end is reported.

use forethought_engine::{Channel, EngineError, Finish, SampleEvent, SampleRequest, Usage};
use tokio::{sync::mpsc, time::Instant};

use crate::{EngineDesk, KillSwitch, catch, engine_keeper::Seat};

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
    Ended { text: String, finish: Finish, usage: Usage },
    Failed { error: EngineError },
}

/// A token that was drawn.
#[derive(Debug)]
pub(crate) struct Token {
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
        let (index, run, reports, kill) = (self.index, self.run, self.reports.clone(), self.kill.clone());
        let drawn = tokio::select! {
            drawn = catch(self.draw()) => drawn,
            () = kill.killed() => return,
        };
        let error = match drawn {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panicked) => EngineError::Sample(panicked.to_string()),
        };
        let _ = reports.send(Report { index, run, news: News::Failed { error } }).await;
    }

    async fn draw(self) -> Result<(), EngineError> {
        let Seat { engine, mut turn } = self.engine.seat(&self.tenant, self.rank, self.deadline).await?;
        let mut stream = engine.sample(self.request).await?;
        while let Some(event) = stream.next().await {
            let news = match event? {
                SampleEvent::Token { text, channel, logprob, top, .. } => {
                    turn.token();
                    let top = top.iter().map(|token| token.logprob).collect();
                    News::Token(Token { text, channel, logprob, top })
                }
                SampleEvent::End { text, finish, usage } => News::Ended { text, finish, usage },
            };
            if self.reports.send(Report { index: self.index, run: self.run, news }).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}
