//! Writing an export: the log is read once, and receipts are made of the tiles that this gives.

use std::{ops::ControlFlow, path::Path};

use forethought_tlog::{Checkpoint, Receipt, SignedCheckpoint, inclusion_proof};
use jiff::Timestamp;

use super::{
    ExportError, ExportNote, ExportProgress, ExportScope, ExportStage, OnProgress, Selection,
    csv::{HEADER, Rows},
    folder::{Folder, Stream},
    lines,
    manifest::{FILE, Manifest, NEW},
    selection::Chooser,
    tiles::{FolderTiles, SCRATCH, TileWriter},
};
use crate::{AuditError, LogSnapshot, snapshot::Leaf};

/// Records from one word of progress to the next.
const STEP: u64 = 256;

/// Exports the log up to the snapshot's checkpoint into a new folder. Everything is read in the order of the journal, and hashed anew: an
/// export holds what was signed, or fails. Memory is needed for requests under way, and about 150 bytes for each file.
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
    let signed = snapshot.checkpoint().ok_or(ExportError::NoCheckpoint)?;
    let origin = signed.checkpoint().origin();
    let verified = signed.verify(origin, snapshot.keys());
    let claim = verified.map_err(|source| ExportError::Keys { origin: origin.to_owned(), source })?;
    let folder = Folder::create(to)?;
    let mut writing = Writing::begin(folder, scope, signed);
    match writing.run(snapshot, claim, now, progress) {
        Ok(note) => Ok(note),
        Err(why) => Err(writing.folder.remove(why)),
    }
}

struct Writing<'s> {
    folder: Folder,
    scope: &'s ExportScope,
    signed: &'s SignedCheckpoint,
    tiles: TileWriter,
    rows: Rows,
    /// What decides of which records there are receipts; the other records of a part are left out.
    chooser: Option<Chooser<'s>>,
    /// Leaves and ids of records that get a receipt.
    chosen: Vec<(u64, String)>,
    records: u64,
}

/// The files that grow with every record.
struct Streams {
    jsonl: Stream,
    csv: Stream,
}

impl<'s> Writing<'s> {
    fn begin(folder: Folder, scope: &'s ExportScope, signed: &'s SignedCheckpoint) -> Self {
        let selection: Option<&Selection> = match scope {
            ExportScope::Whole { receipts } => receipts.as_ref(),
            ExportScope::Part(selection) => Some(selection),
        };
        let (tiles, chooser) = (TileWriter::new(is_whole(scope)), selection.map(Chooser::new));
        Self { folder, scope, signed, tiles, rows: Rows::default(), chooser, chosen: Vec::new(), records: 0 }
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
        self.records(snapshot, claim, progress)?;
        self.check_root(claim)?;
        self.receipts(claim, progress)?;
        self.folder.discard(SCRATCH)?;
        self.seal(claim, now)
    }

    fn records(
        &mut self,
        snapshot: &LogSnapshot,
        claim: &Checkpoint,
        progress: OnProgress<'_>,
    ) -> Result<(), ExportError> {
        let (jsonl, csv) = (self.folder.begin("records.jsonl")?, self.folder.begin("records.csv")?);
        let mut streams = Streams { jsonl, csv };
        streams.csv.write(HEADER.as_bytes())?;
        let size = usize::try_from(claim.size()).unwrap_or(usize::MAX);
        for leaf in snapshot.leaves().take(size) {
            let leaf = leaf?;
            self.record(&leaf, &mut streams)?;
            if (leaf.index + 1) % STEP == 0 || leaf.index + 1 == claim.size() {
                tell(progress, leaf.index + 1, claim.size(), ExportStage::Records)?;
            }
        }
        self.tiles.finish(&mut self.folder)?;
        for row in self.rows.rest() {
            streams.csv.write(row.as_bytes())?;
        }
        self.folder.end(streams.jsonl)?;
        self.folder.end(streams.csv)
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
        self.records += 1;
        match self.rows.take(leaf.index, &leaf.record) {
            Some(row) => streams.csv.write(row.as_bytes()),
            None => Ok(()),
        }
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

    fn seal(&mut self, claim: &Checkpoint, now: Timestamp) -> Result<ExportNote, ExportError> {
        let (records, requests, receipts) = (self.records, self.rows.made, self.chosen.len() as u64);
        let files = std::mem::take(&mut self.folder.files);
        let count = files.len() as u64 + 1;
        let manifest = Manifest { records, requests, receipts, files, ..Manifest::new(self.scope, claim, now) };
        let path = self.folder.root().join(FILE);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| ExportError::Io {
            action: "write",
            path,
            source: error.into(),
        })?;
        let manifest = self.folder.seal(NEW, FILE, &text)?;
        Ok(ExportNote { size: claim.size(), records, requests, receipts, files: count, manifest })
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
