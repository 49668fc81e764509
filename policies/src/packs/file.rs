//! A pack as a file: read, checked, and made into rules.

use std::{path::Path, sync::Arc};

use forethought_schemas::PACK_SCHEMA;
use jiff::{
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    condition::Condition,
    effect::Then,
    example::Example,
    findings,
    order::Order,
    pack::{Cite, Cited, Law, Pack, PackChoice, WhenUnknown},
    region::Region,
    rule::{Confidence, Role, Rule, Status},
    window::{Effective, Window},
};
use crate::{
    document::{Document, FileKind},
    problem::{FileError, Problem},
};

/// A jurisdiction pack, in the version that this build reads.
pub(super) static PACK_FILE: FileKind = FileKind {
    name: "jurisdiction pack",
    create: "name a pack that ships with forethought, or write one after policies/packs/template.yaml",
    version: 1,
    schema: &PACK_SCHEMA,
};

/// A pack as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(rename = "version")]
    _version: i64,
    id: String,
    title: String,
    law: Law,
    regions: Vec<Region>,
    pub(super) timezone: String,
    pub(super) checked_on: Date,
    #[serde(default)]
    when_unknown: WhenUnknown,
    #[serde(default)]
    order: Vec<Order>,
    pub(super) rules: Vec<WrittenRule>,
}

/// A rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRule {
    id: String,
    title: String,
    citation: String,
    #[serde(default)]
    source: Option<String>,
    pub(super) status: Status,
    pub(super) effective: Effective,
    confidence: Confidence,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    when: Condition,
    #[serde(default)]
    unless: Vec<Condition>,
    pub(super) then: Then,
    #[serde(default)]
    examples: Vec<Example>,
}

/// A pack that is ready.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) pack: Arc<Pack>,
    pub(super) orders: Vec<Order>,
    pub(super) rules: Vec<Rule>,
}

/// Reads the bytes of a pack; `file` only names it in errors.
pub(super) fn parse(file: &Path, bytes: &[u8], choice: &PackChoice) -> Result<Loaded, FileError> {
    let document = Document::parse(file, bytes, &PACK_FILE)?;
    let written: Written = document.read(findings::of_words(&document))?;
    let zone = zone(&written.timezone);
    let wrong = findings::of_sense(&document, &written, zone.is_some());
    let zone = match zone {
        Some(zone) if wrong.is_empty() => zone,
        _ => return Err(document.refuse(wrong)),
    };
    build(&document, written, &zone, digest(bytes), choice)
}

fn build(
    document: &Document,
    written: Written,
    zone: &TimeZone,
    digest: String,
    choice: &PackChoice,
) -> Result<Loaded, FileError> {
    let Written { id, title, law, regions, checked_on, when_unknown, order, rules, .. } = written;
    let settings = choice.settings(when_unknown);
    let pack = Arc::new(Pack { id, title, law, regions, checked_on, settings, digest });
    let rules = rules.into_iter().enumerate().map(|(at, rule)| {
        let window = Window::new(rule.effective, zone);
        let window = window.map_err(|error| document.refuse(vec![out_of_calendar(document, at, &error)]))?;
        Ok(rule.into_rule(&pack, window))
    });
    let rules = rules.collect::<Result<_, FileError>>()?;
    Ok(Loaded { pack, orders: order, rules })
}

fn out_of_calendar(document: &Document, at: usize, error: &jiff::Error) -> Problem {
    let told = format!("the day is beyond the calendar: {error}");
    document.problem(&format!("/rules/{at}/effective"), told, "leave `until` out for a rule without an end")
}

/// A zone of the IANA database that is part of the binary, so that a day begins at the same moment on every machine.
fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

impl WrittenRule {
    fn into_rule(self, pack: &Arc<Pack>, window: Window) -> Rule {
        let cite = Cite::new(Cited {
            id: format!("{}/{}", pack.id, self.id),
            title: self.title,
            citation: self.citation,
            source: self.source.unwrap_or_else(|| pack.law.source.clone()),
            confidence: self.confidence,
        });
        Rule {
            cite,
            status: self.status,
            role: self.role,
            window,
            when: self.when,
            unless: self.unless,
            effects: self.then.into_effects().map(Arc::new).collect(),
            examples: self.examples,
            pack: Arc::clone(pack),
        }
    }
}
