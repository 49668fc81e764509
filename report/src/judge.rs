//! What the log shows of each duty: shown, a gap, not applicable in this period, or beyond what a log can show.

mod log;
mod people;
mod requests;
mod rules;
#[cfg(test)]
mod tests;

use forethought_policies::packs::{Confidence, Law, Region};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

use crate::{
    Figure, Figures,
    duties::{Check, Duties, Duty, DutyStatus},
    request::Request,
    scope::{day_of, spoken},
};

/// What the log shows of a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Entries show that it was met.
    Shown,
    /// Entries are missing, or show that it was not met.
    Gap,
    /// Nothing happened that it is about, or it is not in force.
    NotApplicable,
    /// No log could show it.
    BeyondALog,
}

impl State {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Gap => "gap",
            Self::NotApplicable => "not applicable in this period",
            Self::BeyondALog => "cannot be shown by a log",
        }
    }

    /// A mark that needs no colour.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Shown => "✓",
            Self::Gap => "!",
            Self::NotApplicable => "–",
            Self::BeyondALog => "?",
        }
    }
}

/// Whether a duty is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// During the whole period.
    InForce,
    /// From a day within the period on.
    Begins,
    /// Not before the period's end.
    NotYet,
    /// A court has stayed it.
    Stayed,
    /// Nobody has to follow it.
    Voluntary,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) state: State,
    /// One sentence, without its full stop.
    pub(crate) why: String,
    pub(crate) evidence: Vec<Figure>,
}

impl Finding {
    fn new(state: State, why: impl Into<String>) -> Self {
        Self { state, why: why.into(), evidence: Vec::new() }
    }

    /// With figures, as far as they hold any entries.
    fn with(mut self, figures: impl IntoIterator<Item = Figure>) -> Self {
        self.evidence.extend(figures.into_iter().filter(|figure| !figure.entries.is_empty()));
        self
    }
}

/// A duty, and what the log shows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The duty.
    #[serde(flatten)]
    pub duty: Duty,
    /// Where it can be read.
    pub read_at: String,
    /// Whether it is in force in the period.
    pub force: Force,
    /// What the log shows.
    pub state: State,
    /// Why, in one sentence.
    pub why: String,
    /// The entries that show it, or the gap.
    pub evidence: Vec<Figure>,
}

/// The duties of one law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LawTable {
    /// The name of the duties.
    pub id: String,
    /// What they are, for people.
    pub title: String,
    /// The law.
    pub law: Law,
    /// When it was last compared with the law.
    pub checked_on: Date,
    /// Requests that declared a region of the law, or all where it holds everywhere.
    pub within: Figure,
    /// Requests of which nobody can say whether the law reaches them.
    pub unknown: Figure,
    /// The duties.
    pub duties: Vec<Judged>,
}

impl LawTable {
    /// How many duties are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.duties.iter().filter(|duty| duty.state == state).count()
    }
}

/// Holds duties against figures. `now` is the time of the report: it decides what is late, and how far back the log reaches.
#[must_use]
pub fn judge(figures: &Figures, laws: &[Duties], now: Timestamp) -> Vec<LawTable> {
    laws.iter().map(|law| table(figures, law, now)).collect()
}

fn table(figures: &Figures, law: &Duties, now: Timestamp) -> LawTable {
    let view = View::new(figures, law, now);
    let admissions = |requests: &[&Request]| requests.iter().map(|request| request.admission).collect::<Vec<_>>();
    LawTable {
        id: law.id.clone(),
        title: law.title.clone(),
        law: law.law.clone(),
        checked_on: law.checked_on,
        within: Figure::of(format!("{}: requests of its regions", law.title), admissions(&view.within)),
        unknown: Figure::of(format!("{}: requests of unknown region", law.title), admissions(&view.unknown)),
        duties: law.duties.iter().map(|duty| judged(&view, law, duty)).collect(),
    }
}

/// What a check looks at.
struct View<'f> {
    figures: &'f Figures,
    law: &'f Duties,
    now: Timestamp,
    /// Requests that the law reaches.
    within: Vec<&'f Request>,
    /// Requests that it may reach.
    unknown: Vec<&'f Request>,
}

impl<'f> View<'f> {
    fn new(figures: &'f Figures, law: &'f Duties, now: Timestamp) -> Self {
        let (mut within, mut unknown) = (Vec::new(), Vec::new());
        for request in &figures.found.requests {
            match reach(&law.regions, request) {
                Some(true) => within.push(request),
                None => unknown.push(request),
                Some(false) => {}
            }
        }
        Self { figures, law, now, within, unknown }
    }

