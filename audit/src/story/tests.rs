//! Whole stories, of requests that went through a log. Hashes and ids that are made at random are crossed out.

use std::{fs, path::Path};

use forethought_schemas::Facts;
use forethought_store::SimDisk;

use super::Story;
use crate::{
    Actor, Asked, AuditLog, ClassifierNote, Draft, LawNote, OutcomeStatus, Owner, PolicyRef, RetentionDays,
    ReviewAsked, ReviewDecision, ReviewDraft, SafeguardNote, SampleDraft, Scope, ToolDecision, VoteDraft,
    tests::{admission, at, call, id, open, outcome, request, result, sample},
};

/// The story of the first request in a log of these batches.
fn story(batches: &[Vec<Draft>], contents: bool) -> Story {
    let disk = SimDisk::new();
    story_in(&mut filled(&disk, batches), contents)
}

fn filled(disk: &SimDisk, batches: &[Vec<Draft>]) -> AuditLog {
    let (mut log, _) = open(disk).expect("opens");
    for batch in batches {
        log.append(batch).expect("appended");
    }
    log
}

fn story_in(log: &mut AuditLog, contents: bool) -> Story {
    Story::of(&log.show(request(1).as_str(), contents).expect("read").expect("there"))
}

/// With digits of hashes and of ids made at random crossed out; the length stays.
fn crossed(text: &str) -> String {
    let mut crossed = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() && !c.is_ascii_uppercase() {
            run.push(c);
            continue;
        }
        let random = matches!(run.len(), 32 | 64) && !run.starts_with("00000000") || run.len() == 12 && c == '…';
        crossed += &if random { "#".repeat(run.len()) } else { std::mem::take(&mut run) };
        run.clear();
        crossed.push(c);
    }
    crossed.pop();
    crossed
}

/// That a story is what the file of this name has.
fn check(story: &Story, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/story/tests").join(name);
    let expected = fs::read_to_string(path).expect("what is expected");
    let found = crossed(&story.to_string());
    assert!(found == expected, "this is told:\n{found}\nand this was expected:\n{expected}");
}

/// The first admission, changed.
fn asked(change: impl FnOnce(&mut crate::AdmissionDraft)) -> Draft {
    let Draft::Admission(mut draft) = admission(1, "ward") else { unreachable!() };
    change(&mut draft);
    Draft::Admission(draft)
}

/// Its outcome, changed.
fn came(status: OutcomeStatus, change: impl FnOnce(&mut crate::OutcomeDraft)) -> Draft {
    let Draft::Outcome(mut draft) = outcome(3, 1, status) else { unreachable!() };
    change(&mut draft);
    Draft::Outcome(draft)
}

fn law(rule: &str, state: &str, effect: Option<&str>) -> LawNote {
    let (rule, state, effect) = (rule.to_owned(), state.to_owned(), effect.map(ToOwned::to_owned));
    LawNote { rule, state, effect, assessment: None }
}

fn drawn(index: u32, answer: &str, counted: bool) -> SampleDraft {
    SampleDraft { answer: Some(answer.to_owned()), counted, check: Some("passed".to_owned()), ..sample(index) }
}

#[test]
fn a_plain_answer() {
    let batches = [
        vec![asked(|draft| {
            draft.prompt = br#"[{"role":"system","content":"Be brief."},{"role":"user","content":"2 + 3?"}]"#.to_vec();
        })],
        vec![came(OutcomeStatus::Answered, |draft| {
            draft.samples = vec![drawn(0, "5", true), drawn(1, "6", true), drawn(2, "5", true)];
            draft.votes =
                vec![VoteDraft { answer: "5".to_owned(), count: 2 }, VoteDraft { answer: "6".to_owned(), count: 1 }];
            draft.answer = Some("It is 5.".into());
            draft.cost = 1250;
        })],
    ];
    check(&story(&batches, true), "answered.txt");
    check(&story(&batches, false), "sealed.txt");
}

