//! One request after another, drawn by chance: what it asks, what rules of law make of it, and what comes of it.

use std::error::Error;

use forethought_audit::{
    Actor, Admission, AdmissionDraft, ClassifierNote, Draft, LawNote, OutcomeDraft, OutcomeStatus, PolicyRef,
    RetentionDays, RetentionNote, ReviewAsked, ReviewDecision, ReviewDraft, SafeguardNote, SampleDraft, Spent,
    VoteDraft,
};
use forethought_policies::{
    Judgement, Packs,
    packs::{Facts as Judged, State},
};
use forethought_schemas::{Budget, Effort, Facts, RecordId, RequestId, StrategyName};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, seq::IndexedRandom as _};
use rand_chacha::ChaCha12Rng;
use serde_json::json;

/// The tenant of the report.
pub const TENANT: &str = "northbank";
const OTHER: &str = "elsewhere";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The drafts of a request, each with its time.
pub struct Drawn {
    pub admission: (Timestamp, Draft),
    pub outcome: Option<(Timestamp, Draft)>,
    pub review: Option<(Timestamp, Draft)>,
}

/// What requests are drawn from.
pub struct Traffic {
    pub random: ChaCha12Rng,
    pub packs: Packs,
    pub start: Timestamp,
}

/// What a kind of request is about, and how often it comes.
const KINDS: [(u32, &str); 9] = [
    (
        40,
        r#"{"purpose":"assistance","regions":["DE"],"interaction":"consumer","data_classes":["public"],"decision":"none"}"#,
    ),
    (
        18,
        r#"{"purpose":"summarisation","regions":["FR"],"interaction":"workforce","data_classes":["confidential"],"decision":"none"}"#,
    ),
    (
        12,
        r#"{"purpose":"credit","regions":["DE"],"sectors":["finance"],"interaction":"workforce","data_classes":["financial","personal"],"decision":"assists","grounds":["trained_overseers"]}"#,
    ),
    (
        5,
        r#"{"purpose":"credit","regions":["DE"],"sectors":["finance"],"interaction":"program","data_classes":["financial"],"decision":"decides"}"#,
    ),
    (
        8,
        r#"{"purpose":"employment","regions":["US-CO"],"sectors":["workplace"],"interaction":"workforce","data_classes":["personal"],"decision":"assists"}"#,
    ),
    (
        9,
        r#"{"purpose":"assistance","regions":["US-TX"],"sectors":["health_care"],"interaction":"patient","data_classes":["health"],"decision":"none"}"#,
    ),
    (4, r#"{"purpose":"assistance","regions":["DE"]}"#),
    (
        1,
        r#"{"purpose":"emotion_inference","regions":["DE"],"sectors":["workplace"],"interaction":"workforce","data_classes":["biometric"],"decision":"none"}"#,
    ),
    (3, r"{}"),
];

const MODELS: [(u32, &str, &str); 3] = [(70, "qwen3-8b", "a1"), (25, "qwen3-32b", "b2"), (5, "phi-4-mini", "c3")];

impl Traffic {
    /// A moment of a day of the month, at an hour.
    pub fn at(&self, day: i64, hour: f64) -> Outcome<Timestamp> {
        Ok(self
            .start
            .checked_add(SignedDuration::from_hours(24 * day) + SignedDuration::try_from_secs_f64(hour * 3600.0)?)?)
    }

    fn pick<'a, T>(&mut self, from: &'a [T], weight: impl Fn(&T) -> u32) -> Outcome<&'a T> {
        let all = from.iter().map(&weight).sum();
        let mut left = self.random.random_range(0..all);
        for one in from {
            match left.checked_sub(weight(one)) {
                Some(rest) => left = rest,
                None => return Ok(one),
            }
        }
        Err("nothing to draw from".into())
    }

    /// Two thirds of the days are busy; the others, weekends above all, have a tenth of their traffic.
    fn moment(&mut self) -> Outcome<Timestamp> {
        loop {
            let day = self.random.random_range(0..30_i64);
            let is_quiet = matches!(day % 7, 0 | 6) || matches!(day, 9 | 25);
            if !is_quiet || self.random.random_bool(0.1) {
                let hour = f64::midpoint(self.random.random_range(7.0..19.0), self.random.random_range(6.0..20.0));
                return self.at(day, hour);
            }
        }
    }

    /// A request: of the report's tenant, or of another.
    pub fn request(&mut self, number: usize) -> Outcome<Drawn> {
        let time = self.moment()?;
        let (_, facts) = self.pick(&KINDS, |(weight, _)| *weight)?;
        let facts: Facts = serde_json::from_str(facts)?;
        let judged: Judged = serde_json::from_value(json!(facts))?;
        let judgement = self.packs.judge(&judged, time);
        let (_, model, digest) = *self.pick(&MODELS, |(weight, _, _)| *weight)?;
        let is_hard = self.random.random_bool(0.45);
        let budget_samples = if is_hard { 8 } else { 1 };
        let blocked = self.random.random_bool(0.006);
        let mut found = Vec::new();
        if blocked {
            found.push(note("injection", None, "block", 1));
        } else if self.random.random_bool(0.04) {
            found.push(note("email", None, "redact", self.random.random_range(1..4)));
        } else if self.random.random_bool(0.01) {
            found.push(note("phrase", Some("<b>insider</b> names"), "hold", 1));
        }
        let record_id = RecordId::generate();
        let admission = AdmissionDraft {
            record_id: record_id.clone(),
            time,
            admission: Admission {
                request_id: RequestId::generate(),
                tenant: if number % 12 == 5 { OTHER } else { TENANT }.to_owned(),
                key_id: format!("k_app_{}", number % 3),
                model: model.to_owned(),
                weights_digest: format!("sha256:{}", digest.repeat(32)),
                policy: PolicyRef { version: "12".to_owned(), digest: format!("sha256:{}", "7c".repeat(32)) },
                effort: if is_hard { Effort::High } else { Effort::Low },
                strategy: if is_hard { StrategyName::SelfConsistency } else { StrategyName::Single },
                budget: Budget {
                    max_samples: budget_samples,
                    total_tokens: 1024 * budget_samples,
                    sample_tokens: 1024,
                    deadline_ms: 60_000,
                },
                seed: self.random.random(),
                n: 1,
                thinking_tokens: is_hard.then_some(512),
                safeguards: found.clone(),
                facts,
                laws: notes(&judgement),
                retention: self.retention(&judgement),
            },
            prompt: format!("a question with the number {number}").into(),
            subject: Some(format!("customer-{}", self.random.random_range(0..60))),
        };
        let is_refused = judgement.forbidden.is_some() || blocked;
        let is_held = !is_refused && (judgement.review.is_some() || found.iter().any(|note| note.action == "hold"));
        // Some are still under way when the service crashes, or when the month is over.
        let outcome = if number % 97 == 11 {
            None
        } else {
            self.outcome(&record_id, time, (budget_samples, is_refused, is_held), blocked)?
        };
        let review = match &outcome {
            Some((ended, Draft::Outcome(draft))) if draft.review.is_some() => self.review(&record_id, *ended)?,
            _ => None,
        };
        Ok(Drawn { admission: (time, admission.into()), outcome, review })
    }

    fn retention(&mut self, judgement: &Judgement) -> RetentionNote {
        let days = |days: u32, rule: &str| Some(RetentionDays { days, rule: rule.to_owned() });
        let erase = judgement
            .retention
            .erase
            .as_ref()
            .map(|erase| RetentionDays { days: erase.not_before_days, rule: erase.rule.id.clone() });
        let has_floor = self.random.random_bool(0.05);
        RetentionNote {
            records: None,
            contents: if has_floor { days(365, "house/complaints") } else { None },
            limit: if erase.is_some() { days(730, "house/two-years") } else { None },
            erase,
            open: Vec::new(),
        }
    }

    fn outcome(
        &mut self,
        admission: &RecordId,
        time: Timestamp,
        (samples, is_refused, is_held): (u32, bool, bool),
        blocked: bool,
    ) -> Outcome<Option<(Timestamp, Draft)>> {
        let luck: f64 = self.random.random();
        let status = match luck {
            _ if is_refused => OutcomeStatus::Refused,
            0.0..0.012 => OutcomeStatus::Failed,
            0.012..0.03 => OutcomeStatus::Cancelled,
            0.03..0.045 => OutcomeStatus::Deadline,
            _ if is_held => OutcomeStatus::Held,
            _ => OutcomeStatus::Answered,
        };
        let drawn = if is_refused { 0 } else { self.random.random_range(samples.div_ceil(2)..=samples) };
        let wall_ms = match status {
            OutcomeStatus::Refused => self.random.random_range(2..9),
            OutcomeStatus::Deadline => 60_000,
            _ => {
                let scale: u64 = 700 << self.random.random_range(0..5);
                scale + self.random.random_range(0..scale)
            }
        };
        let ended = time + SignedDuration::from_millis(i64::try_from(wall_ms)?);
        let texts: Vec<SampleDraft> = (0..drawn).map(|index| self.sample(index)).collect();
        let votes = votes(&texts);
        let spent = Spent {
            prompt_tokens: if is_refused { 0 } else { self.random.random_range(40..900) },
            generated_tokens: texts.iter().map(|sample| u64::from(sample.tokens)).sum(),
            samples: drawn,
            wall_ms,
        };
        let verdict = match self.random.random_range(0..200) {
            0 => "classifier_failed",
            1..6 => "violated",
            _ => "passed",
        };
        let classifiers =
            if drawn == 0 || self.random.random_bool(0.1) { Vec::new() } else { vec![classifier(verdict)] };
        let draft = OutcomeDraft {
            record_id: RecordId::generate(),
            time: ended,
            admission: admission.clone(),
            status,
            error_code: match status {
                OutcomeStatus::Refused => {
                    Some(if blocked { "blocked_by_safeguard" } else { "forbidden_by_rule" }.to_owned())
                }
                OutcomeStatus::Failed => Some("engine_down".to_owned()),
                OutcomeStatus::Deadline => Some("deadline_exceeded".to_owned()),
                _ => None,
            },
            finish_reason: matches!(status, OutcomeStatus::Answered | OutcomeStatus::Held).then(|| "stop".to_owned()),
            answer: matches!(status, OutcomeStatus::Answered | OutcomeStatus::Held).then(|| b"an answer".to_vec()),
            cost: spent.generated_tokens / 20,
            samples: texts,
            votes,
            spent,
            safeguards: if luck > 0.985 { vec![note("phone", None, "redact", 2)] } else { Vec::new() },
            classifiers,
            review: (status == OutcomeStatus::Held).then(|| ReviewAsked {
                until: ended + SignedDuration::from_hours(24),
                because: vec!["a person takes part in a decision that only a program would take".to_owned()],
            }),
            disclosures: None,
            stop: (drawn > 0)
                .then(|| if status == OutcomeStatus::Deadline { "deadline" } else { "decided" }.to_owned()),
            chosen: if status == OutcomeStatus::Answered { vec![0] } else { Vec::new() },
            tokens: None,
            tools: None,
        };
        Ok(Some((ended, draft.into())))
    }

    fn sample(&mut self, index: u32) -> SampleDraft {
        let answer =
            ["yes", "yes", "yes", "yes", "no", "it depends"].choose(&mut self.random).copied().unwrap_or("yes");
        SampleDraft {
            index,
            seed: u64::from(index),
            finish_reason: Some("stop".to_owned()),
            tokens: self.random.random_range(60..700),
            thinking_tokens: 0,
            check: None,
            text: Some(b"a sample".to_vec()),
            answer: Some(answer.to_owned()),
            counted: true,
            cancelled: false,
        }
    }

    /// A decision; or none yet, of what was held last.
    fn review(&mut self, admission: &RecordId, held: Timestamp) -> Outcome<Option<(Timestamp, Draft)>> {
        let luck = self.random.random_range(0..100);
        let (decision, by) = match luck {
            0..66 => (ReviewDecision::Approved, Some("k_reviewer_1")),
            66..76 => (ReviewDecision::Edited, Some("k_reviewer_2")),
            76..91 => (ReviewDecision::Rejected, Some("k_reviewer_2")),
            _ => (ReviewDecision::TimedOut, None),
        };
        let minutes = if by.is_some() { 2.0 * self.random.random_range(0.0_f64..5.5).exp() } else { 24.0 * 60.0 };
        let time = held + SignedDuration::try_from_secs_f64(minutes * 60.0)?;
        let by = by.map(|key| Actor { tenant: TENANT.to_owned(), key_id: key.to_owned(), role: "reviewer".to_owned() });
        let reason = if by.is_some() { "looked at it" } else { "the time was over" }.to_owned();
        let answer = (decision == ReviewDecision::Edited).then(|| b"another answer".to_vec());
        let draft = ReviewDraft {
            record_id: RecordId::generate(),
            time,
            admission: admission.clone(),
            decision,
            by,
            reason,
            answer,
            call: None,
        };
        Ok(Some((time, draft.into())))
    }
}

