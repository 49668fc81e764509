//! Checking an export offline, with nothing but public keys.

mod beside;
mod entries;
mod files;
mod made;
mod records;

use std::{io, path::Path};

use forethought_tlog::{
    Checkpoint, Hash, SignedCheckpoint, VerifierKey, consistency_proof, receipt::Trust, verify_consistency,
};

use super::{
    annex::AnnexReport,
    manifest::{FILE, Kind, Manifest},
    tiles::FolderTiles,
};
use beside::CardFiles;
use files::Files;

/// The largest file that is read at once, in bytes: a bundle of 256 entries with their lengths is below it.
const MAX_SMALL: u64 = 32 << 20;
const CHECKPOINT: &str = "checkpoint";
const KEYS: &str = "keys.txt";

/// An export that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The log's name.
    pub origin: String,
    /// Its leaves.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Whether all records are in the export. In a part, some that were asked for may be missing: nothing shows that.
    pub whole: bool,
    /// Records in it.
    pub records: u64,
    /// Requests among them.
    pub requests: u64,
    /// Receipts that were checked.
    pub receipts: u64,
    /// Files that were checked, `manifest.json` included.
    pub files: u64,
    /// Files of the annex, and who attests each: most of them nobody but whoever made the export.
    pub annex: Vec<AnnexReport>,
    /// The leaves of the earlier checkpoint that this log begins with, if one was given.
    pub known: Option<u64>,
    /// Keys in `keys.txt` that are not known. Do not believe them because they are there.
    pub unknown_keys: Vec<VerifierKey>,
}

/// Why an export does not hold, or cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyExportError {
    /// Something is wrong with it.
    #[error("{file}{}: {what}", of_leaf(*.leaf))]
    Wrong {
        /// The file, below the folder.
        file: String,
        /// The leaf, where it is one's.
        leaf: Option<u64>,
        /// What is wrong.
        what: String,
    },
    /// A file cannot be read.
    #[error("{file} cannot be read: {source}; this says nothing about the export, mend it and try again")]
    Unreadable {
        /// The file, below the folder.
        file: String,
        /// The cause.
        source: io::Error,
    },
}

fn of_leaf(leaf: Option<u64>) -> String {
    leaf.map(|leaf| format!(", leaf {leaf}")).unwrap_or_default()
}

fn wrong(file: impl Into<String>, what: impl Into<String>) -> VerifyExportError {
    VerifyExportError::Wrong { file: file.into(), leaf: None, what: what.into() }
}

fn wrong_at(file: impl Into<String>, leaf: u64, what: impl Into<String>) -> VerifyExportError {
    VerifyExportError::Wrong { file: file.into(), leaf: Some(leaf), what: what.into() }
}

/// Checks an export: that no file was changed, removed or added; that the checkpoint is signed by one of these keys, whose name is the
/// log's; that every entry and every tile makes its root; that `records.jsonl`, `records.csv`, `traces.jsonl` and the data card say what
/// the entries say; that every receipt holds; that records name what in the annex is said to be named; and, where an earlier checkpoint
/// of the log is given, that the log begins with what that claims.
///
/// **The keys come from a source that is trusted, not from the export.** The proof is in the tree: of the manifest, only the digests,
/// counts and selection are held against the rest. **The annex is attested by whoever made the export**, but for files that the log names:
/// see [`ExportReport::annex`].
///
/// # Errors
/// The first thing that is wrong, with its file, leaf and what it is.
pub fn verify_export(
    dir: &Path,
    keys: &[VerifierKey],
    known: Option<&SignedCheckpoint>,
) -> Result<ExportReport, VerifyExportError> {
    let (manifest, mut files) = Files::open(dir)?;
    let signed = checkpoint(&mut files, keys)?;
    let claim = signed.checkpoint();
    check_claim(&manifest, claim)?;
    let unknown_keys = unknown_keys(&mut files, keys)?;
    let card = if manifest.has_card() { Some(CardFiles::open(&mut files)?) } else { None };
    beside::open_annex(&mut files, &manifest)?;
    if manifest.kind == Kind::Whole {
        entries::check(&mut files, claim)?;
    }
    let own = keys_of(keys, claim.origin());
    let trust = Trust { origin: claim.origin(), log_keys: &own, witnesses: &[], quorum: 0 };
    let sum = records::check(&mut files, &manifest, &signed, &trust)?;
    files.check_all_seen()?;
    let annex = beside::check_annex(&files, &manifest, &sum)?;
    card.map_or(Ok(()), |card| card.check(&manifest, &sum))?;
    let known = known.map(|known| grown(dir, &manifest, claim, known, &own)).transpose()?;
    Ok(ExportReport {
        origin: manifest.origin,
        size: claim.size(),
        root: *claim.root(),
        whole: manifest.kind == Kind::Whole,
        records: manifest.records,
        requests: manifest.requests,
        receipts: manifest.receipts,
        files: files.count() + 1,
        annex,
        known,
        unknown_keys,
    })
}

