//! The log as a client of witnesses: each checkpoint that is signed when nobody asks is shown to them, with a proof that it begins with the
//! one they know, and what they cosign is kept with it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use forethought_actors::AuditDesk;
use forethought_audit::{AuditLog, Signer, VerifierKey};
use forethought_tlog::{
    SignedCheckpoint,
    witness::{AddCheckpoint, cosignatures_in, size_in},
};
use reqwest::{StatusCode, redirect::Policy};
use serde::Deserialize;
use tokio::time::interval;
use tracing::{error, info, warn};

/// How often the log is signed when nobody asks.
const SIGN_EVERY: Duration = Duration::from_mins(1);
/// How long a witness may take.
const WITHIN: Duration = Duration::from_secs(10);
/// The longest answer, in bytes.
const LONGEST: usize = 64 << 10;

/// A witness that is asked to cosign.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// Its address, up to what stands before `/add-checkpoint`.
    pub url: String,
    /// Its key.
    pub key: String,
}

/// Has the log signed, and cosigned by witnesses. Cheap to clone.
#[derive(Clone)]
pub struct Notary(Arc<Inner>);

struct Inner {
    audit: AuditDesk,
    signer: Arc<Signer>,
    witnesses: Vec<(String, VerifierKey)>,
    client: reqwest::Client,
    /// What each witness knows: leaves, by its address.
    known: Mutex<BTreeMap<String, u64>>,
}

impl Notary {
    /// The notary of a log.
    ///
    /// # Errors
    /// When a witness's key cannot be read, or no client can be made.
    pub fn new(audit: AuditDesk, signer: Arc<Signer>, witnesses: &[WitnessConfig]) -> Result<Self> {
        let read = |one: &WitnessConfig| {
            let key = one.key.parse().with_context(|| format!("the key of the witness at {} is none", one.url))?;
            Ok((one.url.trim_end_matches('/').to_owned(), key))
        };
        let witnesses = witnesses.iter().map(read).collect::<Result<_>>()?;
        let client = reqwest::Client::builder().redirect(Policy::none()).timeout(WITHIN).build();
        let client = client.context("no client for witnesses can be made")?;
        Ok(Self(Arc::new(Inner { audit, signer, witnesses, client, known: Mutex::default() })))
    }

    /// Signs the log, now and again and again.
    pub async fn run(self) {
        let mut every = interval(SIGN_EVERY);
        loop {
            every.tick().await;
            self.sign().await;
        }
    }

    /// Signs the log as it is, and shows it to the witnesses.
    pub async fn sign(&self) {
        let signer = Arc::clone(&self.0.signer);
        match self.0.audit.read(move |log| log.checkpoint(&signer)).await {
            Ok(checkpoint) if !self.0.witnesses.is_empty() => self.cosign(checkpoint).await,
            Ok(_) => {}
            Err(error) => error!(%error, "the audit log is not signed"),
        }
    }

    async fn cosign(&self, checkpoint: SignedCheckpoint) {
        let mut cosigned = checkpoint.clone();
        let mut count = 0;
        for (url, key) in &self.0.witnesses {
            match self.ask(url, key, &checkpoint).await {
                Ok(signatures) => {
                    for signature in signatures {
                        count += u32::from(cosigned.add(signature).is_ok());
                    }
                }
                Err(error) => warn!(url, "a witness does not cosign: {error:#}"),
            }
        }
        if count > 0 {
            info!(size = checkpoint.checkpoint().size(), witnesses = count, "cosigned");
            let keep = move |log: &AuditLog| {
                log.keep_cosigned(cosigned);
                Ok(())
            };
            let kept = self.0.audit.read(keep).await;
            if let Err(error) = kept {
                warn!(%error, "cosignatures are not kept");
            }
        }
    }

    /// Shows a checkpoint to one witness, a second time if that knows another size than we thought.
    async fn ask(
        &self,
        url: &str,
        key: &VerifierKey,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Vec<forethought_tlog::note::NoteSignature>> {
        let size = checkpoint.checkpoint().size();
        for _ in 0..2 {
            let old = self.known(url);
            if old > size {
                bail!("it knows of {old} records, and there are {size}: it has seen more of this log than is there");
            }
            let proof = self.0.audit.read(move |log| log.prove_consistency(old, size)).await?;
            let asked = AddCheckpoint::new(old, proof, checkpoint.clone())?.to_string();
            let answer = self.0.client.post(format!("{url}/add-checkpoint")).body(asked).send().await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            let body = body.get(..LONGEST.min(body.len())).unwrap_or_default();
            match status {
                StatusCode::OK => {
                    let signatures = cosignatures_in(body, checkpoint, std::slice::from_ref(key))?;
                    self.note(url, size);
                    return Ok(signatures);
                }
                StatusCode::CONFLICT => self.note(url, size_in(body)?),
                other => bail!("it answers {other}: {}", String::from_utf8_lossy(body).trim()),
            }
        }
        bail!("it knows another size each time that it is asked")
    }

    fn known(&self, url: &str) -> u64 {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).get(url).copied().unwrap_or(0)
    }

    fn note(&self, url: &str, size: u64) {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), size);
    }
}
