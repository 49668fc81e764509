//! Which records are asked for.

use std::collections::BTreeSet;

use forethought_schemas::RecordId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Body, Record};

/// Which records are asked for; the default is all of them. Those of a request go together: its admission decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Only this tenant's. Records that belong to none are left out then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only requests that were let in, and acts that were done, at this time or later; to the microsecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only those before this time; to the microsecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only records with these ids, and all records of requests with these ids or whose admissions have them. None asks for all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ids: BTreeSet<String>,
}

impl Selection {
    /// Whether the record is one of these, by itself.
    fn has(&self, record: &Record) -> bool {
        self.is_of_tenant(record) && self.is_in_time(record.time) && (self.ids.is_empty() || self.names(record))
    }

    fn is_of_tenant(&self, record: &Record) -> bool {
        self.tenant.as_deref().is_none_or(|tenant| record.tenant() == Some(tenant))
    }

    fn is_in_time(&self, time: Timestamp) -> bool {
        let time = time.as_microsecond();
        self.since.is_none_or(|since| time >= since.as_microsecond())
            && self.until.is_none_or(|until| time < until.as_microsecond())
    }

    fn names(&self, record: &Record) -> bool {
        self.ids.contains(record.record_id.as_str())
            || record.request_id().is_some_and(|id| self.ids.contains(id.as_str()))
    }
}

/// Chooses among the records of a log, one after another.
#[derive(Debug)]
pub(super) struct Chooser<'s> {
    selection: &'s Selection,
    /// Admissions that were chosen and whose request goes on.
    following: BTreeSet<RecordId>,
}

impl<'s> Chooser<'s> {
    pub(super) fn new(selection: &'s Selection) -> Self {
        Self { selection, following: BTreeSet::new() }
    }

    /// Whether the next record is chosen.
    pub(super) fn takes(&mut self, record: &Record) -> bool {
        match record.admission() {
            Some(admission) => self.follows(record, admission),
            None => self.begins(record),
        }
    }

    fn begins(&mut self, record: &Record) -> bool {
        let chosen = self.selection.has(record);
        if chosen && matches!(record.body, Body::Admission(_)) {
            self.following.insert(record.record_id.clone());
        }
        chosen
    }

    fn follows(&mut self, record: &Record, admission: &RecordId) -> bool {
        let goes_on = goes_on(record);
        let followed = if goes_on { self.following.contains(admission) } else { self.following.remove(admission) };
        // A record that claims another tenant than its admission's is not shown to this one.
        if followed {
            return self.selection.is_of_tenant(record);
        }
        self.selection.ids.contains(record.record_id.as_str()) && self.selection.has(record)
    }
}

/// Whether the request of a later record goes on behind it: a decision follows, or it is about a call of a tool.
pub(super) fn goes_on(record: &Record) -> bool {
    record.is_of_call() || matches!(&record.body, Body::Outcome(outcome) if outcome.review.is_some())
}
