//! Each check says what it should of a log that shows, lacks, or has nothing of what it asks for.

use forethought_audit::{
    Act, ClassifierNote, ErasureCause, LostRange, OutcomeStatus, RetentionDays, ReviewDecision, VoteCount,
};
use forethought_schemas::RecordId;
use forethought_tlog::{SigningKey, Tree};
use jiff::{Timestamp, civil::date};

use super::{Force, State, find, judge};
use crate::{
    Duties, Figures,
    collect::gather,
    duties::Check,
    judge::View,
    log_state::Tracked,
    testing::{Log, TENANT, actor, at, erasure, law, november},
};

/// Duties of the Union with one check, under a pack.
fn duties(check: &str) -> Duties {
    let text = format!(
        "version: 1\nid: house\ntitle: House\npack: eu-ai-act\nregions: [EU]\nchecked_on: 2026-11-26\n\
         law: {{ name: House, citation: HR, source: https://example.com }}\nduties:\n  - id: a\n    title: A\n    article: HR 1\n    \
         asks: Something.\n    in_force_from: 2026-11-01\n    status: law\n    confidence: statute\n    check: {check}\n"
    );
    Duties::parse(std::path::Path::new("house.yaml"), text.as_bytes()).expect("good duties")
}

fn now() -> Timestamp {
    at(24 * 31)
}

/// What a check says of a log.
fn says(check: &str, log: &Log) -> (State, String) {
    let (figures, law) = (log.figures(&november()), duties(check));
    let finding = find(&View::new(&figures, &law, now()), &law.duties[0].check);
    for figure in &finding.evidence {
        assert!(!figure.entries.is_empty());
    }
    (finding.state, finding.why)
}

#[track_caller]
fn check(name: &str, fill: impl FnOnce(&mut Log), expected: State, why: &str) {
    let mut log = Log::default();
    fill(&mut log);
    let (state, told) = says(name, &log);
    assert_eq!(state, expected, "{name}: {told}");
    assert!(told.contains(why), "{name}: `{told}` does not say `{why}`");
}

/// A request that was answered.
fn answered(log: &mut Log, with: impl FnOnce(&mut forethought_audit::Admission)) -> RecordId {
    let id = log.admit(1, with);
    log.end(2, &id, OutcomeStatus::Answered, |_| {});
    id
}

#[test]
fn every_request_ends() {
    let name = "every_request_ends";
    check(name, |_| {}, State::NotApplicable, "no request in the period");
    check(name, |log| drop(answered(log, |_| {})), State::Shown, "1 request");
    check(name, |log| drop(log.admit(1, |_| {})), State::Gap, "1 request has no end");
    check(
        name,
        |log| {
            let id = log.admit(1, |_| {});
            log.interrupt(2, &id);
        },
        State::Shown,
        "1 ended in a crash",
    );
    check(
        name,
        |log| drop(log.admit(1, |admission| admission.facts.regions = vec!["US".to_owned()])),
        State::NotApplicable,
        "region",
    );
}

#[test]
fn rules_had_effect() {
    let name = "{ applied: { rules: [eu-ai-act/50-1] } }";
    let noted = |state: &'static str| {
        move |log: &mut Log| {
            drop(answered(log, |admission| admission.laws = vec![law("eu-ai-act/50-1", state, Some("disclose"))]));
        }
    };
    check(name, noted("enforced"), State::Shown, "in 1 request");
    check(name, noted("shadow"), State::Gap, "only told");
    check(name, noted("undetermined"), State::Gap, "left out a fact");
    check(name, |log| drop(answered(log, |_| {})), State::Gap, "may not have been in the policy");
    let other = |log: &mut Log| {
        drop(answered(log, |admission| admission.laws = vec![law("eu-ai-act/50-2", "enforced", Some("disclose"))]));
    };
    check(name, other, State::NotApplicable, "of the kind");
    let mixed = |log: &mut Log| {
        noted("enforced")(log);
        noted("undetermined")(log);
    };
    check(name, mixed, State::Gap, "1 request left out");
}

