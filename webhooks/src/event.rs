//! What is told: the kinds of events, and their payloads. No payload holds what somebody asked, was answered or wrote.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// A tenant has spent the share of a quota from which on it is warned.
    #[serde(rename = "quota.threshold")]
    QuotaThreshold,
    /// An answer waits for a person.
    #[serde(rename = "review.waiting")]
    ReviewWaiting,
    /// A person, or time, decided on an answer.
    #[serde(rename = "review.decided")]
    ReviewDecided,
    /// Another policy is in force.
    #[serde(rename = "policy.in_force")]
    PolicyInForce,
    /// A policy was not taken up.
    #[serde(rename = "policy.refused")]
    PolicyRefused,
    /// Somebody tries whether a webhook is heard.
    #[serde(rename = "webhook.test")]
    Test,
}

impl EventKind {
    /// The name in payloads, policies and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuotaThreshold => "quota.threshold",
            Self::ReviewWaiting => "review.waiting",
            Self::ReviewDecided => "review.decided",
            Self::PolicyInForce => "policy.in_force",
            Self::PolicyRefused => "policy.refused",
            Self::Test => "webhook.test",
        }
    }

    /// Whether it is about the installation, and no tenant's to know.
    #[must_use]
    pub const fn is_of_installation(self) -> bool {
        matches!(self, Self::PolicyInForce | Self::PolicyRefused)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum News {
    /// See [`EventKind::QuotaThreshold`].
    Quota(QuotaNews),
    /// See [`EventKind::ReviewWaiting`].
    Waiting(ReviewWaiting),
    /// See [`EventKind::ReviewDecided`].
    Decided(ReviewDecided),
    /// See [`EventKind::PolicyInForce`].
    InForce(PolicyNews),
    /// See [`EventKind::PolicyRefused`].
    Refused(PolicyNews),
    /// See [`EventKind::Test`].
    Test {
        /// The webhook that is tried.
        webhook: String,
    },
}

/// How much of a quota is spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaNews {
    /// Whose quota.
    pub tenant: String,
    /// `day` or `month`, of UTC.
    pub period: &'static str,
    /// `tokens` or `units`.
    pub of: &'static str,
    /// The whole quota, in these.
    pub limit: u64,
    /// What is spent of it, rounded down to whole ones.
    pub used: u64,
    /// The share that is spent, in percent, rounded down.
    pub percent: u64,
    /// When a new period begins.
    pub resets_at: Timestamp,
}

/// That an answer, or a call of a tool, waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReviewWaiting {
    /// Under which it can be read and decided on: `/v1/reviews/<id>`.
    pub id: String,
    /// The request.
    pub request: String,
    /// Whose it is.
    pub tenant: String,
    /// Which rules, lists or kinds ask for it; no word of what was found.
    pub because: Vec<String>,
    /// Until when somebody may decide.
    pub until: Timestamp,
    /// Where it can be read and decided on, from the service's own address on.
    pub url: String,
    /// The tool, where a call of it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
}

/// What was decided on an answer, or on a call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReviewDecided {
    /// Under which it waited.
    pub id: String,
    /// The request.
    pub request: String,
    /// Whose it is.
    pub tenant: String,
    /// `approved`, `edited`, `rejected` or `timed_out`.
    pub decision: &'static str,
    /// The audit record of the decision.
    pub record: String,
    /// Where who asked fetches the answer, or an auditor reads of the call, from the service's own address on.
    pub url: String,
}

/// Which policy is in force, or was not taken up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyNews {
    /// The number of the policy in force.
    pub version: u64,
    /// Its digest.
    pub digest: String,
    /// What was done or tried, such as `policy.replace`.
    pub what: String,
    /// Who did it; left out for what the service found in its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    /// Why it was not taken up, as one word; left out where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct By {
    /// Whose key it is.
    pub tenant: String,
    /// The key's id.
    pub key: String,
    /// What they act as.
    pub role: String,
}

