//! The figures of a data card.

use jiff::Timestamp;
use serde::Serialize;

use crate::export::{
    Selection,
    annex::AnnexNote,
    manifest::{Kind, Manifest},
    sum::Counts,
};

/// Which log it is, and what of it.
#[derive(Debug, Serialize)]
pub(super) struct Log<'c> {
    pub(super) origin: &'c str,
    /// Leaves of the log, as the checkpoint has it.
    pub(super) size: u64,
    pub(super) root: &'c str,
    pub(super) kind: Kind,
    pub(super) note: &'c str,
    pub(super) made: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selection: Option<&'c Selection>,
}

/// How much there is of what.
#[derive(Debug, Serialize)]
pub(super) struct Figures<'c> {
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) records: u64,
    pub(super) requests: u64,
    pub(super) receipts: u64,
    pub(super) commitments: u64,
    pub(super) records_by_type: Vec<Count<'c>>,
    pub(super) requests_by_status: Vec<Count<'c>>,
    pub(super) tenants: Vec<Tenant<'c>>,
    pub(super) models: Vec<Model<'c>>,
    pub(super) policies: Vec<Policy<'c>>,
    pub(super) erasures: Erasures,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<Tool<'c>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Count<'c> {
    pub(super) name: &'c str,
    pub(super) count: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Tenant<'c> {
    #[serde(rename = "tenant")]
    pub(super) name: &'c str,
    pub(super) records: u64,
    pub(super) requests: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Model<'c> {
    #[serde(rename = "model")]
    pub(super) name: &'c str,
    pub(super) weights_digest: &'c str,
    pub(super) requests: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Policy<'c> {
    pub(super) version: &'c str,
    pub(super) digest: &'c str,
    pub(super) requests: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Tool<'c> {
    #[serde(rename = "tool")]
    pub(super) name: &'c str,
    pub(super) calls: u64,
    pub(super) refused: u64,
    pub(super) held: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Erasures {
    /// Acts that destroyed keys of contents.
    pub(super) done: u64,
    /// Keys that they destroyed.
    pub(super) keys_destroyed: u64,
    /// Acts that destroyed none, since they must stay.
    pub(super) refused: u64,
}

/// A file of the annex.
#[derive(Debug, Serialize)]
pub(super) struct InAnnex<'c> {
    pub(super) path: String,
    pub(super) title: &'c str,
    pub(super) media_type: &'c str,
    pub(super) attested: String,
}

impl<'c> Log<'c> {
    pub(super) fn of(manifest: &'c Manifest) -> Self {
        Self {
            origin: &manifest.origin,
            size: manifest.size,
            root: &manifest.root,
            kind: manifest.kind,
            note: &manifest.note,
            made: manifest.made,
            selection: manifest.selection.as_ref(),
        }
    }
}

impl<'c> Figures<'c> {
    pub(super) fn of(manifest: &'c Manifest, counts: &'c Counts) -> Self {
        let (first, last) = counts.period.unzip();
        Self {
            first,
            last,
            records: counts.records,
            requests: counts.requests,
            receipts: manifest.receipts,
            commitments: counts.commitments,
            records_by_type: counts.by_type.iter().map(|(name, count)| Count { name, count: *count }).collect(),
            requests_by_status: counts.by_status.iter().map(|(name, count)| Count { name, count: *count }).collect(),
            tenants: tenants(counts),
            models: models(counts),
            policies: policies(counts),
            erasures: Erasures {
                done: counts.erasures.done,
                keys_destroyed: counts.erasures.keys,
                refused: counts.erasures.refused,
            },
            tools: tools(counts),
        }
    }
}

fn tenants(counts: &Counts) -> Vec<Tenant<'_>> {
    let all = counts.tenants.iter().map(|(name, of)| (name.as_str(), of.records, of.requests));
    all.map(|(name, records, requests)| Tenant { name, records, requests }).collect()
}

fn models(counts: &Counts) -> Vec<Model<'_>> {
    let all = counts.models.iter();
    all.map(|((name, weights_digest), requests)| Model { name, weights_digest, requests: *requests }).collect()
}

fn policies(counts: &Counts) -> Vec<Policy<'_>> {
    let all = counts.policies.iter();
    all.map(|((version, digest), requests)| Policy { version, digest, requests: *requests }).collect()
}

fn tools(counts: &Counts) -> Vec<Tool<'_>> {
    let all = counts.tools.iter();
    all.map(|(name, of)| Tool { name, calls: of.calls, refused: of.refused, held: of.held }).collect()
}

impl<'c> InAnnex<'c> {
    pub(super) fn of(note: &'c AnnexNote) -> Self {
        Self {
            path: note.path(),
            title: &note.title,
            media_type: &note.media_type,
            attested: note.standing.to_string(),
        }
    }
}
