//! What the records of the audit log, and the quotas of tenants, tell webhooks. No word of contents, and none of a reviewer's.

use forethought_audit::{Act, Actor, Body, Outcome, Record, Review, ToolCall, ToolDecision};
use forethought_policies::{Reached, Webhook};
use forethought_webhooks::{By, Event, HookId, News, PolicyNews, QuotaNews, ReviewDecided, ReviewWaiting};
use jiff::{SignedDuration, Timestamp};

/// More reasons than any answer waits for, and more letters than any of them has.
const MAX_REASONS: (usize, usize) = (50, 300);
/// How long it is remembered that a quota was told of, after its period is over: a clock may go back.
const REMEMBER: SignedDuration = SignedDuration::from_hours(48);

/// An event, and the tenant that it is about.
pub struct About {
    /// The event.
    pub event: Event,
    /// The tenant; none where it is about the installation.
    pub tenant: Option<String>,
}

impl About {
    fn new(id: &str, time: Timestamp, news: &News) -> Self {
        Self { event: Event::new(id, time, news), tenant: news.tenant().map(ToOwned::to_owned) }
    }

    /// Whom it is told to.
    pub fn heard_by<'h>(&self, hooks: impl Iterator<Item = &'h Webhook>) -> Vec<HookId> {
        let hears = |webhook: &&Webhook| webhook.id.hears(&webhook.hook, self.event.kind, self.tenant.as_deref());
        hooks.filter(hears).map(|webhook| webhook.id.clone()).collect()
    }
}

/// What a record tells, where it tells something. A policy is told of once, by the first act under it.
pub fn of_record(record: &Record, policy: &mut u64) -> Option<About> {
    let news = match &record.body {
        Body::Outcome(outcome) => News::Waiting(waiting(outcome)?),
        Body::ToolCall(call) => News::Waiting(call_waits(record, call)?),
        Body::Review(review) => News::Decided(decided(record, review)),
        Body::Act(act) => News::InForce(in_force(act, policy)?),
        _ => return None,
    };
    Some(About::new(record.record_id.as_str(), record.time, &news))
}

/// The number of the policy of an act.
pub fn version(record: &Record) -> Option<u64> {
    match &record.body {
        Body::Act(act) => act.policy.version.parse().ok(),
        _ => None,
    }
}

fn waiting(outcome: &Outcome) -> Option<ReviewWaiting> {
    let review = outcome.review.as_ref()?;
    Some(ReviewWaiting {
        id: outcome.admission.to_string(),
        request: outcome.request_id.to_string(),
        tenant: outcome.tenant.clone(),
        because: cut(&review.because),
        until: review.until,
        url: format!("/v1/reviews/{}", outcome.admission),
        tool: None,
    })
}

fn call_waits(record: &Record, call: &ToolCall) -> Option<ReviewWaiting> {
    let until = call.until.filter(|_| call.decision == ToolDecision::Held)?;
    Some(ReviewWaiting {
        id: record.record_id.to_string(),
        request: call.request_id.to_string(),
        tenant: call.tenant.clone(),
        because: cut(&call.because),
        until,
        url: format!("/v1/reviews/{}", record.record_id),
        tool: Some(call.tool.clone()),
    })
}

fn cut(because: &[String]) -> Vec<String> {
    let (most, longest) = MAX_REASONS;
    because.iter().take(most).map(|reason| reason.chars().take(longest).collect()).collect()
}

fn decided(record: &Record, review: &Review) -> ReviewDecided {
    let (id, url) = match &review.call {
        Some(call) => (call, format!("/v1/audit/records/{}", review.admission)),
        None => (&review.admission, format!("/v1/reviews/{}", review.admission)),
    };
    ReviewDecided {
        id: id.to_string(),
        request: review.request_id.to_string(),
        tenant: review.tenant.clone(),
        decision: review.decision.as_str(),
        record: record.record_id.to_string(),
        url,
    }
}

fn in_force(act: &Act, told: &mut u64) -> Option<PolicyNews> {
    let version = act.policy.version.parse().ok().filter(|version| *version > *told)?;
    *told = version;
    let by =
        |Actor { tenant, key_id, role }: &Actor| By { tenant: tenant.clone(), key: key_id.clone(), role: role.clone() };
    let (digest, what) = (act.policy.digest.clone(), act.what.clone());
    Some(PolicyNews { version, digest, what, by: act.by.as_ref().map(by), code: None })
}

