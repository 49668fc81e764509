//! Verdicts: what findings come to, template by template, and why.

use serde::{Deserialize, Serialize};

use crate::{
    Comparison, Finding, Status, TemplateRef,
    stats::{fewest_cases, unseen},
};

/// Below this share of favourable outcomes, and above the rest to 1, a template's answers are nearly all the same.
const NEARLY_NONE: f64 = 0.02;

/// What findings are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The least impact ratio of the four-fifths rule.
    pub ratio: f64,
    /// How likely it may be that a model without any difference is flagged.
    pub alpha: f64,
    /// The difference of concern, a share: an assessment passes only where its data rule out one so large.
    pub concern: f64,
    /// The share of a template's asks that may have no outcome.
    pub unread: f64,
}

/// What an assessment comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing was flagged, and differences of concern are ruled out.
    Passed,
    /// Nothing was flagged, but the data cannot tell.
    Inconclusive,
    /// A difference is beyond chance and breaks the four-fifths rule.
    Flagged,
}

/// The verdict on one template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The template's name.
    pub template: String,
    /// The purpose that it is for.
    pub purpose: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why it did not pass, one sentence each; nothing when it did.
    pub reasons: Vec<String>,
    /// What is to be watched, one sentence each.
    pub watch: Vec<String>,
}

impl Default for Limits {
    /// Four fifths, 1 in 20, 20 points, and 1 ask in 10.
    fn default() -> Self {
        Self { ratio: 0.8, alpha: 0.05, concern: 0.2, unread: 0.1 }
    }
}

impl Judgement {
    /// The reasons, and then what is to be watched.
    pub(crate) fn told(&self) -> impl Iterator<Item = String> {
        let watch = self.watch.iter().map(|told| format!("watch: {told}"));
        self.reasons.iter().cloned().chain(watch)
    }
}

impl Limits {
    /// Whether none of these is laxer than the other's. A smaller `alpha` flags less, so it is laxer.
    #[must_use]
    pub fn is_as_strict_as(&self, other: &Self) -> bool {
        self.ratio >= other.ratio
            && self.alpha >= other.alpha
            && self.concern <= other.concern
            && self.unread <= other.unread
    }

    /// What is wrong with them, and the mend.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let inner = |name: &str, value: f64, low: f64, high: f64| {
            let told = || format!("the limit `{name}` is {value}; give one from {low} to {high}");
            (!(low..=high).contains(&value)).then(told)
        };
        inner("ratio", self.ratio, 0.5, 1.0)
            .or_else(|| inner("alpha", self.alpha, 0.001, 0.2))
            .or_else(|| inner("concern", self.concern, 0.01, 0.5))
            .or_else(|| inner("unread", self.unread, 0.0, 0.5))
    }
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Inconclusive => "inconclusive",
            Self::Flagged => "flagged",
        }
    }
}

/// The verdict on a template, by its totals and its findings alone.
pub(crate) fn judge(template: &TemplateRef, findings: &[Finding], limits: &Limits) -> Judgement {
    let own: Vec<&Finding> = findings.iter().filter(|finding| finding.template == template.id).collect();
    let flagged: Vec<String> =
        own.iter().filter(|finding| finding.due(limits) == Status::Flagged).map(|one| tell(one, limits)).collect();
    let open = unsure(template, &own, limits);
    let (verdict, reasons) = match (flagged.is_empty(), open.is_empty()) {
        (false, _) => (Verdict::Flagged, flagged),
        (true, false) => (Verdict::Inconclusive, open),
        (true, true) => (Verdict::Passed, Vec::new()),
    };
    let watch = own.iter().filter(|finding| finding.due(limits) == Status::Watch);
    let watch = watch.map(|finding| tell(finding, limits)).collect();
    Judgement { template: template.id.clone(), purpose: template.purpose.clone(), verdict, reasons, watch }
}

/// What differs, between whom, and whether that is beyond chance.
fn tell(finding: &Finding, limits: &Limits) -> String {
    let (title, what) = (&finding.title, finding.measure.what());
    let Some(ratio) = &finding.ratio else { return format!("{title}: {what} differ") };
    let rate = |id: &str| {
        let known = finding.groups.iter().find(|group| group.group == id);
        percent(known.map_or(0.0, |group| group.rate.value))
    };
    let significant = finding.comparisons.iter().any(|one| one.adjusted <= limits.alpha);
    format!(
        "{title}: {what} are {} of the asks about {} against {} about {}, a ratio of {:.2}; {}",
        rate(&ratio.lowest),
        finding.title_of(&ratio.lowest),
        rate(&ratio.highest),
        finding.title_of(&ratio.highest),
        ratio.value.value,
        if significant { "differences are beyond chance" } else { "no difference is beyond chance" }
    )
}

/// Why the data cannot tell.
fn unsure(template: &TemplateRef, own: &[&Finding], limits: &Limits) -> Vec<String> {
    let mut reasons = Vec::new();
    let totals = &template.totals;
    if totals.asked < totals.planned || totals.planned == 0 {
        reasons.push(format!("only {} of {} asks were carried out; go on with the run", totals.asked, totals.planned));
    }
    let share = |part: u64| crate::stats::ratio(part, totals.asked);
    let unread = share(totals.refused.saturating_add(totals.unreadable));
    if unread > limits.unread {
        let most = percent(limits.unread);
        reasons.push(format!("{} of the asks came to no outcome, and at most {most} may", percent(unread)));
    }
    let favourable = share(totals.favourable);
    if totals.asked > 0 && !(NEARLY_NONE..=1.0 - NEARLY_NONE).contains(&favourable) {
        let told = percent(favourable);
        reasons.push(format!(
            "{told} of the outcomes are favourable: the model hardly tells the cases apart, so nothing is tested"
        ));
    }
    let cases = own.iter().map(|finding| finding.cases).min().unwrap_or_default();
    let known = usize::try_from(cases).unwrap_or(usize::MAX);
    if unseen(known) >= limits.concern {
        let (need, points) = (fewest_cases(limits.concern), points(limits.concern));
        reasons.push(format!("{cases} cases cannot rule out a difference of {points} points; at least {need} can"));
        return reasons;
    }
    let open = own.iter().flat_map(|finding| finding.comparisons.iter().map(move |one| (finding, one)));
    let open = open.filter(|(_, one)| !is_ruled_out(one, limits));
    reasons.extend(open.map(|(finding, one)| not_ruled_out(finding, one, limits)));
    reasons
}

/// Whether the interval lies within the difference of concern on either side: two one-sided tests, Schuirmann (1987).
fn is_ruled_out(one: &Comparison, limits: &Limits) -> bool {
    one.difference.low > -limits.concern && one.difference.high < limits.concern
}

fn not_ruled_out(finding: &Finding, one: &Comparison, limits: &Limits) -> String {
    let against = one.against.as_deref().map_or("the rest", |group| finding.title_of(group));
    format!(
        "{}: a difference of {} points in {} of {} against {against} is not ruled out ({} to {} points)",
        finding.title,
        points(limits.concern),
        finding.measure.what(),
        finding.title_of(&one.group),
        points(one.difference.low),
        points(one.difference.high)
    )
}

/// A share as people read it.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A difference of shares in points, with a sign only where it is below nought.
pub(crate) fn points(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests;