fn note(kind: &str, list: Option<&str>, action: &str, count: u32) -> SafeguardNote {
    SafeguardNote { kind: kind.to_owned(), list: list.map(str::to_owned), action: action.to_owned(), count }
}

fn classifier(verdict: &str) -> ClassifierNote {
    ClassifierNote {
        id: "guard".to_owned(),
        stage: "output".to_owned(),
        verdict: verdict.to_owned(),
        action: (verdict != "passed").then(|| "flag".to_owned()),
        categories: Vec::new(),
        calls: 1,
        prompt_tokens: 120,
        generated_tokens: 4,
        wall_ms: 80,
    }
}

fn votes(samples: &[SampleDraft]) -> Vec<VoteDraft> {
    let mut votes: Vec<VoteDraft> = Vec::new();
    for answer in samples.iter().filter_map(|sample| sample.answer.as_ref()) {
        match votes.iter_mut().find(|vote| vote.answer == *answer) {
            Some(vote) => vote.count += 1,
            None => votes.push(VoteDraft { answer: answer.clone(), count: 1 }),
        }
    }
    votes
}

/// What a record keeps of the rules that had a say, as the service writes it.
fn notes(judgement: &Judgement) -> Vec<LawNote> {
    let note = |rule: &str, state: &str, effect: Option<&str>| LawNote {
        rule: rule.to_owned(),
        state: state.to_owned(),
        effect: effect.map(str::to_owned),
        assessment: None,
    };
    let state = |state: &State| if *state == State::Enforced { "enforced" } else { "shadow" };
    let applied = judgement
        .applied
        .iter()
        .map(|applied| note(&applied.rule.id, state(&applied.state), Some(applied.effect.name())));
    applied.chain(judgement.undetermined.iter().map(|open| note(&open.rule.id, "undetermined", None))).collect()
}
