//! The records: what `records.jsonl`, `records.csv` and `traces.jsonl` say is what was signed, and every receipt holds.

use std::{fs::File, io::BufReader};

use forethought_tlog::{
    Receipt, SignedCheckpoint, leaf_hash,
    receipt::{MAX_RECEIPT, Trust},
    tile::{MAX_ENTRY, TILE_WIDTH},
};

use super::{Files, VerifyExportError, entries::bundle, made::Made, wrong, wrong_at};
use crate::{
    Record,
    export::{
        Selection,
        annex::Named,
        csv, lines,
        manifest::{FILE, Kind, Manifest},
        requests::Request,
        selection::Chooser,
        sum::Sum,
        traces,
        writing::is_file_name,
    },
};

const JSONL: &str = "records.jsonl";
const CSV: &str = "records.csv";
const TRACES: &str = "traces.jsonl";
const RECEIPTS: &str = "receipts/";
const WIDTH: u64 = TILE_WIDTH as u64;

/// Checks the records of an export, and sums them up.
pub(super) fn check(
    files: &mut Files,
    manifest: &Manifest,
    signed: &SignedCheckpoint,
    trust: &Trust<'_>,
) -> Result<Sum, VerifyExportError> {
    let (lines, table) = (files.open_file(JSONL)?, Table::open(files, manifest)?);
    let nothing = Selection::default();
    let chooser = manifest.selection.as_ref().map(Chooser::new);
    if manifest.kind == Kind::Part && chooser.is_none() {
        return Err(wrong(FILE, "it does not say which part of the log this is"));
    }
    let chooser = chooser.unwrap_or_else(|| Chooser::new(&nothing));
    let receipts = Receipts { signed, trust, any: manifest.selection.is_some() };
    let sum = Sum::looking_for(Named::new(manifest.annex.iter().filter_map(|note| note.digest())));
    let mut check = Check { lines, table, chooser, receipts, sum };
    match manifest.kind {
        Kind::Whole => check.whole(files, manifest.size)?,
        Kind::Part => check.part(files)?,
    }
    check.finish(files, manifest)
}

struct Check<'c> {
    lines: BufReader<File>,
    table: Table<'c>,
    /// What decides of which records there are receipts.
    chooser: Chooser<'c>,
    receipts: Receipts<'c>,
    sum: Sum,
}

impl Check<'_> {
    /// Every entry of the log, each with its line.
    fn whole(&mut self, files: &mut Files, size: u64) -> Result<(), VerifyExportError> {
        for index in 0..size.div_ceil(WIDTH) {
            let width = u16::try_from((size - index * WIDTH).min(WIDTH)).unwrap_or(TILE_WIDTH);
            for (entry, leaf) in bundle(files, index, width)?.iter().zip(index * WIDTH..) {
                let line = self.line()?;
                if line.is_empty() {
                    return Err(wrong_at(JSONL, leaf, "its line is missing"));
                }
                let record = lines::parse(&line, leaf, entry).map_err(|what| wrong_at(JSONL, leaf, what))?;
                if self.receipts.any && self.chooser.takes(&record) {
                    let shown = self.receipts.check(files, leaf, record.record_id.as_str())?;
                    if shown != *entry {
                        return Err(wrong_at(entry_path(&record), leaf, "it is not the entry in the tree"));
                    }
                }
                self.take(leaf, &record)?;
            }
        }
        if self.line()?.is_empty() {
            Ok(())
        } else {
            Err(wrong(JSONL, format!("it has more lines than the {size} entries")))
        }
    }

    /// Every line, each with the receipt and the entry of its record.
    fn part(&mut self, files: &mut Files) -> Result<(), VerifyExportError> {
        let mut before = None;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(());
            }
            let number = self.sum.counts.records + 1;
            let leaf = lines::leaf_of(&line).filter(|leaf| before.is_none_or(|before| *leaf > before));
            let leaf =
                leaf.ok_or_else(|| wrong(JSONL, format!("line {number} is of no leaf behind those before it")))?;
            let record = self.line_of_part(files, &line, leaf)?;
            if !self.chooser.takes(&record) {
                return Err(wrong_at(JSONL, leaf, "the record is none of those that the manifest says were asked for"));
            }
            self.take(leaf, &record)?;
            before = Some(leaf);
        }
    }

    fn line_of_part(&self, files: &mut Files, line: &[u8], leaf: u64) -> Result<Record, VerifyExportError> {
        let id = lines::record_id(line).ok_or_else(|| wrong_at(JSONL, leaf, "the line has no record"))?;
        let entry = self.receipts.check(files, leaf, &id)?;
        let record = lines::parse(line, leaf, &entry).map_err(|what| wrong_at(JSONL, leaf, what))?;
        if record.record_id.as_str() == id { Ok(record) } else { Err(wrong_at(JSONL, leaf, "the line has two ids")) }
    }

    fn take(&mut self, leaf: u64, record: &Record) -> Result<(), VerifyExportError> {
        match self.sum.take(leaf, record) {
            Some(request) => self.table.request(&request),
            None => Ok(()),
        }
    }

    fn line(&mut self) -> Result<Vec<u8>, VerifyExportError> {
        let line = lines::next(&mut self.lines);
        line.map_err(|source| VerifyExportError::Unreadable { file: JSONL.to_owned(), source })
    }

    fn finish(mut self, files: &Files, manifest: &Manifest) -> Result<Sum, VerifyExportError> {
        self.table.finish(&self.sum.rest())?;
        let receipts = files.below(RECEIPTS).len() as u64 / 2;
        let (records, requests) = (self.sum.counts.records, self.sum.counts.requests);
        if (records, requests, receipts) == (manifest.records, manifest.requests, manifest.receipts) {
            return Ok(self.sum);
        }
        let what =
            format!("there are {records} records, {requests} requests and {receipts} receipts, and it says otherwise");
        Err(wrong(FILE, what))
    }
}

