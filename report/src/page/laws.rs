//! A table for each law: what it asks, what the log shows of it, and where there are gaps.

use std::fmt::Write as _;

use forethought_eval::markup::{Cell, escape, table};

use super::{
    names::{law_page, reach_page},
    tables::number,
};
use crate::{Figure, Force, Judged, LawTable, Report, State, scope::spoken};

const STATES: [State; 4] = [State::Shown, State::Gap, State::NotApplicable, State::BeyondALog];

pub(super) fn all(report: &Report) -> String {
    if report.laws.is_empty() {
        return "<p class=\"dim\">No law was asked for.</p>\n".to_owned();
    }
    let legend = "<p>What a law asks is told in words of our own; read the article before you rely on it. <span class=\"state shown\">✓ \
                  shown</span> means that entries of the log show it, no more. <span class=\"state gap\">! gap</span> means that entries are \
                  missing, or show that it was not met. Duties that are not in force are grey.</p>\n";
    let laws: String = report.laws.iter().enumerate().map(|(at, law)| one(report, at, law)).collect();
    format!("{legend}{}{laws}", overview(report))
}

/// All laws in one table.
fn overview(report: &Report) -> String {
    let row = |(at, law): (usize, &LawTable)| {
        let name = format!("<a href=\"#law-{}\">{}</a>", at + 1, escape(&law.title));
        let counts = STATES.iter().map(|state| Cell::Number(law.count(*state).to_string()));
        ("", std::iter::once(Cell::Markup(name)).chain(counts).collect())
    };
    let head =
        [("law", false), ("✓ shown", true), ("! gap", true), ("– not applicable", true), ("? beyond a log", true)];
    table(&head, &report.laws.iter().enumerate().map(row).collect::<Vec<_>>())
}

fn one(report: &Report, at: usize, law: &LawTable) -> String {
    let mut text = format!(
        "<h3 id=\"law-{}\">{}</h3>\n<p class=\"dim\">{}, {}. <a class=\"source\" href=\"{}\">Where it can be read</a>. Compared with the law on {}.{}</p>\n",
        at + 1,
        escape(&law.title),
        escape(&law.law.name),
        escape(&law.law.citation),
        escape(&law.law.source),
        spoken(law.checked_on),
        age(report, law)
    );
    _ = writeln!(
        text,
        "<p>{} requests named a region of this law; {} more may be about one, since they named none, or a larger one.</p>",
        number(&law.within, &reach_page(at, true)),
        number(&law.unknown, &reach_page(at, false))
    );
    text.push_str("<table class=\"duties\">\n<thead><tr><th scope=\"col\">what it asks</th><th scope=\"col\">the log shows</th><th scope=\"col\">why, and entries</th></tr></thead>\n<tbody>\n");
    for (duty_at, judged) in law.duties.iter().enumerate() {
        text.push_str(&duty((at, duty_at), judged));
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

/// What was compared long ago may have changed since.
fn age(report: &Report, law: &LawTable) -> String {
    let checked = law.checked_on.to_zoned(jiff::tz::TimeZone::UTC).map_or(report.made, |at| at.timestamp());
    let days = report.made.duration_since(checked).as_hours() / 24;
    if days > 180 { format!(" That is {days} days ago: compare it again.") } else { String::new() }
}

fn duty((law, at): (usize, usize), judged: &Judged) -> String {
    let duty = &judged.duty;
    let (class, is_off) = (class(judged.state), matches!(judged.force, Force::NotYet | Force::Stayed));
    let tag = |tag: &String| format!(" <span class=\"tag\">{}</span>", escape(tag));
    let tags = duty.tags.iter().map(tag).collect::<String>();
    let asks = format!(
        "<strong>{}</strong>{tags}<br/>{}<br/><span class=\"dim\"><a href=\"{}\">{}</a> · {}{}</span>",
        escape(&duty.title),
        escape(&duty.asks),
        escape(&judged.read_at),
        escape(&duty.article),
        escape(&in_force(judged)),
        confidence(judged)
    );
    let state = format!("<span class=\"state {class}\">{} {}</span>", judged.state.mark(), judged.state.as_str());
    let mut why = format!("<p>{}</p>", escape(&judged.why));
    if !judged.evidence.is_empty() {
        let item = |(figure_at, figure): (usize, &Figure)| {
            format!("<li>{} {}</li>", number(figure, &law_page(law, at, figure_at)), escape(&figure.name))
        };
        _ = write!(why, "<ul>{}</ul>", judged.evidence.iter().enumerate().map(item).collect::<String>());
    }
    if let Some(open) = &duty.leaves_open {
        _ = write!(why, "<p class=\"dim\">What no log shows: {}</p>", escape(open));
    }
    let off = if is_off { " off" } else { "" };
    format!(
        "<tr class=\"{class}{off}\"><td data-label=\"what it asks\">{asks}</td><td data-label=\"the log shows\">{state}</td><td data-label=\"why, and \
         entries\">{why}</td></tr>\n"
    )
}

const fn class(state: State) -> &'static str {
    match state {
        State::Shown => "shown",
        State::Gap => "gap",
        State::NotApplicable => "na",
        State::BeyondALog => "beyond",
    }
}

fn in_force(judged: &Judged) -> String {
    let day = judged.duty.in_force_from.map(spoken).unwrap_or_default();
    match judged.force {
        Force::InForce => format!("in force since {day}"),
        Force::Begins => format!("in force from {day} on, which is within the period"),
        Force::NotYet => format!("not in force before {day}"),
        Force::Stayed if day.is_empty() => "stayed by a court".to_owned(),
        Force::Stayed => format!("on the books from {day} on, stayed by a court"),
        Force::Voluntary => "nobody has to follow it".to_owned(),
    }
}

fn confidence(judged: &Judged) -> &'static str {
    use forethought_policies::packs::Confidence;
    match judged.duty.confidence {
        Confidence::Statute => "",
        Confidence::Secondary => " · read in what others write about it, not in its wording",
        Confidence::Derived => " · it does not ask for this very thing",
        Confidence::Unconfirmed => " · has to be looked up again",
    }
}
