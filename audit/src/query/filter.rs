//! What a search asks for.

use std::{fmt, str::FromStr};

use jiff::Timestamp;

use crate::{
    Body, OutcomeStatus, Record, ReviewDecision,
    index::{Keys, Word},
};

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It has its outcome.
    Ended(OutcomeStatus),
    /// The process ended before its outcome was durable.
    Interrupted,
    /// It is under way.
    Open,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Ended(OutcomeStatus::Answered),
        Self::Ended(OutcomeStatus::Failed),
        Self::Ended(OutcomeStatus::Cancelled),
        Self::Ended(OutcomeStatus::Deadline),
        Self::Ended(OutcomeStatus::Refused),
        Self::Ended(OutcomeStatus::Held),
        Self::Interrupted,
        Self::Open,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended(status) => status.as_str(),
            Self::Interrupted => "interrupted",
            Self::Open => "open",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    /// The names that would have been accepted, comma separated.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| Self::ALL.map(Self::as_str).join(", "))
    }
}

/// Which requests to list: those that meet all of these conditions. The default is the latest [`crate::MAX_LISTED`].
///
/// A value is met by the very same value: letters are not folded, and there are no patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only those let in at this time or later, to the microsecond.
    pub since: Option<Timestamp>,
    /// Only those let in before this time, to the microsecond.
    pub until: Option<Timestamp>,
    /// Only those that stand so **now**: an answer that was held is [`OutcomeStatus::Held`] until it is decided, and from then on
    /// [`OutcomeStatus::Answered`] or [`OutcomeStatus::Refused`]. What was decided can be asked for with [`Filter::review`].
    pub status: Option<Status>,
    /// At most so many; [`crate::MAX_LISTED`] when it is none. In a list, one more than that can be asked for, to know whether there are
    /// more.
    pub limit: Option<usize>,
    /// Only those that the key with this id asked.
    pub principal: Option<String>,
    /// Only those to this model.
    pub model: Option<String>,
    /// Only those in which this had a say, when they were let in, in a call of a tool, or at their end: a rule of law in whatever state
    /// (`eu-ai-act/5-1-f`), a deny list by its name, another safeguard by what it finds (`email`), or a classifier that was violated by
    /// its id; of calls also a rule that decided on one.
    pub rule: Option<String>,
    /// Only those for this purpose.
    pub purpose: Option<String>,
    /// Only those that concern this business, among others.
    pub sector: Option<String>,
    /// Only those that concern this region, among others.
    pub region: Option<String>,
    /// Only those that have this kind of data in them, among others.
    pub data_class: Option<String>,
    /// Only those whose answer was held, and decided so.
    pub review: Option<ReviewDecision>,
    /// Only those whose answer the key with this id decided on.
    pub reviewer: Option<String>,
    /// Only the request with this id, or to which the record with this id belongs; of requests with the same id, the latest.
    pub id: Option<String>,
    /// Only those in which a model called the tool with this name, whatever came of it.
    pub tool: Option<String>,
}

/// Which acts to list: those that meet all of these conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActFilter {
    /// Only this, such as `contents.read`.
    pub what: Option<String>,
    /// Only what somebody of this tenant did.
    pub tenant: Option<String>,
    /// Only what the key with this id did.
    pub actor: Option<String>,
    /// Only what was done to this: a key's, a record's or a tenant's id.
    pub object: Option<String>,
    /// Only what was done at this time or later, to the microsecond.
    pub since: Option<Timestamp>,
    /// Only what was done before this time, to the microsecond.
    pub until: Option<Timestamp>,
    /// At most so many; [`crate::MAX_LISTED`] when it is none.
    pub limit: Option<usize>,
}

/// The records of a request, as far as they are asked for.
pub(super) struct Records<'r> {
    pub(super) admission: &'r Record,
    pub(super) calls: &'r [Record],
    pub(super) end: Option<&'r Record>,
    pub(super) review: Option<&'r Record>,
}

impl<'r> Records<'r> {
    /// Those in which rules have a say.
    fn all(&self) -> impl Iterator<Item = &'r Record> {
        std::iter::once(self.admission).chain(self.calls).chain(self.end)
    }
}

