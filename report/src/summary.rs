//! What a lawyer reads in one minute, and what nobody may overlook.

use crate::{
    Figures, Group, LawTable, Report, State,
    figures::total,
    judge::{counted, grouped},
    page::names::group_page,
};

/// A sentence whose numbers lead to their entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) Vec<Part>);

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    /// A number, and the page of its entries where it has any.
    Number(String, Option<String>),
    /// A text that leads to the table of a law, counted from 0.
    Law(String, usize),
}

impl Line {
    fn new() -> Self {
        Self::default()
    }

    fn say(mut self, text: impl Into<String>) -> Self {
        self.0.push(Part::Text(text.into()));
        self
    }

    /// A figure's number.
    fn number(mut self, figures: &Figures, group: &str, name: &str) -> Self {
        let place = |own: &Group| own.figures.iter().position(|figure| figure.name == name);
        let found = figures.group(group).and_then(|own| {
            let at = place(own)?;
            Some((own.figures.get(at)?, group_page(own, at)))
        });
        let total = found.as_ref().map_or(0, |(figure, _)| figure.total());
        let page = found.filter(|(figure, _)| !figure.entries.is_empty()).map(|(_, page)| page);
        self.0.push(Part::Number(grouped(total), page));
        self
    }

    /// The sentence without its links.
    pub(crate) fn text(&self) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) | Part::Number(text, _) | Part::Law(text, _) => text.as_str(),
            })
            .collect()
    }
}

/// The summary.
pub(crate) fn lines(report: &Report) -> Vec<Line> {
    let figures = &report.figures;
    let mut lines = vec![requests(figures)];
    if figures.requests() > 0 {
        lines.extend([models(figures), tokens(figures), reviews(figures), safeguards(figures)]);
    }
    lines.extend([people(figures), laws(report), log(figures)]);
    lines
}

fn requests(figures: &Figures) -> Line {
    let begun =
        Line::new().say("There were ").number(figures, "totals", total::LET_IN).say(" requests that were let in");
    if figures.requests() == 0 {
        return begun.say(": nothing was asked in this period.");
    }
    begun
        .say(": ")
        .number(figures, "outcomes", "answered")
        .say(" answered, ")
        .number(figures, "outcomes", "refused")
        .say(" refused by a rule or a person, ")
        .number(figures, "outcomes", "held")
        .say(" waiting for a person, and ")
        .number(figures, "totals", total::UNFINISHED)
        .say(" that did not finish.")
}

fn models(figures: &Figures) -> Line {
    let models = figures.group("models").map_or(0, |group| group.figures.len());
    Line::new().say(format!("They went to {}, by name and weights.", counted(models, "model", "different models")))
}

fn tokens(figures: &Figures) -> Line {
    let line = Line::new()
        .say("Up to ")
        .number(figures, "tokens", "allowed to generate")
        .say(" tokens were allowed to be generated, and ")
        .number(figures, "tokens", "generated")
        .say(" were.");
    match figures.spreads.iter().find(|spread| spread.id == "answer-times" && spread.count > 0) {
        Some(times) => line.say(format!(
            " Half of the requests ended within {}, nine of ten within {}.",
            time(times.median_ms),
            time(times.p90_ms)
        )),
        None => line,
    }
}

fn reviews(figures: &Figures) -> Line {
    let held = figures.total("totals", total::HELD);
    if held == 0 {
        return Line::new().say("No answer was held for a person.");
    }
    let late = "nobody decided in time, so it was not given";
    let line = Line::new()
        .number(figures, "totals", total::HELD)
        .say(" answers were held for a person; a person decided on ")
        .number(figures, "totals", total::DECIDED)
        .say(", and on ")
        .number(figures, "reviews", late)
        .say(" nobody did in time, so these were not given.");
    match figures.spreads.iter().find(|spread| spread.id == "decision-times" && spread.count > 0) {
        Some(times) => line.say(format!(
            " Half of the decisions came within {}, nine of ten within {}.",
            time(times.median_ms),
            time(times.p90_ms)
        )),
        None => line,
    }
}

fn safeguards(figures: &Figures) -> Line {
    let Some(most) = figures.group("safeguards").and_then(|group| group.figures.first()) else {
        return Line::new().say("No safeguard found anything in what was asked or answered.");
    };
    Line::new()
        .say("Safeguards found ")
        .number(figures, "totals", total::FINDINGS)
        .say(format!(" things, most often this: {} (", most.name))
        .number(figures, "safeguards", &most.name)
        .say(").")
}

fn people(figures: &Figures) -> Line {
    Line::new()
        .say("Policy and keys were changed ")
        .number(figures, "totals", total::CHANGES)
        .say(" times, contents were read ")
        .number(figures, "totals", total::READS)
        .say(" times, and ")
        .number(figures, "totals", total::ERASURES)
        .say(" erasures were carried out or refused.")
}

