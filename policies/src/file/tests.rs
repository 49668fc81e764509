//! Changes to files: what is kept, what is refused, and what stands on disk afterwards.

use std::{fs, thread};

use forethought_schemas::{BudgetCap, Effort};

use super::*;
use crate::tenant::{Consent, Limits, Role};

const LIMITS: &str = "    limits: { requests_per_minute: 60, tokens_per_minute: 1000, concurrent_requests: 8 }\n";
const BUDGET: &str = "    budget: { max_samples: 4, total_tokens: 500, deadline_ms: 1000, effort: high }\n";
const KEY: &str = "      - id: k_00112233\n        hash: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n        role: user\n        created: 2026-11-23T10:00:00Z\n";

struct Case {
    _directory: tempfile::TempDir,
    file: PolicyFile,
}

impl Case {
    fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = PolicyFile::new(directory.path().join("policy.yaml"));
        Self { _directory: directory, file }
    }

    fn with(text: &str) -> Self {
        let case = Self::empty();
        fs::write(case.file.path(), text).unwrap();
        case
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file.path()).unwrap()
    }

    /// Checks that the change fails with this part in its message, and that nothing was changed or left behind.
    #[track_caller]
    fn refuses<T: std::fmt::Debug>(&self, change: impl FnOnce(&PolicyFile) -> Result<T, EditError>, part: &str) {
        let before = self.text();
        let error = change(&self.file).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert_eq!(self.text(), before);
        let left: Vec<_> = fs::read_dir(self.file.path().parent().unwrap()).unwrap().collect();
        assert!(left.len() <= 2, "only the file and its lock: {left:?}");
    }
}

fn tenant(id: &str) -> NewTenant {
    let one = |number| std::num::NonZeroU32::new(number).unwrap();
    NewTenant {
        id: id.to_owned(),
        name: format!("{id} & Co: \"x\" # y"),
        models: vec!["smollm2-135m-instruct".to_owned(), "*".to_owned()],
        limits: Limits {
            requests_per_minute: one(60),
            tokens_per_minute: one(100_000),
            concurrent_requests: one(8),
            request_burst: None,
        },
        budget: BudgetCap { max_samples: 32, total_tokens: 32_768, deadline_ms: 120_000, effort: Effort::High },
    }
}

fn key(note: Option<&str>) -> NewKey {
    NewKey { note: note.map(str::to_owned), ..NewKey::new(Role::User, at("2026-11-23T10:00:00.5Z")) }
}

