//! The report as a page for people, in one file that loads nothing and runs no script. It is also good XML.

mod chart;
pub(crate) mod entries;
mod laws;
pub(crate) mod names;
mod plots;
mod tables;
#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write as _;

use forethought_eval::markup::{document, escape, pairs, section};

use crate::{
    Report,
    judge::grouped,
    scope::moment,
    summary::{self, Line, Part},
};

/// What the pages look like besides the look of every page.
const STYLE: &str = include_str!("page/style.css");

/// Sections of the page with their anchors.
const SECTIONS: [(&str, &str); 6] = [
    ("summary", "Summary"),
    ("laws", "What laws ask"),
    ("plots", "The period in pictures"),
    ("figures", "All figures"),
    ("checking", "How to check this report"),
    ("words", "Words used here"),
];

/// See [`Report::html`].
pub(crate) fn page(report: &Report) -> String {
    let scope = &report.figures.scope;
    let title = format!("What {} did with AI", scope.whose());
    let parts = [
        chart::PATTERNS.to_owned(),
        format!("<h1>{}</h1>\n<p class=\"period\">{}</p>\n", escape(&title), escape(&scope.period())),
        format!("<p class=\"dim\">{}</p>\n", escape(&lead(report))),
        contents(),
        attention(report),
        anchored("summary", &list(&summary::lines(report))),
        anchored("laws", &laws::all(report)),
        anchored("plots", &plots::all(report)),
        anchored("figures", &tables::all(report)),
        anchored("checking", &checking(report)),
        anchored("words", &words::glossary()),
    ];
    document(&title, STYLE, &parts.concat())
}

fn lead(report: &Report) -> String {
    let log = &report.figures.log;
    let from = match &log.checkpoint {
        Some(signed) => format!(
            "the log {} with {} records, signed over the first {}",
            signed.origin,
            grouped(log.records),
            grouped(signed.size)
        ),
        None => format!("a log with {} records that was never signed", grouped(log.records)),
    };
    format!(
        "Made on {} from {from}. Every number leads to the entries of the log that make it. This is no legal advice.",
        moment(report.made)
    )
}

fn contents() -> String {
    let link = |(id, title): &(&str, &str)| format!("<a href=\"#{id}\">{title}</a>");
    format!("<nav>{}</nav>\n", SECTIONS.iter().map(link).collect::<Vec<_>>().join(" "))
}

/// A section under its anchor.
fn anchored(id: &str, body: &str) -> String {
    let title = SECTIONS.iter().find(|(own, _)| *own == id).map_or("", |(_, title)| title);
    format!("<div id=\"{id}\">\n{}</div>\n", section(title, body))
}

/// What nobody may overlook.
fn attention(report: &Report) -> String {
    let lines = summary::attention(report);
    if lines.is_empty() {
        return "<aside class=\"calm\"><p><strong>Nothing stands out.</strong> The log is whole as far as it can be seen from here, \
                every request has its end, and no duty that was looked at has a gap.</p></aside>\n"
            .to_owned();
    }
    format!("<aside class=\"attention\"><h2>What needs attention</h2>\n{}</aside>\n", list(&lines))
}

fn list(lines: &[Line]) -> String {
    let item = |line: &Line| format!("<li>{}</li>\n", markup(line));
    format!("<ul>\n{}</ul>\n", lines.iter().map(item).collect::<String>())
}

fn markup(line: &Line) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => escape(text),
        Part::Number(number, page) => number_link(number, page.as_deref()),
        Part::Law(text, at) => format!("<a href=\"#law-{}\">{}</a>", at + 1, escape(text)),
    };
    line.0.iter().map(part).collect()
}

/// A number, and where its entries stand.
fn number_link(number: &str, page: Option<&str>) -> String {
    match page {
        Some(page) => format!("<a href=\"entries/{}\">{}</a>", escape(page), escape(number)),
        None => escape(number),
    }
}

fn checking(report: &Report) -> String {
    let log = &report.figures.log;
    let mut told = String::from(
        "<p>A number of this report is the count, or the sum, of the entries on the page that it leads to. An entry is a record of the audit \
         log. To look at one, and to get a receipt that it is in the log, take its id from there:</p>\n\
         <pre>forethought audit show rec_…\ncurl -H \"Authorization: Bearer $TOKEN\" https://HOST/v1/audit/records/rec_…/proof</pre>\n",
    );
    let mut facts = vec![("records read", grouped(log.records)), ("root over them", log.root.clone())];
    facts.extend(log.first.map(|first| ("first record", moment(first))));
    facts.extend(log.last.map(|last| ("last record", moment(last))));
    let origin = log.checkpoint.as_ref().map_or("NAME-OF-THE-LOG", |signed| signed.origin.as_str());
    if let Some(signed) = &log.checkpoint {
        let met =
            if signed.is_met { "yes: nothing of it is missing or changed" } else { "NO: records were lost or changed" };
        let verified = match signed.is_verified {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "not here: check it with the log's public key",
        };
        facts.extend([
            ("name of the log", signed.origin.clone()),
            ("signed over", format!("the first {} records", grouped(signed.size))),
            ("signed root", signed.root.clone()),
            ("the records have that root", met.to_owned()),
            ("the signature holds", verified.to_owned()),
        ]);
    }
    told.push_str(&pairs(&facts));
    _ = write!(
        told,
        "<p>To check the log with a program that is not ours, get the log's public key from its operator, build the verifier in \
         <code>tests/go/verify</code> of the program's source, and keep what it saves for the next time:</p>\n\
         <pre>cd tests/go/verify &amp;&amp; GO111MODULE=off GOPATH=/usr/share/gocode go build -o verify .\n\
         ./verify verify -token @auditor.key -save seen https://HOST/audit/log '{}+KEY'</pre>\n\
         <p>The root and the size that it tells are to be those of a checkpoint at or after the one above. Whoever holds the log's key could have \
         written another log that is good in itself; only a checkpoint that was kept elsewhere, or a witness, rules that out.</p>\n",
        escape(origin)
    );
    told
}