    /// Requests that the law reaches, or may reach.
    fn reached(&self) -> impl Iterator<Item = &'f Request> + use<'f, '_> {
        self.within.iter().chain(&self.unknown).copied()
    }

    fn reached_count(&self) -> usize {
        self.within.len() + self.unknown.len()
    }

    /// What is said where the law reaches no request.
    fn none_reached(&self) -> Option<Finding> {
        let why = match self.figures.requests() {
            0 => "there was no request in the period",
            _ => "no request of the period was about a region of this law",
        };
        (self.reached_count() == 0).then(|| Finding::new(State::NotApplicable, why))
    }
}

/// Whether a law reaches a request; nothing where its regions leave that open.
fn reach(regions: &[Region], request: &Request) -> Option<bool> {
    if regions.is_empty() {
        return Some(true);
    }
    let own: Vec<Region> = request.regions.iter().filter_map(|region| region.parse().ok()).collect();
    if own.is_empty() {
        return None;
    }
    if own.iter().any(|own| regions.iter().any(|region| own.is_in(region))) {
        return Some(true);
    }
    // "In the United States" says nothing of Colorado.
    let around = own.iter().any(|own| regions.iter().any(|region| region.is_in(own)));
    if around { None } else { Some(false) }
}

fn judged(view: &View<'_>, law: &Duties, duty: &Duty) -> Judged {
    let force = force(view.figures, duty);
    let Finding { state, why, evidence } = find(view, &duty.check);
    let (state, mut why) = match (force, duty.in_force_from) {
        (Force::NotYet, Some(from)) => {
            (State::NotApplicable, not_in_force(&format!("it is in force from {} on", spoken(from)), state, &why))
        }
        (Force::Stayed, _) => (State::NotApplicable, not_in_force("a court has stayed its enforcement", state, &why)),
        (Force::Begins, Some(from)) => {
            (state, format!("{why} (in force from {} on; the whole period was looked at)", spoken(from)))
        }
        _ => (state, why),
    };
    if duty.confidence == Confidence::Unconfirmed {
        why.push_str("; the wording of the law has to be looked up again");
    }
    let read_at = law.source_of(duty).to_owned();
    Judged { duty: duty.clone(), read_at, force, state, why: sentence(&why), evidence }
}

fn not_in_force(because: &str, state: State, why: &str) -> String {
    match state {
        State::NotApplicable => format!("{because}; besides, {why}"),
        State::BeyondALog => format!("{because}; then, too, it cannot be shown by a log: {why}"),
        State::Shown | State::Gap => format!(
            "{because}; if it were in force now, it would be {}: {why}",
            if state == State::Gap { "a gap" } else { "shown" }
        ),
    }
}

fn force(figures: &Figures, duty: &Duty) -> Force {
    match (duty.status, duty.in_force_from) {
        (DutyStatus::Voluntary, _) | (DutyStatus::Law, None) => Force::Voluntary,
        (DutyStatus::Stayed, _) => Force::Stayed,
        (DutyStatus::Law, Some(from)) => {
            let begins = from.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |at| at.timestamp());
            match begins {
                begins if begins >= figures.scope.to => Force::NotYet,
                begins if begins > figures.scope.from => Force::Begins,
                _ => Force::InForce,
            }
        }
    }
}

fn find(view: &View<'_>, check: &Check) -> Finding {
    match check {
        Check::EveryRequestEnds => requests::every_request_ends(view),
        Check::LogIsWhole => log::is_whole(view),
        Check::LogReachesBack { days } => log::reaches_back(view, *days),
        Check::Prohibited { rules } => rules::prohibited(view, rules),
        Check::Applied { rules } => rules::applied(view, rules),
        Check::Owed { rules } => rules::owed(view, rules),
        Check::Reviewed { rules } => rules::reviewed(view, rules),
        Check::HeldAnswersDecided => people::held_answers_decided(view),
        Check::PurposeDeclared => requests::purpose_declared(view),
        Check::DataDescribed => requests::data_described(view),
        Check::ChangesHaveAuthors => people::changes_have_authors(view),
        Check::ErasuresAnswered => people::erasures_answered(view),
        Check::ContentsExpire => requests::contents_expire(view),
        Check::ContentsSealed => requests::contents_sealed(view),
        Check::ReadsRecorded => people::reads_recorded(view),
        Check::NothingErased => people::nothing_erased(view),
        Check::ModelsNamed => requests::models_named(view),
        Check::TextsJudged => requests::texts_judged(view),
        Check::SamplesCompared => requests::samples_compared(view),
        Check::Assessed => rules::assessed(view),
        Check::None { why } => Finding::new(State::BeyondALog, why.trim_end_matches('.')),
    }
}

/// With a capital, and a full stop.
fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// A number with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {many}", grouped(count as u64)) }
}

/// A number with a thin space between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let plain = number.to_string();
    let mut text = String::new();
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && (plain.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// The day of a moment, for people.
pub(crate) fn spoken_day(at: Timestamp) -> String {
    spoken(day_of(at))
}
