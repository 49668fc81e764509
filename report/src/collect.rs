//! One pass over a log: what a report keeps of it.

mod calls;
mod reading;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap};

use forethought_audit::{Act, Admission, AuditError, Body, LogRecord, LogSnapshot, Outcome, Record, Review, TailCut};
use forethought_schemas::RecordId;

use crate::{
    EntryAt, Figures, LogState, ReportError, Scope,
    figure::Entry,
    figures::reads,
    log_state::Tracked,
    request::{Cut, Decided, Done, Fate, Names, Request},
};
use calls::CallAt;

/// Everything that figures are made of.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) entries: Vec<Entry>,
    pub(crate) requests: Vec<Request>,
    pub(crate) acts: Vec<Done>,
    pub(crate) cuts: Vec<Cut>,
    /// Records that do not fit what stands before them.
    pub(crate) odd: Vec<EntryAt>,
}

/// Where an admission of the scope's tenant is kept.
#[derive(Clone, Copy, Debug)]
enum Place {
    Request(usize),
    /// It was let in at another time.
    Outside,
}

struct Collector<'s> {
    scope: &'s Scope,
    names: Names,
    known: HashMap<RecordId, Place>,
    /// Calls of tools, by their records.
    calls: HashMap<RecordId, CallAt>,
    found: Collected,
}

/// The figures of a scope, from the log as it stands. Every record is read once, up to the log's end: what a request of the
/// period came to may stand later. Records of other tenants are passed over, except where a policy changed for all.
///
/// # Errors
/// [`ReportError::Log`] when the log cannot be read, [`ReportError::TooMany`] when there is more than the scope allows.
pub fn collect(snapshot: &LogSnapshot, scope: &Scope) -> Result<Figures, ReportError> {
    let tracked = Tracked::new(snapshot.checkpoint(), snapshot.keys());
    let (found, log) = gather(snapshot.records(), scope, tracked)?;
    Ok(Figures::new(scope.clone(), log, found))
}

/// See [`collect`].
pub(crate) fn gather(
    records: impl Iterator<Item = Result<LogRecord, AuditError>>,
    scope: &Scope,
    mut tracked: Tracked<'_>,
) -> Result<(Collected, LogState), ReportError> {
    let (names, found) = (Names::default(), Collected::default());
    let mut collector = Collector { scope, names, known: HashMap::new(), calls: HashMap::new(), found };
    for record in records {
        let LogRecord { leaf, leaf_hash, record } = record?;
        tracked.add(leaf_hash, record.time);
        collector.add(leaf, &record)?;
    }
    Ok((collector.finish(), tracked.finish()))
}

