//! Searching in pages, held against a list that is looked through one by one.

use std::sync::Arc;

use forethought_schemas::Facts;
use forethought_store::{Disk, Index, JournalOptions, SimDisk};
use proptest::prelude::*;

use super::{admission, at, call, id, outcome, request};
use crate::{
    ActDraft, ActFilter, Actor, AuditError, AuditLog, AuditReader, ClassifierNote, Cursor, CursorError, Draft, Filter,
    LawNote, OutcomeStatus, PolicyRef, ReviewAsked, ReviewDecision, ReviewDraft, SafeguardNote, SearchError, Status,
    ToolDecision,
};

/// Values that would be taken for each other's if they were put together carelessly.
const MODELS: [&str; 4] = ["qwen", "a tenant ward", "x\nkind admission", "größer 模型"];
const PRINCIPALS: [&str; 3] = ["key_1", "key_2", "key_1 model qwen"];
const TENANTS: [&str; 2] = ["ward", "bank"];
const RULES: [&str; 4] = ["email", "eu-ai-act/5-1-f", "projects", "judge kind outcome"];
const TOOLS: [&str; 3] = ["calc", "search", "tool"];
const REVIEWERS: [&str; 2] = ["key_8", "key_9"];
const STATUSES: [OutcomeStatus; 6] = [
    OutcomeStatus::Answered,
    OutcomeStatus::Failed,
    OutcomeStatus::Cancelled,
    OutcomeStatus::Deadline,
    OutcomeStatus::Refused,
    OutcomeStatus::Held,
];
const DECISIONS: [ReviewDecision; 4] =
    [ReviewDecision::Approved, ReviewDecision::Edited, ReviewDecision::Rejected, ReviewDecision::TimedOut];

/// The first number of what comes while pages are read.
const NEW: u32 = 1_000_000;

/// A request, by places in the lists above.
#[derive(Clone, Debug)]
struct Asked {
    tenant: usize,
    principal: usize,
    model: usize,
    /// Of a law, when it is let in.
    law: Option<usize>,
    /// Of a deny list or a classifier, at its end.
    found: Option<(usize, bool)>,
    purpose: bool,
    time: i64,
    /// How it ends; more than there are statuses where it does not.
    status: usize,
    /// What is decided on a held answer, if anything, and by whom.
    decided: Option<(usize, usize)>,
    /// How many requests later it ends.
    lag: usize,
    /// The tool that its model calls just before, if it does, and the rule that decides on that.
    called: Option<(usize, Option<usize>)>,
}

fn asked() -> impl Strategy<Value = Asked> {
    let rare = |most: usize| prop_oneof![8 => Just(None), 1 => (0..most).prop_map(Some)];
    let parts = (
        (0..TENANTS.len(), 0..PRINCIPALS.len(), 0..MODELS.len()),
        rare(RULES.len()),
        (rare(RULES.len()), any::<bool>()),
        any::<bool>(),
        0..1000_i64,
        prop_oneof![4 => Just(0), 1 => 1..8_usize, 1 => Just(5)],
        proptest::option::of((0..DECISIONS.len(), 0..REVIEWERS.len())),
        prop_oneof![9 => 0..8_usize, 1 => 0..3000_usize],
        proptest::option::weighted(0.3, (0..TOOLS.len(), rare(RULES.len()))),
    );
    parts.prop_map(
        |((tenant, principal, model), law, (found, classifier), purpose, time, status, decided, lag, called)| {
            let found = found.map(|found| (found, classifier));
            Asked { tenant, principal, model, law, found, purpose, time, status, decided, lag, called }
        },
    )
}

impl Asked {
    fn ends(&self) -> Option<OutcomeStatus> {
        STATUSES.get(self.status).copied()
    }

    fn decision(&self) -> Option<(ReviewDecision, Option<&'static str>)> {
        let (decision, by) = self.decided.filter(|_| self.ends() == Some(OutcomeStatus::Held))?;
        let decision = DECISIONS[decision];
        Some((decision, (decision != ReviewDecision::TimedOut).then_some(REVIEWERS[by])))
    }

