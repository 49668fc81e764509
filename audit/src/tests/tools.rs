//! Calls of tools: what the log takes of them, what waits, what is sealed, and what a start knows.

use std::{collections::BTreeSet, sync::Arc};

use forethought_schemas::RecordId;
use forethought_store::{Index, JournalOptions, SimDisk};
use proptest::prelude::*;

use super::{ARGUMENTS, RESULT, SMALL, admission, asked, at, call, id, open, outcome, request, result, verified};
use crate::{
    AuditError, AuditLog, AuditReader, Draft, DraftError, Held, OutcomeStatus, Owner, ReviewDecision, ReviewDraft,
    Scope, Status, ToolDecision, ToolResult, ToolsSpent, contents::key_of,
};

fn end(number: u32, admission: u32) -> Draft {
    outcome(number, admission, OutcomeStatus::Answered)
}

fn decided(number: u32, admission: u32, call: u32, decision: ReviewDecision) -> Draft {
    ReviewDraft {
        record_id: id(number),
        time: at(number.into()),
        admission: id(admission),
        decision,
        by: None,
        reason: String::new(),
        answer: None,
        call: Some(id(call)),
    }
    .into()
}

fn approved(number: u32, admission: u32, call: u32) -> Draft {
    decided(number, admission, call, ReviewDecision::Approved)
}

fn reopen(disk: &SimDisk) -> AuditLog {
    let index = Index::temporary().expect("an index");
    AuditLog::reopen_on(Arc::new(disk.clone()), index, SMALL, at(10)).expect("opens").0
}

/// A log that takes large batches.
fn roomy(disk: &SimDisk) -> AuditLog {
    let index = Index::temporary().expect("an index");
    AuditLog::open_on(Arc::new(disk.clone()), index, JournalOptions::default(), at(10)).expect("opens").0
}

fn allowed(number: u32, admission: u32) -> Draft {
    call(number, admission, ToolDecision::Allowed)
}

fn held(number: u32, admission: u32) -> Draft {
    call(number, admission, ToolDecision::Held)
}

/// Checks that the last of these drafts is refused so, whether it comes in one batch with the others or behind them, and also after
/// the log was opened again.
#[track_caller]
fn check_refused(drafts: &[Draft], is: impl Fn(&DraftError) -> bool) {
    let (last, first) = drafts.split_last().expect("one");
    let refused = |error: AuditError| match error {
        AuditError::Draft { source, .. } => assert!(is(&source), "{source}"),
        error => panic!("{error}"),
    };
    let (mut log, _) = open(&SimDisk::new()).expect("opens");
    refused(log.append(drafts).expect_err("in one batch"));
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(first).expect("they fit");
    let before = log.last_seq();
    refused(log.append(std::slice::from_ref(last)).expect_err("behind them"));
    assert_eq!(log.last_seq(), before);
    drop(log);
    refused(reopen(&disk).append(std::slice::from_ref(last)).expect_err("after the log was opened again"));
}

#[test]
fn what_does_not_fit_is_refused() {
    let begun = || admission(1, "ward");
    let closed = |error: &DraftError| matches!(error, DraftError::NotOpen(of) if *of == id(1));
    check_refused(&[allowed(2, 1)], closed);
    check_refused(&[begun(), end(2, 1), allowed(3, 1)], closed);
    check_refused(&[begun(), allowed(2, 1), end(3, 1), result(4, 1, 2, "done")], closed);
    let no_call = |error: &DraftError| matches!(error, DraftError::NoSuchCall(of) if *of == id(2));
    check_refused(&[begun(), result(3, 1, 2, "done")], no_call);
    check_refused(&[begun(), allowed(2, 1), result(3, 1, 2, "done"), result(4, 1, 2, "done")], no_call);
    check_refused(&[begun(), admission(9, "bank"), allowed(2, 1), result(3, 9, 2, "done")], no_call);
    let unfit = |error: &DraftError| matches!(error, DraftError::ResultUnfit { .. });
    let refused = || call(2, 1, ToolDecision::Refused);
    for state in ["done", "failed", "declined", "dry_run"] {
        check_refused(&[begun(), refused(), result(3, 1, 2, state)], unfit);
    }
    check_refused(&[begun(), held(2, 1), result(3, 1, 2, "done")], unfit);
    let rejected = || decided(3, 1, 2, ReviewDecision::Rejected);
    check_refused(&[begun(), held(2, 1), rejected(), result(4, 1, 2, "done")], unfit);
    check_refused(&[begun(), held(2, 1), approved(3, 1, 2), result(4, 1, 2, "declined")], unfit);
    let state = |error: &DraftError| matches!(error, DraftError::ResultState { .. });
    check_refused(&[begun(), allowed(2, 1), result(3, 1, 2, "error/Some words")], state);
    let twice = |error: &DraftError| matches!(error, DraftError::Duplicate(of) if *of == id(2));
    check_refused(&[begun(), allowed(2, 1), allowed(2, 1)], twice);
    check_refused(&[begun(), held(2, 1), admission(2, "ward")], twice);
}

