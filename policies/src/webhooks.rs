//! Who is told of what happens: webhooks of the installation, and of tenants. No secret stands in the file.

use std::collections::HashMap;

use forethought_webhooks::{Hook, HookId, Secrets, address};
use serde_json::Value;

use crate::{document::Document, problem::Problem, tenant::Tenant};

/// A webhook of a policy.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Which it is.
    pub id: HookId,
    /// What the file says of it.
    pub hook: Hook,
    /// Where its secret is named, for what is said of that.
    place: Problem,
}

impl Webhook {
    /// Its secrets, out of the environment that `variable` reads.
    ///
    /// # Errors
    /// The variable is not set, or holds no secrets: with the place at which the file names it.
    pub fn secrets(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Secrets, Problem> {
        let name = &self.hook.secret_env;
        let wrong = |message, mend: &str| Problem { message, mend: mend.to_owned(), ..self.place.clone() };
        let text = variable(name).ok_or_else(|| {
            wrong(format!("the environment has no `{name}`"), "set it to the webhook's secret where the service runs")
        })?;
        Secrets::parse(&text).map_err(|error| wrong(format!("the environment's `{name}` {error}"), ""))
    }
}

/// Every webhook of a file, those of the installation first.
pub(crate) fn read(document: &Document, hooks: &[Hook], tenants: &[Tenant]) -> Vec<Webhook> {
    let one = |owner: &str, tenant: Option<&str>, (at, hook): (usize, &Hook)| Webhook {
        id: HookId { tenant: tenant.map(ToOwned::to_owned), id: hook.id.clone() },
        hook: hook.clone(),
        place: document.problem(&format!("{owner}/webhooks/{at}/secret_env"), "", ""),
    };
    let own = hooks.iter().enumerate().map(|numbered| one("", None, numbered));
    let theirs = tenants.iter().enumerate().flat_map(|(at, tenant)| {
        let owner = format!("/tenants/{at}");
        tenant.webhooks.iter().enumerate().map(move |numbered| one(&owner, Some(&tenant.id), numbered))
    });
    own.chain(theirs).collect()
}

/// What the schema cannot say: addresses that nothing is sent to, and names that stand twice.
pub(crate) fn problems(document: &Document) -> Vec<Problem> {
    let value = document.value();
    let tenants = value.get("tenants").and_then(Value::as_array).map_or(0, Vec::len);
    let owners = [String::new()].into_iter().chain((0..tenants).map(|at| format!("/tenants/{at}")));
    owners
        .flat_map(|owner| {
            let list = format!("{owner}/webhooks");
            let hooks = value.pointer(&list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let addresses = hooks.iter().enumerate().filter_map(|(at, hook)| wrong_address(document, &list, at, hook));
            addresses.chain(twice(document, &list, hooks)).collect::<Vec<_>>()
        })
        .collect()
}

fn wrong_address(document: &Document, list: &str, at: usize, hook: &Value) -> Option<Problem> {
    let allow_http = hook.get("allow_http").and_then(Value::as_bool).unwrap_or_default();
    let (told, mend) = address(hook.get("url")?.as_str()?, allow_http).err()?;
    Some(document.problem(&format!("{list}/{at}/url"), format!("the address {told}"), mend))
}

fn twice(document: &Document, list: &str, hooks: &[Value]) -> Vec<Problem> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut problems = Vec::new();
    for (at, hook) in hooks.iter().enumerate() {
        let Some(id) = hook.get("id").and_then(Value::as_str) else { continue };
        let Some(first) = seen.insert(id, at) else { continue };
        seen.insert(id, first);
        let first = document.problem(&format!("{list}/{first}/id"), "", "").place.line;
        let told = format!("the webhook id `{id}` stands twice, first on line {first}");
        problems.push(document.problem(&format!("{list}/{at}/id"), told, "give each its own id"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use forethought_webhooks::EventKind;

    use crate::{FileError, Policy};

    const TENANT: &str = "tenants:\n  - id: acme\n    name: Acme\n    \
        limits: { requests_per_minute: 60, tokens_per_minute: 1000, concurrent_requests: 8 }\n    \
        budget: { max_samples: 4, total_tokens: 500, deadline_ms: 1000, effort: high }\n";

    fn text(own: &str, tenants: &str) -> String {
        format!("version: 1\n{own}{TENANT}{tenants}")
    }

    fn policy(text: &str) -> Policy {
        Policy::parse(Path::new("p.yaml"), text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn check(own: &str, tenants: &str, expect: &[&str]) {
        let said = match Policy::parse(Path::new("p.yaml"), text(own, tenants).as_bytes()) {
            Ok(_) => Vec::new(),
            Err(FileError::Invalid { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
            Err(other) => vec![other.to_string()],
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn what_is_wrong_with_a_webhook_is_told_with_its_line_and_the_mend() {
        let hook = |url: &str, more: &str| format!("webhooks:\n  - {{ id: a, url: \"{url}\", secret_env: S{more} }}\n");
        check(&hook("https://hooks.example/x", ""), "", &[]);
        check(&hook("http://127.0.0.1:9/x", ", events: [review.decided, policy.in_force]"), "", &[]);
        check(&hook("http://hooks.example/x", ", allow_http: true"), "", &[]);
        check(
            &hook("http://hooks.example/x", ""),
            "",
            &[
                "3:14: webhooks[0].url: the address is not https; use https, or set `allow_http: true` where everybody on the way may read along",
            ],
        );
        check(
            &hook("https://hooks.example/x", ", events: [review.decide]"),
            "",
            &["3:70: webhooks[0].events[0]: the text `review.decide` is not one of the known values; did you mean \
               `review.decided`? known values: quota.threshold, review.waiting, review.decided, policy.in_force, policy.refused"],
        );
        let own =
            "    webhooks:\n      - { id: a, url: \"https://x.example\", secret_env: S, events: [policy.in_force] }\n";
        check(
            "",
            own,
            &["8:68: tenants[0].webhooks[0].events[0]: the text `policy.in_force` is not one of the known values; \
               known values: quota.threshold, review.waiting, review.decided"],
        );
        check(
            "webhooks:\n  - { id: a, url: \"https://x.example\" }\n",
            "",
            &[
                "3:5: webhooks[0]: the key `secret_env` is missing; add `secret_env:` (The environment variable that holds the \
               secret: `whsec_` and 24 to 64 bytes in base64, from `echo whsec_$(openssl rand -base64 32)`; up to four, with blanks \
               between, all sign)",
            ],
        );
        check(
            "webhooks:\n  - { id: a, url: \"https://x.example\", secret_env: S }\n  - { id: a, url: nowhere, secret_env: S }\n",
            "",
            &[
                "4:7: webhooks[1].id: the webhook id `a` stands twice, first on line 3; give each its own id",
                "4:14: webhooks[1].url: the address is no address of a web server; write one that begins with `https://`",
            ],
        );
    }

    #[test]
    fn whose_a_webhook_is_and_where_its_secret_is_named() {
        let own = "webhooks:\n  - { id: a, url: \"https://x.example\", secret_env: OURS }\n";
        let theirs = "    webhooks:\n      - id: a\n        url: https://y.example\n        events: [review.decided]\n        secret_env: THEIRS\n";
        let policy = policy(&text(own, theirs));
        let [ours, acmes] = policy.webhooks() else { panic!("two webhooks") };
        assert_eq!((ours.id.to_string(), acmes.id.to_string()), ("a".to_owned(), "acme/a".to_owned()));
        assert!(ours.hook.events.is_empty() && acmes.hook.events.contains(&EventKind::ReviewDecided));
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert!(acmes.secrets(|name| (name == "THEIRS").then(|| good.to_owned())).is_ok());
        let missing = acmes.secrets(|_| None).unwrap_err().to_string();
        assert_eq!(
            missing,
            "13:9: tenants[0].webhooks[0].secret_env: the environment has no `THEIRS`; set it to the webhook's secret where the service runs"
        );
        let malformed = ours.secrets(|_| Some("hunter2".to_owned())).unwrap_err().to_string();
        assert!(malformed.contains("`OURS` does not hold") && !malformed.contains("hunter2"), "{malformed}");
    }
}