/// What a quota tells, and when that may be forgotten. The same quota of the same period has the same id.
pub fn of_quota(tenant: &str, reached: &Reached, now: Timestamp) -> (About, Timestamp) {
    let Reached { period, of, begun, until, limit, used, percent } = reached.clone();
    let id = format!("quota_{tenant}_{period}_{of}_{begun}_{limit}");
    let tenant = tenant.to_owned();
    let news = News::Quota(QuotaNews { tenant, period, of, limit, used, percent, resets_at: until });
    (About::new(&id, now, &news), until.saturating_add(REMEMBER).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use forethought_audit::{OutcomeStatus, PolicyRef, ReviewAsked, ReviewDecision, Spent};
    use forethought_schemas::WEBHOOK_SCHEMA;
    use serde_json::Value;

    use super::*;

    fn time() -> Timestamp {
        "2026-11-26T08:00:00Z".parse().unwrap()
    }

    fn record(body: Body) -> Record {
        Record { v: 1, record_id: "rec_9".to_owned().into(), time: time(), prev: None, body, contents: Vec::new() }
    }

    fn outcome(review: Option<ReviewAsked>) -> Body {
        Body::Outcome(Outcome {
            admission: "rec_1".to_owned().into(),
            request_id: "req_1".to_owned().into(),
            tenant: "acme".to_owned(),
            status: OutcomeStatus::Held,
            error_code: None,
            finish_reason: None,
            samples: Vec::new(),
            votes: Vec::new(),
            spent: Spent::default(),
            since: None,
            cost: 0,
            safeguards: Vec::new(),
            classifiers: Vec::new(),
            review,
            stop: None,
            chosen: Vec::new(),
            tools: None,
        })
    }

    fn act(version: &str) -> Body {
        Body::Act(Act {
            what: "policy.replace".to_owned(),
            by: Some(Actor { tenant: "acme".to_owned(), key_id: "k_1".to_owned(), role: "policy_owner".to_owned() }),
            object: None,
            policy: PolicyRef { version: version.to_owned(), digest: format!("sha256:{}", "0".repeat(64)) },
            changes: vec!["tenants[acme]: a secret of the house".to_owned()],
            reason: Some("words of the owner".to_owned()),
            erasure: None,
        })
    }

    fn call(decision: ToolDecision) -> Body {
        Body::ToolCall(ToolCall {
            admission: "rec_1".to_owned().into(),
            request_id: "req_1".to_owned().into(),
            tenant: "acme".to_owned(),
            sample: 0,
            round: 0,
            call: 0,
            tool: "bank.pay".to_owned(),
            spec: String::new(),
            effect: "changes".to_owned(),
            decision,
            because: vec!["large-amounts".to_owned()],
            policy: None,
            safeguards: Vec::new(),
            until: (decision == ToolDecision::Held).then(time),
        })
    }

    fn review(call: Option<&str>) -> Body {
        Body::Review(Review {
            admission: "rec_1".to_owned().into(),
            request_id: "req_1".to_owned().into(),
            tenant: "acme".to_owned(),
            decision: ReviewDecision::Rejected,
            by: None,
            reason: "words of a reviewer".to_owned(),
            call: call.map(|call| call.to_owned().into()),
        })
    }

    /// Checks what a record tells: its kind and tenant, that it is as the schema says, and that nobody's words are in it.
    #[track_caller]
    fn check(body: Body, told: u64, expected: Option<(&str, Option<&str>)>) {
        let about = of_record(&record(body), &mut told.clone());
        let found = about.as_ref().map(|about| (about.event.kind.as_str(), about.tenant.as_deref()));
        assert_eq!(found, expected);
        let Some(About { event, .. }) = about else { return };
        assert_eq!(event.id, "rec_9");
        assert!(!event.body.contains("words") && !event.body.contains("secret"), "{}", event.body);
        let value: Value = serde_json::from_str(&event.body).unwrap();
        assert!(WEBHOOK_SCHEMA.validator().is_valid(&value), "{value}");
    }

    #[test]
    fn records_tell_what_happened_and_nobodys_words() {
        let asked = ReviewAsked { until: time(), because: vec!["the deny list `projects`".to_owned()] };
        check(outcome(None), 0, None);
        check(outcome(Some(asked)), 0, Some(("review.waiting", Some("acme"))));
        check(review(None), 0, Some(("review.decided", Some("acme"))));
        check(call(ToolDecision::Held), 0, Some(("review.waiting", Some("acme"))));
        check(call(ToolDecision::Allowed), 0, None);
        check(review(Some("rec_2")), 0, Some(("review.decided", Some("acme"))));
        check(act("3"), 2, Some(("policy.in_force", None)));
        check(act("3"), 3, None);
        check(act("no number"), 0, None);
    }

    #[test]
    fn a_policy_is_told_of_once() {
        let mut told = 2;
        assert!(of_record(&record(act("3")), &mut told).is_some());
        assert_eq!(told, 3);
        assert!(of_record(&record(act("3")), &mut told).is_none());
    }

    #[test]
    fn reasons_without_end_are_cut() {
        let asked = ReviewAsked { until: time(), because: vec!["x".repeat(10_000); 1000] };
        let about = of_record(&record(outcome(Some(asked))), &mut 0).unwrap();
        assert!(about.event.body.len() < 20_000, "{}", about.event.body.len());
    }

    #[test]
    fn a_quota_of_a_period_always_has_the_same_id() {
        let reached = |used, limit| Reached {
            period: "day",
            of: "tokens",
            begun: "2026-11-26".parse().unwrap(),
            until: "2026-11-27T00:00:00Z".parse().unwrap(),
            limit,
            used,
            percent: 100 * used / limit,
        };
        let (about, forget) = of_quota("acme", &reached(80, 100), time());
        assert_eq!(about.event.id, "quota_acme_day_tokens_2026-11-26_100");
        assert_eq!(forget.to_string(), "2026-11-29T00:00:00Z");
        assert_eq!(of_quota("acme", &reached(99, 100), time()).0.event.id, about.event.id);
        assert_ne!(
            of_quota("acme", &reached(99, 200), time()).0.event.id,
            about.event.id,
            "another limit is another quota"
        );
        let value: Value = serde_json::from_str(&about.event.body).unwrap();
        assert!(WEBHOOK_SCHEMA.validator().is_valid(&value), "{value}");
    }
}
