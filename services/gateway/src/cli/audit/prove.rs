//! `forethought audit prove`: receipts of a request's records, checked before they are given.

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use forethought_audit::{AuditReader, VerifierKey};
use forethought_tlog::{Receipt, leaf_hash, receipt::Trust};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ProveArgs, public_keys};
use crate::{
    ask,
    cli::{
        Usage,
        output::{self, Align, Paint, Style, Table, fields, tame},
    },
};

/// A receipt, and the entry that it is of.
#[derive(Deserialize)]
struct Proved {
    entry: String,
    receipt: String,
}

/// What the service tells of its log.
#[derive(Deserialize)]
struct About {
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct Receipts {
    data: Vec<Proved>,
}

/// A receipt that holds.
struct Shown {
    record: String,
    kind: String,
    entry: String,
    receipt: Receipt,
    size: u64,
    root: String,
    /// The witnesses that have cosigned and are known.
    witnesses: usize,
}

pub fn run(args: &ProveArgs) -> anyhow::Result<()> {
    let (told, proved) = match &args.url {
        Some(url) => asked(url, args)?,
        None => read(args)?,
    };
    let trusted = if args.log_key.is_empty() { told.clone() } else { args.log_key.clone() };
    let shown = proved.iter().map(|one| check(one, &trusted, args)).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(folder) = &args.out {
        write(folder, &shown)?;
    }
    if args.json {
        return Ok(output::print_json(&shown.iter().map(to_json).collect())?);
    }
    Ok(output::print(&text(&shown, &trusted, args))?)
}

/// Asks a running service, which signs its log at once.
fn asked(url: &str, args: &ProveArgs) -> anyhow::Result<(Vec<VerifierKey>, Vec<Proved>)> {
    let Some(key) = &args.key else {
        return Err(Usage("give `--key` with an API key that may read records".to_owned()).into());
    };
    let url = url.trim_end_matches('/');
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let about: About = serde_json::from_value(ask::get(&format!("{url}/v1/audit/log"), key).await?)?;
        let receipts = ask::get(&format!("{url}/v1/audit/records/{}/proof", args.id), key).await?;
        let Receipts { data } = serde_json::from_value(receipts)?;
        let keys = about.keys.iter().map(|key| key.parse().context("the service names a key that is none"));
        Ok((keys.collect::<anyhow::Result<_>>()?, data))
    })
}

/// Reads the log's files, up to the last checkpoint that was signed.
fn read(args: &ProveArgs) -> anyhow::Result<(Vec<VerifierKey>, Vec<Proved>)> {
    let dir = args.dir()?;
    let keys = public_keys(&args.log_key, &dir)?;
    let proved = AuditReader::open(&dir)?.prove(&args.id)?;
    let one = |(receipt, entry): (Receipt, Vec<u8>)| {
        Ok(Proved { entry: String::from_utf8(entry).context("an entry is no text")?, receipt: receipt.to_string() })
    };
    Ok((keys, proved.into_iter().map(one).collect::<anyhow::Result<_>>()?))
}

/// Checks a receipt as anybody would.
fn check(Proved { entry, receipt }: &Proved, keys: &[VerifierKey], args: &ProveArgs) -> anyhow::Result<Shown> {
    let receipt = Receipt::parse(receipt)?;
    let Some(first) = keys.first() else { bail!("there is no public key of the log; give one with `--log-key`") };
    let trust = Trust { origin: first.name(), log_keys: keys, witnesses: &args.witness, quorum: args.quorum };
    let held = receipt.verify(&leaf_hash(entry.as_bytes()), &trust)?;
    let (size, root, witnesses) = (held.checkpoint.size(), held.checkpoint.root().to_string(), held.cosignatures.len());
    let record: Value = serde_json::from_str(entry).context("an entry is no JSON")?;
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    // The leaf of a record that is too large for an entry tells its digest alone.
    let kind = Some(text("/body/type")).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "large record".to_owned());
    Ok(Shown { record: text("/record_id"), kind, entry: entry.clone(), receipt, size, root, witnesses })
}

/// An entry and its receipt in a file each, named after the record.
fn write(folder: &Path, shown: &[Shown]) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for Shown { record, entry, receipt, .. } in shown {
        ensure!(
            record.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
            "the record's id `{}` is none",
            tame(record)
        );
        for (end, text) in [("json", entry.clone()), ("receipt.txt", receipt.to_string())] {
            let path = folder.join(format!("{record}.{end}"));
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

fn text(shown: &[Shown], keys: &[VerifierKey], args: &ProveArgs) -> String {
    let style = Style::of_stdout();
    let mut table = Table::new(&[
        ("RECORD", Align::Left),
        ("TYPE", Align::Left),
        ("LEAF", Align::Right),
        ("HASHES", Align::Right),
        ("PROOF", Align::Left),
    ]);
    for one in shown {
        table.row(vec![
            (tame(&one.record), Paint::Plain),
            (tame(&one.kind), Paint::Plain),
            (one.receipt.index().to_string(), Paint::Plain),
            (one.receipt.proof().len().to_string(), Paint::Plain),
            ("holds".to_owned(), Paint::Good),
        ]);
    }
    let mut pairs: Vec<(&str, String)> = Vec::new();
    if let Some(one) = shown.first() {
        pairs.extend([
            ("tree", format!("{} records, root {}", one.size, one.root)),
            ("witnesses", one.witnesses.to_string()),
        ]);
    }
    pairs.extend(keys.iter().map(|key| ("key", key.to_string())));
    if args.log_key.is_empty() {
        let whence = if args.url.is_some() { "the service itself" } else { "the data directory" };
        pairs.push(("note", format!("the key is from {whence}; an auditor gives it with `--log-key`, from elsewhere")));
    }
    pairs.extend(args.out.as_ref().map(|folder| ("files", folder.display().to_string())));
    format!("{}\n{}", table.render(style), fields(&pairs, style))
}

fn to_json(shown: &Shown) -> Value {
    json!({
        "record_id": shown.record, "type": shown.kind, "index": shown.receipt.index(), "size": shown.size,
        "root": shown.root, "witnesses": shown.witnesses, "entry": shown.entry, "receipt": shown.receipt.to_string(),
    })
}