impl News {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Quota(_) => EventKind::QuotaThreshold,
            Self::Waiting(_) => EventKind::ReviewWaiting,
            Self::Decided(_) => EventKind::ReviewDecided,
            Self::InForce(_) => EventKind::PolicyInForce,
            Self::Refused(_) => EventKind::PolicyRefused,
            Self::Test { .. } => EventKind::Test,
        }
    }

    /// The tenant that it is about.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Quota(QuotaNews { tenant, .. })
            | Self::Waiting(ReviewWaiting { tenant, .. })
            | Self::Decided(ReviewDecided { tenant, .. }) => Some(tenant),
            Self::InForce(_) | Self::Refused(_) | Self::Test { .. } => None,
        }
    }
}

/// One thing that is told: the same id and the same bytes, however often it is sent, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// By which a receiver knows that it has seen it before. It is made of what happened, so that the same thing found again
    /// after a restart has the same one.
    pub id: String,
    /// What it tells of.
    pub kind: EventKind,
    /// The payload, JSON: `{"type": …, "timestamp": …, "data": …}`.
    pub body: String,
}

impl Event {
    /// What happened at a time.
    #[must_use]
    pub fn new(id: impl Into<String>, time: Timestamp, news: &News) -> Self {
        #[derive(Serialize)]
        struct Payload<'n> {
            r#type: &'static str,
            timestamp: Timestamp,
            data: &'n News,
        }
        let kind = news.kind();
        let payload = Payload { r#type: kind.as_str(), timestamp: time, data: news };
        // Maps with keys that are no text are what JSON cannot hold; there are none.
        let body = serde_json::to_string(&payload).unwrap_or_default();
        Self { id: id.into(), kind, body }
    }
}

#[cfg(test)]
mod tests {
    use forethought_schemas::WEBHOOK_SCHEMA;
    use serde_json::Value;

    use super::*;

    fn time() -> Timestamp {
        "2026-11-26T08:00:00Z".parse().unwrap()
    }

    fn policy(by: Option<By>, code: Option<&'static str>) -> PolicyNews {
        PolicyNews {
            version: 3,
            digest: format!("sha256:{}", "0".repeat(64)),
            what: "policy.replace".to_owned(),
            by,
            code,
        }
    }

    fn every() -> Vec<News> {
        let text = ToOwned::to_owned;
        let by = By { tenant: text("acme"), key: text("k_00112233"), role: text("policy_owner") };
        vec![
            News::Quota(QuotaNews {
                tenant: text("acme"),
                period: "day",
                of: "tokens",
                limit: 1000,
                used: 812,
                percent: 81,
                resets_at: time(),
            }),
            News::Waiting(ReviewWaiting {
                id: text("rec_1"),
                request: text("req_1"),
                tenant: text("acme"),
                because: vec![text("the deny list `projects`")],
                until: time(),
                url: text("/v1/reviews/rec_1"),
                tool: Some(text("bank.pay")),
            }),
            News::Decided(ReviewDecided {
                id: text("rec_1"),
                request: text("req_1"),
                tenant: text("acme"),
                decision: "timed_out",
                record: text("rec_2"),
                url: text("/v1/reviews/rec_1"),
            }),
            News::InForce(policy(Some(by), None)),
            News::Refused(policy(None, Some("invalid_policy"))),
            News::Test { webhook: text("acme/desk") },
        ]
    }

    #[test]
    fn every_payload_is_as_the_schema_says() {
        for news in every() {
            let event = Event::new("id", time(), &news);
            let value: Value = serde_json::from_str(&event.body).unwrap();
            let wrong: Vec<_> = WEBHOOK_SCHEMA.validator().iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", event.body);
            assert_eq!(value["type"], news.kind().as_str());
            assert_eq!(serde_json::to_value(news.kind()).unwrap(), news.kind().as_str());
        }
    }

    #[test]
    fn the_schema_lets_no_other_payload_through() {
        let check = |change: fn(&mut Value)| {
            let mut value: Value = serde_json::from_str(&Event::new("id", time(), &every()[1]).body).unwrap();
            change(&mut value);
            assert!(!WEBHOOK_SCHEMA.validator().is_valid(&value), "{value}");
        };
        check(|value| value["type"] = "review.decided".into());
        check(|value| value["type"] = "review".into());
        check(|value| value["data"]["answer"] = "words".into());
        check(|value| value["answer"] = "words".into());
        check(|value| value["timestamp"] = "yesterday".into());
    }
}