#[test]
fn what_is_prohibited_was_refused() {
    let name = "{ prohibited: { rules: [eu-ai-act/5-1-*] } }";
    let forbidden = |status: OutcomeStatus, samples: u32| {
        move |log: &mut Log| {
            let id =
                log.admit(1, |admission| admission.laws = vec![law("eu-ai-act/5-1-f", "enforced", Some("forbid"))]);
            log.end(2, &id, status, |outcome| outcome.spent.samples = samples);
        }
    };
    check(name, forbidden(OutcomeStatus::Refused, 0), State::Shown, "was refused");
    check(name, forbidden(OutcomeStatus::Answered, 1), State::Gap, "went on although");
    check(name, forbidden(OutcomeStatus::Refused, 1), State::Gap, "went on although");
    let open = |log: &mut Log| {
        drop(answered(log, |admission| admission.laws = vec![law("eu-ai-act/5-1-f", "undetermined", None)]));
    };
    check(name, open, State::Gap, "left out a fact");
    let none = |log: &mut Log| {
        drop(answered(log, |admission| admission.laws = vec![law("eu-ai-act/50-2", "enforced", Some("disclose"))]));
    };
    check(name, none, State::Shown, "none of 1 request");
    check(name, |log| drop(answered(log, |_| {})), State::Gap, "may not have been in the policy");
}

#[test]
fn people_decided() {
    let name = "{ reviewed: { rules: [eu-ai-act/hr-14] } }";
    let held = |decision: Option<ReviewDecision>| {
        move |log: &mut Log| {
            let id =
                log.admit(1, |admission| admission.laws = vec![law("eu-ai-act/hr-14", "enforced", Some("review"))]);
            log.hold(2, &id);
            if let Some(decision) = decision {
                log.review(3, &id, decision, (decision != ReviewDecision::TimedOut).then_some("k_r"));
            }
        }
    };
    check(name, held(Some(ReviewDecision::Approved)), State::Shown, "none was answered without");
    let bare = |log: &mut Log| {
        drop(answered(log, |admission| admission.laws = vec![law("eu-ai-act/hr-14", "enforced", Some("review"))]));
    };
    check(name, bare, State::Gap, "without a person");
    let name = "held_answers_decided";
    check(name, |log| drop(answered(log, |_| {})), State::NotApplicable, "no answer was held");
    check(name, held(Some(ReviewDecision::Rejected)), State::Shown, "decided on 1 of 1");
    check(name, held(Some(ReviewDecision::TimedOut)), State::Gap, "nobody decided in time");
    check(name, held(None), State::Gap, "nobody decided in time");
    let nameless = |log: &mut Log| {
        held(None)(log);
        let id = log.0[0].record.record_id.clone();
        log.review(3, &id, ReviewDecision::Approved, None);
    };
    check(name, nameless, State::Gap, "does not say who");
}

#[test]
fn requests_say_what_they_should() {
    let with_purpose =
        |log: &mut Log| drop(answered(log, |admission| admission.facts.purpose = Some("credit".to_owned())));
    check("purpose_declared", with_purpose, State::Shown, "every one");
    check("purpose_declared", |log| drop(answered(log, |_| {})), State::Gap, "1 of 1 request");
    check("data_described", with_purpose, State::Gap, "not declared");
    check("contents_sealed", |log| drop(answered(log, |_| {})), State::Shown, "encrypted");
    let bare = |log: &mut Log| {
        answered(log, |_| {});
        log.0[0].record.contents.clear();
    };
    check("contents_sealed", bare, State::Gap, "no encrypted content");
    check("models_named", |log| drop(answered(log, |_| {})), State::Shown, "digest");
    check(
        "models_named",
        |log| drop(answered(log, |admission| "unknown".clone_into(&mut admission.weights_digest))),
        State::Gap,
        "not known",
    );
    let limited = |log: &mut Log| {
        answered(log, |admission| {
            admission.retention.limit = Some(RetentionDays { days: 30, rule: "house/limit".to_owned() });
        });
    };
    check("contents_expire", limited, State::Shown, "last day");
    check("contents_expire", |log| drop(answered(log, |_| {})), State::Gap, "no last day");
    let public =
        |log: &mut Log| drop(answered(log, |admission| admission.facts.data_classes = vec!["public".to_owned()]));
    check("contents_expire", public, State::NotApplicable, "of the kind");
}

