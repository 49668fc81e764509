//! An evaluation as a table, and what its comparison comes to.

use std::fmt::Write as _;

use forethought_eval::{Comparison, Difference, Estimate, Figures, Place, Results, Standing, Summary, Verdict};

use crate::cli::output::{Align, Paint, Style, Table};

/// Everything that is printed.
pub(super) fn text(results: &Results, summary: &Summary, comparison: Option<&Comparison>, style: Style) -> String {
    let header = &results.plan.header;
    let mut text = String::new();
    _ = writeln!(text, "{}, {}, seed {}", header.model.id, asked(summary), header.seed);
    _ = writeln!(text, "\n{}", table(&summary.ways, comparison, style));
    for set in &summary.sets {
        _ = writeln!(text, "only {}\n{}", set.name, table(&set.ways, None, style));
    }
    if let Some(comparison) = comparison {
        text.push_str(&compared(summary, comparison, style));
    }
    text + &style.paint(Paint::Dim, &notes(results, summary))
}

fn asked(summary: &Summary) -> String {
    let (complete, all) = (summary.complete, summary.questions);
    let part =
        if complete < all { format!(" of {all}, the others are not answered in every way") } else { String::new() };
    let repeats = if summary.repeats > 1 { format!(", each {} times", summary.repeats) } else { String::new() };
    let what = if complete == 1 { "question" } else { "questions" };
    format!("{complete} {what}{part}{repeats}")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn interval(of: Estimate) -> String {
    format!("{:.1} to {:.1}", 100.0 * of.low, 100.0 * of.high)
}

fn table(ways: &[Figures], comparison: Option<&Comparison>, style: Style) -> String {
    let mut head = vec![
        ("WAY", Align::Left),
        ("RIGHT", Align::Right),
        ("ACCURACY", Align::Right),
        ("95 % INTERVAL", Align::Right),
        ("TOKENS", Align::Right),
        ("SAMPLES", Align::Right),
        ("NO ANSWER", Align::Right),
        ("FAILED", Align::Right),
    ];
    if comparison.is_some() {
        head.push(("FRONTIER", Align::Left));
    }
    // What another run has otherwise stands last.
    head.extend([("P50 MS", Align::Right), ("P95 MS", Align::Right)]);
    let mut table = Table::new(&head);
    for way in ways {
        let plain = |text: String| (text, Paint::Plain);
        let mut cells = vec![
            (way.way.clone(), Paint::Bold),
            plain(format!("{}/{}", way.right, way.answers)),
            plain(percent(way.accuracy.value)),
            plain(interval(way.accuracy)),
            plain(tokens(way)),
            plain(format!("{:.1}", way.samples)),
            plain(way.without_answer.to_string()),
            plain(way.failed.to_string()),
        ];
        cells.extend(comparison.map(|comparison| {
            let standing = comparison.standings.iter().find(|standing| standing.way == way.way);
            standing.map_or_else(|| plain(String::new()), frontier)
        }));
        cells.extend([plain(way.p50_ms.to_string()), plain(way.p95_ms.to_string())]);
        table.row(cells);
    }
    table.render(style)
}

/// The mean tokens; marked where what failed requests cost is not in them.
fn tokens(way: &Figures) -> String {
    let mark = if way.unknown_cost > 0 { " + ?" } else { "" };
    format!("{:.1}{mark}", way.tokens)
}

fn frontier(standing: &Standing) -> (String, Paint) {
    let (mut told, paint) = match standing.place {
        Place::On => ("on it".to_owned(), Paint::Good),
        Place::Near => ("perhaps".to_owned(), Paint::Odd),
        Place::Off => ("off".to_owned(), Paint::Dim),
        Place::FailsOften => ("fails too often".to_owned(), Paint::Bad),
        Place::TooFewQuestions => ("too few questions".to_owned(), Paint::Dim),
    };
    if let Some(cheaper) = &standing.as_good_for_less {
        _ = write!(told, ", not told from {cheaper}");
    }
    (told, paint)
}

fn compared(summary: &Summary, comparison: &Comparison, style: Style) -> String {
    let first = summary.ways.first().map(|way| way.way.as_str()).unwrap_or_default();
    let against: Vec<&Difference> = comparison.differences.iter().filter(|of| of.against == first).collect();
    let mut text = String::new();
    if !against.is_empty() {
        let mut table = Table::new(&[
            ("AGAINST", Align::Left),
            ("WAY", Align::Left),
            ("POINTS", Align::Right),
            ("95 % INTERVAL", Align::Right),
            ("TOKENS", Align::Right),
            ("", Align::Left),
        ]);
        for difference in against {
            table.row(row(difference));
        }
        _ = writeln!(text, "{}", table.render(style));
    }
    match &comparison.presets {
        Some(presets) => _ = writeln!(text, "suggested presets, for the configuration:\n{presets}"),
        None if !summary.has_enough() => {
            text.push_str("no presets can be suggested: too few questions are answered; ask at least 10\n\n");
        }
        None => text.push_str("no presets can be suggested: none of these ways can be said as one, or all fail\n\n"),
    }
    text
}

fn row(difference: &Difference) -> Vec<(String, Paint)> {
    let of = difference.accuracy;
    let paint = match difference.verdict {
        Verdict::MoreOften => Paint::Good,
        Verdict::LessOften => Paint::Bad,
        Verdict::NotToldApart | Verdict::TooFewQuestions => Paint::Dim,
    };
    let tokens = difference.tokens.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2} ×"));
    let points = format!("{:+.1}", 100.0 * of.value);
    let interval = format!("{:+.1} to {:+.1}", 100.0 * of.low, 100.0 * of.high);
    let texts = [difference.against.clone(), difference.way.clone(), points, interval, tokens];
    let mut cells: Vec<(String, Paint)> = texts.into_iter().map(|text| (text, Paint::Plain)).collect();
    cells.push((difference.verdict.as_str().to_owned(), paint));
    cells
}

/// How the figures are to be read, and what is doubtful about these.
fn notes(results: &Results, summary: &Summary) -> String {
    let mut text = String::from(
        "Tokens and samples are per answer; tokens count those of cancelled samples, samples only those that ended.\n\
         Intervals are at 95 %, each for itself: Wilson's for shares, Newcombe's method 10 for paired differences; with\n\
         repeats, for the effective number of trials, and a bootstrap over the questions.\n",
    );
    if !results.plan.header.model.repeatable {
        text.push_str("This engine does not repeat itself: the same seed gives other answers in another run.\n");
    }
    let unknown: usize = summary.ways.iter().map(|way| way.unknown_cost).sum();
    if unknown > 0 {
        _ = writeln!(
            text,
            "{unknown} requests failed, and the service does not tell what they spent: `+ ?` marks tokens without theirs. A way\n\
             of which more than 1 % failed is held against no other and is in no preset."
        );
    }
    let by_deadline: usize = summary.ways.iter().map(|way| way.by_deadline).sum();
    if by_deadline > 0 {
        _ = writeln!(
            text,
            "A deadline ended {by_deadline} answers: they depend on how busy the machine was. Give the ways a longer deadline_ms."
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_with_its_verdict() {
        let accuracy = Estimate { value: 0.105, low: 0.01, high: 0.2 };
        let (way, against) = ("b".to_owned(), "a".to_owned());
        let told = row(&Difference { way, against, accuracy, verdict: Verdict::MoreOften, tokens: Some(2.5) });
        let cells: Vec<&str> = told.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(cells, ["a", "b", "+10.5", "+1.0 to +20.0", "2.50 ×", "more often right"]);
        assert_eq!(told.last().map(|(_, paint)| *paint), Some(Paint::Good));
    }
}