#[test]
fn decisions_on_what_does_not_wait_are_refused() {
    let begun = || admission(1, "ward");
    let idle = |error: &DraftError| matches!(error, DraftError::CallNotHeld(of) if *of == id(2));
    check_refused(&[begun(), approved(3, 1, 2)], idle);
    check_refused(&[begun(), allowed(2, 1), approved(3, 1, 2)], idle);
    check_refused(&[begun(), held(2, 1), approved(3, 1, 2), decided(4, 1, 2, ReviewDecision::Rejected)], idle);
    check_refused(&[begun(), held(2, 1), end(3, 1), approved(4, 1, 2)], idle);
    check_refused(&[begun(), held(2, 1), result(3, 1, 2, "cancelled"), approved(4, 1, 2)], idle);
    check_refused(&[begun(), admission(9, "ward"), held(2, 1), approved(4, 9, 2)], idle);
    let edited = |error: &DraftError| matches!(error, DraftError::CallEdited(of) if *of == id(2));
    check_refused(&[begun(), held(2, 1), decided(3, 1, 2, ReviewDecision::Edited)], edited);
    let Draft::Review(mut with_answer) = approved(3, 1, 2) else { unreachable!() };
    with_answer.answer = Some("x".into());
    check_refused(&[begun(), held(2, 1), Draft::Review(with_answer)], edited);
    // Without its call, it would be on the answer; by the call's own id there is no answer.
    let Draft::Review(mut on_answer) = approved(3, 2, 2) else { unreachable!() };
    on_answer.call = None;
    check_refused(&[begun(), held(2, 1), Draft::Review(on_answer)], |error| matches!(error, DraftError::NotHeld(_)));
}

#[test]
fn calls_say_what_was_called_and_until_when_they_wait() {
    let change = |change: &dyn Fn(&mut crate::ToolCallDraft)| {
        let Draft::ToolCall(mut draft) = held(2, 1) else { unreachable!() };
        change(&mut draft);
        [admission(1, "ward"), Draft::ToolCall(draft)]
    };
    let until = |error: &DraftError| matches!(error, DraftError::CallUntil { .. });
    check_refused(&change(&|draft| draft.until = None), until);
    check_refused(&change(&|draft| draft.decision = ToolDecision::Allowed), until);
    for name in ["", "9", "a b", "john@example.com", "é", &"a".repeat(65)] {
        let named = change(&|draft| draft.tool = name.to_owned());
        check_refused(&named, |error| matches!(error, DraftError::ToolName(_)));
    }
}

/// What waits, with the tool that does.
fn waiting(log: &AuditLog) -> Vec<(RecordId, Option<String>)> {
    let tool = |held: &Held| held.call.as_ref().map(|call| call.tool.clone());
    log.held().map(|(id, held)| (id.clone(), tool(held))).collect()
}

