//! Writing an export: the log is read once, and receipts are made of the tiles that this gives.

use std::{ops::ControlFlow, path::Path};

use forethought_tlog::{Checkpoint, Receipt, SignedCheckpoint, inclusion_proof};
use jiff::Timestamp;

use super::{
    ExportError, ExportNote, ExportProgress, ExportScope, ExportStage, OnProgress, Selection,
    annex::{self, Annex, AnnexNote, Named},
    card, csv,
    folder::{Folder, Stream},
    lines,
    manifest::{FILE, Manifest, NEW, VERSION},
    requests::Request,
    selection::Chooser,
    sum::Sum,
    tiles::{FolderTiles, SCRATCH, TileWriter},
    traces,
};
use crate::{AuditError, LogSnapshot, snapshot::Leaf};

/// Records from one word of progress to the next.
const STEP: u64 = 256;

/// Exports the log up to the snapshot's checkpoint into a new folder. Everything is read in the order of the journal, and hashed anew: an
/// export holds what was signed, or fails. Memory is needed for requests under way, for each tenant, model and policy that there is, and
/// about 150 bytes for each file.
///
/// # Errors
/// [`ExportError`]. What had been written is removed then, or the error says that it could not be.
pub fn export(
    snapshot: &LogSnapshot,
    scope: &ExportScope,
    to: &Path,
    now: Timestamp,
    progress: OnProgress<'_>,
) -> Result<ExportNote, ExportError> {
    export_with_annex(snapshot, scope, &[], to, now, progress)
}

/// As [`export`], with files beside the log. What they say is attested by whoever makes the export, and by the log only where a record
/// names their SHA-256: see [`Annex::named`]. They are copied piece by piece.
///
/// # Errors
/// As [`export`]; and [`ExportError::Annex`] where a file cannot be in an annex, or goes with a digest that no record names.
pub fn export_with_annex(
    snapshot: &LogSnapshot,
    scope: &ExportScope,
    annex: &[Annex],
    to: &Path,
    now: Timestamp,
    progress: OnProgress<'_>,
) -> Result<ExportNote, ExportError> {
    let signed = snapshot.checkpoint().ok_or(ExportError::NoCheckpoint)?;
    let origin = signed.checkpoint().origin();
    let verified = signed.verify(origin, snapshot.keys());
    let claim = verified.map_err(|source| ExportError::Keys { origin: origin.to_owned(), source })?;
    annex::check_all(annex)?;
    let folder = Folder::create(to)?;
    let mut writing = Writing::begin(folder, scope, annex, signed);
    match writing.run(snapshot, claim, now, progress) {
        Ok(note) => Ok(note),
        Err(why) => Err(writing.folder.remove(why)),
    }
}

struct Writing<'s> {
    folder: Folder,
    scope: &'s ExportScope,
    signed: &'s SignedCheckpoint,
    annex: &'s [Annex],
    tiles: TileWriter,
    sum: Sum,
    /// What decides of which records there are receipts; the other records of a part are left out.
    chooser: Option<Chooser<'s>>,
    /// Leaves and ids of records that get a receipt.
    chosen: Vec<(u64, String)>,
}

/// The files that grow with every record.
struct Streams {
    jsonl: Stream,
    csv: Stream,
    traces: Stream,
}

impl<'s> Writing<'s> {
    fn begin(folder: Folder, scope: &'s ExportScope, annex: &'s [Annex], signed: &'s SignedCheckpoint) -> Self {
        let selection: Option<&Selection> = match scope {
            ExportScope::Whole { receipts } => receipts.as_ref(),
            ExportScope::Part(selection) => Some(selection),
        };
        let (tiles, chooser) = (TileWriter::new(is_whole(scope)), selection.map(Chooser::new));
        let sum = Sum::looking_for(Named::new(annex.iter().filter_map(|annex| annex.named.as_deref())));
        Self { folder, scope, signed, annex, tiles, sum, chooser, chosen: Vec::new() }
    }

    fn run(
        &mut self,
        snapshot: &LogSnapshot,
        claim: &Checkpoint,
        now: Timestamp,
        progress: OnProgress<'_>,
    ) -> Result<ExportNote, ExportError> {
        self.folder.put("checkpoint", self.signed.to_string().as_bytes())?;
        let mut keys = self.folder.begin("keys.txt")?;
        for key in snapshot.keys() {
            keys.write(format!("{key}\n").as_bytes())?;
        }
        self.folder.end(keys)?;
        let annex = annex::write(&mut self.folder, self.annex)?;
        self.records(snapshot, claim, progress)?;
        self.check_root(claim)?;
        self.check_named()?;
        self.receipts(claim, progress)?;
        self.folder.discard(SCRATCH)?;
        self.seal(claim, annex, now)
    }

    fn records(
        &mut self,
        snapshot: &LogSnapshot,
        claim: &Checkpoint,
        progress: OnProgress<'_>,
    ) -> Result<(), ExportError> {
        let (jsonl, csv) = (self.folder.begin("records.jsonl")?, self.folder.begin("records.csv")?);
        let mut streams = Streams { jsonl, csv, traces: self.folder.begin("traces.jsonl")? };
        streams.csv.write(csv::header(VERSION).as_bytes())?;
        let size = usize::try_from(claim.size()).unwrap_or(usize::MAX);
        for leaf in snapshot.leaves().take(size) {
            let leaf = leaf?;
            self.record(&leaf, &mut streams)?;
            if (leaf.index + 1) % STEP == 0 || leaf.index + 1 == claim.size() {
                tell(progress, leaf.index + 1, claim.size(), ExportStage::Records)?;
            }
        }
        self.tiles.finish(&mut self.folder)?;
        for request in self.sum.rest() {
            streams.csv.write(csv::row(&request, VERSION).as_bytes())?;
        }
        self.folder.end(streams.jsonl)?;
        self.folder.end(streams.csv)?;
        self.folder.end(streams.traces)
    }