    fn stands(&self) -> Status {
        match (self.ends(), self.decision()) {
            (None, _) => Status::Open,
            (Some(OutcomeStatus::Held), Some((decision, _))) => match decision {
                ReviewDecision::Approved | ReviewDecision::Edited => Status::Ended(OutcomeStatus::Answered),
                _ => Status::Ended(OutcomeStatus::Refused),
            },
            (Some(status), _) => Status::Ended(status),
        }
    }

    fn begin(&self, number: u32) -> Draft {
        let Draft::Admission(mut draft) = admission(number, TENANTS[self.tenant]) else { unreachable!() };
        draft.time = at(self.time);
        draft.admission.key_id = PRINCIPALS[self.principal].to_owned();
        draft.admission.model = MODELS[self.model].to_owned();
        if self.purpose {
            draft.admission.facts = Facts {
                purpose: Some("employment".to_owned()),
                sectors: vec!["health".to_owned(), "law".to_owned()],
                regions: vec!["DE".to_owned()],
                data_classes: vec!["biometric".to_owned()],
                ..Facts::default()
            };
        }
        draft.admission.laws = self.law.into_iter().map(law).collect();
        Draft::Admission(draft)
    }

    fn call(&self, number: u32, of: u32) -> Option<Draft> {
        let (tool, rule) = self.called?;
        let Draft::ToolCall(mut draft) = call(number, of, ToolDecision::Refused) else { unreachable!() };
        draft.tool = TOOLS[tool].to_owned();
        draft.because = rule.into_iter().map(|rule| RULES[rule].to_owned()).collect();
        Some(Draft::ToolCall(draft))
    }

    fn end(&self, number: u32, of: u32) -> Option<Draft> {
        let status = self.ends()?;
        let Draft::Outcome(mut draft) = outcome(number, of, status) else { unreachable!() };
        draft.samples.clear();
        draft.votes.clear();
        draft.review = (status == OutcomeStatus::Held).then(|| ReviewAsked { until: at(9999), because: Vec::new() });
        match self.found {
            Some((rule, true)) => draft.classifiers = vec![classifier(RULES[rule], true), classifier("judge", false)],
            Some((rule, false)) => draft.safeguards = vec![deny(RULES[rule])],
            None => {}
        }
        Some(Draft::Outcome(draft))
    }

    fn decide(&self, number: u32, of: u32) -> Option<Draft> {
        let (decision, by) = self.decision()?;
        let by =
            by.map(|key| Actor { tenant: "house".to_owned(), key_id: key.to_owned(), role: "reviewer".to_owned() });
        let (record_id, admission, reason) = (id(number), id(of), "seen".to_owned());
        Some(
            ReviewDraft { record_id, time: at(9000), admission, decision, by, reason, answer: None, call: None }.into(),
        )
    }

    /// Whether a filter asks for it: said once more, and in another way than the log does.
    fn meets(&self, filter: &Filter) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        let about = |wanted: &Option<String>, values: &[&str]| {
            wanted.as_deref().is_none_or(|wanted| self.purpose && values.contains(&wanted))
        };
        let ended = self.ends().is_some();
        let rules = self.law.into_iter().chain(self.found.filter(|_| ended).map(|(rule, _)| rule));
        let rules = rules.chain(self.called.and_then(|(_, rule)| rule));
        let mut rules = rules.map(|rule| RULES[rule]);
        let decision = self.decision();
        is(&filter.tenant, TENANTS[self.tenant])
            && is(&filter.principal, PRINCIPALS[self.principal])
            && is(&filter.model, MODELS[self.model])
            && about(&filter.purpose, &["employment"])
            && about(&filter.sector, &["health", "law"])
            && about(&filter.region, &["DE"])
            && about(&filter.data_class, &["biometric"])
            && filter.since.is_none_or(|since| at(self.time) >= since)
            && filter.until.is_none_or(|until| at(self.time) < until)
            && filter.status.is_none_or(|status| status == self.stands())
            && filter.tool.as_deref().is_none_or(|tool| self.called.is_some_and(|(called, _)| TOOLS[called] == tool))
            && filter.rule.as_deref().is_none_or(|rule| rules.any(|other| other == rule))
            && filter.review.is_none_or(|review| decision.is_some_and(|(other, _)| other == review))
            && filter.reviewer.as_deref().is_none_or(|by| decision.is_some_and(|(_, other)| other == Some(by)))
    }
}