fn acme() -> Case {
    let case = Case::empty();
    case.file.add_tenant(&tenant("acme")).unwrap();
    case
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_first_tenant_makes_the_file_and_a_key_of_it_authenticates() {
    let case = Case::empty();
    case.file.add_tenant(&tenant("acme")).unwrap();
    let made = case.file.add_key("acme", &key(Some("laptop"))).unwrap();
    let expect = format!(
        "# Who may use which models, how fast and how much. Checked against policy.schema.json.
version: 1
tenants:
  - id: acme
    name: \"acme & Co: \\\"x\\\" # y\"
    models:
      - smollm2-135m-instruct
      - \"*\"
    limits:
      requests_per_minute: 60
      tokens_per_minute: 100000
      concurrent_requests: 8
    budget:
      max_samples: 32
      total_tokens: 32768
      deadline_ms: 120000
      effort: high
    keys:
      - id: {}
        hash: {}
        role: user
        created: 2026-11-23T10:00:00Z
        note: laptop
",
        made.id(),
        made.hash()
    );
    assert_eq!(case.text(), expect);
    let policy = case.file.load().unwrap();
    assert!(policy.key(made.id()).unwrap().1.hash.matches(&made));
    case.file.revoke_key(made.reveal(), at("2026-11-24T00:00:00Z")).unwrap();
    assert_eq!(case.text(), format!("{expect}        revoked: 2026-11-24T00:00:00Z\n"));
}

#[test]
fn comments_order_and_odd_layout_are_kept() {
    let text = format!(
        "# head\nversion: 1   # the format\n\ntenants:\n# first\n- name:   'Acme'  # quoted\n  id: acme\n{}{}\n  \
         # keys\n  keys:\n{}        # was: old\n\n\n# tail\n",
        LIMITS.replace("    l", "  l"),
        BUDGET.replace("    b", "  b"),
        KEY.replace("      - ", "    -   ")
    );
    let case = Case::with(&text);
    case.file.load().unwrap();
    let made = case.file.add_key("acme", &key(None)).unwrap();
    let added = format!(
        "    - id: {}\n      hash: {}\n      role: user\n      created: 2026-11-23T10:00:00Z\n",
        made.id(),
        made.hash()
    );
    assert_eq!(case.text(), text.replace("        # was", &format!("{added}        # was")));
    case.file.revoke_key("k_00112233", at("2026-11-24T00:00:00Z")).unwrap();
    let revoked = format!("        revoked: 2026-11-24T00:00:00Z\n{added}");
    assert_eq!(case.text(), text.replace("        # was", &format!("{revoked}        # was")));
}

#[test]
fn consent_is_given_and_withdrawn_and_the_rest_is_kept() {
    let text = "version: 1 # one\ntenants:\n  - id: a\n    name: A  # the first\n    models: []\n";
    let text = format!("{text}{LIMITS}{BUDGET}  # between\n  - id: b\n    name: B\n{LIMITS}{BUDGET}");
    let case = Case::with(&text);
    let consents = |case: &Case| {
        let policy = case.file.load().unwrap();
        policy.tenants().into_iter().map(|tenant| tenant.training_consent).collect::<Vec<_>>()
    };
    let (no, since) = (Consent::No, Consent::Since(at("2026-11-23T10:00:00.5Z")));
    assert_eq!(consents(&case), [no, no]);
    assert!(case.file.set_training_consent("a", since).unwrap());
    let told = "    training_consent: 2026-11-23T10:00:00.500Z\n";
    assert_eq!(case.text(), text.replace("# the first\n", &format!("# the first\n{told}")));
    assert_eq!(consents(&case), [since, no]);
    assert!(!case.file.set_training_consent("a", since).unwrap());
    assert!(case.file.set_training_consent("a", no).unwrap());
    assert_eq!(case.text(), text.replace("# the first\n", "# the first\n    training_consent: false\n"));
    assert!(!case.file.set_training_consent("b", no).unwrap());
    assert!(case.file.set_training_consent("b", Consent::Always).unwrap());
    assert_eq!(consents(&case), [no, Consent::Always]);
    case.refuses(|file| file.set_training_consent("c", since), "there is no tenant `c`");
    let flow = "version: 1\ntenants:\n  - { id: a, name: A, limits: { requests_per_minute: 60, tokens_per_minute: 1000, \
                concurrent_requests: 8 }, budget: { max_samples: 4, total_tokens: 500, deadline_ms: 1000, effort: high } }\n";
    let case = Case::with(flow);
    assert!(case.file.set_training_consent("a", since).unwrap());
    assert_eq!(case.text(), flow.replace("name: A", "name: A, training_consent: 2026-11-23T10:00:00.500Z"));
}

#[test]
fn consent_counts_from_the_time_at_which_it_was_given() {
    let written = |text: &str| serde_json::from_str::<Consent>(text).unwrap();
    let before_and_after =
        |consent: Consent| [consent.covers(at("2026-11-23T09:59:59.999Z")), consent.covers(at("2026-11-23T10:00:00Z"))];
    assert_eq!(before_and_after(written("false")), [false, false]);
    assert_eq!(before_and_after(written("true")), [true, true]);
    assert_eq!(before_and_after(written("\"2026-11-23T10:00:00Z\"")), [false, true]);
    let text = format!("version: 1\ntenants:\n  - id: a\n    name: A\n    training_consent: soon\n{LIMITS}{BUDGET}");
    let told = Case::with(&text).file.load().unwrap_err().to_string();
    assert!(told.contains("training_consent") && told.contains("the text `soon` is not a time"), "{told}");
}

#[test]
fn the_files_own_line_ends_are_used() {
    let text = format!("version: 1\ntenants:\n  - id: a\n    name: A\n{LIMITS}{BUDGET}").replace('\n', "\r\n");
    let case = Case::with(&text);
    case.file.add_key("a", &key(None)).unwrap();
    case.file.add_tenant(&tenant("b")).unwrap();
    assert!(case.text().starts_with(&text));
    assert!(!case.text().replace("\r\n", "").contains(['\r', '\n']));
    assert_eq!(case.file.load().unwrap().tenants().len(), 2);
}

#[test]
fn a_missing_last_line_end_stays_missing() {
    let text = format!("version: 1\ntenants:\n  - id: a\n    name: A\n{LIMITS}{BUDGET}    keys:\n{KEY}");
    let case = Case::with(text.trim_end());
    case.file.revoke_key("k_00112233", at("2026-11-24T00:00:00Z")).unwrap();
    assert_eq!(case.text(), format!("{text}        revoked: 2026-11-24T00:00:00Z"));
    case.file.add_tenant(&tenant("b")).unwrap();
    assert_eq!(case.file.load().unwrap().tenants().len(), 2);
    let case = Case::with("version: 1\ntenants: []  # none yet");
    case.file.add_tenant(&tenant("b")).unwrap();
    assert!(case.text().starts_with("version: 1\ntenants:  # none yet\n  - id: b\n"), "{}", case.text());
}

#[test]
fn a_tenant_before_other_keys_and_tenants_gets_its_own_key() {
    let one = |id: &str| format!("  - id: {id}\n    name: {id}\n{LIMITS}{BUDGET}    keys: []  # none\n");
    let case = Case::with(&format!("tenants:\n{}{}version: 1\n", one("a"), one("b")));
    let made = case.file.add_key("a", &key(Some("true"))).unwrap();
    let policy = case.file.load().unwrap();
    let (owner, kept) = policy.key(made.id()).unwrap();
    assert_eq!((owner.id.as_str(), kept.note.as_deref()), ("a", Some("true")));
    assert!(case.text().ends_with("    keys: []  # none\nversion: 1\n"), "{}", case.text());
}

#[test]
fn a_key_on_one_line_is_revoked_on_that_line() {
    let flow = "      - { id: k_00112233, hash: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', role: user, created: 2026-11-23T10:00:00Z } # x\n";
    let case = Case::with(&format!("version: 1\ntenants:\n  - id: a\n    name: A\n{LIMITS}{BUDGET}    keys:\n{flow}"));
    case.file.revoke_key("k_00112233", at("2026-11-24T00:00:00Z")).unwrap();
    assert!(case.text().ends_with("10:00:00Z, revoked: 2026-11-24T00:00:00Z } # x\n"), "{}", case.text());
}

#[test]
fn what_cannot_be_changed_safely_is_left_alone() {
    let list = "version: 1\ntenants: [{id: a, name: A, \
        limits: {requests_per_minute: 1, tokens_per_minute: 1, concurrent_requests: 1}, \
        budget: {max_samples: 1, total_tokens: 1, deadline_ms: 1, effort: low}}]\n";
    let case = Case::with(list);
    case.refuses(|file| file.add_tenant(&tenant("b")), ":2:10: the list `tenants` is written on one line");
    case.refuses(|file| file.add_key("a", &key(None)), ":2:11: the mapping is written on one line");
    let case = Case::with(&list.replace("[{", "\n  - {").replace("}]", "}"));
    case.file.add_tenant(&tenant("b")).unwrap();
    case.refuses(|file| file.add_key("a", &key(None)), ":3:5: the mapping is written on one line");
}

#[test]
fn a_change_that_would_not_be_valid_changes_nothing() {
    let case = Case::with("version: 1\ntenants: []\n");
    case.refuses(|file| file.add_tenant(&tenant("Not An Id")), "the change was refused: ");
    case.refuses(|file| file.add_tenant(&NewTenant { name: String::new(), ..tenant("a") }), "the text is empty");
    case.file.add_tenant(&tenant("acme")).unwrap();
    case.refuses(|file| file.add_tenant(&tenant("acme")), ":3: there is a tenant `acme` already");
    case.refuses(|file| file.add_key("acne", &key(None)), "there is no tenant `acne`; did you mean `acme`?");
    case.refuses(|file| file.add_key("zzz", &key(None)), "forethought tenant add");
    case.refuses(|file| file.add_key("acme", &key(Some(&"x".repeat(201)))), "longer than 200");
    case.refuses(|file| file.revoke_key("k_99", at("2026-11-24T00:00:00Z")), "there is no key `k_99`");
    let made = case.file.add_key("acme", &key(None)).unwrap();
    case.file.revoke_key(made.id(), at("2026-11-24T00:00:00Z")).unwrap();
    case.refuses(|file| file.revoke_key(made.id(), at("2026-11-25T00:00:00Z")), "was revoked before");
    let broken = Case::with("version: 1\ntenants: []\nzebra: 1\n");
    broken.refuses(|file| file.add_tenant(&tenant("a")), ":3:1: zebra: unknown key");
    let error = Case::empty().file.add_key("a", &key(None)).unwrap_err();
    assert!(matches!(error, EditError::Policy(FileError::Missing { .. })), "{error}");
}

#[test]
fn a_whole_key_given_for_an_id_is_not_repeated() {
    let case = Case::with("version: 1\ntenants: []\n");
    let key = ApiKey::generate().unwrap();
    let error = case.file.revoke_key(key.reveal(), at("2026-11-24T00:00:00Z")).unwrap_err().to_string();
    assert!(error.contains(key.id()) && !error.contains(key.reveal()), "{error}");
}

#[cfg(unix)]
#[test]
fn mode_and_link_are_kept() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let case = Case::with("version: 1\ntenants: []\n");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(case.file.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.yaml");
    symlink(case.file.path(), &link).unwrap();
    PolicyFile::new(&link).add_tenant(&tenant("a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(case.file.path()), 0o640);
    assert!(case.text().contains("- id: a"));
    let fresh = Case::empty();
    fresh.file.add_tenant(&tenant("a")).unwrap();
    assert_eq!(mode(fresh.file.path()), 0o600);
}

#[test]
fn an_edit_waits_for_another_and_gives_up_in_time() {
    let case = Case::with("version: 1\ntenants: []\n");
    let held = atomic::lock(&fs::canonicalize(case.file.path()).unwrap(), Duration::ZERO).unwrap().unwrap();
    let impatient = PolicyFile { patience: Duration::from_millis(50), ..case.file.clone() };
    let error = impatient.add_tenant(&tenant("a")).unwrap_err();
    assert!(matches!(error, EditError::Busy { .. }), "{error}");
    let waiting = case.file.clone();
    let waiter = thread::spawn(move || waiting.add_tenant(&tenant("a")));
    thread::sleep(Duration::from_millis(50));
    drop(held);
    waiter.join().unwrap().unwrap();
    assert!(case.text().contains("- id: a"));
}

#[test]
fn edits_at_the_same_time_are_all_kept() {
    let case = Case::with("version: 1\ntenants: []\n");
    case.file.add_tenant(&tenant("acme")).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let file = case.file.clone();
            scope.spawn(move || match number % 2 {
                0 => file.add_tenant(&tenant(&format!("t{number}"))).unwrap(),
                _ => drop(file.add_key("acme", &key(None)).unwrap()),
            });
        }
    });
    let policy = case.file.load().unwrap();
    assert_eq!(policy.tenants().len(), 5);
    assert_eq!(policy.tenant("acme").unwrap().keys.len(), 4);
}

