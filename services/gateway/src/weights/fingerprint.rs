//! Takes the fingerprint of a loaded model.

use std::env::consts::ARCH;

use forethought_engine::{
    Engine, EngineError, Message, Prompt, Role, SampleEvent, SampleRequest, Sampling, mistral::MistralEngine,
};
use forethought_provenance::{Fingerprint, Observed, Plan, Probe, ProbeKind, Taking, Tokens};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Zoned;

/// Asks a model all that a fingerprint is made of: some thousand tokens at temperature 0.
///
/// # Errors
/// When the engine fails.
pub async fn take(engine: &MistralEngine) -> anyhow::Result<Fingerprint> {
    let plan = Plan::current();
    let info = engine.info();
    let asked = stream::iter(plan.probes().to_vec()).map(|probe| async move {
        let observed = observe(engine, &probe).await?;
        Ok::<_, EngineError>((probe, observed))
    });
    let observed: Vec<_> = asked.buffer_unordered(info.parallel as usize).try_collect().await?;
    let mut taking = Taking::new(plan);
    for (probe, observed) in observed {
        taking.observe(&probe, observed)?;
    }
    let with = format!("forethought {}, engine {}, {ARCH}", env!("CARGO_PKG_VERSION"), info.backend);
    Ok(taking.finish(Zoned::now().date(), &with)?)
}

async fn observe(engine: &MistralEngine, probe: &Probe) -> Result<Observed, EngineError> {
    if probe.kind == ProbeKind::Tokenization {
        return Ok(Observed { tokens: Tokens::Ids(engine.tokenize(&probe.text)?), text: String::new() });
    }
    let prompt = Prompt::Messages(vec![Message::new(Role::User, probe.text.clone())].into());
    let request = SampleRequest {
        sampling: Sampling { temperature: 0.0, ..Sampling::default() },
        ..SampleRequest::new(prompt, probe.max_tokens, 0)
    };
    let mut stream = engine.sample(request).await?;
    let (mut ids, mut said) = (Vec::new(), String::new());
    while let Some(event) = stream.next().await {
        match event? {
            SampleEvent::Token { text, id, .. } => {
                ids.push(id);
                said.push_str(&text);
            }
            SampleEvent::End { text, .. } => said.push_str(&text),
        }
    }
    Ok(Observed { tokens: Tokens::Ids(ids), text: said })
}