/// `records.csv` and `traces.jsonl`, held against what they must be.
struct Table<'c> {
    csv: Made,
    /// None in an export of the first version.
    traces: Option<Made>,
    origin: &'c str,
    /// That of the export's format.
    version: u32,
}

impl<'c> Table<'c> {
    fn open(files: &mut Files, manifest: &'c Manifest) -> Result<Self, VerifyExportError> {
        let mut csv = Made::open(files, CSV)?;
        csv.expect(&csv::header(manifest.version))?;
        let traces = if manifest.has_card() { Some(Made::open(files, TRACES)?) } else { None };
        Ok(Self { csv, traces, origin: &manifest.origin, version: manifest.version })
    }

    /// The next request that has its end.
    fn request(&mut self, request: &Request) -> Result<(), VerifyExportError> {
        self.csv.expect(&csv::row(request, self.version))?;
        match (&mut self.traces, traces::line(request, self.origin)) {
            (Some(file), Some(line)) => file.expect(&line),
            _ => Ok(()),
        }
    }

    /// The rest of the files: requests without an end.
    fn finish(&mut self, rest: &[Request]) -> Result<(), VerifyExportError> {
        for request in rest {
            self.csv.expect(&csv::row(request, self.version))?;
        }
        self.csv.end()?;
        self.traces.as_mut().map_or(Ok(()), Made::end)
    }
}

/// Receipts, with their entries beside them.
struct Receipts<'c> {
    signed: &'c SignedCheckpoint,
    trust: &'c Trust<'c>,
    /// Whether there are any.
    any: bool,
}

impl Receipts<'_> {
    /// Checks the receipt of the record with this id, and gives its entry.
    fn check(&self, files: &mut Files, leaf: u64, id: &str) -> Result<Vec<u8>, VerifyExportError> {
        if !is_file_name(id) {
            return Err(wrong_at(JSONL, leaf, format!("`{id}` is no id that can have a receipt")));
        }
        let (path, entry_path) = (format!("{RECEIPTS}{id}.txt"), format!("{RECEIPTS}{id}.json"));
        let receipt = Receipt::parse(files.read(&path, MAX_RECEIPT as u64)?);
        let receipt = receipt.map_err(|error| wrong_at(&path, leaf, error.to_string()))?;
        let entry = files.read(&entry_path, MAX_ENTRY as u64)?;
        if receipt.index() != leaf {
            return Err(wrong_at(&path, leaf, format!("it is of leaf {}", receipt.index())));
        }
        if receipt.checkpoint() != self.signed {
            return Err(wrong_at(&path, leaf, "its checkpoint is not the export's"));
        }
        let holds = receipt.verify(&leaf_hash(&entry), self.trust);
        holds.map_err(|error| wrong_at(&path, leaf, error.to_string()))?;
        Ok(entry)
    }
}

fn entry_path(record: &Record) -> String {
    format!("{RECEIPTS}{}.json", record.record_id)
}