fn law(rule: usize) -> LawNote {
    LawNote { rule: RULES[rule].to_owned(), state: "shadow".to_owned(), effect: None, assessment: None }
}

fn deny(list: &str) -> SafeguardNote {
    SafeguardNote { kind: "phrase".to_owned(), list: Some(list.to_owned()), action: "flag".to_owned(), count: 1 }
}

/// One that passed had no say.
fn classifier(name: &str, violated: bool) -> ClassifierNote {
    ClassifierNote {
        id: name.to_owned(),
        stage: "output".to_owned(),
        verdict: if violated { "violated" } else { "passed" }.to_owned(),
        action: violated.then(|| "flag".to_owned()),
        categories: Vec::new(),
        calls: 1,
        prompt_tokens: 1,
        generated_tokens: 1,
        wall_ms: 1,
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let text = |values: &'static [&'static str]| {
        let one = proptest::sample::select(values).prop_map(|value| Some(value.to_owned()));
        prop_oneof![3 => Just(None), 1 => one]
    };
    let parts = (
        (text(&TENANTS), text(&PRINCIPALS), text(&MODELS), text(&RULES), text(&TOOLS)),
        (text(&["employment", "nothing"]), text(&["law", "tenant"]), text(&["DE"]), text(&["biometric"])),
        prop_oneof![2 => Just(None), 1 => proptest::sample::select(&Status::ALL[..]).prop_map(Some)],
        prop_oneof![4 => Just(None), 1 => proptest::sample::select(&DECISIONS[..]).prop_map(Some)],
        prop_oneof![4 => Just(None), 1 => proptest::sample::select(&REVIEWERS[..]).prop_map(|by| Some(by.to_owned()))],
        (proptest::option::weighted(0.2, 0..1000_i64), proptest::option::weighted(0.2, 0..1000_i64)),
        1..40_usize,
    );
    parts.prop_map(|(texts, facts, status, review, reviewer, (since, until), limit)| {
        let ((tenant, principal, model, rule, tool), (purpose, sector, region, data_class)) = (texts, facts);
        Filter {
            tenant,
            since: since.map(at),
            until: until.map(at),
            status,
            limit: Some(limit),
            principal,
            model,
            rule,
            purpose,
            sector,
            region,
            data_class,
            review,
            reviewer,
            id: None,
            tool,
        }
    })
}

/// Requests with their ends, as they come into a log.
fn drafts(asked: &[Asked]) -> Vec<Draft> {
    let count = u32::try_from(asked.len()).expect("few");
    let mut ends: Vec<Vec<u32>> = vec![Vec::new(); asked.len() + 1];
    let mut drafts = Vec::new();
    for (one, number) in asked.iter().zip(0..) {
        drafts.push(one.begin(number));
        ends[(number as usize + one.lag).min(asked.len())].push(number);
        for of in std::mem::take(&mut ends[number as usize]) {
            let one = &asked[of as usize];
            drafts.extend(one.call(3 * count + of, of));
            drafts.extend(one.end(count + of, of));
            drafts.extend(one.decide(2 * count + of, of));
        }
    }
    for of in std::mem::take(&mut ends[asked.len()]) {
        let one = &asked[of as usize];
        drafts.extend(one.call(3 * count + of, of));
        drafts.extend(one.end(count + of, of));
        drafts.extend(one.decide(2 * count + of, of));
    }
    drafts
}