#[test]
fn answers_were_judged_and_compared() {
    let judged = |verdict: &'static str| {
        move |log: &mut Log| {
            let id = log.admit(1, |_| {});
            log.end(2, &id, OutcomeStatus::Answered, |outcome| {
                let (id, stage, verdict) = ("guard".to_owned(), "output".to_owned(), verdict.to_owned());
                let (categories, action) = (Vec::new(), None);
                outcome.classifiers = vec![ClassifierNote {
                    id,
                    stage,
                    verdict,
                    action,
                    categories,
                    calls: 1,
                    prompt_tokens: 1,
                    generated_tokens: 1,
                    wall_ms: 1,
                }];
                let vote = |text: &[u8], count| VoteCount { answer: forethought_audit::Digest::of(text), count };
                outcome.votes = vec![vote(b"a", 3), vote(b"b", 1)];
            });
        }
    };
    check("texts_judged", judged("passed"), State::Shown, "has judged it");
    check("texts_judged", judged("classifier_failed"), State::Gap, "failed");
    check("texts_judged", |log| drop(answered(log, |_| {})), State::Gap, "no classifier");
    check("samples_compared", judged("passed"), State::Shown, "compared");
    check("samples_compared", |log| drop(answered(log, |_| {})), State::Gap, "nothing was compared");
}

#[test]
fn acts_are_told() {
    let owner = || Some(actor(TENANT, "k_o", "policy_owner"));
    let name = "changes_have_authors";
    check(name, |_| {}, State::NotApplicable, "neither policy nor keys");
    check(name, |log| log.act(1, "policy.replace", owner(), None), State::Shown, "1 change has");
    check(name, |log| log.act(1, Act::POLICY_IN_FORCE, None, None), State::Gap, "found 1 in its files");
    let erased = |why: &'static [&'static str], keys| {
        move |log: &mut Log| {
            answered(log, |_| {});
            log.act(3, Act::ERASED, owner(), Some(erasure(ErasureCause::Person, keys, why)));
        }
    };
    check("erasures_answered", |log| drop(answered(log, |_| {})), State::NotApplicable, "nobody asked");
    check("erasures_answered", erased(&[], 2), State::Shown, "1 carried out");
    check("erasures_answered", erased(&["hold"], 0), State::Shown, "1 refused with the reason");
    check("erasures_answered", erased(&["open"], 1), State::Gap, "wait for a person");
    check("nothing_erased", erased(&["hold"], 0), State::Shown, "no content was erased");
    check("nothing_erased", erased(&[], 2), State::Gap, "cannot be made again");
    check("reads_recorded", erased(&[], 2), State::Shown, "no content was read");
    check("reads_recorded", |_| {}, State::NotApplicable, "no request");
    let owed = |log: &mut Log| {
        drop(answered(log, |admission| admission.laws = vec![law("eu-ai-act/86", "enforced", Some("owe"))]));
    };
    check("{ owed: { rules: [eu-ai-act/86] } }", owed, State::BeyondALog, "keep a record");
}

#[test]
fn assessments_are_on_file() {
    let noted = |assessment: bool, status| {
        move |log: &mut Log| {
            let id = log.admit(1, |admission| {
                let mut note = law("purposes/credit", "enforced", Some("assessed"));
                note.assessment = assessment.then(|| "sha256:00".to_owned());
                admission.laws = vec![note];
            });
            log.end(2, &id, status, |_| {});
        }
    };
    check("assessed", noted(true, OutcomeStatus::Answered), State::Shown, "1 request had");
    check("assessed", noted(false, OutcomeStatus::Refused), State::Shown, "none was answered");
    check("assessed", noted(false, OutcomeStatus::Answered), State::Gap, "missing");
    check("assessed", |log| drop(answered(log, |_| {})), State::NotApplicable, "no assessment");
}

