//! One table of wrong files and what is said of each.

use std::path::Path;

use super::*;

const HEAD: &str = "version: 1\ntenants:\n  - id: acme\n    name: Acme Bank\n";
const LIMITS: &str = "    limits: { requests_per_minute: 60, tokens_per_minute: 1000, concurrent_requests: 8 }\n";
const BUDGET: &str = "    budget: { max_samples: 4, total_tokens: 500, deadline_ms: 1000, effort: high }\n";

fn hash(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn tenant(more: &str) -> String {
    format!("{HEAD}{LIMITS}{BUDGET}{more}")
}

fn key(id: &str, digit: char) -> String {
    format!(
        "      - id: {id}\n        hash: {}\n        role: user\n        created: 2026-11-23T10:00:00Z\n",
        hash(digit)
    )
}

/// Checks all that is said of a text, without the file's name.
#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let said = match Policy::parse(Path::new("p.yaml"), text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(FileError::Invalid { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => vec![other.to_string()],
    };
    assert_eq!(said, expect, "\n{text}");
}

#[test]
fn the_shortest_and_a_full_policy_are_valid() {
    check("version: 1\ntenants: []\n", &[]);
    check(&tenant(""), &[]);
    let keys = format!(
        "    keys:\n{}        revoked: 2026-11-24T00:00:00Z\n{}",
        key("k_00112233", 'a'),
        key("k_44556677", 'b')
    );
    check(&tenant(&format!("    models: [m, \"*\"]\n{keys}        note: laptop\n")), &[]);
}

#[test]
fn unknown_keys_name_their_line_the_near_one_and_the_known_ones() {
    let text = tenant("").replace("limits:", "limit:");
    check(
        &text,
        &[
            "3:5: tenants[0]: the key `limits` is missing; add `limits:` (How fast a tenant may go, all its keys together, or a key, or a model for everybody)",
            "5:5: tenants[0].limit: unknown key `limit` in tenants[0]; did you mean `limits`? \
         known keys: authorization, budget, facts, id, keys, limits, models, name, presets, quotas, retention, safeguards, scope, tools, training_consent, webhooks",
        ],
    );
    check(
        &format!("{}zebra: 1\n", tenant("")),
        &[
            "7:1: zebra: unknown key `zebra` in the file; known keys: authorization, models, packs, prices, purposes, review, safeguards, tenants, tools, undeclared_purpose, version, webhooks",
        ],
    );
}

#[test]
fn numbers_out_of_range_and_wrong_types_are_told_with_the_mend() {
    check(
        &tenant("").replace("requests_per_minute: 60", "requests_per_minute: 0"),
        &["5:15: tenants[0].limits.requests_per_minute: 0 is too small, the least is 1; \
         Requests a minute in the long run, 1 to 1000000"],
    );
    check(
        &tenant("").replace("tokens_per_minute: 1000", "tokens_per_minute: -5"),
        &["5:40: tenants[0].limits.tokens_per_minute: -5 is too small, the least is 1; \
         Tokens granted within any 60 seconds, prompts included, 1 to 1000000000; no single request can reserve more than this"],
    );
    check(
        &tenant("").replace("deadline_ms: 1000", "deadline_ms: 99999999999"),
        &["6:50: tenants[0].budget.deadline_ms: 99999999999 is too large, the most is 86400000; \
         Wall-clock time of one request in milliseconds, 1 to 86400000 (a day)"],
    );
    check(
        &tenant("").replace("concurrent_requests: 8", "concurrent_requests: \"8\""),
        &[
            "5:65: tenants[0].limits.concurrent_requests: expected a whole number, found the text `8`; remove the quotes",
        ],
    );
    check(
        &tenant("").replace("max_samples: 4", "max_samples: 4.5"),
        &["6:15: tenants[0].budget.max_samples: expected a whole number, found 4.5; \
         Samples that one request may start, 1 to 10000"],
    );
    check(&tenant("").replace("Acme Bank", "42"), &["4:5: tenants[0].name: expected text, found 42; put it in quotes"]);
    check(
        &tenant("    models: some\n"),
        &["7:5: tenants[0].models: expected a list, found the text `some`; write one item a line, each after `- `"],
    );
    check(
        &tenant("    keys:\n"),
        &["7:5: tenants[0].keys: expected a list, found nothing; write `[]` for an empty list, or remove the key"],
    );
    check(
        &tenant("").replace("effort: high", "effort: hihg"),
        &["6:69: tenants[0].budget.effort: the text `hihg` is not one of the known values; did you mean `high`? \
         known values: none, minimal, low, medium, high, xhigh"],
    );
    check(&tenant("    models: [a, a]\n"), &["7:5: tenants[0].models: the list names something twice; keep each once"]);
    check(
        "just text\n",
        &["1:1: expected a mapping, found the text `just text`; \
         The tenants of one installation: what each may use, how fast, how much, and with which keys"],
    );
}

