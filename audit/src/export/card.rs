//! The data card: what is in the folder, in words and figures, for people and for programs.
//!
//! It is made of the manifest and of the records alone, so that whoever checks an export makes it again, byte for byte. **Its wording is
//! part of the format**: who changes a word of it counts up the manifest's version, and has the words of the version before stay
//! ([`words::In`]).

mod figures;
mod record_fields;
#[cfg(test)]
mod tests;
mod text;
mod trace_fields;
mod words;

use serde::Serialize;

use super::{manifest::Manifest, sum::Counts};
use figures::{Figures, Log};
use words::{Field, File, Format, Verifying};

/// The files.
pub(super) const JSON: &str = "data-card.json";
pub(super) const MARKDOWN: &str = "data-card.md";

/// The card, as it stands in `data-card.json`.
#[derive(Debug, Serialize)]
struct Card<'c> {
    format: &'static str,
    version: u32,
    log: Log<'c>,
    figures: Figures<'c>,
    annex: Vec<figures::InAnnex<'c>>,
    not_in_it: Vec<&'static str>,
    erasure: &'static str,
    verifying: &'static [Verifying],
    formats: Vec<Format>,
    files: Vec<Described>,
}

/// A file, and what is in it.
#[derive(Debug, Serialize)]
struct Described {
    path: &'static str,
    what: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
}

/// Both files of the card, as they must be.
pub(super) fn make(manifest: &Manifest, counts: &Counts) -> Result<[(&'static str, Vec<u8>); 2], serde_json::Error> {
    let card = Card::new(manifest, counts);
    let mut json = serde_json::to_vec_pretty(&card)?;
    json.push(b'\n');
    Ok([(JSON, json), (MARKDOWN, text::of(&card).into_bytes())])
}

impl<'c> Card<'c> {
    fn new(manifest: &'c Manifest, counts: &'c Counts) -> Self {
        Self {
            format: "forethought-data-card",
            version: 1,
            log: Log::of(manifest),
            figures: Figures::of(manifest, counts),
            annex: manifest.annex.iter().map(figures::InAnnex::of).collect(),
            not_in_it: words::not_in_it(manifest.version),
            erasure: words::ERASURE,
            verifying: &words::VERIFYING,
            formats: words::formats(manifest.version),
            files: words::FILES
                .iter()
                .filter(|file| file.is_in(manifest))
                .map(|file| Described::of(file, manifest.version))
                .collect(),
        }
    }
}

impl Described {
    fn of(file: &File, version: u32) -> Self {
        Self { path: file.path, what: file.what, fields: file.fields(version) }
    }
}
