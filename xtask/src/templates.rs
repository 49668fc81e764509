//! Published chat templates of models that think or call tools, which tests render: they come unchanged in the wheel of TRL.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::wheel::{self, Member};
use crate::{paths, place};

const PACKAGE: &str = "trl==1.16.0";

/// The templates' names there, and their checksums.
const TEMPLATES: [(&str, &str); 5] = [
    ("deepseek_r1_distill.jinja", "56a1447ad31926fdc21fb07e56e5642bd9c850c4f52d8c8af7bbe5f079a84f5f"),
    ("qwen3.jinja", "a55ee1b1660128b7098723e0abcd92caa0788061051c62d51cbe87d9cf1974d8"),
    ("gptoss.jinja", "a4c9919cbbd4acdd51ccffe22da049264b1b73e59055fa58811a99efbd7c8146"),
    ("qwen2_5.jinja", "cd8e9439f0570856fd70470bf8889ebd8b5d1107207f67a5efb46e342330527f"),
    ("llama3_1.jinja", "e10ca381b1ccc5cf9db52e371f3b6651576caee0a630b452e2816b2d404d4b65"),
];

/// Returns the folder of the templates; fetches them when one is missing or damaged.
pub fn prepare() -> Result<PathBuf> {
    let folder = paths::templates()?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let _only_one = place::lock(&folder)?;
    let files: Vec<_> = TEMPLATES.iter().map(|(name, sha256)| (*name, folder.join(name), *sha256)).collect();
    let mut all_right = true;
    for (_, path, sha256) in &files {
        all_right &= place::is_right(path, sha256)?;
    }
    if all_right {
        eprintln!("chat templates: {} is there and right", folder.display());
        return Ok(folder);
    }
    eprintln!("chat templates: fetching {PACKAGE} (1 MB)");
    let inside: Vec<String> = files.iter().map(|(name, ..)| format!("trl/chat_templates/{name}")).collect();
    let members = inside.iter().zip(&files).map(|(name, (_, to, sha256))| Member { name, to, sha256 });
    wheel::fetch(PACKAGE, &folder, &members.collect::<Vec<_>>(), false).context("the chat templates cannot be had")?;
    Ok(folder)
}