fn laws(report: &Report) -> Line {
    if report.laws.is_empty() {
        return Line::new().say("No law was looked at: none was asked for.");
    }
    let count = |state| report.laws.iter().map(|law| law.count(state)).sum::<usize>();
    let all: usize = report.laws.iter().map(|law| law.duties.len()).sum();
    Line::new().say(format!(
        "Of {} of {}, entries show {}, {} a gap, {} not applicable in this period, and {} cannot be shown by a log.",
        counted(all, "duty", "duties"),
        counted(report.laws.len(), "law", "laws"),
        count(State::Shown),
        have(count(State::Gap)),
        are(count(State::NotApplicable)),
        count(State::BeyondALog)
    ))
}

fn have(count: usize) -> String {
    format!("{count} {}", if count == 1 { "has" } else { "have" })
}

fn are(count: usize) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}

fn log(figures: &Figures) -> Line {
    let log = &figures.log;
    let read = counted(usize::try_from(log.records).unwrap_or(usize::MAX), "record", "records");
    Line::new().say(match &log.checkpoint {
        Some(signed) if signed.is_met => format!(
            "All of this was read from {read} of the log {}, of which the first {} have the root that was signed.",
            signed.origin,
            grouped(signed.size)
        ),
        Some(_) => format!("All of this was read from {read}, which do not have the root that was signed."),
        None => format!("All of this was read from {read} of a log that was never signed."),
    })
}

/// What nobody may overlook.
pub(crate) fn attention(report: &Report) -> Vec<Line> {
    let figures = &report.figures;
    let mut lines = faults(figures);
    if figures.total("outcomes", "open") > 0 {
        lines.push(
            Line::new()
                .number(figures, "outcomes", "open")
                .say(" requests have no end in the log: they are under way, or the log ends too early."),
        );
    }
    if figures.total("outcomes", "interrupted") > 0 {
        lines.push(
            Line::new()
                .number(figures, "outcomes", "interrupted")
                .say(" requests were interrupted by a crash and were never answered."),
        );
    }
    lines.extend(report.laws.iter().enumerate().filter_map(|(at, law)| gaps(at, law)));
    lines
}

/// The gaps of a law, in one line.
fn gaps(at: usize, law: &LawTable) -> Option<Line> {
    let titles: Vec<&str> =
        law.duties.iter().filter(|duty| duty.state == State::Gap).map(|duty| duty.duty.title.as_str()).collect();
    let count = counted(titles.len(), "gap", "gaps");
    let mut line = Line::new();
    line.0.push(Part::Law(format!("{}: {count}", law.title), at));
    (!titles.is_empty()).then(|| line.say(format!(". {}.", titles.join("; "))))
}

/// Of the log itself.
fn faults(figures: &Figures) -> Vec<Line> {
    let lost = "entries that were acknowledged, and are lost";
    let cut = "bytes of an end that was not whole, cut at a start";
    let odd = "records that do not fit what stands before them";
    let mut lines = Vec::new();
    if figures.total("log", lost) > 0 {
        let line = Line::new().say("The log has lost ").number(figures, "log", lost);
        lines.push(
            line.say(" entries that it had acknowledged. Figures of this report may be too low by what they said."),
        );
    }
    if figures.total("log", lost) == 0 && figures.total("log", cut) > 0 {
        let line = Line::new().say("At a start the log had an end that was not whole, as a crash leaves it, and ");
        let line = line
            .number(figures, "log", cut)
            .say(" bytes of it were cut. Nothing that had been acknowledged was in them.");
        lines.push(line);
    }
    if figures.total("log", odd) > 0 {
        lines.push(
            Line::new()
                .number(figures, "log", odd)
                .say(" records do not fit what stands before them, and count in no other figure."),
        );
    }
    match &figures.log.checkpoint {
        None => lines.push(Line::new().say("The log was never signed: nothing shows that it was not changed.")),
        Some(signed) if !signed.is_met => lines.push(
            Line::new().say("The log does not have what its last checkpoint claims: records were lost or changed."),
        ),
        Some(signed) if signed.is_verified == Some(false) => lines
            .push(Line::new().say("The signature of the last checkpoint does not hold under the key that was given.")),
        Some(_) => {}
    }
    lines
}

/// A time for people.
pub(crate) fn time(ms: u64) -> String {
    let tenths = |of: u128| {
        let tenths = u128::from(ms) * 10 / of;
        if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", tenths(1_000)),
        60_000..3_600_000 => format!("{} min", tenths(60_000)),
        3_600_000..86_400_000 => format!("{} h", tenths(3_600_000)),
        _ => format!("{} days", tenths(86_400_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let check = |ms, expected: &str| assert_eq!(time(ms), expected);
        check(0, "0 ms");
        check(999, "999 ms");
        check(1_000, "1 s");
        check(61_000, "1 min");
        check(90_000, "1.5 min");
        check(5_400_000, "1.5 h");
        check(u64::MAX, "213503982334.6 days");
    }
}