#[test]
fn a_call_waits_until_it_is_decided_or_its_request_has_ended() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    let tool = || Some("chart.read".to_owned());
    log.append(&[admission(1, "ward"), held(2, 1), held(3, 1), held(4, 1), held(5, 1), allowed(6, 1)]).expect("fits");
    let (_, first) = log.held().next().expect("it waits");
    assert_eq!((&first.admission, &first.tenant, first.since), (&id(1), &"ward".to_owned(), at(2)));
    assert_eq!((first.review.until, &first.review.because), (at(9000), &vec!["tools/1".to_owned()]));
    let call = first.call.clone().expect("a call");
    assert_eq!((call.record_id, call.place, call.effect.as_str()), (id(2), (0, 0, 2), "reads"));
    log.append(&[approved(10, 1, 2), decided(11, 1, 3, ReviewDecision::TimedOut)]).expect("fits");
    log.append(&[result(12, 1, 5, "cancelled")]).expect("fits");
    let left = vec![(id(4), tool())];
    for _ in 0..3 {
        let decisions = [2, 3, 4, 5, 6].map(|call| log.decision_on_call(&id(1), &id(call)));
        let (approved, late) = (Some(ReviewDecision::Approved), Some(ReviewDecision::TimedOut));
        assert_eq!(decisions, [approved, late, None, None, None]);
        drop(log);
        log = reopen(&disk);
        assert_eq!(waiting(&log), left, "a start knows");
    }
    log.append(&[result(13, 1, 2, "done"), result(14, 1, 3, "declined"), result(15, 1, 6, "failed")]).expect("fits");
    log.append(&[end(16, 1)]).expect("fits");
    assert_eq!(waiting(&log), []);
    assert_eq!(waiting(&reopen_after(log, &disk)), []);
    assert!(verified(&disk).passed());
}

fn reopen_after(log: AuditLog, disk: &SimDisk) -> AuditLog {
    drop(log);
    reopen(disk)
}

#[test]
fn an_answer_that_waits_is_not_decided_by_a_decision_on_a_call() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    let Draft::Outcome(mut held_answer) = outcome(5, 1, OutcomeStatus::Held) else { unreachable!() };
    held_answer.review = Some(crate::ReviewAsked { until: at(900), because: Vec::new() });
    log.append(&[admission(1, "ward"), held(2, 1), decided(3, 1, 2, ReviewDecision::Rejected)]).expect("fits");
    log.append(&[result(4, 1, 2, "declined"), Draft::Outcome(held_answer)]).expect("fits");
    let reader = AuditReader::open_on(&(Arc::new(disk.clone()) as Arc<_>)).expect("readable");
    for shown in [log.show(id(1).as_str(), false), reader.show(id(4).as_str(), false)] {
        let shown = shown.expect("read").expect("there");
        assert_eq!((shown.status, shown.review), (Status::Ended(OutcomeStatus::Held), None));
    }
    assert_eq!(waiting(&log), [(id(1), None)]);
    assert_eq!(waiting(&reopen_after(log, &disk)), [(id(1), None)]);
    let mut log = reopen(&disk);
    let Draft::Review(mut answer) = decided(6, 1, 0, ReviewDecision::Approved) else { unreachable!() };
    answer.call = None;
    log.append(&[Draft::Review(answer)]).expect("fits");
    let shown = log.show(id(6).as_str(), false).expect("read").expect("there");
    assert_eq!(shown.status, Status::Ended(OutcomeStatus::Answered));
    assert_eq!(shown.review.map(|review| review.record_id), Some(id(6)));
    drop(log);
    assert!(verified(&disk).passed());
}

/// A log with two samples whose calls came back in another order than they were made.
fn two_samples(disk: &SimDisk) -> AuditLog {
    let (mut log, _) = open(disk).expect("opens");
    let of = |number, sample, round, place| {
        let Draft::ToolCall(mut draft) = allowed(number, 1) else { unreachable!() };
        (draft.sample, draft.round, draft.call) = (sample, round, place);
        draft.arguments = format!("{sample}/{round}/{place}").into();
        Draft::ToolCall(draft)
    };
    let Draft::Admission(mut begun) = admission(1, "ward") else { unreachable!() };
    begun.subject = Some("ada".to_owned());
    log.append(&[Draft::Admission(begun), of(2, 1, 0, 0), of(3, 0, 0, 1), of(4, 0, 0, 0)]).expect("fits");
    log.append(&[result(5, 1, 4, "done"), result(6, 1, 2, "error/timed_out"), of(7, 0, 1, 0)]).expect("fits");
    log.append(&[result(8, 1, 3, "failed")]).expect("fits");
    log
}