#[test]
fn a_missing_field_is_told_with_what_it_is_for() {
    check(
        &tenant("").replace(", concurrent_requests: 8", ""),
        &["5:5: tenants[0].limits: the key `concurrent_requests` is missing; \
         add `concurrent_requests:` (Requests that may run at the same time, 1 to 100000)"],
    );
    check(
        "version: 1\n",
        &["1:1: the key `tenants` is missing; add `tenants:` (The organisations, teams or \
         applications that may ask; whoever is not listed is refused)"],
    );
}

#[test]
fn ids_and_times_have_a_form() {
    check(
        &tenant("").replace("id: acme", "id: Acme Bank"),
        &[
            "3:5: tenants[0].id: the text `Acme Bank` has the wrong form; The tenant's id: 1 to 63 of a-z, 0-9, `_` and \
         `-`, the first a letter or a digit; it stands in audit records, so it never changes",
        ],
    );
    let keys = format!("    keys:\n{}", key("k_00112233", 'a')).replace("2026-11-23T10:00:00Z", "yesterday");
    check(
        &tenant(&keys),
        &["11:9: tenants[0].keys[0].created: the text `yesterday` is not a time; \
         When the key was made, RFC 3339, such as 2026-11-23T10:00:00Z"],
    );
}

#[test]
fn a_key_pasted_as_its_hash_is_not_repeated() {
    let secret = "ft-k_00112233-c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U";
    let keys = format!("    keys:\n{}", key("k_00112233", 'a')).replace(&hash('a'), secret);
    check(
        &tenant(&keys),
        &["9:9: tenants[0].keys[0].hash: the text has the wrong form; `sha256:` and 64 of 0-9 and \
         a-f: the SHA-256 of the whole key text, never the key itself"],
    );
}

#[test]
fn duplicates_name_both_lines() {
    check(
        &format!("{}  - id: acme\n    name: Other\n{LIMITS}{BUDGET}", tenant("")),
        &["7:5: tenants[1].id: the tenant id stands twice: here on line 7 and first on line 3; \
         give each tenant its own id, or merge the two"],
    );
    let same_id = format!("    keys:\n{}{}", key("k_00112233", 'a'), key("k_00112233", 'b'));
    check(
        &tenant(&same_id),
        &[
            "12:9: tenants[0].keys[1].id: the key id stands twice: here on line 12 and first on line 8; remove one of the two",
        ],
    );
    let same_hash = format!("    keys:\n{}{}", key("k_00112233", 'a'), key("k_44556677", 'a'));
    check(
        &tenant(&same_hash),
        &["13:9: tenants[0].keys[1].hash: the same key stands twice: here on line 13 and first on line 9; \
         make a key for each user, and remove one"],
    );
    check(
        &tenant("    name: Again\n"),
        &["7:5: name: the key `name` stands here a second time, first on line 4; keep one of the two"],
    );
}

#[test]
fn all_problems_are_told_in_the_order_of_the_lines() {
    let text = tenant("    zeal: 1\n").replace("id: acme", "id: A").replace("max_samples: 4", "max_samples: 0");
    let Err(FileError::Invalid { problems, .. }) = Policy::parse(Path::new("p.yaml"), text.as_bytes()) else {
        panic!("{text} is valid");
    };
    let lines: Vec<_> = problems.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [3, 6, 7]);
}

