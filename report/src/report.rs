//! A report: figures, duties, and what a reader should see first.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    Duties, Figures, Group, LawTable, LogState, ReportError, Scope, Spread,
    figure::Entry,
    judge, page,
    summary::{self, Line},
    write::{self, Written},
};

/// The version of `report.json`.
const FORMAT: &str = "forethought report 1";

/// A report of a log, a scope and some laws.
#[derive(Debug)]
pub struct Report {
    /// When it was made.
    pub made: Timestamp,
    /// The figures.
    pub figures: Figures,
    /// What the log shows of each duty.
    pub laws: Vec<LawTable>,
}

/// The report as `report.json` has it.
#[derive(Serialize)]
struct Json<'r> {
    format: &'static str,
    made: Timestamp,
    program: &'static str,
    scope: &'r Scope,
    log: &'r LogState,
    summary: Vec<String>,
    attention: Vec<String>,
    groups: &'r [Group],
    spreads: &'r [Spread],
    laws: &'r [LawTable],
    /// Figures name entries by their place in this list.
    entries: &'r [Entry],
}

impl Report {
    /// A report of figures, with a table for each of these laws. `made` is its time: what is late, and how far back the log
    /// reaches, is told as of then.
    #[must_use]
    pub fn new(figures: Figures, laws: &[Duties], made: Timestamp) -> Self {
        let laws = judge(&figures, laws, made);
        Self { made, figures, laws }
    }

    /// The report as JSON: figures name entries by their places in the list `entries`.
    ///
    /// # Errors
    /// [`ReportError::Encode`].
    pub fn json(&self) -> Result<String, ReportError> {
        let text = |lines: Vec<Line>| lines.iter().map(Line::text).collect();
        let json = Json {
            format: FORMAT,
            made: self.made,
            program: concat!("forethought ", env!("CARGO_PKG_VERSION")),
            scope: &self.figures.scope,
            log: &self.figures.log,
            summary: text(summary::lines(self)),
            attention: text(summary::attention(self)),
            groups: &self.figures.groups,
            spreads: &self.figures.spreads,
            laws: &self.laws,
            entries: &self.figures.entries,
        };
        Ok(serde_json::to_string(&json)?)
    }

    /// The page for people, `report.html`. Its links lead to the pages that [`Report::write`] puts beside it.
    #[must_use]
    pub fn html(&self) -> String {
        page::page(self)
    }

    /// Writes `report.html`, `report.json` and `entries/` into a new folder. Everything is written into a folder beside it first,
    /// which then gets its name: a folder with that name holds a whole report.
    ///
    /// # Errors
    /// [`ReportError::NotEmpty`] when something is there; [`ReportError::Io`] and [`ReportError::Encode`]. What had been written is
    /// removed then.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<Written, ReportError> {
        write::write(self, folder.as_ref())
    }
}
