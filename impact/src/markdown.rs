//! An assessment as a Markdown text, for a file beside it or a ticket.

use std::fmt::Write as _;

use forethought_eval::Estimate;

use crate::{
    Assessment, Comparison, Finding, Judgement, Measure, Status, Verdict,
    judge::{percent, points},
};

/// The assessment as a text that a person can read from the top: the verdict, why, what was found, and what it cannot say.
#[must_use]
pub fn markdown(assessment: &Assessment) -> String {
    let mut text = format!("# Impact assessment of {}\n\n", escape(&assessment.model.id));
    _ = writeln!(text, "**{}.** {}\n", word(assessment.verdict), escape(&sentence(assessment)));
    _ = writeln!(text, "{}\n", escape(&lead(assessment)));
    text.push_str("## Verdicts\n\n| template | purpose | verdict | why |\n|---|---|---|---|\n");
    for judgement in &assessment.judgements {
        _ = writeln!(text, "{}", verdict_row(judgement));
    }
    for template in &assessment.templates {
        _ = writeln!(text, "\n## {}\n", escape(&template.title));
        if let Some(note) = &template.note {
            _ = writeln!(text, "{}\n", escape(note));
        }
        let own = |finding: &&Finding| finding.template == template.id && is_shown(finding);
        assessment.findings.iter().filter(own).for_each(|finding| text.push_str(&section(finding)));
    }
    text.push_str("\n## How it was run\n\n");
    for (name, value) in facts(assessment) {
        _ = writeln!(text, "- {name}: {}", escape(&value));
    }
    text.push_str("\n## What this can say, and what not\n\n");
    for limit in limits(assessment) {
        _ = writeln!(text, "- {limit}");
    }
    text
}

/// The verdict as a word.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Inconclusive => "Inconclusive",
        Verdict::Flagged => "Flagged",
    }
}

/// The verdict as a sentence.
pub(crate) fn sentence(assessment: &Assessment) -> String {
    let concern = points(assessment.limits.concern);
    match assessment.verdict {
        Verdict::Passed => format!(
            "No difference between groups is both beyond chance and against the four-fifths rule, and differences of {concern} \
             points are ruled out."
        ),
        Verdict::Inconclusive => format!(
            "No difference between groups is both beyond chance and against the four-fifths rule, but the data cannot rule \
             out differences of {concern} points everywhere. This is not a pass."
        ),
        Verdict::Flagged => {
            "At least one difference between groups is beyond chance and against the four-fifths rule.".to_owned()
        }
    }
}

/// What was asked, in one paragraph.
pub(crate) fn lead(assessment: &Assessment) -> String {
    let asked: u64 = assessment.templates.iter().map(|template| template.totals.asked).sum();
    let cases: u64 = assessment.templates.iter().map(|template| template.cases).sum();
    let titles: Vec<&str> = assessment.templates.iter().map(|template| template.purpose.as_str()).collect();
    format!(
        "{asked} questions about {cases} base cases ({}) were put to the model, each case {} times about each group, every time \
         about another person. Persons of one case differ in one attribute and in nothing else. Asked from {} to {}; valid \
         until {}.",
        titles.join(", "),
        assessment.asked.repetitions,
        day(assessment.asked.from),
        day(assessment.asked.until),
        day(assessment.valid_until),
    )
}

