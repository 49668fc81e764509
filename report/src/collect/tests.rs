//! What is collected, of any history: every admission once, and nothing of anybody else.

use std::collections::BTreeSet;

use forethought_audit::{Act, ErasureCause, OutcomeStatus, ReviewDecision, ToolDecision};
use proptest::prelude::*;

use crate::{
    Figures, ReportError, Scope,
    collect::gather,
    log_state::Tracked,
    testing::{Log, TENANT, actor, at, erasure, id, november},
};

/// Something that happens to the request with a number, or to another tenant's.
#[derive(Clone, Copy, Debug)]
enum Step {
    Admit { is_other: bool, hours: i64 },
    End { request: usize, status: u8 },
    Hold { request: usize },
    Review { request: usize, decision: u8 },
    Interrupt { request: usize },
    Call { request: usize, decision: u8 },
    Result { request: usize, call: usize },
    Act,
    Cut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), -100..900_i64).prop_map(|(is_other, hours)| Step::Admit { is_other, hours }),
        3 => (0..40_usize, 0..6_u8).prop_map(|(request, status)| Step::End { request, status }),
        2 => (0..40_usize).prop_map(|request| Step::Hold { request }),
        2 => (0..40_usize, 0..4_u8).prop_map(|(request, decision)| Step::Review { request, decision }),
        1 => (0..40_usize).prop_map(|request| Step::Interrupt { request }),
        2 => (0..40_usize, 0..4_u8).prop_map(|(request, decision)| Step::Call { request, decision }),
        2 => (0..40_usize, 0..60_usize).prop_map(|(request, call)| Step::Result { request, call }),
        1 => Just(Step::Act),
        1 => Just(Step::Cut),
    ]
}

/// A log of these steps, whatever they make of it: ends of ends, decisions on nothing, records of nobody.
fn log_of(steps: &[Step]) -> Log {
    let mut log = Log::default();
    let statuses = [
        OutcomeStatus::Answered,
        OutcomeStatus::Failed,
        OutcomeStatus::Cancelled,
        OutcomeStatus::Deadline,
        OutcomeStatus::Refused,
        OutcomeStatus::Held,
    ];
    let decisions =
        [ReviewDecision::Approved, ReviewDecision::Edited, ReviewDecision::Rejected, ReviewDecision::TimedOut];
    for step in steps {
        match *step {
            Step::Admit { is_other, hours } => {
                log.admit(hours, |admission| {
                    if is_other {
                        "elsewhere".clone_into(&mut admission.tenant);
                    }
                });
            }
            Step::End { request, status } => log.end(900, &id(request), statuses[usize::from(status)], |_| {}),
            Step::Hold { request } => log.hold(900, &id(request)),
            Step::Review { request, decision } => {
                log.review(901, &id(request), decisions[usize::from(decision)], Some("k_r"));
            }
            Step::Interrupt { request } => log.interrupt(900, &id(request)),
            Step::Call { request, decision } => {
                log.call(900, &id(request), "calc", ToolDecision::ALL[usize::from(decision)]);
            }
            Step::Result { request, call } => log.call_result(900, &id(request), &id(call), "done"),
            Step::Act => log.act(10, "contents.read", Some(actor(TENANT, "k_a", "auditor")), None),
            Step::Cut => log.cut(10, None),
        }
    }
    log
}

fn admissions(steps: &[Step], scope: &Scope) -> usize {
    let is_ours = |step: &&Step| matches!(step, Step::Admit { is_other, hours } if (scope.tenant.is_none() || !is_other) && scope.has(at(*hours)));
    steps.iter().filter(is_ours).count()
}