#[test]
fn another_version_is_refused_in_one_sentence() {
    check(
        "version: 2\ntenants: []\nnew_things: {}\n",
        &[
            "1:1: version: version 2 was written by a newer version of forethought; upgrade this installation, or restore \
         the file of version 1",
        ],
    );
    check("version: 0\ntenants: []\n", &["1:1: version: 0 is not 1; write `1`"]);
    check("version: \"1\"\ntenants: []\n", &["1:1: version: the text `1` is not 1; write `1`"]);
    check(
        "tenants: []\n",
        &["1:1: the key `version` is missing; add `version:` (The version of this file's format, 1)"],
    );
}

#[test]
fn files_that_are_no_text_or_not_there_are_told() {
    check("", &["1:1: the file is empty; begin with `version: 1`"]);
    let error = Policy::parse(Path::new("p.yaml"), b"version: 1\nten\xffants: []\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "p.yaml:2:4: byte 0xff is not utf-8; save the file as utf-8 without a byte order mark"
    );
    let missing = Path::new("/nonexistent/policy.yaml");
    let error = Policy::load(missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/nonexistent/policy.yaml: there is no policy file here; create it with \
         `forethought tenant add <id> --name <name> --models <models> --policy <file>`"
    );
    let directory = tempfile::tempdir().unwrap();
    let error = Policy::load(directory.path()).unwrap_err();
    assert!(matches!(error, FileError::Unreadable { .. }), "{error}");
}

#[test]
fn a_byte_order_mark_and_crlf_are_read() {
    check("\u{feff}version: 1\r\ntenants: []\r\n", &[]);
    check(
        "\u{feff}version: 1\r\ntenants: []\r\nzebra: 1\r\n",
        &[
            "3:1: zebra: unknown key `zebra` in the file; known keys: authorization, models, packs, prices, purposes, review, safeguards, tenants, tools, undeclared_purpose, version, webhooks",
        ],
    );
}

#[test]
fn an_error_names_the_file_on_each_line() {
    let error = Policy::parse(Path::new("etc/p.yaml"), b"version: 1\na: 1\nb: 2\ntenants: []\n").unwrap_err();
    let lines: Vec<_> = error.to_string().lines().map(|line| line.chars().take(16).collect::<String>()).collect();
    assert_eq!(lines, ["etc/p.yaml:2:1: ", "etc/p.yaml:3:1: "]);
}

#[test]
fn the_digest_is_of_the_bytes_and_not_of_the_meaning() {
    let digest = |text: &str| Policy::parse(Path::new("p"), text.as_bytes()).unwrap().digest().to_owned();
    let one = digest("version: 1\ntenants: []\n");
    assert_eq!(one, digest("version: 1\ntenants: []\n"));
    assert_ne!(one, digest("version: 1\ntenants: [] # none\n"));
    assert!(one.starts_with("sha256:") && one.len() == 71, "{one}");
}

#[test]
fn the_schema_and_the_types_agree_on_every_field() {
    let keys = format!(
        "    models: [m]\n    keys:\n{}        note: n\n        revoked: 2026-11-24T00:00:00Z\n",
        key("k_00112233", 'a')
    );
    let policy = Policy::parse(Path::new("p"), tenant(&keys).as_bytes()).unwrap();
    let (tenant, key) = policy.key("k_00112233").unwrap();
    assert_eq!(tenant.name, "Acme Bank");
    assert_eq!(tenant.budget.total_tokens, 500);
    assert_eq!(tenant.limits.concurrent_requests.get(), 8);
    assert_eq!(key.note.as_deref(), Some("n"));
    assert_eq!(key.revoked.unwrap().to_string(), "2026-11-24T00:00:00Z");
    assert_eq!(policy.tenants().len(), 1);
}