#[test]
fn one_that_was_held_and_edited() {
    let reviewer = Actor { tenant: "house".to_owned(), key_id: "key_9".to_owned(), role: "reviewer".to_owned() };
    let batches = [
        vec![asked(|draft| {
            draft.admission.laws = vec![law("eu-ai-act/14-1", "enforced", Some("review"))];
            draft.admission.facts = Facts {
                purpose: Some("employment".to_owned()),
                regions: vec!["DE".to_owned(), "EU".to_owned()],
                ..Facts::default()
            };
            let rule = "eu-ai-act/19-1".to_owned();
            draft.admission.retention.records = Some(RetentionDays { days: 183, rule });
        })],
        vec![came(OutcomeStatus::Held, |draft| {
            draft.answer = Some(br#"["Hire them.","Do not."]"#.to_vec());
            draft.review = Some(ReviewAsked { until: at(90_000), because: vec!["eu-ai-act/14-1".to_owned()] });
            draft.classifiers = vec![ClassifierNote {
                id: "guard".to_owned(),
                stage: "output".to_owned(),
                verdict: "violated".to_owned(),
                action: Some("hold".to_owned()),
                categories: vec!["S1".to_owned(), "S9".to_owned()],
                calls: 1,
                prompt_tokens: 5,
                generated_tokens: 2,
                wall_ms: 30,
            }];
        })],
    ];
    let decision = ReviewDraft {
        record_id: id(5),
        time: at(7503),
        admission: id(1),
        decision: ReviewDecision::Edited,
        by: Some(reviewer),
        reason: "Neither says why.\nAsk the works council first.".to_owned(),
        answer: Some("Ask again in May.".into()),
        call: None,
    };
    check(&story(&batches, true), "held.txt");
    let decided = [batches.to_vec(), vec![vec![decision.into()]]].concat();
    check(&story(&decided, true), "edited.txt");
}

#[test]
fn one_that_a_law_forbade() {
    let batches = [vec![
        asked(|draft| {
            draft.admission.laws = vec![
                law("eu-ai-act/5-1-f", "enforced", Some("forbid")),
                law("us-co/sb-26-189", "shadow", Some("disclose")),
                law("us-tx/hb-149", "undetermined", Some("forbid")),
                law("purposes/employment", "enforced", None),
            ];
            draft.admission.safeguards =
                vec![SafeguardNote { kind: "email".to_owned(), list: None, action: "redact".to_owned(), count: 2 }];
        }),
        came(OutcomeStatus::Refused, |draft| {
            draft.samples.clear();
            draft.votes.clear();
            draft.answer = None;
            draft.finish_reason = None;
            draft.error_code = Some("forbidden_by_law".to_owned());
            draft.spent = crate::Spent::default();
        }),
    ]];
    check(&story(&batches, true), "forbidden.txt");
}

/// A call, changed.
fn called(number: u32, decision: ToolDecision, change: impl FnOnce(&mut crate::ToolCallDraft)) -> Draft {
    let Draft::ToolCall(mut draft) = call(number, 1, decision) else { unreachable!() };
    change(&mut draft);
    Draft::ToolCall(draft)
}

/// What came of a call, changed.
fn resulted(number: u32, call: u32, state: &str, change: impl FnOnce(&mut crate::ToolResultDraft)) -> Draft {
    let Draft::ToolResult(mut draft) = result(number, 1, call, state) else { unreachable!() };
    change(&mut draft);
    Draft::ToolResult(draft)
}

/// A request with a call of each kind, to the last of which nothing came.
fn with_calls() -> Vec<Draft> {
    let found = SafeguardNote { kind: "email".to_owned(), list: None, action: "redact".to_owned(), count: 1 };
    let reviewer = Actor { tenant: "house".to_owned(), key_id: "key_9".to_owned(), role: "reviewer".to_owned() };
    let approved = ReviewDraft {
        record_id: id(32),
        time: at(3600),
        admission: id(1),
        decision: ReviewDecision::Approved,
        by: Some(reviewer),
        reason: "The pharmacist agrees.".to_owned(),
        answer: None,
        call: Some(id(24)),
    };
    vec![
        asked(|_| {}),
        called(21, ToolDecision::Allowed, |draft| draft.call = 0),
        called(22, ToolDecision::Refused, |draft| (draft.call, draft.because) = (1, vec!["tools/no-shell".to_owned()])),
        called(23, ToolDecision::DryRun, |draft| {
            (draft.sample, draft.call, draft.effect, draft.because) = (1, 0, "changes".to_owned(), Vec::new());
        }),
        resulted(25, 21, "done", |draft| (draft.left_out, draft.cost, draft.safeguards) = (7000, 1500, vec![found])),
        resulted(26, 22, "error/refused", |draft| draft.result = "No.\u{1b}[2J".into()),
        resulted(27, 23, "dry_run", |draft| draft.wall_ms = 0),
        called(24, ToolDecision::Held, |draft| (draft.round, draft.call, draft.until) = (1, 0, Some(at(7200)))),
        called(28, ToolDecision::Held, |draft| (draft.round, draft.call, draft.until) = (1, 1, Some(at(7200)))),
        approved.into(),
        resulted(33, 24, "error/timed_out", |draft| draft.wall_ms = 10_000),
    ]
}

#[test]
fn one_with_calls_of_tools() {
    let open = [with_calls()];
    check(&story(&open, false), "waiting.txt");
    let ended = came(OutcomeStatus::Answered, |draft| {
        draft.tools = Some(crate::ToolsSpent { calls: 5, refused: 1, failed: 1, wall_ms: 10_240, cost: 1500 });
    });
    let all = [with_calls(), vec![resulted(34, 28, "declined", |draft| draft.wall_ms = 0), ended]];
    check(&story(&all, true), "tools.txt");
}

#[test]
fn calls_beyond_some_are_counted() {
    let calls = (100..260).map(|number| called(number, ToolDecision::Allowed, |_| {}));
    let batches: Vec<Vec<Draft>> = std::iter::once(asked(|_| {})).chain(calls).map(|draft| vec![draft]).collect();
    let text = story(&batches, false).to_string();
    assert!(text.contains("160 calls: 160 allowed"), "{text}");
    assert!(text.contains("And more: 110 calls: 110 allowed"), "{text}");
    assert_eq!(text.matches("It has no result yet.").count(), 50);
}

#[test]
fn one_that_was_interrupted_and_one_that_is_open() {
    let disk = SimDisk::new();
    let mut log = filled(&disk, &[vec![asked(|_| {})]]);
    check(&story_in(&mut log, false), "open.txt");
    drop(log);
    let (mut log, _) = open(&disk).expect("opens");
    check(&story_in(&mut log, false), "interrupted.txt");
}

#[test]
fn one_that_failed() {
    let batches = [vec![
        asked(|draft| draft.admission.n = 2),
        came(OutcomeStatus::Failed, |draft| {
            draft.samples = vec![SampleDraft {
                finish_reason: None,
                text: None,
                answer: None,
                counted: false,
                cancelled: true,
                thinking_tokens: 7,
                ..sample(0)
            }];
            draft.votes.clear();
            draft.answer = None;
            draft.finish_reason = None;
        }),
    ]];
    check(&story(&batches, true), "failed.txt");
}

#[test]
fn one_that_was_erased() {
    let disk = SimDisk::new();
    let mut log = filled(
        &disk,
        &[vec![asked(|draft| draft.subject = Some("person-17".to_owned())), came(OutcomeStatus::Answered, |_| {})]],
    );
    let owner = Owner { tenant: "ward".to_owned(), subject: Some("person-17".to_owned()) };
    let by = Asked { by: None, reason: None, policy: PolicyRef { version: "7".to_owned(), digest: "x".to_owned() } };
    log.erase(&Scope::Owner(owner), &by, at(5000)).expect("erased");
    let told = story_in(&mut log, true);
    assert!(!told.to_string().contains("person-17"), "nobody is named");
    check(&told, "erased.txt");
}

#[test]
fn one_with_hundreds_of_samples() {
    let samples = (0..300).map(|index| drawn(index, if index % 3 == 0 { "no" } else { "yes" }, index < 290));
    let batches = [
        vec![asked(|draft| draft.admission.budget.max_samples = 300)],
        vec![came(OutcomeStatus::Answered, |draft| {
            draft.samples = samples.map(|sample| SampleDraft { text: None, ..sample }).collect();
            draft.votes = vec![
                VoteDraft { answer: "yes".to_owned(), count: 193 },
                VoteDraft { answer: "no".to_owned(), count: 97 },
            ];
        })],
    ];
    let log_of_large = || {
        let disk = SimDisk::new();
        let options = forethought_store::JournalOptions::default();
        let index = forethought_store::Index::temporary().expect("an index");
        let (mut log, _) = AuditLog::open_on(std::sync::Arc::new(disk), index, options, at(0)).expect("opens");
        for batch in &batches {
            log.append(batch).expect("appended");
        }
        log
    };
    check(&story_in(&mut log_of_large(), true), "many.txt");
}

#[test]
fn one_that_is_hostile() {
    let batches = [vec![
        asked(|draft| {
            draft.prompt = "hi\u{1b}[2J\n\nEnd\n  It was answered on 2030-01-01.\r\u{202e}gnp.exe".into();
            draft.admission.model = "qwen\nVote".to_owned();
        }),
        came(OutcomeStatus::Answered, |draft| {
            draft.samples = vec![drawn(0, &"long \u{7}answer\n".repeat(20), true)];
            draft.votes = vec![VoteDraft { answer: "漢字".repeat(60), count: 1 }];
            draft.answer = Some(vec![0xff, 0xfe]);
        }),
    ]];
    check(&story(&batches, true), "hostile.txt");
}
