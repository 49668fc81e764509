//! Searching, a page at a time: from the index to the leaves that may be asked for, and only then to their records.

use super::{
    ActFilter, Cursor, CursorError, Filter, Found, Listed, MAX_LISTED, Page, Source,
    cursor::Of,
    filter::Records,
    find::{admission_of, calls_of, end_of, found_at, review_of, status_of},
    near::Near,
};
use crate::{
    AuditError, Record,
    index::{Facts, LeafSet, WIDTH, Word},
};

/// What one page may cost: reading a value of the index is 1, a tenth or two of a millisecond in a bundle with hundreds of words, and
/// looking at a request's records is [`REQUEST`]. So a page keeps others from the log for less than half a second, and looks at half a
/// million records at most. Tests have pages end early.
const MOST_WORK: u64 = if cfg!(test) { 40 } else { 2048 };
/// What looking at the records of a request costs.
const REQUEST: u64 = 2;

/// A search that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// The limit.
    #[error("a page of {0} is not given: ask for 1 to {MAX_LISTED}")]
    Limit(usize),
    /// The cursor.
    #[error(transparent)]
    Cursor(#[from] CursorError),
}

/// How far a search may go.
#[derive(Clone, Copy)]
struct Bounds {
    items: usize,
    work: u64,
}

impl Bounds {
    fn of_page(limit: Option<usize>) -> Result<Self, SearchError> {
        let items = limit.unwrap_or(MAX_LISTED);
        if (1..=MAX_LISTED).contains(&items) {
            return Ok(Self { items, work: MOST_WORK });
        }
        Err(SearchError::Limit(items))
    }

    fn of_list(limit: Option<usize>) -> Self {
        Self { items: limit.unwrap_or(MAX_LISTED).min(MAX_LISTED + 1), work: u64::MAX }
    }
}

/// What was found, and below which leaf to go on; `None` at the end of the log.
type Part<T> = (Vec<T>, Option<u64>);

/// See [`crate::AuditLog::search`].
pub(crate) fn requests<S: Source>(
    source: &S,
    filter: &Filter,
    cursor: Option<&Cursor>,
) -> Result<Page<Listed>, AuditError> {
    let bounds = Bounds::of_page(filter.limit)?;
    let conditions = filter.conditions();
    let below = cursor.map_or(Ok(source.leaves()), |cursor| cursor.goes_on(Of::Requests, &conditions, source.leaves()));
    let (items, next) = part_of_requests(source, filter, below.map_err(SearchError::from)?, bounds)?;
    Ok(Page { items, next: next.map(|below| Cursor::new(Of::Requests, &conditions, below)) })
}

/// See [`crate::AuditLog::search_acts`].
pub(crate) fn act_page(
    source: &impl Source,
    filter: &ActFilter,
    cursor: Option<&Cursor>,
) -> Result<Page<Record>, AuditError> {
    let bounds = Bounds::of_page(filter.limit)?;
    let conditions = filter.conditions();
    let below = cursor.map_or(Ok(source.leaves()), |cursor| cursor.goes_on(Of::Acts, &conditions, source.leaves()));
    let (items, next) = part_of_acts(source, filter, below.map_err(SearchError::from)?, bounds)?;
    Ok(Page { items, next: next.map(|below| Cursor::new(Of::Acts, &conditions, below)) })
}

/// See [`crate::AuditLog::list`].
pub(crate) fn list(source: &impl Source, filter: &Filter) -> Result<Vec<Listed>, AuditError> {
    Ok(part_of_requests(source, filter, source.leaves(), Bounds::of_list(filter.limit))?.0)
}

/// See [`crate::AuditLog::acts`].
pub(crate) fn acts(source: &impl Source, filter: &Filter) -> Result<Vec<Record>, AuditError> {
    let (tenant, since, until) = (filter.tenant.clone(), filter.since, filter.until);
    let acts = ActFilter { tenant, since, until, ..ActFilter::default() };
    Ok(part_of_acts(source, &acts, source.leaves(), Bounds::of_list(filter.limit))?.0)
}

/// All acts, the latest first.
pub(crate) fn latest_acts<S: Source>(source: &S) -> impl Iterator<Item = Result<Found, AuditError>> + use<'_, S> {
    records_with(source, ActFilter::default().words())
}

/// All acts that are this, the latest first.
pub(super) fn acts_with<'s, S: Source>(
    source: &'s S,
    what: &str,
) -> impl Iterator<Item = Result<Found, AuditError>> + use<'s, S> {
    records_with(source, ActFilter { what: Some(what.to_owned()), ..ActFilter::default() }.words())
}

/// The records that have all of these words, the latest first.
fn records_with<S: Source>(
    source: &S,
    words: Vec<Word>,
) -> impl Iterator<Item = Result<Found, AuditError>> + use<'_, S> {
    (0..source.bundles()).rev().flat_map(move |bundle| {
        let (leaves, failed) = match source.facts(bundle) {
            Ok(facts) => (facts.leaves_of_all(&words), None),
            Err(error) => (LeafSet::default(), Some(Err(error.into()))),
        };
        let found = move |leaf| found_at(source, bundle * WIDTH + u64::from(leaf)).transpose();
        leaves.latest_first().filter_map(found).chain(failed)
    })
}