/// The entries of a group: all of them, and each once.
fn each_once(figures: &Figures, group: &str) -> Vec<u32> {
    let all: Vec<u32> =
        figures.group(group).expect("a group").figures.iter().flat_map(|figure| figure.entries.clone()).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{group}");
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_admission_of_the_scope_counts_exactly_once(steps in proptest::collection::vec(step(), 0..60), all in any::<bool>()) {
        let scope = if all { Scope { tenant: None, ..november() } } else { november() };
        let figures = log_of(&steps).figures(&scope);
        let expected = admissions(&steps, &scope);
        prop_assert_eq!(figures.requests(), expected as u64);
        for group in ["outcomes", "days", "models", "strategies", "purposes"] {
            let entries = each_once(&figures, group);
            prop_assert_eq!(entries.len(), expected, "{}", group);
            for entry in entries {
                prop_assert_eq!(figures.entry(entry).expect("an entry").kind, "admission");
            }
        }
    }

    #[test]
    fn every_number_is_made_of_entries_that_are_there(steps in proptest::collection::vec(step(), 0..60)) {
        let log = log_of(&steps);
        let figures = log.figures(&november());
        for figure in figures.groups.iter().flat_map(|group| &group.figures) {
            prop_assert!(figure.amounts.is_empty() || figure.amounts.len() == figure.entries.len());
            for entry in &figure.entries {
                let entry = figures.entry(*entry).expect("an entry");
                let record = &log.0[usize::try_from(entry.leaf).expect("a leaf")].record;
                prop_assert_eq!(&record.record_id, &entry.record_id);
                prop_assert!(record.tenant().is_none_or(|tenant| tenant == TENANT), "{:?}", entry);
            }
        }
    }
}

#[test]
fn nothing_and_one() {
    let empty = Log::default().figures(&november());
    assert_eq!((empty.requests(), empty.entries.len(), empty.log.records), (0, 0, 0));
    let mut log = Log::default();
    let one = log.admit(5, |_| {});
    log.end(6, &one, OutcomeStatus::Answered, |_| {});
    let figures = log.figures(&november());
    assert_eq!(
        (figures.requests(), figures.total("outcomes", "answered"), figures.total("days", "2026-11-01")),
        (1, 1, 1)
    );
    assert_eq!((figures.total("tokens", "generated"), figures.total("tokens", "allowed to generate")), (40, 300));
    let nobody = log.figures(&Scope { tenant: Some("nobody".to_owned()), ..november() });
    assert_eq!((nobody.requests(), nobody.log.records), (0, 2));
}

#[test]
fn what_comes_later_belongs_to_the_request() {
    let mut log = Log::default();
    let held = log.admit(719, |_| {});
    log.hold(721, &held);
    log.review(800, &held, ReviewDecision::Edited, Some("k_r"));
    let late = log.admit(720, |_| {});
    log.end(721, &late, OutcomeStatus::Answered, |_| {});
    let figures = log.figures(&november());
    assert_eq!((figures.requests(), figures.total("outcomes", "answered")), (1, 1));
    assert_eq!(figures.total("reviews", "another answer was given in its place"), 1);
    assert_eq!(figures.total("log", "records that do not fit what stands before them"), 0);
}

#[test]
fn what_does_not_fit_is_told_and_counts_nowhere_else() {
    let mut log = Log::default();
    let one = log.admit(1, |_| {});
    log.end(2, &one, OutcomeStatus::Answered, |_| {});
    log.end(3, &one, OutcomeStatus::Failed, |_| {});
    log.end(3, &id(99), OutcomeStatus::Failed, |_| {});
    log.review(4, &one, ReviewDecision::Rejected, None);
    let other = log.admit(5, |_| {});
    log.end(6, &other, OutcomeStatus::Answered, |outcome| "elsewhere".clone_into(&mut outcome.tenant));
    let figures = log.figures(&november());
    assert_eq!((figures.total("outcomes", "answered"), figures.total("outcomes", "open")), (1, 1));
    assert_eq!(figures.total("log", "records that do not fit what stands before them"), 4);
}

