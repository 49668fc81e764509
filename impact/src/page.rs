//! An assessment as one page for people, in a single HTML file that loads nothing.

mod chart;

use forethought_eval::markup::{Cell, document, escape, pairs, section, table};

use crate::{
    Assessment, Finding, GroupRate, Judgement, TemplateRef,
    judge::percent,
    markdown::{between, cells, facts, heading, is_shown, lead, limits, ratio, sentence, status, word},
};

/// What the page looks like besides the look of every page.
const STYLE: &str = include_str!("page/style.css");

/// The page of an assessment.
#[must_use]
pub fn page(assessment: &Assessment) -> String {
    let title = format!("Impact assessment of {}", assessment.model.id);
    let class = assessment.verdict.as_str();
    let parts = [
        format!("<h1>{}</h1>\n", escape(&title)),
        format!(
            "<p class=\"verdict {class}\"><strong>{}</strong> {}</p>\n",
            word(assessment.verdict),
            escape(&sentence(assessment))
        ),
        format!("<p class=\"dim\">{}</p>\n", escape(&lead(assessment))),
        section("Verdicts", &verdicts(&assessment.judgements)),
        section("Differences by attribute", &figures(assessment)),
        assessment.templates.iter().map(|template| one(assessment, template)).collect(),
        section("What this can say, and what not", &list(&limits(assessment))),
        section("How it was run", &pairs(&facts(assessment))),
    ];
    document(&title, STYLE, &parts.concat())
}

fn list(items: &[String]) -> String {
    let one = |item: &String| format!("<li>{}</li>\n", escape(item));
    format!("<ul>\n{}</ul>\n", items.iter().map(one).collect::<String>())
}

fn verdicts(judgements: &[Judgement]) -> String {
    let row = |judgement: &Judgement| {
        let verdict = judgement.verdict.as_str();
        let told: Vec<String> = judgement.told().collect();
        let why = if told.is_empty() { String::new() } else { list(&told) };
        let cells = vec![
            Cell::Word(judgement.template.clone()),
            Cell::Word(judgement.purpose.clone()),
            Cell::Markup(format!("<span class=\"{verdict}\">{verdict}</span>")),
            Cell::Markup(why),
        ];
        ("", cells)
    };
    let head = [("template", false), ("purpose", false), ("verdict", false), ("why", false)];
    table(&head, &judgements.iter().map(row).collect::<Vec<_>>())
}

/// A chart for each attribute, over all templates.
fn figures(assessment: &Assessment) -> String {
    let told = format!(
        "<p>How much more often a group has the favourable outcome than what it is compared with, in points, with intervals at \
         95 %. Left of nought is to its disadvantage. Dashed: the difference of concern, {} points. Filled: beyond chance.</p>\n",
        crate::judge::points(assessment.limits.concern)
    );
    let charts: String = chart::charts(assessment);
    format!("{told}{charts}")
}

fn one(assessment: &Assessment, template: &TemplateRef) -> String {
    let note = template.note.as_ref().map(|note| format!("<p class=\"dim\">{}</p>\n", escape(note)));
    let totals = &template.totals;
    let told = format!(
        "<p>{} cases, {} of {} asks carried out, {} refused, {} unreadable.</p>\n",
        template.cases, totals.asked, totals.planned, totals.refused, totals.unreadable
    );
    let own = assessment.findings.iter().filter(|finding| finding.template == template.id && is_shown(finding));
    section(&template.title, &format!("{}{told}{}", note.unwrap_or_default(), own.map(finding).collect::<String>()))
}

fn finding(finding: &Finding) -> String {
    let class = match finding.status {
        crate::Status::Even => "even",
        crate::Status::Watch => "watch",
        crate::Status::Flagged => "flagged",
    };
    let status = status(finding.status);
    format!(
        "<h3>{} <span class=\"{class}\">{status}</span></h3>\n<p>{}</p>\n<div class=\"beside\">\n{}{}</div>\n",
        escape(&heading(finding)),
        escape(&ratio(finding)),
        rates(&finding.groups),
        comparisons(finding)
    )
}

fn rates(groups: &[GroupRate]) -> String {
    let row = |group: &GroupRate| {
        let count = format!("{} of {}", group.count, group.asks);
        let numbers = [count, percent(group.rate.value), between(group.rate, percent)].map(Cell::Number);
        ("", std::iter::once(Cell::Word(group.title.clone())).chain(numbers).collect())
    };
    let head = [("group", false), ("count", true), ("share", true), ("95 % interval", true)];
    table(&head, &groups.iter().map(row).collect::<Vec<_>>())
}

fn comparisons(finding: &Finding) -> String {
    let row = |one: &crate::Comparison| {
        let [compared, rest @ ..] = cells(finding, one);
        let class = if one.significant { "on" } else { "" };
        (class, std::iter::once(Cell::Word(compared)).chain(rest.map(Cell::Number)).collect())
    };
    let head = [
        ("compared", false),
        ("points", true),
        ("95 % interval", true),
        ("p", true),
        ("adjusted p", true),
        ("detectable", true),
    ];
    table(&head, &finding.comparisons.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::tests::{assessment, evil};

    #[test]
    fn the_page_says_verdict_figures_and_limits() {
        let page = page(&assessment(0.9));
        for part in [
            "<p class=\"verdict flagged\"><strong>Flagged</strong>",
            "<svg ",
            "data-row=\"loans women\"",
            "Impact ratio 0.",
            "not legal advice",
            "<span class=\"flagged\">flagged</span>",
        ] {
            assert!(page.contains(part), "`{part}` is not in {page}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf "));
    }

    #[test]
    fn the_page_loads_nothing_and_escapes_what_it_shows() {
        let page = page(&evil());
        for mark in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(mark), "{mark}");
        }
        assert!(page.matches("&lt;script&gt;").count() >= 3, "{page}");
    }
}
