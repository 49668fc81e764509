//! `forethought model register`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use forethought_provenance::{
    Digest, Entry, Fingerprint, RegisteredFile, Registry, RegistryFile, Source, compare_base, measure,
};

use super::{bytes_bar, configured, registry_of, with_engine};
use crate::{
    cli::{
        Usage, load,
        output::{self, Style, fields, tame},
    },
    weights::{self, files},
};

/// A model to be registered.
#[derive(clap::Args)]
pub struct Args {
    /// The model's id, as in the configuration
    id: String,
    /// The configuration file, which names the registry and the model's files
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where the weights come from: the address of a page or repository
    #[arg(long, value_name = "URL")]
    source: String,
    /// Which state of it: a commit, a tag or a date
    #[arg(long)]
    revision: String,
    /// Its licence, as an SPDX expression such as Apache-2.0
    #[arg(long, value_name = "SPDX")]
    licence: String,
    /// The registered model that it was made from
    #[arg(long, value_name = "ID")]
    base: Option<String>,
    /// What a reader should know of it
    #[arg(long)]
    note: Option<String>,
    /// The digest of the entry that it takes the place of
    #[arg(long, value_name = "SHA256")]
    replaces: Option<Digest>,
    /// Take no fingerprint: a later change of its behaviour cannot be found then
    #[arg(long)]
    no_fingerprint: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = load(&args.config)?;
    let registry = registry_of(&config)?;
    let members = configured(&config, &args.id)?;
    let Some(file) = members.first() else { return Ok(()) };
    if members.iter().any(|member| files(member) != files(file)) {
        let told = "the members of this pool are loaded from different files; give each a model of its own";
        return Err(Usage(told.to_owned()).into());
    }
    let files = registered(&files(file))?;
    eprintln!("{} hashed", output::count(files.len() as u64, "file"));
    let fingerprint = if args.no_fingerprint {
        None
    } else {
        eprintln!("asking the model what its fingerprint is made of");
        Some(with_engine(file, async |engine| weights::take(engine).await)?)
    };
    let entry = Entry {
        id: args.id.clone(),
        files,
        source: Source { url: args.source.clone(), revision: args.revision.clone() },
        licence: args.licence.clone(),
        base: args.base.clone(),
        note: args.note.clone(),
        approved: None,
        revoked: None,
        evaluations: Vec::new(),
        impact: Vec::new(),
        fingerprint,
    };
    let digest = RegistryFile::new(&registry).register(&entry, args.replaces)?;
    Ok(output::print(&told(&entry, digest, &registry)?)?)
}

fn told(entry: &Entry, digest: Digest, registry: &Path) -> anyhow::Result<String> {
    let mut pairs =
        vec![("model", tame(&entry.id)), ("entry", digest.to_string()), ("to approve", entry.subject().to_string())];
    if let Some(fingerprint) = &entry.fingerprint {
        let Fingerprint { harmful, benign, tokens, .. } = fingerprint;
        let refused = format!(
            "{} of {} harmful requests and {} of {} harmless ones refused",
            harmful.ones(),
            harmful.len(),
            benign.ones(),
            benign.len()
        );
        pairs.push(("fingerprint", format!("{refused}, {tokens} tokens")));
        let all = Registry::load(registry)?;
        let base = entry.base.as_ref().and_then(|base| all.get(base)).and_then(|base| base.fingerprint.as_ref());
        if let Some(base) = base {
            pairs.push(("beside its base", compare_base(base, fingerprint)?.to_string()));
        }
    }
    let next = format!("now: forethought model approve {} --by NAME --config FILE\n", tame(&entry.id));
    Ok(format!("{}{next}", fields(&pairs, Style::of_stdout())))
}

/// Every file that the engine reads, hashed; those of a folder by their names in it.
fn registered(given: &[PathBuf]) -> anyhow::Result<Vec<RegisteredFile>> {
    let bar = bytes_bar();
    let mut registered = Vec::new();
    for (path, name) in given.iter().map(|path| named(path)).collect::<anyhow::Result<Vec<_>>>()?.concat() {
        let (size, sha256) = measure(&path, &mut |at| {
            bar.set_length(at.total);
            bar.set_position(at.done);
        })
        .with_context(|| format!("cannot read {}", path.display()))?;
        registered.push(RegisteredFile { path: None, name: Some(name), size, sha256 });
    }
    bar.finish_and_clear();
    Ok(registered)
}

/// A file with its name, or all files of a folder with their paths in it.
fn named(given: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    if !given.is_dir() {
        let name = given.file_name().and_then(|name| name.to_str()).context("the model's file has no name")?;
        return Ok(vec![(given.to_owned(), name.to_owned())]);
    }
    let (mut found, mut folders) = (Vec::new(), vec![given.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(given)?.to_str().context("a file's name is no text")?.to_owned();
            found.push((path, name));
        }
    }
    found.sort();
    Ok(found)
}