fn part_of_acts(
    source: &impl Source,
    filter: &ActFilter,
    below: u64,
    bounds: Bounds,
) -> Result<Part<Record>, AuditError> {
    let words = filter.words();
    let leaves = |facts: &Facts, _: u64, _: &mut u64| {
        let may = filter.since.is_none_or(|since| facts.reaches(since))
            && filter.until.is_none_or(|until| facts.begins_before(until));
        Ok(if may { facts.leaves_of_all(&words) } else { LeafSet::default() })
    };
    walk(source, below, bounds, leaves, |found| Ok((filter.is_in_time(found.record.time).then_some(found.record), 0)))
}

fn part_of_requests<S: Source>(
    source: &S,
    filter: &Filter,
    below: u64,
    bounds: Bounds,
) -> Result<Part<Listed>, AuditError> {
    if let Some(id) = &filter.id {
        return one_request(source, filter, id, below, bounds);
    }
    let words = filter.words();
    let mut near = Near::new(source, filter);
    let leaves = |facts: &Facts, bundle: u64, work: &mut u64| {
        let may = filter.since.is_none_or(|since| facts.reaches(since))
            && filter.until.is_none_or(|until| facts.begins_before(until));
        let leaves = if may { facts.leaves_of_all(&words) } else { LeafSet::default() };
        if leaves.is_empty() || !filter.asks_for_ends() {
            return Ok(leaves);
        }
        Ok(near.narrow(bundle, leaves, work)?)
    };
    walk(source, below, bounds, leaves, |admission| listed(source, filter, admission))
}

/// The request with an id, if it is asked for.
fn one_request(
    source: &impl Source,
    filter: &Filter,
    id: &str,
    below: u64,
    bounds: Bounds,
) -> Result<Part<Listed>, AuditError> {
    let words = filter.words();
    let admission = admission_of(source, id)?.filter(|found| found.leaf < below && bounds.items > 0);
    let admission = admission.filter(|found| {
        let keys = crate::index::Keys::of(&found.record);
        words.iter().all(|word| keys.has(word))
    });
    let found = admission.map_or(Ok((None, 0)), |admission| listed(source, filter, admission))?;
    Ok((found.0.into_iter().collect(), None))
}

/// A request whose admission has the words of a filter, if it meets the other conditions, and how many bundles were looked at for it.
fn listed(source: &impl Source, filter: &Filter, admission: Found) -> Result<(Option<Listed>, u64), AuditError> {
    if !filter.is_in_time(admission.record.time) {
        return Ok((None, 0));
    }
    let end = end_of(source, &admission)?;
    let review = review_of(source, &admission, end.as_ref())?;
    let calls = if filter.asks_for_calls() { calls_of(source, &admission, end.as_ref())? } else { Vec::new() };
    let last = review.as_ref().or(end.as_ref()).map_or(admission.leaf, |last| last.leaf);
    let looked_at = (last / WIDTH).saturating_sub(admission.leaf / WIDTH) + calls.len() as u64;
    let (admission, end) = (admission.record, end.map(|end| end.record));
    let review = review.map(|review| review.record);
    let calls: Vec<Record> = calls.into_iter().map(|call| call.record).collect();
    let status = status_of(end.as_ref(), review.as_ref());
    let records = Records { admission: &admission, calls: &calls, end: end.as_ref(), review: review.as_ref() };
    let asked_for = filter.has(status, &records);
    Ok((asked_for.then_some(Listed { admission, end, status }), looked_at))
}

/// Goes through the log below a leaf, the latest first: `leaves` tells which leaves of a bundle may be asked for, and `look` whether a
/// record is, and what it has cost beyond [`REQUEST`].
fn walk<T>(
    source: &impl Source,
    below: u64,
    bounds: Bounds,
    mut leaves: impl FnMut(&Facts, u64, &mut u64) -> Result<LeafSet, AuditError>,
    mut look: impl FnMut(Found) -> Result<(Option<T>, u64), AuditError>,
) -> Result<Part<T>, AuditError> {
    let (mut items, mut next, mut work) = (Vec::new(), below, 0_u64);
    while let Some(last) = next.checked_sub(1) {
        if items.len() >= bounds.items || work >= bounds.work {
            return Ok((items, Some(next)));
        }
        let bundle = last / WIDTH;
        let first = bundle * WIDTH;
        work += 1;
        let some = leaves(&*source.facts(bundle)?, bundle, &mut work)?;
        for leaf in some.below(u16::try_from(next - first).unwrap_or(u16::MAX)).latest_first() {
            let at = first + u64::from(leaf);
            if items.len() >= bounds.items || work >= bounds.work.saturating_add(REQUEST) {
                return Ok((items, Some(at + 1)));
            }
            work += REQUEST;
            if let Some(found) = found_at(source, at)? {
                let (item, looked_at) = look(found)?;
                items.extend(item);
                work += looked_at;
            }
        }
        next = first;
    }
    Ok((items, None))
}
