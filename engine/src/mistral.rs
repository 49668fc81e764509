//! Open weights in this process, through mistralrs 0.8.1.
//!
//! What that version does that a careful caller must know stands in ADR 0004. In short, on a CPU:
//! a decode step over more than one sequence gives every sequence the attention of the last one
//! (`flash_attn_cpu_single_q` has no room for the batch), so a *lane* (one loaded model, one thread, one sequence at a
//! time) is the unit of work, and lanes run side by side. Drop the lanes when a later version computes batches right.

mod engine;
mod lane;
mod loader;
mod memory;
mod pre_tokenizer;
mod preflight;
mod prompt;
mod schema;
mod tap;

pub use engine::{MistralEngine, digest};
pub use preflight::preflight;

use std::{num::NonZeroU32, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Where a model is and how it is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MistralConfig {
    /// The GGUF file.
    pub path: PathBuf,
    /// A folder with `tokenizer.json` and `tokenizer_config.json`; without it the GGUF file's own tokenizer is used. Its
    /// chat template (`chat_template.jinja`, or that of `tokenizer_config.json`) is used when the GGUF file has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// Copies of the model that run side by side, each on one sequence; by default one a core, as far as memory allows.
    /// Only used on a CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lanes: Option<NonZeroU32>,
    /// Threads of one lane; by default twice its share of the cores, so that a lane at work uses what idle lanes leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_per_lane: Option<NonZeroU32>,
    /// Samples that may wait for a lane before more are refused.
    #[serde(default = "default_waiting")]
    pub max_waiting: u32,
}

const fn default_waiting() -> u32 {
    1024
}

impl MistralConfig {
    /// The defaults for one file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), tokenizer: None, lanes: None, threads_per_lane: None, max_waiting: default_waiting() }
    }
}
