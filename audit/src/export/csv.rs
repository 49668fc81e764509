//! The rows of `records.csv`: a request a row, as RFC 4180 has it, safe to open in a spreadsheet.
//!
//! A row is written when its request has its end, or at the end of the export. A cell that a spreadsheet would take for a formula has an
//! apostrophe before it, and control characters are spaces: what counts is `records.jsonl`.

use std::collections::BTreeMap;

use forethought_schemas::RecordId;
use jiff::Timestamp;

use super::selection::{admission_of, is_held};
use crate::{Admission, Body, Record, index::Keys, query::status_of};

/// The first line.
pub(super) const HEADER: &str = "time,tenant,principal,model,strategy,effort,status,prompt_tokens,generated_tokens,\
                                 cost_thousandths,rules,request_id,record_ids,leaves\r\n";
const BETWEEN: &str = "; ";
/// What a formula can begin with; the wide ones are taken for the others by some programs.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A request, as far as it is known.
#[derive(Debug)]
struct Request {
    time: Timestamp,
    admission: Admission,
    /// Its records with their leaves, in their order.
    records: Vec<(RecordId, u64)>,
    rules: Vec<String>,
    end: Option<Record>,
    review: Option<Record>,
}

/// Makes rows of records, one after another. Holds the requests that have no end.
#[derive(Debug, Default)]
pub(super) struct Rows {
    open: BTreeMap<RecordId, Request>,
    /// Rows that were made.
    pub(super) made: u64,
}

impl Rows {
    /// Takes the next record, and gives the row that it completes.
    pub(super) fn take(&mut self, leaf: u64, record: &Record) -> Option<String> {
        if let Body::Admission(admission) = &record.body {
            self.open.insert(record.record_id.clone(), Request::new(leaf, record, admission));
            return None;
        }
        let admission = admission_of(record)?;
        self.open.get_mut(admission)?.add(leaf, record);
        if is_held(record) {
            return None;
        }
        let row = self.open.remove(admission)?.row();
        self.made += 1;
        Some(row)
    }

    /// The rows of requests without an end, in the order of their admissions.
    pub(super) fn rest(&mut self) -> Vec<String> {
        let mut rest: Vec<Request> = std::mem::take(&mut self.open).into_values().collect();
        rest.sort_by_key(|request| request.records.first().map(|(_, leaf)| *leaf));
        self.made += rest.len() as u64;
        rest.iter().map(Request::row).collect()
    }
}

impl Request {
    fn new(leaf: u64, record: &Record, admission: &Admission) -> Self {
        let (time, admission) = (record.time, admission.clone());
        let mut request = Self { time, admission, records: vec![], rules: vec![], end: None, review: None };
        request.note(leaf, record);
        request
    }

    fn add(&mut self, leaf: u64, record: &Record) {
        self.note(leaf, record);
        let place = if matches!(record.body, Body::Review(_)) { &mut self.review } else { &mut self.end };
        *place = Some(record.clone());
    }

    fn note(&mut self, leaf: u64, record: &Record) {
        self.records.push((record.record_id.clone(), leaf));
        for word in Keys::of(record).words {
            let rule = word.as_str().strip_prefix("rule ").map(ToOwned::to_owned);
            self.rules.extend(rule.filter(|rule| !self.rules.contains(rule)));
        }
    }

    fn row(&self) -> String {
        let admission = &self.admission;
        let status = status_of(self.end.as_ref(), self.review.as_ref());
        let outcome = match self.end.as_ref().map(|end| &end.body) {
            Some(Body::Outcome(outcome)) => Some(outcome),
            _ => None,
        };
        let number = |of: Option<u64>| of.map(|number| number.to_string()).unwrap_or_default();
        let ids: Vec<&str> = self.records.iter().map(|(id, _)| id.as_str()).collect();
        let leaves: Vec<String> = self.records.iter().map(|(_, leaf)| leaf.to_string()).collect();
        let cells = [
            self.time.to_string(),
            admission.tenant.clone(),
            admission.key_id.clone(),
            admission.model.clone(),
            name_of(&admission.strategy),
            name_of(&admission.effort),
            status.to_string(),
            number(outcome.map(|outcome| outcome.spent.prompt_tokens)),
            number(outcome.map(|outcome| outcome.spent.generated_tokens)),
            number(outcome.map(|outcome| outcome.cost)),
            self.rules.join(BETWEEN),
            admission.request_id.to_string(),
            ids.join(BETWEEN),
            leaves.join(BETWEEN),
        ];
        format!("{}\r\n", cells.map(|text| cell(&text)).join(","))
    }
}

/// A name as it stands in records.
fn name_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => other.map(|other| other.to_string()).unwrap_or_default(),
    }
}

/// A cell that is what it says in every spreadsheet.
fn cell(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let formula = plain.trim_start().starts_with(FORMULA);
    format!("\"{}{}\"", if formula { "'" } else { "" }, plain.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(cell(text), expected, "{text:?}");
    }

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        check("plain", "\"plain\"");
        check("", "\"\"");
        check("a\"b,c", "\"a\"\"b,c\"");
        check("=1+1", "\"'=1+1\"");
        check("+1", "\"'+1\"");
        check("-1", "\"'-1\"");
        check("@SUM(A1)", "\"'@SUM(A1)\"");
        check("\t=1", "\"' =1\"");
        check("\r=1", "\"' =1\"");
        check("  =1", "\"'  =1\"");
        check("\u{a0}=1", "\"'\u{a0}=1\"");
        check("＝1", "\"'＝1\"");
        check("a\r\n=1", "\"a  =1\"");
        check("a-1=b", "\"a-1=b\"");
    }
}