#[test]
fn a_rotated_key_stays_good_for_a_while_and_its_successor_is_for_the_same() {
    let case = acme();
    let file = &case.file;
    let old =
        file.add_key("acme", &NewKey { team: Some("claims".to_owned()), ..key(Some("desk 4: \"north\"")) }).unwrap();
    let (now, until) = (at("2026-11-24T00:00:00Z"), at("2026-11-25T00:00:00Z"));
    let new = file.rotate_key(old.reveal(), until, Some(at("2027-01-01T00:00:00Z")), now).unwrap();
    let policy = file.load().unwrap();
    let (_, before) = policy.key(old.id()).unwrap();
    let (_, after) = policy.key(new.id()).unwrap();
    assert_eq!(
        (before.expires, before.refused(now), before.refused(until)),
        (Some(until), None, Some(DeniedReason::Expired))
    );
    assert_eq!(
        (after.role, &after.note, &after.team, after.expires),
        (before.role, &before.note, &before.team, Some(at("2027-01-01T00:00:00Z")))
    );
    // Again, but not for longer than before.
    file.rotate_key(old.id(), at("2026-12-25T00:00:00Z"), None, now).unwrap();
    assert_eq!(file.load().unwrap().key(old.id()).unwrap().1.expires, Some(until));
    let error = file.rotate_key(old.id(), until, None, until).unwrap_err();
    assert!(matches!(error, EditError::NotGood { reason: DeniedReason::Expired, .. }), "{error}");
    assert!(!error.to_string().contains(old.reveal()));
}