#[test]
fn a_replay_finds_each_call_by_its_place_with_what_was_said() {
    let disk = SimDisk::new();
    let mut log = two_samples(&disk);
    log.append(&[end(9, 1)]).expect("fits");
    let reader = AuditReader::open_on(&(Arc::new(disk) as Arc<_>)).expect("readable");
    for shown in [log.show(id(1).as_str(), true), log.show(id(7).as_str(), true), reader.show(id(5).as_str(), true)] {
        let shown = shown.expect("read").expect("there");
        let calls: Vec<_> = shown.calls_in_full().collect();
        let places: Vec<_> = calls.iter().map(|call| call.call.place()).collect();
        assert_eq!(places, [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]);
        let states: Vec<_> = calls.iter().map(|call| call.result.map(|result| result.state.as_str())).collect();
        assert_eq!(states, [Some("done"), Some("failed"), None, Some("error/timed_out")]);
        for call in &calls {
            let (sample, round, place) = call.call.place();
            let arguments = call.arguments.expect("asked for").expect("read");
            assert_eq!(arguments, format!("{sample}/{round}/{place}").as_bytes());
            assert_eq!(call.told.map(|told| told.expect("read")), call.result.map(|_| RESULT.as_bytes()));
            assert_eq!(call.result.map(|result| result.bytes), call.result.map(|_| RESULT.len() as u64));
        }
    }
    let bare = log.show(id(1).as_str(), false).expect("read").expect("there");
    assert!(bare.calls_in_full().all(|call| call.arguments.is_none() && call.told.is_none()));
}

#[test]
fn what_was_called_goes_with_its_request() {
    let disk = SimDisk::new();
    let mut log = two_samples(&disk);
    let key = key_of(&log.journal.read(2).expect("the prompt").payload);
    let sealed = (1..=log.last_seq()).map(|seq| log.journal.read(seq).expect("an entry"));
    let keys: BTreeSet<_> = sealed.filter(|entry| entry.kind == 2).map(|entry| key_of(&entry.payload)).collect();
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), [key], "all under one key");
    log.erase(&Scope::Owner(Owner::subject("ward", "ada")), &asked(), at(9)).expect("erased");
    log.append(&[result(9, 1, 7, "done"), allowed(10, 1)]).expect("the request goes on");
    let shown = log.show(id(1).as_str(), true).expect("read").expect("there");
    assert_eq!((shown.calls.len(), shown.erased.is_some()), (5, true));
    assert!(shown.contents.len() == 10 && shown.contents.iter().all(|content| content.content.is_err()));
    drop(log);
    for name in disk_names(&disk) {
        let bytes = forethought_store::Disk::read(&disk, &name, 0, usize::MAX).expect("read");
        for words in [ARGUMENTS, RESULT, "0/1/0"] {
            assert!(!bytes.windows(words.len()).any(|window| window == words.as_bytes()), "{words} in {name}");
        }
    }
}

fn disk_names(disk: &SimDisk) -> Vec<String> {
    let names = forethought_store::Disk::list(disk, "").expect("listed");
    names.into_iter().filter(|name| name.starts_with("journal-")).collect()
}

#[test]
fn calls_are_sealed_before_their_turn() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward")]).expect("fits");
    let preparer = log.preparer();
    let early: Vec<_> =
        [allowed(2, 1), result(3, 1, 2, "done"), held(4, 1)].map(|draft| preparer.prepare(draft)).into();
    let hashes: Vec<_> = early.iter().map(|early| early.parts().1.expect("prepared").prepared_hash()).collect();
    let appended = log.append_early(&early).expect("fits");
    assert_eq!(appended.iter().map(|one| one.hash).collect::<Vec<_>>(), hashes);
    log.append(&[end(5, 1)]).expect("fits");
    assert!(!log.preparer().prepare(allowed(6, 1)).is_prepared(), "of a request that has ended");
    log.settle();
    drop(log);
    assert!(verified(&disk).passed());
}

