//! What stands beside the records: the data card, and the annex.

use std::collections::BTreeSet;

use super::{Files, VerifyExportError, made::Made, wrong};
use crate::export::{
    annex::{AnnexNote, AnnexReport, AnnexStanding, MAX_FILES, check_note, is_digest_of},
    card,
    manifest::{FILE, Manifest},
    sum::Sum,
};

/// The files of the data card.
#[derive(Debug)]
pub(super) struct CardFiles {
    json: Made,
    markdown: Made,
}

impl CardFiles {
    pub(super) fn open(files: &mut Files) -> Result<Self, VerifyExportError> {
        Ok(Self { json: Made::open(files, card::JSON)?, markdown: Made::open(files, card::MARKDOWN)? })
    }

    /// That they say what the records and the manifest say.
    pub(super) fn check(mut self, manifest: &Manifest, sum: &Sum) -> Result<(), VerifyExportError> {
        let made = card::make(manifest, &sum.counts);
        let [(_, json), (_, markdown)] = made.map_err(|error| wrong(card::JSON, error.to_string()))?;
        self.json.expect_all(&json)?;
        self.markdown.expect_all(&markdown)
    }
}

/// Checks what the manifest says of the annex, but not yet whether records name it.
pub(super) fn open_annex(files: &mut Files, manifest: &Manifest) -> Result<(), VerifyExportError> {
    if !manifest.has_card() && !manifest.annex.is_empty() {
        return Err(wrong(FILE, "its version has no annex"));
    }
    if manifest.annex.len() > MAX_FILES {
        return Err(wrong(FILE, format!("there are more than {MAX_FILES} files in the annex")));
    }
    let mut paths = BTreeSet::new();
    for note in &manifest.annex {
        let said = |what| wrong(FILE, format!("`{}` in the annex: {what}", note.name.escape_debug()));
        check_note(note).map_err(said)?;
        drop(files.open_file(&note.path())?);
        if !paths.insert(note.path()) {
            return Err(said("it stands there twice".to_owned()));
        }
    }
    Ok(())
}

/// Who attests what in the annex.
pub(super) fn check_annex(
    files: &Files,
    manifest: &Manifest,
    sum: &Sum,
) -> Result<Vec<AnnexReport>, VerifyExportError> {
    manifest.annex.iter().map(|note| report(files, note, sum)).collect()
}

fn report(files: &Files, note: &AnnexNote, sum: &Sum) -> Result<AnnexReport, VerifyExportError> {
    let path = note.path();
    let file = files.note(&path).ok_or_else(|| wrong(&path, "it is missing"))?;
    if let Some(digest) = note.digest().filter(|digest| !sum.named.has(digest)) {
        return Err(wrong(path, format!("the manifest says that a record names {digest}, and none does")));
    }
    match &note.standing {
        AnnexStanding::Log(digest) if !is_digest_of(digest, &file.sha256) => {
            return Err(wrong(
                path,
                format!("the manifest says that its SHA-256 is {digest}, and it is {}", file.sha256),
            ));
        }
        AnnexStanding::BelongsTo(digest) if is_digest_of(digest, &file.sha256) => {
            return Err(wrong(
                path,
                format!("its SHA-256 is {digest}, and the manifest does not say that the log names it"),
            ));
        }
        _ => {}
    }
    Ok(AnnexReport {
        name: note.name.clone(),
        title: note.title.clone(),
        media_type: note.media_type.clone(),
        bytes: file.bytes,
        sha256: file.sha256,
        standing: note.standing.clone(),
    })
}