    fn record(&mut self, leaf: &Leaf, streams: &mut Streams) -> Result<(), ExportError> {
        let entry = leaf.entry();
        self.tiles.push(&mut self.folder, &entry, leaf.seq)?;
        let chosen = self.chooser.as_mut().is_some_and(|chooser| chooser.takes(&leaf.record));
        if chosen {
            self.entry(leaf, &entry)?;
        }
        if !chosen && !is_whole(self.scope) {
            return Ok(());
        }
        let line = lines::line(leaf.index, &entry, &leaf.bytes).ok_or(ExportError::Line { leaf: leaf.index })?;
        streams.jsonl.write(&line)?;
        match self.sum.take(leaf.index, &leaf.record) {
            Some(request) => self.request(&request, streams),
            None => Ok(()),
        }
    }

    /// Writes a request that has its end.
    fn request(&self, request: &Request, streams: &mut Streams) -> Result<(), ExportError> {
        streams.csv.write(csv::row(request, VERSION).as_bytes())?;
        let line = traces::line(request, self.signed.checkpoint().origin()).unwrap_or_default();
        streams.traces.write(line.as_bytes())
    }

    /// Writes what the receipt of a record will be about.
    fn entry(&mut self, leaf: &Leaf, entry: &[u8]) -> Result<(), ExportError> {
        let id = leaf.record.record_id.to_string();
        let path = format!("receipts/{id}.json");
        if !is_file_name(&id) || self.folder.root().join(&path).exists() {
            return Err(ExportError::RecordId { id, leaf: leaf.index });
        }
        self.folder.put(&path, entry)?;
        self.chosen.push((leaf.index, id));
        Ok(())
    }

    /// That what was read is what was signed.
    fn check_root(&self, claim: &Checkpoint) -> Result<(), ExportError> {
        let tree = self.tiles.tree();
        if (tree.size(), &tree.root()) == (claim.size(), claim.root()) {
            return Ok(());
        }
        let (origin, claimed, size) = (claim.origin().to_owned(), claim.size(), tree.size());
        Err(AuditError::Contradicted { origin, claimed, size }.into())
    }

    /// That the log names what the annex says that it does.
    fn check_named(&self) -> Result<(), ExportError> {
        let named = self.annex.iter().filter_map(|annex| Some((annex, annex.named.as_deref()?)));
        let missing = named.into_iter().find(|(_, digest)| !self.sum.named.has(digest));
        missing.map_or(Ok(()), |(annex, digest)| {
            let what = format!(
                "no record that is exported names {digest}: leave the digest out, or export the records that do"
            );
            Err(annex::refused(&annex.name, what))
        })
    }

    fn receipts(&mut self, claim: &Checkpoint, progress: OnProgress<'_>) -> Result<(), ExportError> {
        let root = self.folder.root();
        let tiles = if is_whole(self.scope) { FolderTiles::of_export(root) } else { FolderTiles::scratch(root) };
        let total = self.chosen.len() as u64;
        for ((leaf, id), done) in self.chosen.iter().zip(1..) {
            let receipt = self.receipt(claim.size(), *leaf, &tiles)?;
            self.folder.put(&format!("receipts/{id}.txt"), receipt.to_string().as_bytes())?;
            if done % STEP == 0 || done == total {
                tell(progress, done, total, ExportStage::Receipts)?;
            }
        }
        Ok(())
    }

    fn receipt(&self, size: u64, leaf: u64, tiles: &FolderTiles) -> Result<Receipt, ExportError> {
        let failed = |error: String| ExportError::Io {
            action: "prove a record with tiles in",
            path: self.folder.root().to_owned(),
            source: std::io::Error::other(error),
        };
        let proof = inclusion_proof(size, leaf, tiles).map_err(|error| failed(error.to_string()))?;
        Receipt::new(Vec::new(), leaf, proof, self.signed.clone()).map_err(|error| failed(error.to_string()))
    }

    fn seal(&mut self, claim: &Checkpoint, annex: Vec<AnnexNote>, now: Timestamp) -> Result<ExportNote, ExportError> {
        let (records, requests) = (self.sum.counts.records, self.sum.counts.requests);
        let receipts = self.chosen.len() as u64;
        let mut manifest = Manifest { records, requests, receipts, annex, ..Manifest::new(self.scope, claim, now) };
        let card = card::make(&manifest, &self.sum.counts).map_err(|error| self.unwritten(card::JSON, error))?;
        for (path, bytes) in card {
            self.folder.put(path, &bytes)?;
        }
        manifest.files = std::mem::take(&mut self.folder.files);
        let files = manifest.files.len() as u64 + 1;
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| self.unwritten(FILE, error))?;
        let manifest = self.folder.seal(NEW, FILE, &text)?;
        Ok(ExportNote { size: claim.size(), records, requests, receipts, files, manifest })
    }

    fn unwritten(&self, file: &str, error: serde_json::Error) -> ExportError {
        ExportError::Io { action: "write", path: self.folder.root().join(file), source: error.into() }
    }
}

fn is_whole(scope: &ExportScope) -> bool {
    matches!(scope, ExportScope::Whole { .. })
}

fn tell(progress: OnProgress<'_>, done: u64, total: u64, stage: ExportStage) -> Result<(), ExportError> {
    match progress(ExportProgress { done, total, stage }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(ExportError::Stopped),
    }
}

/// Whether a file of this name is in its folder, on every system.
pub(super) fn is_file_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}
