//! One page for people: the curve, the figures and how they came about, in a single HTML file that loads nothing.

mod chart;
pub mod markup;
mod scale;

use std::{collections::HashMap, fmt::Write as _};

use crate::{Comparison, Estimate, Figures, Outcome, Place, Question, Results, Summary};
use markup::{Cell, document, escape, pairs, section, short, table};

/// Questions that the page lists one by one.
const MOST_LISTED: usize = 2000;
/// Characters of a question or an answer that are shown.
const MOST_SHOWN: usize = 160;

/// The page of an evaluation, whole or not.
#[must_use]
pub fn page(results: &Results, summary: &Summary, comparison: &Comparison) -> String {
    let header = &results.plan.header;
    let title = format!("Evaluation of {}", header.model.id);
    let parts = [
        format!("<h1>{}</h1>\n<p class=\"dim\">{}</p>\n", escape(&title), escape(&lead(results, summary))),
        figure(summary, comparison),
        section("Ways", &ways(&summary.ways, comparison)),
        summary.sets.iter().map(|set| section(&format!("Only {}", set.name), &ways(&set.ways, comparison))).collect(),
        section("Against the first way", &differences(summary, comparison)),
        comparison.presets.as_deref().map(presets).unwrap_or_default(),
        section("How it was run", &run(results)),
        section("How to read it", NOTES),
        questions(results),
    ];
    document(&title, "", &parts.concat())
}

const NOTES: &str = "\
<ul>
<li>Right answers are compared exactly, in canonical form. A request that failed, and an answer in which none was found,
count as wrong.</li>
<li>Intervals are at 95 %, each for itself. Shares have Wilson's (1927); with repeats, for the effective number of trials
after Kish (1965). Differences are paired by question: Newcombe (1998), method 10; with repeats, a percentile bootstrap over
the questions.</li>
<li>A way is on the efficient frontier when no other is at least as often right for at most as many tokens. A hollow point
is off it, but its difference to the ways that beat it may be chance.</li>
<li>A service that tells no tokens with an error leaves the cost of failed requests unknown: the tokens are then those of the
others, marked with a question mark. A way of which more than 1 % failed is not held against others and is in no preset. With
fewer than 10 questions there is no verdict.</li>
<li>All ways of a question share a seed, so ways that draw the same first samples differ by strategy and not by luck.</li>
<li>Tokens are those of all samples, cancelled ones too, without prompts. Times depend on the machine and on how many
requests were in flight.</li>
</ul>
";

/// A share as people read it.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn points(of: Estimate) -> [String; 2] {
    let shown = |value: f64| format!("{:+.1}", 100.0 * value);
    [shown(of.value), format!("{} to {}", shown(of.low), shown(of.high))]
}

fn lead(results: &Results, summary: &Summary) -> String {
    let sets: Vec<&str> = results.plan.header.sets.iter().map(|set| set.name.as_str()).collect();
    let mut text = format!("{} questions of {}", summary.complete, sets.join(", "));
    if summary.complete < summary.questions {
        _ = write!(
            text,
            " ({} of {} are not answered in every way yet)",
            summary.questions - summary.complete,
            summary.questions
        );
    }
    let ways = summary.ways.len();
    _ = write!(text, ", each asked in {ways} {}", if ways == 1 { "way" } else { "ways" });
    if summary.repeats > 1 {
        _ = write!(text, ", {} times", summary.repeats);
    }
    text
}

fn figure(summary: &Summary, comparison: &Comparison) -> String {
    format!(
        "<figure>\n{}<figcaption>Bars: 95 % intervals. Dashed: the efficient frontier. Hover over a point for its \
         figures.</figcaption>\n</figure>\n",
        chart::chart(summary, comparison)
    )
}

fn ways(figures: &[Figures], comparison: &Comparison) -> String {
    let head = [
        ("way", false),
        ("right", true),
        ("accuracy", true),
        ("95 % interval", true),
        ("tokens", true),
        ("samples", true),
        ("median ms", true),
        ("p95 ms", true),
        ("no answer", true),
        ("failed", true),
        ("frontier", false),
        ("says", false),
    ];
    let rows: Vec<(&str, Vec<Cell>)> = figures.iter().map(|way| row(way, comparison)).collect();
    table(&head, &rows)
}