/// A condition, by its name, and what it asks for.
pub(super) type Condition = (&'static str, String);

impl Filter {
    /// The words that stand in every admission that is asked for.
    pub(super) fn words(&self) -> Vec<Word> {
        let fields = [
            ("tenant", &self.tenant),
            ("principal", &self.principal),
            ("model", &self.model),
            ("purpose", &self.purpose),
            ("sector", &self.sector),
            ("region", &self.region),
            ("data_class", &self.data_class),
        ];
        words("admission", &fields)
    }

    /// The word of the rule that is asked for.
    pub(super) fn rule_word(&self) -> Option<Word> {
        self.rule.as_ref().map(|rule| Word::new("rule", rule))
    }

    /// The word of the tool that is asked for.
    pub(super) fn tool_word(&self) -> Option<Word> {
        self.tool.as_ref().map(|tool| Word::new("tool", tool))
    }

    /// Whether anything is asked that stands behind the admission.
    pub(super) fn asks_for_ends(&self) -> bool {
        self.status.is_some() || self.asks_for_calls() || self.asks_for_reviews()
    }

    /// Whether anything is asked that stands in the records of calls of tools.
    pub(super) fn asks_for_calls(&self) -> bool {
        self.rule.is_some() || self.tool.is_some()
    }

    pub(super) fn asks_for_reviews(&self) -> bool {
        self.review.is_some() || self.reviewer.is_some()
    }

    /// Whether a request with these records is asked for; its id apart.
    pub(super) fn has(&self, status: Status, request: &Records<'_>) -> bool {
        self.is_in_time(request.admission.time)
            && self.status.is_none_or(|wanted| wanted == status)
            && self.is_reviewed_so(request.review)
            && self.tool_word().is_none_or(|tool| request.calls.iter().any(|call| Keys::of(call).has(&tool)))
            && self.rule_word().is_none_or(|rule| request.all().any(|record| Keys::of(record).has(&rule)))
    }

    pub(super) fn is_in_time(&self, time: Timestamp) -> bool {
        is_in_time(self.since, self.until, time)
    }

    fn is_reviewed_so(&self, review: Option<&Record>) -> bool {
        let Some(Body::Review(review)) = review.map(|review| &review.body) else { return !self.asks_for_reviews() };
        let by = review.by.as_ref().map(|by| by.key_id.as_str());
        self.review.is_none_or(|wanted| wanted == review.decision)
            && self.reviewer.as_deref().is_none_or(|wanted| by == Some(wanted))
    }

    /// All that is asked for but how many.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let texts = [
            ("tenant", self.tenant.clone()),
            ("since", self.since.map(micros)),
            ("until", self.until.map(micros)),
            ("status", self.status.map(|status| status.to_string())),
            ("principal", self.principal.clone()),
            ("model", self.model.clone()),
            ("rule", self.rule.clone()),
            ("purpose", self.purpose.clone()),
            ("sector", self.sector.clone()),
            ("region", self.region.clone()),
            ("data_class", self.data_class.clone()),
            ("review", self.review.map(|review| review.as_str().to_owned())),
            ("reviewer", self.reviewer.clone()),
            ("id", self.id.clone()),
            ("tool", self.tool.clone()),
        ];
        texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }
}

impl ActFilter {
    pub(super) fn words(&self) -> Vec<Word> {
        let fields =
            [("act", &self.what), ("tenant", &self.tenant), ("principal", &self.actor), ("object", &self.object)];
        words("act", &fields)
    }

    pub(super) fn is_in_time(&self, time: Timestamp) -> bool {
        is_in_time(self.since, self.until, time)
    }

    pub(super) fn conditions(&self) -> Vec<Condition> {
        let texts = [
            ("act", self.what.clone()),
            ("tenant", self.tenant.clone()),
            ("actor", self.actor.clone()),
            ("object", self.object.clone()),
            ("since", self.since.map(micros)),
            ("until", self.until.map(micros)),
        ];
        texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }
}

fn words(kind: &str, fields: &[(&str, &Option<String>)]) -> Vec<Word> {
    let word = |(field, value): &(&str, &Option<String>)| value.as_ref().map(|value| Word::new(field, value));
    std::iter::once(Word::new("kind", kind)).chain(fields.iter().filter_map(word)).collect()
}

/// Times are compared to the microsecond, as the index has them.
fn is_in_time(since: Option<Timestamp>, until: Option<Timestamp>, time: Timestamp) -> bool {
    let time = time.as_microsecond();
    since.is_none_or(|since| time >= since.as_microsecond()) && until.is_none_or(|until| time < until.as_microsecond())
}

fn micros(time: Timestamp) -> String {
    time.as_microsecond().to_string()
}
