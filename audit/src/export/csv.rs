//! The rows of `records.csv`: a request a row, as RFC 4180 has it, safe to open in a spreadsheet.
//!
//! A row is written when its request has its end, or at the end of the export. A cell that a spreadsheet would take for a formula has an
//! apostrophe before it, and control characters are spaces: what counts is `records.jsonl`.

use super::{
    manifest::has_tools,
    requests::{Request, Told, name_of},
};

/// The columns that there were from the first version on.
const FIRST: &str = "time,tenant,principal,model,strategy,effort,status,prompt_tokens,generated_tokens,\
                                 cost_thousandths,rules,request_id,record_ids,leaves";
/// Those of version 3, behind the others.
const TOOLS: &str = ",tool_calls,tools";
const BETWEEN: &str = "; ";
/// What a formula can begin with; the wide ones are taken for the others by some programs.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The first line, in a version of the export.
pub(super) fn header(version: u32) -> String {
    format!("{FIRST}{}\r\n", if has_tools(version) { TOOLS } else { "" })
}

/// The row of a request, in a version of the export.
pub(super) fn row(request: &Request, version: u32) -> String {
    let admission = &request.admission;
    let spent = |told: &Told| [told.spent.prompt_tokens, told.spent.generated_tokens, told.cost];
    let spent = request.outcome().map_or_else(<[String; 3]>::default, |told| spent(told).map(|n| n.to_string()));
    let [prompt, generated, cost] = spent;
    let ids: Vec<&str> = request.records.iter().map(|(id, _)| id.as_str()).collect();
    let leaves: Vec<String> = request.records.iter().map(|(_, leaf)| leaf.to_string()).collect();
    let tools = [request.calls.count.to_string(), request.calls.tools.join(BETWEEN)];
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
    let cells = cells.iter().chain(tools.iter().filter(|_| has_tools(version)));
    format!("{}\r\n", cells.map(|text| cell(text)).collect::<Vec<_>>().join(","))
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