fn row(way: &Figures, comparison: &Comparison) -> (&'static str, Vec<Cell>) {
    let standing = comparison.standings.iter().find(|standing| standing.way == way.way);
    let place = standing.map_or(Place::Off, |standing| standing.place);
    let mut told = match place {
        Place::On => "on it".to_owned(),
        Place::Near => "perhaps".to_owned(),
        Place::Off => "off".to_owned(),
        Place::FailsOften => "fails too often".to_owned(),
        Place::TooFewQuestions => "too few questions".to_owned(),
    };
    if let Some(cheaper) = standing.and_then(|standing| standing.as_good_for_less.as_ref()) {
        _ = write!(told, "; not told apart from {cheaper}");
    }
    let numbers = [
        format!("{} of {}", way.right, way.answers),
        percent(way.accuracy.value),
        format!("{} to {}", percent(way.accuracy.low), percent(way.accuracy.high)),
        tokens(way),
        format!("{:.1}", way.samples),
        way.p50_ms.to_string(),
        way.p95_ms.to_string(),
        way.without_answer.to_string(),
        way.failed.to_string(),
    ];
    let mut cells = vec![Cell::Word(way.way.clone())];
    cells.extend(numbers.into_iter().map(Cell::Number));
    cells.extend([Cell::Word(told), Cell::Text(way.says.clone())]);
    (chart::class(place), cells)
}

/// The mean tokens; marked where what failed requests cost is not in them.
fn tokens(way: &Figures) -> String {
    let mark = if way.unknown_cost > 0 { " + ?" } else { "" };
    format!("{:.1}{mark}", way.tokens)
}

fn differences(summary: &Summary, comparison: &Comparison) -> String {
    let first = summary.ways.first().map(|way| way.way.as_str()).unwrap_or_default();
    let against = comparison.differences.iter().filter(|difference| difference.against == first);
    let rows: Vec<(&str, Vec<Cell>)> = against
        .map(|difference| {
            let [value, interval] = points(difference.accuracy);
            let tokens = difference.tokens.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2} ×"));
            let numbers = [value, interval, tokens].map(Cell::Number);
            let name = Cell::Word(difference.way.clone());
            let verdict = Cell::Word(difference.verdict.as_str().to_owned());
            ("", std::iter::once(name).chain(numbers).chain([verdict]).collect())
        })
        .collect();
    if rows.is_empty() {
        return "<p>There is only one way.</p>\n".to_owned();
    }
    let head = [("way", false), ("points", true), ("95 % interval", true), ("tokens", true), ("", false)];
    format!(
        "<p>Every way against <strong>{}</strong>, over the same questions.</p>\n{}",
        escape(first),
        table(&head, &rows)
    )
}

fn presets(presets: &str) -> String {
    let told = "<p>Efforts as ways of the frontier, of rising cost, for the configuration of the service:</p>\n";
    section("Suggested presets", &format!("{told}<pre>{}</pre>\n", escape(presets)))
}

fn run(results: &Results) -> String {
    let header = &results.plan.header;
    let set = |set: &crate::SetRef| format!("{} ({} questions, sha256 {})", set.name, set.questions, set.digest);
    let repeatable = if header.model.repeatable {
        "yes: the same seed gives the same answers"
    } else {
        "no: another run gives other answers"
    };
    pairs(&[
        ("model", header.model.id.clone()),
        ("weights", header.model.weights.clone()),
        ("repeatable", repeatable.to_owned()),
        ("seed", header.seed.to_string()),
        ("repeats", header.repeats.to_string()),
        ("questions", header.sets.iter().map(set).collect::<Vec<_>>().join(", ")),
        ("plan", format!("sha256 {}", header.digest)),
        ("begun", header.begun.strftime("%Y-%m-%d %H:%M UTC").to_string()),
        ("program", header.program.clone()),
    ])
}