impl Collector<'_> {
    fn add(&mut self, leaf: u64, record: &Record) -> Result<(), ReportError> {
        match &record.body {
            Body::Admission(admission) => self.admission(leaf, record, admission),
            Body::Outcome(outcome) => self.outcome(leaf, record, outcome),
            Body::Interrupted(_) => self.interrupted(leaf, record),
            Body::Review(review) => match &review.call {
                Some(call) => self.call_decided(leaf, record, review, call),
                None => self.review(leaf, record, review),
            },
            Body::ToolCall(call) => self.call(leaf, record, call),
            Body::ToolResult(result) => self.call_ended(leaf, record, result),
            Body::Act(act) => self.act(leaf, record, act),
            Body::TailCut(cut) => self.cut(leaf, record, cut),
            _ => self.odd(leaf, record, "of a kind that this program does not know"),
        }
    }

    fn entry(
        &mut self,
        leaf: u64,
        record: &Record,
        status: impl Into<Cow<'static, str>>,
    ) -> Result<EntryAt, ReportError> {
        let max = self.scope.max_entries;
        let at =
            u32::try_from(self.found.entries.len()).ok().filter(|at| usize::try_from(*at).is_ok_and(|at| at < max));
        let at = at.ok_or(ReportError::TooMany { max })?;
        let (record_id, kind) = (record.record_id.clone(), record.body.kind());
        self.found.entries.push(Entry { record_id, leaf, time: record.time, kind, status: status.into() });
        Ok(at)
    }

    /// A record of the scope that does not fit.
    fn odd(&mut self, leaf: u64, record: &Record, why: &'static str) -> Result<(), ReportError> {
        let is_ours = record.tenant().is_none_or(|tenant| self.scope.is_of(tenant));
        if is_ours && record.time >= self.scope.from {
            let entry = self.entry(leaf, record, why)?;
            self.found.odd.push(entry);
        }
        Ok(())
    }

    fn admission(&mut self, leaf: u64, record: &Record, admission: &Admission) -> Result<(), ReportError> {
        if !self.scope.is_of(&admission.tenant) {
            return Ok(());
        }
        if self.known.len() >= self.scope.max_entries {
            return Err(ReportError::TooMany { max: self.scope.max_entries });
        }
        if !self.scope.has(record.time) {
            self.known.insert(record.record_id.clone(), Place::Outside);
            return Ok(());
        }
        let entry = self.entry(leaf, record, Fate::Open.as_str())?;
        let request = reading::request(&mut self.names, entry, record, admission);
        self.known.insert(record.record_id.clone(), Place::Request(self.found.requests.len()));
        self.found.requests.push(request);
        Ok(())
    }

    /// Where the request of an admission is; nothing for one that this report is not about.
    fn request_at(
        &mut self,
        (leaf, record): (u64, &Record),
        admission: &RecordId,
    ) -> Result<Option<usize>, ReportError> {
        match self.known.get(admission).copied() {
            Some(Place::Outside) => Ok(None),
            Some(Place::Request(at)) if record.tenant().is_some_and(|tenant| self.scope.is_of(tenant)) => Ok(Some(at)),
            Some(Place::Request(_)) => {
                let entry = self.entry(leaf, record, "it names another tenant than its request")?;
                self.found.odd.push(entry);
                Ok(None)
            }
            None => self.odd(leaf, record, "its request is not in the log").map(|()| None),
        }
    }

    fn outcome(&mut self, leaf: u64, record: &Record, outcome: &Outcome) -> Result<(), ReportError> {
        let Some(at) = self.request_at((leaf, record), &outcome.admission)? else { return Ok(()) };
        if self.found.requests.get(at).is_some_and(|request| request.end.is_some()) {
            return self.odd(leaf, record, "its request had its end already");
        }
        let entry = self.entry(leaf, record, outcome.status.as_str())?;
        if let Some(request) = self.found.requests.get_mut(at) {
            request.end = Some(entry);
            reading::outcome(&mut self.names, request, record.time, outcome);
        }
        Ok(())
    }

    fn interrupted(&mut self, leaf: u64, record: &Record) -> Result<(), ReportError> {
        let Some(admission) = record.ends() else { return Ok(()) };
        let Some(at) = self.request_at((leaf, record), admission)? else { return Ok(()) };
        if self.found.requests.get(at).is_some_and(|request| request.end.is_some()) {
            return self.odd(leaf, record, "its request had its end already");
        }
        let entry = self.entry(leaf, record, Fate::Interrupted.as_str())?;
        if let Some(request) = self.found.requests.get_mut(at) {
            (request.end, request.fate) = (Some(entry), Fate::Interrupted);
        }
        Ok(())
    }

    fn review(&mut self, leaf: u64, record: &Record, review: &Review) -> Result<(), ReportError> {
        let Some(at) = self.request_at((leaf, record), &review.admission)? else { return Ok(()) };
        let waits = |request: &Request| request.waiting.is_some() && request.decided.is_none();
        if !self.found.requests.get(at).is_some_and(waits) {
            return self.odd(leaf, record, "no answer of its request waited for a decision");
        }
        let entry = self.entry(leaf, record, review.decision.as_str())?;
        let by = review.by.as_ref().map(|by| self.names.get(&format!("{} ({})", by.key_id, by.role)));
        if let Some(request) = self.found.requests.get_mut(at) {
            request.decided = Some(Decided { entry, decision: review.decision, by, time: record.time });
            request.fate = if review.decision.releases() { Fate::Answered } else { Fate::Refused };
        }
        Ok(())
    }

    fn act(&mut self, leaf: u64, record: &Record, act: &Act) -> Result<(), ReportError> {
        let is_later = record.time >= self.scope.to;
        let counts = !is_later || act.erasure.is_some();
        if record.time < self.scope.from || !counts || !self.is_ours(act) {
            return Ok(());
        }
        let entry = self.entry(leaf, record, act.what.clone())?;
        let done = reading::done(&mut self.names, entry, act, self.scope.tenant.as_deref(), is_later);
        self.found.acts.push(done);
        Ok(())
    }

    /// Whether an act concerns the scope's tenant.
    fn is_ours(&self, act: &Act) -> bool {
        let of_ours = || {
            let is_known = |object: &String| self.known.contains_key(&RecordId::from(object.clone()));
            reads(&act.what) && act.object.as_ref().is_some_and(is_known)
        };
        match (&act.erasure, &act.by) {
            (Some(erasure), _) => self.scope.is_of(&erasure.tenant),
            (None, None) => true,
            (None, Some(by)) => self.scope.is_of(&by.tenant) || act.what.starts_with("policy.") || of_ours(),
        }
    }

    fn cut(&mut self, leaf: u64, record: &Record, cut: &TailCut) -> Result<(), ReportError> {
        if record.time < self.scope.from {
            return Ok(());
        }
        let lost = cut.acknowledged_lost.map_or(0, |lost| lost.entries());
        let entry =
            self.entry(leaf, record, if lost == 0 { "an end that was not whole was cut" } else { "entries are lost" })?;
        self.found.cuts.push(Cut { entry, bytes: cut.bytes, lost });
        Ok(())
    }

    /// Every record of a request says how the request stands at last.
    fn finish(self) -> Collected {
        let mut found = self.found;
        for request in &found.requests {
            if let Some(entry) = usize::try_from(request.admission).ok().and_then(|at| found.entries.get_mut(at)) {
                entry.status = request.fate.as_str().into();
            }
        }
        found
    }
}
