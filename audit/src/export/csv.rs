//! The rows of `records.csv`: a request a row, as RFC 4180 has it, safe to open in a spreadsheet.
//!
//! A row is written when its request has its end, or at the end of the export. A cell that a spreadsheet would take for a formula has an
//! apostrophe before it, and control characters are spaces: what counts is `records.jsonl`.

use super::requests::{Request, Told, name_of};

/// The first line.
pub(super) const HEADER: &str = "time,tenant,principal,model,strategy,effort,status,prompt_tokens,generated_tokens,\
                                 cost_thousandths,rules,request_id,record_ids,leaves\r\n";
const BETWEEN: &str = "; ";
/// What a formula can begin with; the wide ones are taken for the others by some programs.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The row of a request.
pub(super) fn row(request: &Request) -> String {
    let admission = &request.admission;
    let spent = |told: &Told| [told.spent.prompt_tokens, told.spent.generated_tokens, told.cost];
    let spent = request.outcome().map_or_else(<[String; 3]>::default, |told| spent(told).map(|n| n.to_string()));
    let [prompt, generated, cost] = spent;
    let ids: Vec<&str> = request.records.iter().map(|(id, _)| id.as_str()).collect();
    let leaves: Vec<String> = request.records.iter().map(|(_, leaf)| leaf.to_string()).collect();
    let cells = [
        request.since.to_string(),
        admission.tenant.clone(),
        admission.key_id.clone(),
        admission.model.clone(),
        name_of(&admission.strategy),
        name_of(&admission.effort),
        request.status.to_string(),
        prompt,
        generated,
        cost,
        request.rules.join(BETWEEN),
        admission.request_id.to_string(),
        ids.join(BETWEEN),
        leaves.join(BETWEEN),
    ];
    format!("{}\r\n", cells.map(|text| cell(&text)).join(","))
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