/// Every question with what each way made of it.
fn questions(results: &Results) -> String {
    let plan = &results.plan;
    let mut outcomes: HashMap<(&str, &str, &str), Vec<&Outcome>> = HashMap::new();
    for outcome in &results.outcomes {
        outcomes.entry((&outcome.set, &outcome.id, &outcome.way)).or_default().push(outcome);
    }
    let mut head = vec![("question", false), ("", false), ("right answer", false)];
    head.extend(plan.header.ways.iter().map(|way| (way.name.as_str(), false)));
    let rows: Vec<(&str, Vec<Cell>)> = plan
        .questions
        .iter()
        .take(MOST_LISTED)
        .map(|question| {
            let names =
                plan.header.ways.iter().map(|way| (question.set.as_str(), question.id.as_str(), way.name.as_str()));
            let mut cells = about(question);
            cells.extend(names.map(|name| marks(outcomes.get(&name).map(Vec::as_slice).unwrap_or_default())));
            ("", cells)
        })
        .collect();
    let left_out = plan.questions.len().saturating_sub(MOST_LISTED);
    let more = if left_out > 0 { format!("<p>{left_out} more are not listed.</p>\n") } else { String::new() };
    let listed = table(&head, &rows);
    section(
        "Questions",
        &format!("<details>\n<summary>Each question, and what came of it</summary>\n{listed}{more}</details>\n"),
    )
}

fn about(question: &Question) -> Vec<Cell> {
    vec![
        Cell::Word(question.id.clone()),
        Cell::Text(short(question.text(), MOST_SHOWN)),
        Cell::Text(short(&question.right, MOST_SHOWN)),
    ]
}

/// A mark for each repeat, with the answer behind it.
fn marks(outcomes: &[&Outcome]) -> Cell {
    let mut ordered = outcomes.to_vec();
    ordered.sort_by_key(|outcome| outcome.repeat);
    let one = |outcome: &&Outcome| {
        let answer =
            outcome.reply.as_ref().map(|reply| reply.answer.clone().unwrap_or_else(|| "no answer found".to_owned()));
        let told = answer.or_else(|| outcome.error.clone()).unwrap_or_default();
        let (class, mark) = if outcome.right { ("right", "✓") } else { ("wrong", "✗") };
        format!("<span class=\"{class}\" title=\"{}\">{mark}</span>", escape(&short(&told, MOST_SHOWN)))
    };
    Cell::Markup(ordered.iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::tests::plan, results::tests::results};

    fn made() -> (Results, String) {
        let plan = plan(20, &["single=single", "vote4=self_consistency,max_samples=4", "bad=best_of_n"], 1);
        let results = results(plan, |task| match task.way {
            0 => (task.question < 8, 10),
            1 => (task.question < 16, 40),
            _ => (task.question < 2, 400),
        });
        let page = drawn(&results);
        (results, page)
    }

    fn drawn(results: &Results) -> String {
        let summary = Summary::new(results);
        page(results, &summary, &Comparison::new(results, &summary))
    }

    #[test]
    fn each_way_is_a_point_and_the_frontier_joins_the_efficient_ones() {
        let (_, page) = made();
        for (way, class) in [("single", "on"), ("vote4", "on"), ("bad", "off")] {
            assert!(page.contains(&format!("<g class=\"point {class}\" data-way=\"{way}\"><title>{way} (")), "{way}");
        }
        assert_eq!(page.matches("<g class=\"point ").count(), 3);
        let line = page.split("<polyline class=\"frontier\" points=\"").nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(line.map(|points| points.split(' ').count()), Some(2));
        assert!(
            page.contains("40.0 % right")
                && page.contains("8 of 20")
                && page.contains("tokens per question (logarithmic)")
        );
    }

    #[test]
    fn the_page_loads_nothing_and_escapes_what_it_shows() {
        let (mut results, plain) = made();
        for mark in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!plain.contains(mark), "{mark}");
        }
        let evil = "</title><script>alert('x')</script>";
        results.plan.header.model.id = evil.into();
        if let Some(message) = results.plan.questions[0].messages.last_mut() {
            message.content = evil.into();
        }
        results.plan.questions[1].right = evil.into();
        if let Some(reply) = &mut results.outcomes[3].reply {
            reply.answer = Some(evil.into());
        }
        results.outcomes[6].reply = None;
        results.outcomes[6].error = Some(evil.into());
        let page = drawn(&results);
        assert!(!page.contains("<script") && page.matches("&lt;script&gt;").count() >= 5, "{page}");
    }

    #[test]
    fn a_page_of_nothing_can_be_drawn() {
        let plan = plan(3, &["a=single"], 1);
        let page = drawn(&Results { plan, sessions: Vec::new(), outcomes: Vec::new() });
        assert!(page.contains("0 questions of sums (3 of 3 are not answered in every way yet)"), "{page}");
        assert!(page.contains("There is only one way.") && !page.contains("NaN") && !page.contains("inf"));
    }
}