fn opened(disk: &SimDisk) -> AuditLog {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = AuditLog::open_on(disk, Index::temporary().expect("an index"), JournalOptions::default(), at(0));
    opened.expect("opens").0
}

/// All pages, with a new request in the log between any two.
fn all_pages(log: &mut AuditLog, filter: &Filter, new: &mut u32) -> Result<Vec<u32>, AuditError> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = log.search(filter, cursor.as_ref())?;
        assert!(page.items.len() <= filter.limit.expect("one"));
        found.extend(page.items.iter().map(|listed| number_of(listed.admission.record_id.as_str())));
        let Some(next) = page.next else { return Ok(found) };
        let text = next.to_string();
        cursor = Some(text.parse::<Cursor>().expect("a cursor"));
        if *new >= NEW + 300 {
            continue;
        }
        *new += 2;
        log.append(&[admission(*new, "ward"), outcome(*new + 1, *new, OutcomeStatus::Answered)])?;
    }
}

fn number_of(id: &str) -> u32 {
    u32::from_str_radix(id.trim_start_matches("rec_"), 16).expect("a number")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_what_looking_through_all_gives(
        asked in proptest::collection::vec(asked(), 1..1200),
        filters in proptest::collection::vec(filters(), 12),
    ) {
        let disk = SimDisk::new();
        let mut log = opened(&disk);
        let drafts = drafts(&asked);
        for some in drafts.chunks(64) {
            log.append(some).expect("appended");
        }
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let reader = AuditReader::open_on(&shared).expect("readable");
        let mut new = NEW;
        for filter in &filters {
            let expected: Vec<u32> =
                (0..asked.len()).rev().filter(|at| asked[*at].meets(filter)).map(|at| u32::try_from(at).expect("few")).collect();
            let known = |found: Vec<u32>| found.into_iter().filter(|number| *number < NEW).collect::<Vec<_>>();
            let found = all_pages(&mut log, filter, &mut new).expect("searched");
            // What was added while earlier filters were looked at is asked for by the next ones.
            prop_assert_eq!(known(found), expected.clone(), "{:?}", filter);
            let all = Filter { limit: Some(crate::MAX_LISTED), ..filter.clone() };
            let listed = reader.list(&all).expect("listed");
            let listed: Vec<u32> = listed.iter().map(|one| number_of(one.admission.record_id.as_str())).collect();
            prop_assert_eq!(listed, expected.into_iter().take(crate::MAX_LISTED).collect::<Vec<_>>(), "{:?}", filter);
        }
    }
}

#[test]
fn what_comes_between_pages_is_in_none_of_them() {
    let disk = SimDisk::new();
    let mut log = super::log_of(&disk, 40);
    let filter = Filter { limit: Some(3), ..Filter::default() };
    let mut new = NEW;
    let found = all_pages(&mut log, &filter, &mut new).expect("searched");
    assert_eq!(found, (0..40).step_by(2).rev().collect::<Vec<_>>());
    assert!(new > NEW + 8, "records came between");
}

#[test]
fn a_request_is_asked_for_by_each_of_its_ids_and_by_conditions() {
    let disk = SimDisk::new();
    let log = super::log_of(&disk, 40);
    let check = |text: &str, tenant: Option<&str>, expected: &[u32]| {
        let tenant = tenant.map(ToOwned::to_owned);
        let filter = Filter { id: Some(text.to_owned()), tenant, ..Filter::default() };
        let page = log.search(&filter, None).expect("searched");
        let found: Vec<u32> = page.items.iter().map(|one| number_of(one.admission.record_id.as_str())).collect();
        assert_eq!((found.as_slice(), page.next), (expected, None), "{text}");
    };
    check(id(6).as_str(), None, &[6]);
    check(id(7).as_str(), None, &[6]);
    check(request(6).as_str(), Some("bank"), &[6]);
    check(request(6).as_str(), Some("ward"), &[]);
    check("req_6", None, &[]);
}