#[test]
fn an_outcome_says_what_calls_came_to_and_old_ones_read_as_before() {
    let tools = ToolsSpent { calls: 3, refused: 1, failed: 1, wall_ms: 70, cost: 5 };
    let (mut log, _) = open(&SimDisk::new()).expect("opens");
    let Draft::Outcome(mut draft) = end(2, 1) else { unreachable!() };
    draft.tools = Some(tools);
    log.append(&[admission(1, "ward"), Draft::Outcome(draft), admission(3, "ward"), end(4, 3)]).expect("fits");
    let outcome = |number| {
        let record = log.show(id(number).as_str(), false).expect("read").expect("there").end.expect("ended");
        assert_eq!(record.v, 2, "earlier programs can read it");
        (serde_json::to_string(&record).expect("JSON"), record)
    };
    let (json, record) = outcome(2);
    assert!(json.contains(r#""tools":{"calls":3,"refused":1,"failed":1,"wall_ms":70,"cost":5}"#), "{json}");
    assert!(matches!(record.body, crate::Body::Outcome(outcome) if outcome.tools == Some(tools)));
    assert!(!outcome(4).0.contains("tools"));
    let old =
        r#"{"type":"review","admission":"rec_1","request_id":"req_1","tenant":"t","decision":"approved","reason":""}"#;
    let body: crate::Body = serde_json::from_str(old).expect("read");
    assert_eq!(serde_json::to_string(&body).expect("JSON"), old);
}

#[test]
fn records_of_calls_have_a_version_of_their_own() {
    let (mut log, _) = open(&SimDisk::new()).expect("opens");
    log.append(&[admission(1, "ward"), held(2, 1), approved(3, 1, 2), result(4, 1, 2, "done")]).expect("fits");
    let shown = log.show(id(1).as_str(), false).expect("read").expect("there");
    assert_eq!(shown.admission.v, 2);
    let versions: Vec<u32> = shown.calls[0].records().map(|shown| shown.record.v).collect();
    assert_eq!(versions, [3, 3, 3]);
    let leaves: Vec<u64> = shown.calls[0].records().map(|shown| shown.leaf).collect();
    assert_eq!(leaves, [1, 2, 3]);
    assert_eq!(log.prove(request(1).as_str()).expect("proved").len(), 4, "each has its receipt");
}

#[test]
fn a_crash_leaves_calls_whose_result_is_not_known() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    log.append(&[admission(1, "ward"), allowed(2, 1), held(3, 1)]).expect("fits");
    drop(log);
    assert!(!verified(&disk).passed(), "1 has no end");
    let (log, report) = open(&disk).expect("opens");
    assert_eq!((report.interrupted, waiting(&log)), (vec![id(1)], Vec::new()));
    let shown = log.show(id(3).as_str(), true).expect("read").expect("there");
    assert_eq!((shown.status, shown.calls.len()), (Status::Interrupted, 2));
    assert!(shown.calls.iter().all(|call| call.result.is_none()));
    drop(log);
    let report = verified(&disk);
    assert!(report.passed() && report.tool_calls == 2, "{report:?}");
}

/// Something that is appended.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begin(u32),
    Call(u32, u32, ToolDecision),
    Decide(u32, u32, ReviewDecision),
    Result(u32, u32, &'static str),
    End(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (admission, call) = (|| 0..3_u32, || 0..4_u32);
    let states =
        proptest::sample::select(&[ToolResult::DONE, "failed", "declined", "dry_run", "cancelled", "error/failed"][..]);
    let decisions = [ReviewDecision::Approved, ReviewDecision::Rejected, ReviewDecision::TimedOut];
    let step = prop_oneof![
        2 => admission().prop_map(Step::Begin),
        4 => (admission(), call(), proptest::sample::select(&ToolDecision::ALL[..])).prop_map(|(a, c, d)| Step::Call(a, c, d)),
        4 => (admission(), call(), proptest::sample::select(decisions.to_vec())).prop_map(|(a, c, d)| Step::Decide(a, c, d)),
        4 => (admission(), call(), states).prop_map(|(a, c, s)| Step::Result(a, c, s)),
        1 => admission().prop_map(Step::End),
    ];
    proptest::collection::vec(step, 1..60)
}

/// The drafts of steps, with ids of their own but for what is named again: an admission begins once, a call is made once.
fn drafts(steps: &[Step]) -> Vec<Draft> {
    let call_id = |of: u32, number: u32| 10 + of * 10 + number;
    let draft = |(at, step): (u32, &Step)| match *step {
        Step::Begin(of) => admission(of, "ward"),
        Step::Call(of, number, decision) => call(call_id(of, number), of, decision),
        Step::Decide(of, number, decision) => decided(1000 + at, of, call_id(of, number), decision),
        Step::Result(of, number, state) => result(1000 + at, of, call_id(of, number), state),
        Step::End(of) => end(1000 + at, of),
    };
    let mut once = BTreeSet::new();
    let fresh = |draft: &Draft| once.insert(draft.record_id().clone());
    (0..).zip(steps).map(draft).filter(fresh).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Records one by one, with a start between some; what was taken is taken in one batch too, is the same to a start, and holds.
    #[test]
    fn what_is_taken_holds_however_it_came(steps in steps(), every in 1..9_usize) {
        let (one, many) = (SimDisk::new(), SimDisk::new());
        let (mut log, _) = open(&one).expect("opens");
        let mut taken = Vec::new();
        for (at, draft) in drafts(&steps).into_iter().enumerate() {
            if at % every == 0 {
                let before = (waiting(&log), log.open_admissions().cloned().collect::<Vec<_>>());
                log = reopen_after(log, &one);
                prop_assert_eq!((waiting(&log), log.open_admissions().cloned().collect::<Vec<_>>()), before);
            }
            match log.append(std::slice::from_ref(&draft)) {
                Ok(_) => taken.push(draft),
                Err(AuditError::Draft { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let mut whole = roomy(&many);
        whole.append(&taken).expect("taken before");
        prop_assert_eq!(waiting(&whole), waiting(&log));
        drop(whole);
        prop_assert_eq!(waiting(&reopen(&many)), waiting(&log));
        drop(log);
        for disk in [one, many] {
            let (log, _) = open(&disk).expect("opens");
            prop_assert_eq!(waiting(&log), []);
            drop(log);
            let report = verified(&disk);
            prop_assert!(report.passed(), "{:?}", report.failure);
        }
    }
}

/// Two requests with calls, one of which waits, in batches.
fn script() -> Vec<Vec<Draft>> {
    vec![
        vec![admission(1, "ward"), admission(2, "bank")],
        vec![allowed(3, 1), held(4, 2)],
        vec![result(5, 1, 3, "done"), approved(6, 2, 4)],
        vec![call(7, 1, ToolDecision::Refused), result(8, 2, 4, "failed")],
        vec![end(9, 1), held(10, 2)],
    ]
}

#[test]
fn a_power_cut_at_every_operation_leaves_no_result_without_its_call() {
    let whole = SimDisk::new();
    assert_eq!(super::run(&whole, &script()), script().len());
    for cut in 0..=whole.operations() {
        let disk = SimDisk::new();
        disk.power_cut(cut);
        let acknowledged = script()[..super::run(&disk, &script())].concat();
        for seed in 0..3 {
            let disk = disk.reopen(seed * 1000 + if seed == 0 { 0 } else { cut });
            let (log, _) = open(&disk).unwrap_or_else(|error| panic!("cut {cut}: {error}"));
            for draft in &acknowledged {
                let shown = log.show(draft.record_id().as_str(), true).expect("read");
                let shown = shown.unwrap_or_else(|| panic!("cut {cut}: {} is lost", draft.record_id()));
                assert!(shown.contents.iter().all(|content| content.content.is_ok()), "cut {cut}");
            }
            assert_eq!(waiting(&log), [], "cut {cut}");
            drop(log);
            let report = verified(&disk);
            assert!(report.passed(), "cut {cut}, seed {seed}: {:?}", report.failure);
        }
    }
}