#[test]
fn calls_of_tools_are_told_by_tool_and_by_decision() {
    let mut log = Log::default();
    let one = log.admit(1, |_| {});
    let calc = log.call(2, &one, "calc", ToolDecision::Allowed);
    log.call_result(2, &one, &calc, "done");
    log.call(2, &one, "shell", ToolDecision::Refused);
    let approved = log.call(2, &one, "mail.send", ToolDecision::Held);
    log.decide_call(3, &one, &approved, ReviewDecision::Approved);
    log.call_result(3, &one, &approved, "done");
    let late = log.call(3, &one, "mail.send", ToolDecision::Held);
    log.decide_call(4, &one, &late, ReviewDecision::TimedOut);
    log.call(4, &one, "mail.send", ToolDecision::Held);
    log.hold(5, &one);
    log.review(6, &one, ReviewDecision::Approved, Some("k_r"));
    let figures = log.figures(&november());
    let tools: Vec<(&str, u64)> = figures
        .group("tools")
        .expect("there were calls")
        .figures
        .iter()
        .map(|figure| (figure.name.as_str(), figure.total()))
        .collect();
    assert_eq!(tools, [("mail.send", 3), ("calc", 1), ("shell", 1)]);
    for (name, expected) in [
        ("allowed", 1),
        ("refused", 1),
        ("held, and a person approved it", 1),
        ("held, and nobody decided in time", 1),
        ("held, and not decided", 1),
        ("held, and a person rejected it", 0),
    ] {
        assert_eq!(figures.total("tool-calls", name), expected, "{name}");
    }
    assert_eq!(each_once(&figures, "tool-calls").len(), each_once(&figures, "tools").len());
    assert_eq!(figures.total("reviews", "approved as it is"), 1, "of the answer alone");
    assert_eq!(figures.total("log", "records that do not fit what stands before them"), 0);
    let mut without = Log::default();
    without.admit(1, |_| {});
    assert!(without.figures(&november()).group("tools").is_none());
}

#[test]
fn calls_that_do_not_fit_are_told_and_count_nowhere_else() {
    let mut log = Log::default();
    let one = log.admit(1, |_| {});
    let call = log.call(2, &one, "calc", ToolDecision::Allowed);
    log.call_result(3, &one, &call, "done");
    log.call_result(3, &one, &call, "done");
    log.decide_call(3, &one, &call, ReviewDecision::Approved);
    log.call_result(3, &one, &id(99), "done");
    let other = log.admit(3, |_| {});
    let held = log.call(3, &one, "calc", ToolDecision::Held);
    log.decide_call(4, &other, &held, ReviewDecision::Approved);
    log.end(5, &one, OutcomeStatus::Answered, |_| {});
    log.call(6, &one, "calc", ToolDecision::Allowed);
    log.decide_call(6, &one, &held, ReviewDecision::Approved);
    log.call_result(6, &one, &held, "done");
    log.call(7, &id(99), "calc", ToolDecision::Allowed);
    let figures = log.figures(&november());
    assert_eq!(figures.total("tools", "calc"), 2);
    assert_eq!(figures.total("tool-calls", "held, and not decided"), 1);
    assert_eq!(figures.total("log", "records that do not fit what stands before them"), 8);
}

#[test]
fn acts_of_others_are_passed_over_but_where_they_concern_the_tenant() {
    let mut log = Log::default();
    let other = || Some(actor("house", "k_secret", "admin"));
    log.act(1, "policy.replace", other(), None);
    log.act(2, "key.create", other(), None);
    log.act(3, Act::ERASED, other(), Some(erasure(ErasureCause::Person, 2, &[])));
    let mut foreign = erasure(ErasureCause::Person, 2, &[]);
    "elsewhere".clone_into(&mut foreign.tenant);
    log.act(4, Act::ERASED, other(), Some(foreign));
    log.act(800, Act::ERASED, None, Some(erasure(ErasureCause::Expiry, 1, &[])));
    let figures = log.figures(&november());
    assert_eq!(
        (figures.total("totals", "changes of policy and keys"), figures.total("erased-keys", "destroyed")),
        (1, 3)
    );
    let names: Vec<&str> =
        figures.groups.iter().flat_map(|group| &group.figures).map(|figure| figure.name.as_str()).collect();
    assert!(!names.iter().any(|name| name.contains("k_secret")), "{names:?}");
    assert!(names.contains(&"contents whose time was over: erased · after the period"), "{names:?}");
}

#[test]
fn memory_has_a_bound() {
    let mut log = Log::default();
    for hours in 0..5 {
        log.admit(hours, |_| {});
    }
    let scope = Scope { max_entries: 4, ..november() };
    let told = gather(log.0.iter().cloned().map(Ok), &scope, Tracked::new(None, &[])).expect_err("too many");
    assert!(matches!(told, ReportError::TooMany { max: 4 }), "{told}");
}