#[test]
fn rules_of_whole_texts_are_checked_at_their_places() {
    let check_safeguards = |rules: &str, expect: &[&str]| {
        check(&format!("version: 1\nsafeguards: {rules}\ntenants: []\n"), expect);
    };
    let guard = |more: &str| {
        format!("{{ input: {{ classifiers: [{{ id: g, model: m, protocol: llama_guard_3, {more} }}] }} }}")
    };
    check_safeguards(&guard("action: block, categories: [S1, { id: own, text: Nothing. }], threshold: 40"), &[]);
    check_safeguards(
        &guard("action: redact"),
        &[
            "2:82: safeguards.input.classifiers[0].action: the text `redact` is not one of the known values; known values: flag, hold, block",
            "2:82: safeguards.input.classifiers[0].action: a verdict on a whole text has no place to redact; write `flag`, `hold` or `block`",
        ],
    );
    check_safeguards(
        &guard("action: block, categories: [S99]"),
        &[
            "2:97: safeguards.input.classifiers[0].categories: `S99` is no category of this protocol; name one of S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S11, S12, S13, S14, or give an `id` and a `text`",
        ],
    );
    check_safeguards(
        "{ input: { languages: { allow: [en, klingon], action: block } } }",
        &[
            "2:49: safeguards.input.languages.allow[1]: `klingon` is no language that can be told; give two letters of ISO 639-1 or three of ISO 639-3, such as `en`",
        ],
    );
    check_safeguards(
        "{ output: { contract: { file: gone.json, action: block } } }",
        &[
            "2:37: safeguards.output.contract.file: the schema gone.json cannot be read: No such file or directory (os error 2); give the path of a file, relative to this one",
        ],
    );
}

#[test]
fn a_tenant_gives_ids_of_its_own() {
    let topic = "safeguards: { input: { topics: [{ id: law, words: { sue: 9 }, threshold: 9, action: flag }] } }";
    let text = format!("{topic}\n{}", tenant(&format!("    {topic}\n")));
    let told =
        "8:39: tenants[0].safeguards.input.topics[0].id: the id `law` stands for everybody already; give it another";
    check(&text, &[told]);
    check(&text.replacen("id: law", "id: laws", 1), &[]);
}

#[test]
fn the_schema_of_a_contract_decides_and_stands_in_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (file, schema) = (folder.path().join("p.yaml"), folder.path().join("answer.json"));
    let text = "version: 1\nsafeguards: { output: { contract: { file: answer.json, action: block } } }\ntenants: []\n";
    let read = |schema_text: &str| {
        std::fs::write(&schema, schema_text).unwrap();
        Policy::parse(&file, text.as_bytes())
    };
    let numbers = read(r#"{"type": "number"}"#).unwrap();
    let texts = read(r#"{"type": "string"}"#).unwrap();
    assert_ne!(numbers.digest(), texts.digest());
    assert!(numbers.screens("acme").answers.answered("", "1").is_empty());
    assert_eq!(texts.screens("acme").answers.answered("", "1").len(), 1);
    assert!(read(r#"{"type": "nothing"}"#).unwrap_err().to_string().contains(":2:37:"));
    assert!(read("{").unwrap_err().to_string().contains("is no JSON"));
    // What comes from elsewhere reads no other files than the policy in force.
    let other = text.replace("answer.json", "other.json");
    std::fs::write(folder.path().join("other.json"), "{}").unwrap();
    read("{}").unwrap();
    assert!(Policy::parse_beside(&file, text.as_bytes(), &texts).is_ok());
    let refused = Policy::parse_beside(&file, other.as_bytes(), &texts).unwrap_err().to_string();
    assert!(refused.contains("is named by no contract of the policy in force"), "{refused}");
}

#[test]
fn models_of_classifiers_are_checked_at_their_places() {
    let text = "version: 1\ntenants: []\nsafeguards:\n  output:\n    classifiers:\n      - id: g\n        model: m\n        \
                protocol: llama_guard_3\n        action: flag\n";
    let policy = Policy::parse(Path::new("p.yaml"), text.as_bytes()).unwrap();
    let check = |unfit: bool| {
        let told = |_: &forethought_safeguards::whole::ClassifierRule| {
            unfit.then(|| ("gone".to_owned(), "mend it".to_owned()))
        };
        policy.check_classifiers(Path::new("p.yaml"), told).map_err(|error| error.to_string())
    };
    assert_eq!(check(false), Ok(()));
    assert_eq!(check(true), Err("p.yaml:7:9: safeguards.output.classifiers[0].model: gone; mend it".to_owned()));
}