#[test]
fn the_log_reaches_back() {
    let name = "{ log_reaches_back: { days: 30 } }";
    check(name, |log| drop(answered(log, |_| {})), State::Shown, "30 days before");
    check("{ log_reaches_back: { days: 31 } }", |log| drop(answered(log, |_| {})), State::Gap, "has everything since");
    let lost = |log: &mut Log| {
        answered(log, |_| {});
        log.cut(3, Some(LostRange { first: 5, last: 6 }));
    };
    check(name, lost, State::Gap, "are lost");
    check("log_is_whole", lost, State::Gap, "2 entries");
    check("log_is_whole", |log| drop(answered(log, |_| {})), State::Gap, "never signed");
}

/// A checkpoint over the first records of a log; over another log where `is_other`.
fn signed(log: &Log, first: usize, is_other: bool) -> Figures {
    let key = SigningKey::from_seed("example.com/log", &[7; 32]).expect("a key");
    let mut tree = Tree::new();
    for record in log.0.iter().take(first) {
        tree.push(record.leaf_hash, &mut |_| {});
    }
    let root = if is_other { Tree::new().root() } else { tree.root() };
    let checkpoint = forethought_tlog::Checkpoint::new("example.com/log", first as u64, root).expect("a checkpoint");
    let signed = checkpoint.sign(&key).expect("signed");
    let keys = [key.verifier().clone()];
    let (found, state) =
        gather(log.0.iter().cloned().map(Ok), &november(), Tracked::new(Some(&signed), &keys)).expect("collected");
    Figures::new(november(), state, found)
}

#[test]
fn a_checkpoint_is_held_against_what_was_read() {
    let mut log = Log::default();
    answered(&mut log, |_| {});
    let check = |first, is_other, expected| {
        let (figures, law) = (signed(&log, first, is_other), duties("log_is_whole"));
        assert_eq!(figures.log.checkpoint.as_ref().and_then(|signed| signed.is_verified), Some(true));
        let finding = find(&View::new(&figures, &law, now()), &Check::LogIsWhole);
        assert_eq!(finding.state, expected, "{}", finding.why);
    };
    check(2, false, State::Shown);
    check(1, false, State::Shown);
    check(0, false, State::Shown);
    check(2, true, State::Gap);
    // More was signed than there is.
    let longer = Log([log.0.clone(), log.0.clone()].concat());
    let figures = signed(&longer, 4, false);
    assert!(figures.log.checkpoint.expect("signed").is_met);
}

#[test]
fn what_is_not_in_force_is_not_applicable() {
    let mut log = Log::default();
    log.admit(1, |_| {});
    let figures = log.figures(&november());
    let check = |day, status: &str, force, state, why: &str| {
        let mut law = duties("every_request_ends");
        law.duties[0].in_force_from = Some(day);
        law.duties[0].status = serde_json::from_value(status.into()).expect("a status");
        let judged = judge(&figures, &[law], now()).remove(0).duties.remove(0);
        assert_eq!((judged.force, judged.state), (force, state), "{}", judged.why);
        assert!(judged.why.contains(why), "{}", judged.why);
    };
    check(date(2026, 11, 1), "law", Force::InForce, State::Gap, "1 request has");
    check(date(2026, 11, 15), "law", Force::Begins, State::Gap, "15 November 2026");
    check(date(2026, 12, 1), "law", Force::NotYet, State::NotApplicable, "it would be a gap");
    check(date(2026, 1, 1), "stayed", Force::Stayed, State::NotApplicable, "stayed");
    check(date(2026, 1, 1), "voluntary", Force::Voluntary, State::Gap, "no end");
}

#[test]
fn regions_decide_whom_a_law_reaches() {
    let mut log = Log::default();
    for regions in [vec!["DE-BY"], vec!["US", "FR"], vec!["US-TX"], vec![], vec!["nonsense <b>"]] {
        log.admit(1, |admission| admission.facts.regions = regions.into_iter().map(str::to_owned).collect());
    }
    let table = judge(&log.figures(&november()), &[duties("log_is_whole")], now()).remove(0);
    assert_eq!((table.within.count(), table.unknown.count()), (2, 2));
}
