//! What the index knows of the ends of requests, and of their calls of tools, without reading a record.

use std::{borrow::Cow, collections::VecDeque};

use forethought_store::StoreError;

use super::{Filter, Source, Status};
use crate::{
    OutcomeStatus,
    index::{BundleIds, Facts, IdHash, IdKind, LeafSet, Word},
};

/// Bundles behind that of an admission in which its end is looked for; what is not found there is read.
const NEAR: u64 = 4;

/// A bundle, as far as the index tells.
struct Told<'s> {
    bundle: u64,
    facts: Cow<'s, Facts>,
    ids: BundleIds,
}

/// The bundle that is searched and those behind it, kept since their neighbour needs them next.
pub(super) struct Near<'s, S> {
    source: &'s S,
    told: VecDeque<Told<'s>>,
    wanted: Wanted,
}

/// What the records behind an admission must have.
struct Wanted {
    rule: Option<Word>,
    tool: Option<Word>,
    /// The end has one of these words.
    ends: Vec<Word>,
    /// Only requests without an end are asked for.
    open: bool,
    /// The end says that the answer waited for a person.
    held: bool,
}

impl Wanted {
    fn of(filter: &Filter) -> Self {
        let ended = |status: OutcomeStatus| Word::new("status", status.as_str());
        let ends = match filter.status {
            None | Some(Status::Open) => Vec::new(),
            Some(Status::Interrupted) => vec![Word::new("status", "interrupted")],
            // What was held may have become one of them.
            Some(Status::Ended(status @ (OutcomeStatus::Answered | OutcomeStatus::Refused))) => {
                vec![ended(status), held()]
            }
            Some(Status::Ended(status)) => vec![ended(status)],
        };
        let open = filter.status == Some(Status::Open);
        Self { rule: filter.rule_word(), tool: filter.tool_word(), ends, open, held: filter.asks_for_reviews() }
    }

    /// Whether an admission that has its rule, or has not, with calls and an end that have these words may be asked for.
    fn may_be(&self, has_rule: bool, calls: &impl Fn(&Word) -> bool, end: &impl Fn(&Word) -> bool) -> bool {
        !self.open
            && (self.ends.is_empty() || self.ends.iter().any(end))
            && (!self.held || end(&held()))
            && (has_rule || self.rule.as_ref().is_none_or(|rule| end(rule) || calls(rule)))
            && self.tool.as_ref().is_none_or(calls)
    }
}

fn held() -> Word {
    Word::new("review", "asked")
}

impl<'s, S: Source> Near<'s, S> {
    pub(super) fn new(source: &'s S, filter: &Filter) -> Self {
        Self { source, told: VecDeque::new(), wanted: Wanted::of(filter) }
    }

    /// Of these admissions of a bundle, those that may be asked for. How many values of the index were read is added to `work`.
    pub(super) fn narrow(&mut self, bundle: u64, leaves: LeafSet, work: &mut u64) -> Result<LeafSet, StoreError> {
        self.load(bundle, work)?;
        let Some(first) = self.told.front() else { return Ok(leaves) };
        let with_rule = self.wanted.rule.as_ref().map_or(LeafSet::ALL, |rule| first.facts.leaves_of(rule));
        let records = first.ids.records();
        let mut narrowed = LeafSet::default();
        for leaf in leaves.latest_first() {
            let id = records.get(usize::from(leaf)).copied().flatten();
            if id.is_none_or(|id| self.may_be(id, with_rule.contains(leaf))) {
                narrowed.insert(leaf);
            }
        }
        Ok(narrowed)
    }

    /// Where the end is found, so are all calls: they stand before it.
    fn may_be(&self, admission: IdHash, has_rule: bool) -> bool {
        let end = admission.as_kind(IdKind::End);
        let found = self.told.iter().find_map(|told| Some((told, told.ids.last_with(end)?)));
        let calls = |word: &Word| self.have_calls(admission, word);
        found.is_none_or(|(told, leaf)| {
            self.wanted.may_be(has_rule, &calls, &|word| told.facts.leaves_of(word).contains(leaf))
        })
    }

    /// Whether a record about a call of a tool of this request has a word.
    fn have_calls(&self, admission: IdHash, word: &Word) -> bool {
        let call = admission.as_kind(IdKind::Call);
        self.told.iter().any(|told| {
            let leaves = told.facts.leaves_of(word);
            !leaves.is_empty() && told.ids.all_with(call).any(|leaf| leaves.contains(leaf))
        })
    }

    /// Has this bundle and those behind it.
    fn load(&mut self, bundle: u64, work: &mut u64) -> Result<(), StoreError> {
        let end = (bundle + NEAR + 1).min(self.source.bundles());
        self.told.retain(|told| (bundle..end).contains(&told.bundle));
        for at in (bundle..end).rev() {
            if self.told.iter().all(|told| told.bundle != at) {
                *work += 2;
                let (facts, ids) = (self.source.facts(at)?, self.source.ids(at)?);
                self.told.push_front(Told { bundle: at, facts, ids });
            }
        }
        self.told.make_contiguous().sort_by_key(|told| told.bundle);
        Ok(())
    }
}
