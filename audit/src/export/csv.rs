//! The rows of `records.csv`: a request a row, as RFC 4180 has it, safe to open in a spreadsheet.
//!
//! A row is written when its request has its end, or at the end of the export. A cell that a spreadsheet would take for a formula has an
//! apostrophe before it, and control characters are spaces: what counts is `records.jsonl`.

use std::collections::BTreeMap;

use forethought_schemas::RecordId;

use super::selection::{admission_of, is_held};
use crate::{Admission, Body, Record, Status, index::Keys, query::status_of};

/// The first line.
pub(super) const HEADER: &str = "time,tenant,principal,model,strategy,effort,status,prompt_tokens,generated_tokens,\
                                 cost_thousandths,rules,request_id,record_ids,leaves\r\n";
const BETWEEN: &str = "; ";
/// What a formula can begin with; the wide ones are taken for the others by some programs.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// A request, as far as it is known: cells, since there may be many that wait.
#[derive(Debug)]
struct Request {
    /// The leaf of its admission.
    first: u64,
    /// Its first cells, from the time to the effort.
    head: String,
    id: String,
    /// Its records with their leaves, in their order.
    records: Vec<(RecordId, u64)>,
    rules: Vec<String>,
    status: Status,
    /// Tokens of the prompt, tokens that were generated, and the cost.
    spent: Option<[u64; 3]>,
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
        rest.sort_by_key(|request| request.first);
        self.made += rest.len() as u64;
        rest.iter().map(Request::row).collect()
    }
}

impl Request {
    fn new(leaf: u64, record: &Record, admission: &Admission) -> Self {
        let head = [
            record.time.to_string(),
            admission.tenant.clone(),
            admission.key_id.clone(),
            admission.model.clone(),
            name_of(&admission.strategy),
            name_of(&admission.effort),
        ];
        let (head, id) = (head.map(|text| cell(&text)).join(","), admission.request_id.to_string());
        let (records, rules, status, spent) = (Vec::new(), Vec::new(), Status::Open, None);
        let mut request = Self { first: leaf, head, id, records, rules, status, spent };
        request.note(leaf, record);
        request
    }

    fn add(&mut self, leaf: u64, record: &Record) {
        self.note(leaf, record);
        match &record.body {
            Body::Review(_) => self.status = status_of(None, Some(record)),
            Body::Outcome(outcome) => {
                self.status = status_of(Some(record), None);
                self.spent = Some([outcome.spent.prompt_tokens, outcome.spent.generated_tokens, outcome.cost]);
            }
            _ => self.status = status_of(Some(record), None),
        }
    }

    fn note(&mut self, leaf: u64, record: &Record) {
        self.records.push((record.record_id.clone(), leaf));
        for word in Keys::of(record).words {
            let rule = word.as_str().strip_prefix("rule ").map(ToOwned::to_owned);
            self.rules.extend(rule.filter(|rule| !self.rules.contains(rule)));
        }
    }

    fn row(&self) -> String {
        let [prompt, generated, cost] =
            self.spent.map_or_else(<[String; 3]>::default, |spent| spent.map(|number| number.to_string()));
        let ids: Vec<&str> = self.records.iter().map(|(id, _)| id.as_str()).collect();
        let leaves: Vec<String> = self.records.iter().map(|(_, leaf)| leaf.to_string()).collect();
        let tail = [
            self.status.to_string(),
            prompt,
            generated,
            cost,
            self.rules.join(BETWEEN),
            self.id.clone(),
            ids.join(BETWEEN),
            leaves.join(BETWEEN),
        ];
        format!("{},{}\r\n", self.head, tail.map(|text| cell(&text)).join(","))
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