/// The keys that have the log's name: a key of another log signs nothing here.
fn keys_of(keys: &[VerifierKey], origin: &str) -> Vec<VerifierKey> {
    keys.iter().filter(|key| key.name() == origin).cloned().collect()
}

fn checkpoint(files: &mut Files, keys: &[VerifierKey]) -> Result<SignedCheckpoint, VerifyExportError> {
    let bytes = files.read(CHECKPOINT, MAX_SMALL)?;
    let signed = SignedCheckpoint::parse(bytes).map_err(|error| wrong(CHECKPOINT, error.to_string()))?;
    let origin = signed.checkpoint().origin();
    let own = keys_of(keys, origin);
    if own.is_empty() {
        let what =
            format!("it is of the log `{origin}`, and no key of that name is known: get the log's from its operator");
        return Err(wrong(CHECKPOINT, what));
    }
    signed.verify(origin, &own).map_err(|error| wrong(CHECKPOINT, error.to_string()))?;
    Ok(signed)
}

/// That the manifest says of the log what was signed.
fn check_claim(manifest: &Manifest, claim: &Checkpoint) -> Result<(), VerifyExportError> {
    let said = (manifest.origin.as_str(), manifest.size, manifest.root.clone());
    if said == (claim.origin(), claim.size(), claim.root().to_string()) {
        return Ok(());
    }
    Err(wrong(FILE, "it says another name, size or root of the log than the checkpoint"))
}

fn unknown_keys(files: &mut Files, keys: &[VerifierKey]) -> Result<Vec<VerifierKey>, VerifyExportError> {
    let bytes = files.read(KEYS, MAX_SMALL)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| wrong(KEYS, error.to_string()))?;
    let parse =
        |(line, text): (usize, &str)| text.parse().map_err(|error| wrong(KEYS, format!("line {}: {error}", line + 1)));
    let all: Vec<VerifierKey> = text.lines().enumerate().map(parse).collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|key| !keys.contains(key)).collect())
}

/// That the log begins with what an earlier checkpoint claims; gives how many leaves that has.
fn grown(
    dir: &Path,
    manifest: &Manifest,
    claim: &Checkpoint,
    known: &SignedCheckpoint,
    keys: &[VerifierKey],
) -> Result<u64, VerifyExportError> {
    let earlier = known.verify(claim.origin(), keys);
    let earlier = earlier.map_err(|error| wrong(CHECKPOINT, format!("the earlier checkpoint is not good: {error}")))?;
    let (old, new) = (earlier.size(), claim.size());
    let proof = if old == 0 || old >= new {
        Vec::new()
    } else if manifest.kind == Kind::Part {
        let what = format!("a part of a log cannot show that it begins with {old} leaves known before: get it whole");
        return Err(wrong(CHECKPOINT, what));
    } else {
        let proof = consistency_proof(old, new, &FolderTiles::of_export(dir));
        proof.map_err(|error| wrong(CHECKPOINT, error.to_string()))?
    };
    let holds = verify_consistency(old, earlier.root(), new, claim.root(), &proof);
    holds.map_err(|error| wrong(CHECKPOINT, format!("against the earlier checkpoint of {old} leaves: {error}")))?;
    Ok(old)
}