#[test]
fn a_policy_is_put_in_place_of_another_only_with_the_same_keys() {
    let case = acme();
    let file = &case.file;
    let made = file.add_key("acme", &key(None)).unwrap();
    let before = file.load().unwrap();
    let changed = before.text().replace("requests_per_minute: 60", "requests_per_minute: 61");
    assert!(matches!(file.put(&changed, "sha256:00").unwrap_err(), EditError::Stale { .. }));
    for other in [
        changed.replace("role: user", "role: admin"),
        changed.replace(made.id(), "k_00112233"),
        "version: 1\ntenants: []\n".to_owned(),
    ] {
        let error = file.put(&other, before.digest()).unwrap_err();
        assert!(matches!(error, EditError::KeysDiffer { .. }), "{error}");
    }
    file.put(&changed, before.digest()).unwrap();
    assert_eq!(file.load().unwrap().tenant("acme").unwrap().limits.requests_per_minute.get(), 61);
}

#[test]
fn an_older_policy_comes_back_without_its_keys() {
    let case = acme();
    let file = &case.file;
    let gone = file.add_key("acme", &key(None)).unwrap();
    let old = file.load().unwrap();
    file.revoke_key(gone.id(), at("2026-11-24T00:00:00Z")).unwrap();
    let kept = file.add_key("acme", &key(Some("new"))).unwrap();
    file.roll_back(&old.text().replace("    models:", "    # kept\n    models:").replace("acme & Co", "the old one"))
        .unwrap();
    let policy = file.load().unwrap();
    assert!(policy.text().contains("# kept") && policy.tenant("acme").unwrap().name.contains("the old one"));
    assert!(policy.key(gone.id()).unwrap().1.revoked.is_some(), "what was revoked stays so");
    assert!(policy.key(kept.id()).is_some());
    // What came back can be changed again.
    let later = file.add_key("acme", &key(Some("later"))).unwrap();
    file.revoke_key(kept.id(), at("2026-11-25T00:00:00Z")).unwrap();
    file.rotate_key(later.id(), at("2026-12-25T00:00:00Z"), None, at("2026-11-25T00:00:00Z")).unwrap();
    // A policy from before a tenant was there would take its keys away.
    let text = old.text().replace("id: acme", "id: before");
    let error = file.roll_back(&text).unwrap_err();
    assert!(matches!(error, EditError::KeysDiffer { .. }), "{error}");
    let wider = old.text().replace("    models:", "    scope: installation\n    models:");
    let error = file.roll_back(&wider).unwrap_err();
    assert!(error.to_string().contains("the scope of tenant `acme`"), "{error}");
}

#[test]
fn contents_cannot_be_there_and_gone_at_once() {
    let text = |retention: &str| {
        format!("version: 1\ntenants:\n  - id: a\n    name: A\n    retention: {retention}\n{LIMITS}{BUDGET}")
    };
    let check = |retention: &str, expect: Option<&str>| {
        let told = Policy::parse(Path::new("p.yaml"), text(retention).as_bytes()).err().map(|error| error.to_string());
        match expect {
            None => assert_eq!(told, None, "{retention}"),
            Some(part) => assert!(told.as_ref().is_some_and(|told| told.contains(part)), "{retention}: {told:?}"),
        }
    };
    check("{ contents_at_least_days: 30, contents_at_most_days: 30 }", None);
    check("{ contents_at_most_days: 1 }", None);
    check("{ contents_at_least_days: 31, contents_at_most_days: 30 }", Some("stay 31 days, and be gone after 30"));
    check("{ contents_at_most_days: 0 }", Some("contents_at_most_days"));
    check("{ days: 3 }", Some("days"));
}