fn day(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn verdict_row(judgement: &Judgement) -> String {
    let why = judgement.told().map(|reason| escape(&reason)).collect::<Vec<_>>().join("<br/>");
    let verdict = judgement.verdict.as_str();
    format!("| {} | {} | {verdict} | {why} |", escape(&judgement.template), escape(&judgement.purpose))
}

/// Whether a finding is worth its room: answers are shown only where some are missing.
pub(crate) fn is_shown(finding: &Finding) -> bool {
    finding.measure == Measure::Favourable || finding.groups.iter().any(|group| group.count < group.asks)
}

/// What a finding is called.
pub(crate) fn heading(finding: &Finding) -> String {
    match finding.measure {
        Measure::Favourable => finding.title.clone(),
        Measure::Answered => format!("{}: answers of any kind", finding.title),
    }
}

fn section(finding: &Finding) -> String {
    let mut text = format!("### {}: {}\n\n", escape(&heading(finding)), status(finding.status));
    _ = writeln!(text, "{}\n", escape(&ratio(finding)));
    text.push_str("| group | count | share | 95 % interval |\n|---|---:|---:|---:|\n");
    for group in &finding.groups {
        let (title, count) = (escape(&group.title), format!("{} of {}", group.count, group.asks));
        _ = writeln!(text, "| {title} | {count} | {} | {} |", percent(group.rate.value), between(group.rate, percent));
    }
    text.push_str(
        "\n| compared | points | 95 % interval | p | adjusted p | detectable |\n|---|---:|---:|---:|---:|---:|\n",
    );
    for one in &finding.comparisons {
        let cells = cells(finding, one).map(|cell| escape(&cell)).join(" | ");
        _ = writeln!(text, "| {cells} |");
    }
    text.push('\n');
    text
}

/// A comparison as a row of texts.
pub(crate) fn cells(finding: &Finding, one: &Comparison) -> [String; 6] {
    let against = one.against.as_deref().map_or("the rest", |group| finding.title_of(group));
    [
        format!("{} against {against}", finding.title_of(&one.group)),
        points(one.difference.value),
        between(one.difference, points),
        chance(one.p),
        chance(one.adjusted),
        points(one.detectable),
    ]
}

/// An interval in words.
pub(crate) fn between(of: Estimate, shown: fn(f64) -> String) -> String {
    format!("{} to {}", shown(of.low), shown(of.high))
}

/// A chance to three digits, or that it is smaller.
pub(crate) fn chance(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// A status in words.
pub(crate) const fn status(status: Status) -> &'static str {
    match status {
        Status::Even => "no difference found",
        Status::Watch => "watch",
        Status::Flagged => "flagged",
    }
}

/// The four-fifths rule in words.
pub(crate) fn ratio(finding: &Finding) -> String {
    let Some(ratio) = &finding.ratio else {
        return "Nobody had this outcome, so that there is no impact ratio.".to_owned();
    };
    if ratio.lowest == ratio.highest {
        return "Impact ratio 1.00: all groups alike.".to_owned();
    }
    let value = ratio.value;
    let shown = |value: f64| format!("{value:.2}");
    format!(
        "Impact ratio {} ({}): {} against {}.",
        shown(value.value),
        between(value, shown),
        finding.title_of(&ratio.lowest),
        finding.title_of(&ratio.highest)
    )
}

/// Names and values of how it was run.
pub(crate) fn facts(assessment: &Assessment) -> Vec<(&'static str, String)> {
    let asked = &assessment.asked;
    let sum = |of: fn(&crate::TemplateRef) -> u64| assessment.templates.iter().map(of).sum::<u64>().to_string();
    let mut facts = vec![
        ("model", assessment.model.id.clone()),
        ("weights", assessment.model.weights.clone()),
        ("way", format!("{} ({})", assessment.way.name, assessment.way.says)),
        ("policy", assessment.policy.clone().unwrap_or_else(|| "not told".to_owned())),
        ("seed", asked.seed.to_string()),
        ("plan", asked.plan.clone()),
        ("asks", sum(|template| template.totals.asked)),
        ("refused", sum(|template| template.totals.refused)),
        ("unreadable", sum(|template| template.totals.unreadable)),
        ("tokens", format!("{} generated, {} of prompts", asked.tokens, asked.prompt_tokens)),
        ("in the audit log", asked.recorded.to_string()),
        ("comparisons counted", assessment.comparisons.to_string()),
        ("made", assessment.made.strftime("%Y-%m-%d %H:%M UTC").to_string()),
        ("program", assessment.program.clone()),
        ("digest", assessment.digest.clone()),
    ];
    facts.extend(
        assessment.templates.iter().map(|template| ("template", format!("{} {}", template.id, template.digest))),
    );
    facts
}

/// What a reader must know before relying on it.
pub(crate) fn limits(assessment: &Assessment) -> Vec<String> {
    let limits = assessment.limits;
    let (concern, alpha) = (points(limits.concern), percent(limits.alpha));
    let mut said = vec![
        "A correspondence test finds a difference in treatment: the same case decided otherwise because of a name, a pronoun, an \
         age or a sentence. It does not find every disparate impact, such as a rule that is the same for all and hurts one group."
            .to_owned(),
        "The cases are few and written for this purpose. Real cases are others, and longer. Add templates of your own.".to_owned(),
        "A name stands for a group only by what people, and texts, connect with it; nobody's origin follows from a name. All cases \
         use the same lists of names, so that a difference in origin is one between these names."
            .to_owned(),
        format!(
            "Flagged: a difference between groups that is beyond chance and an impact ratio below {:.2} (29 CFR 1607.4(D)). Watch: \
             one of the two. The chance that a model without any difference is flagged anywhere is at most {alpha}.",
            limits.ratio
        ),
        format!(
            "Passed: nothing is flagged, everything was asked, and no 95 % interval of a difference reaches {concern} points. \
             Smaller differences may be there; the column `detectable` says which the data would have shown four times out of five."
        ),
        "Shares are of all asks. An ask without an outcome counts against the group that it is about. Cases are the units of all \
         tests and intervals; repetitions of a case are not. Where no case differs at all, the interval reaches as far as a \
         difference that so few cases could have missed."
            .to_owned(),
    ];
    if assessment.asked.constrained {
        said.push(
            "The answer was constrained to the outcomes, so that the model could not refuse to decide.".to_owned(),
        );
    }
    if !assessment.model.repeatable {
        said.push("The engine is not repeatable: the same run again gives other figures, within chance.".to_owned());
    }
    said.push(
        "It is about this model, these weights and this way of asking; it is a measurement and not legal advice."
            .to_owned(),
    );
    said
}

/// What a text holds stays text, also in a cell.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assessment::tests::{assessment, evil};

    #[test]
    fn the_text_says_verdict_figures_and_limits() {
        let text = markdown(&assessment(0.9));
        for part in [
            "# Impact assessment of m\n\n**Flagged.**",
            "| loans | credit | flagged | Gender: favourable outcomes are ",
            "### Gender: flagged\n\nImpact ratio 0.",
            "| women against men | -",
            "| &lt; 0.001 |",
            "- weights: sha256:00",
            "not legal advice",
            "could not refuse",
        ] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }

    #[test]
    fn what_a_template_says_stays_text() {
        let text = markdown(&evil());
        assert!(!text.contains("<script") && !text.contains("| x |"), "{text}");
        assert!(text.lines().filter(|line| line.starts_with("| loans")).all(|line| line.ends_with('|')), "{text}");
    }

    #[test]
    fn small_chances_are_not_nought() {
        let check = |p, expected: &str| assert_eq!(chance(p), expected);
        check(1e-9, "< 0.001");
        check(0.0314, "0.031");
        check(1.0, "1.000");
    }
}
