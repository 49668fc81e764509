//! The pages of entries: for each figure all that it is made of.

use std::fmt::Write as _;

use forethought_eval::markup::{document, escape};

use super::{
    STYLE,
    names::{group_page, law_page, of, part, reach_page},
};
use crate::{Entry, Figure, Report, ReportError, judge::grouped, scope::moment};

/// Entries of one page.
const A_PAGE: usize = 2000;

/// Takes the name and the text of a page.
pub(crate) type Take<'t> = &'t mut dyn FnMut(&str, &str) -> Result<(), ReportError>;

/// Writes the pages of all figures that have entries.
///
/// # Errors
/// Those of `take`.
pub(crate) fn pages(report: &Report, take: Take<'_>) -> Result<(), ReportError> {
    let figures = &report.figures;
    for group in &figures.groups {
        for (at, figure) in group.figures.iter().enumerate() {
            one(report, figure, (group.title, &format!("f-{}", group.id)), &group_page(group, at), take)?;
        }
    }
    for spread in &figures.spreads {
        for (at, figure) in spread.steps.iter().enumerate() {
            one(report, figure, (spread.title, &format!("f-{}", spread.id)), &of(spread.id, at), take)?;
        }
    }
    for (law_at, law) in report.laws.iter().enumerate() {
        let back = format!("law-{}", law_at + 1);
        one(report, &law.within, (&law.title, &back), &reach_page(law_at, true), take)?;
        one(report, &law.unknown, (&law.title, &back), &reach_page(law_at, false), take)?;
        for (duty_at, judged) in law.duties.iter().enumerate() {
            for (at, figure) in judged.evidence.iter().enumerate() {
                let title = format!("{}: {}", law.title, judged.duty.title);
                one(report, figure, (&title, &back), &law_page(law_at, duty_at, at), take)?;
            }
        }
    }
    Ok(())
}

/// A figure's pages. `back` is the anchor in the report.
fn one(
    report: &Report,
    figure: &Figure,
    (title, back): (&str, &str),
    page: &str,
    take: Take<'_>,
) -> Result<(), ReportError> {
    let all = figure.entries.len().div_ceil(A_PAGE);
    for (at, entries) in figure.entries.chunks(A_PAGE).enumerate() {
        let heading = format!("{title}: {}", figure.name);
        let mut body = format!(
            "<p><a href=\"../report.html#{}\">Back to the report</a></p>\n<h1>{}</h1>\n<p>{}</p>\n",
            escape(back),
            escape(&heading),
            escape(&told(figure))
        );
        body.push_str(&turn(page, at + 1, all));
        body.push_str(&rows(report, figure, at * A_PAGE, entries));
        body.push_str(&turn(page, at + 1, all));
        body.push_str(
            "<p class=\"dim\">To look at an entry: <code>forethought audit show ID</code>. To get a receipt that it is in the log: \
             <code>GET /v1/audit/records/ID/proof</code>. Times are UTC.</p>\n",
        );
        take(&part(page, at + 1), &document(&heading, STYLE, &body))?;
    }
    Ok(())
}

fn told(figure: &Figure) -> String {
    let entries = grouped(figure.count());
    if figure.is_sum() {
        format!("{} in all, the sum of the last column over {entries} entries.", grouped(figure.total()))
    } else {
        format!("{entries} in all, one for each entry.")
    }
}

/// Links to the pages before and behind.
fn turn(page: &str, number: usize, all: usize) -> String {
    if all < 2 {
        return String::new();
    }
    let link = |number: usize, text: &str| format!("<a href=\"{}\">{text}</a> ", escape(&part(page, number)));
    let before = if number > 1 { link(number - 1, "before") } else { String::new() };
    let behind = if number < all { link(number + 1, "next") } else { String::new() };
    format!("<p>Page {number} of {all}. {before}{behind}</p>\n")
}

fn rows(report: &Report, figure: &Figure, first: usize, entries: &[u32]) -> String {
    let amount = if figure.is_sum() { "<th scope=\"col\" class=\"number\">adds</th>" } else { "" };
    let mut text = format!(
        "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\" class=\"number\">leaf</th><th scope=\"col\">record</th><th \
         scope=\"col\">time</th><th scope=\"col\">kind</th><th scope=\"col\">status</th>{amount}</tr></thead>\n<tbody>\n"
    );
    for (at, entry) in (first..).zip(entries) {
        if let Some(entry) = report.figures.entry(*entry) {
            text.push_str(&row(entry, figure.amounts.get(at).copied()));
        }
    }
    text.push_str("</tbody>\n</table></div>\n");
    text
}

fn row(entry: &Entry, amount: Option<u64>) -> String {
    let mut text = format!(
        "<tr id=\"leaf-{}\"><td class=\"number\">{}</td><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td>",
        entry.leaf,
        entry.leaf,
        escape(entry.record_id.as_str()),
        moment(entry.time),
        entry.kind,
        escape(&entry.status)
    );
    if let Some(amount) = amount {
        _ = write!(text, "<td class=\"number\">{}</td>", grouped(amount));
    }
    text.push_str("</tr>\n");
    text
}