#[test]
fn acts_are_found_by_who_did_what_to_what() {
    let disk = SimDisk::new();
    let mut log = opened(&disk);
    let act = |number: u32, what: &str, who: Option<&str>, object: Option<&str>| -> Draft {
        let by = who.map(|who| Actor { tenant: "house".to_owned(), key_id: who.to_owned(), role: "x".to_owned() });
        let act = crate::Act {
            what: what.to_owned(),
            by,
            object: object.map(ToOwned::to_owned),
            policy: PolicyRef { version: "1".to_owned(), digest: "sha256:0".to_owned() },
            changes: Vec::new(),
            reason: None,
            erasure: None,
        };
        ActDraft { record_id: id(number), time: at(number.into()), act }.into()
    };
    let kinds = ["contents.read", "key.revoke"];
    for number in 0..700_u32 {
        let who = [None, Some("key_1"), Some("key_2")][number as usize % 3];
        let object = (number % 5 == 0).then(|| format!("rec_{}", number % 7));
        log.append(&[act(number, kinds[number as usize % 2], who, object.as_deref())]).expect("appended");
    }
    let text = |value: &str| Some(value.to_owned());
    let any = ActFilter::default;
    let check = |filter: ActFilter, expected: &dyn Fn(u32) -> bool| {
        let filter = ActFilter { limit: Some(7), ..filter };
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = log.search_acts(&filter, cursor.as_ref()).expect("searched");
            found.extend(page.items.iter().map(|record| number_of(record.record_id.as_str())));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let expected: Vec<u32> = (0..700).rev().filter(|number| expected(*number)).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    check(any(), &|_| true);
    check(ActFilter { what: text("key.revoke"), ..any() }, &|number| number % 2 == 1);
    check(ActFilter { actor: text("key_2"), what: text("key.revoke"), ..any() }, &|number| number % 6 == 5);
    check(ActFilter { object: text("rec_3"), ..any() }, &|number| number % 5 == 0 && number % 7 == 3);
    check(ActFilter { since: Some(at(300)), until: Some(at(310)), ..any() }, &|number| (300..310).contains(&number));
    check(ActFilter { tenant: text("house"), ..any() }, &|number| number % 3 != 0);
    check(ActFilter { tenant: text("ward"), ..any() }, &|_| false);
}

#[test]
fn what_makes_no_sense_is_told() {
    let disk = SimDisk::new();
    let log = super::log_of(&disk, 40);
    let check = |filter: &Filter, cursor: Option<&Cursor>, expected: SearchError| {
        let error = log.search(filter, cursor).expect_err("refused");
        assert!(matches!(&error, AuditError::Search(found) if *found == expected), "{error}");
    };
    let of = |limit| Filter { limit: Some(limit), ..Filter::default() };
    check(&of(0), None, SearchError::Limit(0));
    check(&of(crate::MAX_LISTED + 1), None, SearchError::Limit(crate::MAX_LISTED + 1));
    let next = log.search(&of(1), None).expect("a page").next.expect("more");
    assert!(log.search(&of(9), Some(&next)).is_ok(), "with any limit");
    let other = Filter { tenant: Some("ward".to_owned()), ..of(1) };
    check(&other, Some(&next), SearchError::Cursor(CursorError::OtherSearch));
    let error = log.search_acts(&ActFilter::default(), Some(&next)).expect_err("of requests");
    assert!(matches!(error, AuditError::Search(SearchError::Cursor(CursorError::OtherSearch))), "{error}");
    let shorter = super::log_of(&SimDisk::new(), 4);
    let error = shorter.search(&of(1), Some(&next)).expect_err("of another log");
    assert!(matches!(error, AuditError::Search(SearchError::Cursor(CursorError::Ahead { leaves: 4, .. }))), "{error}");
}
