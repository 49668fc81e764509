//! Loads one copy of a model, and what can be read from it once.

use std::{path::Path, sync::Arc};

use mistralrs::{
    GgufModelBuilder, Model,
    core::llguidance::toktrie::TokEnv,
    model_builder_trait::{build_gguf_pipeline, build_model_from_pipeline},
};

use super::{
    MistralConfig, pre_tokenizer,
    preflight::{self, Plan},
    schema::Schemas,
};
use crate::{ChatTemplate, EngineError, control::ControlTokens};

/// Turns text to token ids with the model's own tokenizer.
pub(super) type Encode = Arc<dyn Fn(&str) -> Result<Vec<u32>, String> + Send + Sync>;

/// What all lanes of a model share.
pub(super) struct Vocabulary {
    pub encode: Encode,
    pub trie: TokEnv,
    pub eos: Vec<u32>,
    /// A token of plain text, forced when a sequence must end: a special one would leave no text and go unnoticed.
    pub filler: u32,
    pub template: ChatTemplate,
    pub controls: ControlTokens,
    pub context_tokens: u32,
    pub schemas: Schemas,
}

/// One loaded copy.
pub(super) struct Copy {
    pub model: Model,
    pub vocabulary: Vocabulary,
    /// Whether it runs on a GPU, where batches are computed right.
    pub accelerated: bool,
}

/// The key-value cache grows in steps of this many tokens and fails when a step would pass the model's maximum.
const CACHE_STEP: u32 = 512;

pub(super) async fn load(config: &MistralConfig) -> Result<Copy, EngineError> {
    let fail = |message: String| EngineError::Load { path: config.path.display().to_string(), message };
    let Plan { header, template, cut } = preflight::plan(config).map_err(|problems| fail(problems.join("; ")))?;
    let (folder, file) = split(&config.path).ok_or_else(|| fail("its path has no file name".to_owned()))?;

    // The prefix cache stays on: a lane primes it and empties it itself, see `lane`.
    let mut builder = GgufModelBuilder::new(folder, vec![file]).with_prefix_cache_n(Some(16));
    if let Some(folder) = &config.tokenizer {
        builder = builder.with_tok_model_id(folder.display());
    }
    let (pipeline, scheduler, add) = build_gguf_pipeline(builder).await.map_err(|error| fail(format!("{error:#}")))?;
    let (tokenizer, metadata, device) = {
        let pipeline = pipeline.lock().await;
        (pipeline.tokenizer(), pipeline.get_metadata(), pipeline.device())
    };
    let mut tokenizer = tokenizer.ok_or_else(|| fail("it has no tokenizer".to_owned()))?;
    if let Some(cut) = cut {
        let json = tokenizer.to_string(false).map_err(|error| fail(error.to_string()))?;
        tokenizer = Arc::new(pre_tokenizer::with_cut(&json, cut).map_err(fail)?);
    }
    let mut controls: Vec<String> = header.control_tokens.into_iter().chain(header.bos).chain(header.eos).collect();
    if config.tokenizer.is_some() {
        let added = tokenizer.get_added_tokens_decoder().into_values();
        controls.extend(added.filter(|token| token.special).map(|token| token.content));
    }
    let controls = ControlTokens::new(controls);
    let trie = metadata.tok_env().ok_or_else(|| fail("its tokenizer has no token table".to_owned()))?;
    let schemas = Schemas::new(&trie).map_err(fail)?;
    let encode: Encode = Arc::new(move |text: &str| {
        tokenizer.encode_fast(text, false).map(|ids| ids.get_ids().to_vec()).map_err(|error| error.to_string())
    });
    let filler = encode("a").ok().and_then(|ids| ids.first().copied()).unwrap_or_default();
    let longest = u32::try_from(metadata.max_seq_len).unwrap_or(u32::MAX);
    let vocabulary = Vocabulary {
        encode,
        trie,
        eos: metadata.eos_tok.clone(),
        filler,
        template,
        controls,
        context_tokens: longest / CACHE_STEP * CACHE_STEP,
        schemas,
    };
    let model = build_model_from_pipeline(pipeline, scheduler, add).await;
    Ok(Copy { model, vocabulary, accelerated: !device.is_cpu() })
}

fn split(path: &Path) -> Option<(String, String)> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some((folder.display().to_string(), path.file_name()?.to_str()?.to_owned()))
}
