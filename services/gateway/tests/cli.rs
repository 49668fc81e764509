//! The built program, run as people and scripts run it: what it prints, where, and with which exit code.

#![expect(clippy::expect_used, reason = "the helpers of tests may panic")]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use forethought_audit::{
    Admission, AdmissionDraft, Asked, AuditLog, OutcomeDraft, OutcomeStatus, PolicyRef, SampleDraft, Scope, Spent,
    VoteDraft,
};
use forethought_policies::{ApiKey, Policy};
use forethought_schemas::{Budget, Effort, RecordId, RequestId, StrategyName};
use forethought_store::JournalOptions;
use jiff::Timestamp;
use serde_json::Value;

const CONFIG: &str = "policy: policy.yaml\nmodels:\n  - id: m\n    scripted: {}\n";

/// A folder to run the program in.
struct Room(tempfile::TempDir);

/// What a run left.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Room {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("read")
    }

    fn run(&self, args: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_forethought"))
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .expect("runs");
        let text = |bytes| String::from_utf8(bytes).expect("utf-8");
        Run { code: output.status.code().expect("not killed"), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it and expects it to end well, and says what it printed.
    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}: {run:?}");
        run.out
    }

    /// Runs it and expects an error with this code and these parts, and nothing on stdout.
    #[track_caller]
    fn bad(&self, args: &[&str], code: i32, parts: &[&str]) {
        let run = self.run(args);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{args:?}: {run:?}");
        assert!(run.err.starts_with("error: "), "{args:?}: {run:?}");
        for part in parts {
            assert!(run.err.contains(part), "{args:?}: no `{part}` in {run:?}");
        }
        assert!(!run.err.contains("backtrace") && !run.err.contains("panicked"), "{run:?}");
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.good(args)).expect("JSON")
    }
}

#[test]
fn a_tenant_and_its_keys_from_nothing_to_revoked() {
    let room = Room::new();
    let policy = ["--policy", "policy.yaml"];
    let said =
        room.good(&[&["tenant", "add", "acme", "--name", "Acme: Bank", "--models", "a,b"], &policy[..]].concat());
    assert!(said.contains("added tenant acme to policy.yaml") && said.contains("key create acme"), "{said}");
    let create = ["key", "create", "acme", "--quiet", "--note", "laptop", "--role", "auditor"];
    let key = room.good(&[&create, &policy[..]].concat());
    let key = ApiKey::parse(key.strip_suffix('\n').expect("one line")).expect("a key");
    let text = room.read("policy.yaml");
    assert!(text.contains(&key.hash().to_string()) && !text.contains(key.reveal()), "{text}");
    let long = room.good(&[&["key", "create", "acme"], &policy[..]].concat());
    let second = ApiKey::parse(long.lines().next().expect("a line")).expect("a key");
    assert!(long.contains(second.id()) && long.contains("not shown again"), "{long}");

    let loaded = Policy::load(&room.path("policy.yaml")).expect("valid");
    let (tenant, kept) = loaded.key(key.id()).expect("there");
    assert_eq!((tenant.name.as_str(), tenant.models.join(" ")), ("Acme: Bank", "a b".to_owned()));
    assert_eq!((kept.role.as_str(), kept.note.as_deref()), ("auditor", Some("laptop")));

    let said = room.good(&[&["key", "revoke", key.id()], &policy[..]].concat());
    assert!(!said.contains(key.reveal()) && said.contains("`kill -HUP PID`"), "{said}");
    room.bad(&[&["key", "revoke", key.id()], &policy[..]].concat(), 2, &["was revoked before"]);
    // Whoever pastes the whole key means it, and does not get it back.
    let said = room.good(&[&["key", "revoke", second.reveal()], &policy[..]].concat());
    assert!(!said.contains(second.reveal()), "{said}");

    let second = ["tenant", "add", "b", "--name", "B", "--models", "*", "--effort", "low", "--max-samples", "5"];
    room.good(&[&second, &policy[..]].concat());
    let table = room.good(&[&["tenant", "list"], &policy[..]].concat());
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("TENANT  NAME        KEYS  "), "{table}");
    assert!(lines[1].starts_with("acme    Acme: Bank     0  "), "{table}");
    assert!(!table.contains('\x1b'), "no colours where there is no terminal");
    let listed = room.json(&[&["tenant", "list", "--json"], &policy[..]].concat());
    assert_eq!(listed[0]["keys"][0]["id"], key.id());
    assert!(listed[0]["keys"][0]["revoked"].is_string() && listed[0]["keys"][0].get("hash").is_none());
    assert_eq!((&listed[1]["budget"]["effort"], &listed[1]["budget"]["max_samples"]), (&"low".into(), &5.into()));
}

#[test]
fn wrong_tenants_and_keys_are_refused_and_change_nothing() {
    let room = Room::new();
    let check = |args: &[&str], parts: &[&str]| room.bad(&[args, &["--policy", "p.yaml"]].concat(), 2, parts);
    let add = |id, more: &[&str], parts: &[&str]| {
        check(&[&["tenant", "add", id, "--name", "A", "--models", "m"], more].concat(), parts);
    };
    check(
        &["key", "create", "acme"],
        &["p.yaml: there is no policy file here; create it with `forethought tenant add"],
    );
    check(&["tenant", "list"], &["p.yaml: there is no policy file here"]);
    room.good(&["tenant", "add", "acme", "--name", "A", "--models", "m", "--policy", "p.yaml"]);
    let before = room.read("p.yaml");
    add("acme", &[], &["p.yaml:4: there is a tenant `acme` already"]);
    add("Acme Bank", &[], &["has the wrong form", "1 to 63 of a-z"]);
    add("b", &["--effort", "hihg"], &["hihg", "high"]);
    add("b", &["--requests-per-minute", "0"], &["--requests-per-minute"]);
    add("b", &["--max-samples", "0"], &["0 is too small, the least is 1"]);
    check(&["tenant", "add", "b", "--name", "B"], &["--models <MODELS>"]);
    check(&["key", "create", "acne"], &["there is no tenant `acne`; did you mean `acme`?"]);
    check(&["key", "create", "acme", "--role", "boss"], &["boss", "auditor"]);
    check(&["key", "revoke", "k_00"], &["there is no key `k_00`"]);
    assert_eq!(room.read("p.yaml"), before);
    room.write("p.yaml", "version: 1\ntenants: []\nzebra: 1\n");
    check(&["key", "create", "acme"], &["p.yaml:3:1: zebra: unknown key `zebra`"]);
}

#[test]
fn usage_is_told_with_code_2_and_help_with_code_0() {
    let room = Room::new();
    room.bad(&["sreve"], 2, &["serve"]);
    room.bad(&["audit", "list"], 2, &["--data-dir", "--config"]);
    room.bad(&["audit", "list", "--data-dir", "a", "--config", "b"], 2, &["cannot be used with"]);
    room.bad(&["serve"], 2, &["--config"]);
    assert!(room.good(&["--version"]).starts_with("forethought 0."));
    let help = room.good(&["--help"]);
    for verb in ["serve", "check", "ask", "audit", "tenant", "key"] {
        assert!(help.contains(&format!("\n  {verb} ")), "{help}");
    }
    assert!(room.good(&["audit", "show", "--help"]).contains("Examples:\n  forethought audit show rec_"));
}

/// A model's header with these fields; all its bytes are ASCII.
fn gguf(fields: &[(&str, &str)]) -> String {
    let number = |n: usize| format!("{}\0\0\0\0\0\0\0", char::from(u8::try_from(n).expect("small")));
    let text = |text: &str| number(text.len()) + text;
    let fields = [&[("general.architecture", "llama")], fields].concat();
    let written: Vec<_> = fields.iter().map(|(key, value)| format!("{}\x08\0\0\0{}", text(key), text(value))).collect();
    let start = format!("GGUF\x03\0\0\0{}{}", number(0), number(fields.len()));
    start + &written.concat() + &"\0".repeat(32)
}

#[test]
fn a_configuration_is_checked_with_its_policy_and_models() {
    let room = Room::new();
    let check = ["check", "--config", "f.yaml"];
    let serve = ["serve", "--config", "f.yaml"];
    for verb in [check, serve] {
        room.bad(&verb, 2, &["f.yaml: there is no configuration here; give the path"]);
    }
    room.write("f.yaml", "listen: here\nmodels:\n  - id: m\n");
    for verb in [check, serve] {
        room.bad(&verb, 2, &["error: f.yaml:1:1: listen: `here`", "\nerror: f.yaml:3:5: models[0]: none of `path`"]);
    }
    room.write("model.gguf", "no model");
    room.write("f.yaml", "models:\n  - id: a\n    path: model.gguf\n  - id: b\n    path: gone.gguf\n");
    room.bad(
        &check,
        2,
        &[
            "error: ./policy.yaml: there is no policy file here",
            "error: model `a`: model.gguf is not a GGUF file",
            "error: model `b`: cannot read gone.gguf",
        ],
    );
    room.write("model.gguf", &gguf(&[("tokenizer.chat_template", "{% if")]));
    room.write("f.yaml", "policy: policy.yaml\nmodels:\n  - id: a\n    path: model.gguf\n");
    room.good(&["tenant", "add", "a", "--name", "A", "--models", "m", "--policy", "policy.yaml"]);
    room.bad(&check, 2, &["error: model `a`: model.gguf cannot be used: the model's chat template is wrong"]);
    room.bad(&serve, 2, &["model a cannot be served: model.gguf cannot be used: the model's chat template is wrong"]);
    room.write("f.yaml", CONFIG);
    assert_eq!(room.good(&check), "ok: 1 model, 1 tenant\n");
    room.good(&["tenant", "add", "b", "--name", "B", "--models", "other,*", "--policy", "policy.yaml"]);
    let run = room.run(&check);
    assert_eq!((run.code, run.out.as_str()), (0, "ok: 1 model, 2 tenants\n"));
    assert_eq!(run.err, "warning: tenant `b` may use `other`, which is no model of this server\n");
}

const PROMPT: &str = r#"[{"role":"user","content":"what is \u001b[31m six by seven"}]"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn id(number: u32) -> RecordId {
    format!("rec_{number:032x}").into()
}

fn admission(number: u32, tenant: &str) -> AdmissionDraft {
    AdmissionDraft {
        record_id: id(number),
        time: at(i64::from(number)),
        admission: Admission {
            request_id: RequestId::from(format!("req_{number:032x}")),
            tenant: tenant.to_owned(),
            key_id: "k_00112233".to_owned(),
            model: "smollm2".to_owned(),
            weights_digest: "sha256:00".to_owned(),
            policy: PolicyRef { version: "1".to_owned(), digest: "sha256:11".to_owned() },
            effort: Effort::Medium,
            strategy: StrategyName::SelfConsistency,
            budget: Budget { max_samples: 3, total_tokens: 300, sample_tokens: 100, deadline_ms: 5000 },
            seed: 7,
            n: 1,
            thinking_tokens: None,
            safeguards: Vec::new(),
            facts: forethought_schemas::Facts::default(),
            laws: Vec::new(),
            retention: forethought_audit::RetentionNote::default(),
        },
        prompt: PROMPT.into(),
        subject: None,
    }
}

fn outcome(number: u32, admission: u32, status: OutcomeStatus) -> OutcomeDraft {
    let sample = |index| SampleDraft {
        index,
        seed: u64::from(index) + 100,
        finish_reason: Some("stop".to_owned()),
        tokens: 20,
        thinking_tokens: 0,
        check: None,
        text: Some(format!("thinking {index}").into()),
        answer: Some("42".to_owned()),
        counted: true,
        cancelled: false,
    };
    OutcomeDraft {
        record_id: id(number),
        time: at(i64::from(number)),
        admission: id(admission),
        status,
        error_code: (status == OutcomeStatus::Failed).then(|| "engine_failed".to_owned()),
        finish_reason: Some("stop".to_owned()),
        samples: (0..2).map(sample).collect(),
        votes: vec![VoteDraft { answer: "42".to_owned(), count: 2 }],
        spent: Spent { prompt_tokens: 12, generated_tokens: 40, samples: 2, wall_ms: 900 },
        answer: Some("It is 42.".into()),
        cost: 0,
        safeguards: Vec::new(),
        classifiers: Vec::new(),
        review: None,
        disclosures: None,
        stop: None,
        chosen: Vec::new(),
        tokens: None,
        tools: None,
    }
}

/// Three requests of two tenants; the log stays open, as a server has it.
fn log(dir: &Path) -> AuditLog {
    let (mut log, _) = AuditLog::open(dir, JournalOptions::default(), at(0)).expect("opens");
    log.append(&[admission(1, "ward").into(), outcome(2, 1, OutcomeStatus::Answered).into()]).expect("appended");
    log.append(&[admission(3, "bank").into(), outcome(4, 3, OutcomeStatus::Failed).into()]).expect("appended");
    log.append(&[admission(5, "ward").into()]).expect("appended");
    log
}

#[test]
fn the_log_is_listed_while_a_server_writes_it() {
    let room = Room::new();
    let _log = log(&room.path("data"));
    let list = |more: &[&str]| room.good(&[&["audit", "list", "--data-dir", "data"], more].concat());
    let all = list(&[]);
    let lines: Vec<&str> = all.lines().collect();
    assert!(lines[0].starts_with("TIME (UTC)               RECORD  "), "{all}");
    assert!(lines[1].contains(id(5).as_str()) && lines[1].contains("open"), "{all}");
    assert!(lines[2].contains("bank") && lines[2].contains("failed"), "{all}");
    assert!(lines[3].starts_with("2027-01-15 08:00:01.000  ") && lines[3].ends_with("2      52  900 ms"), "{all}");
    assert_eq!(lines.len(), 4);
    let check = |more: &[&str], expect: &[u32]| {
        let listed = list(more);
        let ids: Vec<&str> = listed.split_whitespace().filter(|word| word.starts_with("rec_")).collect();
        let expect: Vec<String> = expect.iter().map(|number| id(*number).to_string()).collect();
        assert_eq!(ids, expect, "{more:?}: {listed}");
    };
    check(&["--tenant", "ward"], &[5, 1]);
    check(&["--status", "failed"], &[3]);
    check(&["--since", "2027-01-15T08:00:03Z"], &[5, 3]);
    check(&["--until", "2027-01-15T08:00:03Z"], &[1]);
    check(&["--since", "2027-01-15", "--until", "2027-01-16"], &[5, 3, 1]);
    check(&["--tenant", "nobody"], &[]);
    assert_eq!(list(&["--tenant", "nobody"]), "no requests\n");
    // Each page leads to the next one, and none is left out.
    let mut cursor = String::new();
    for expect in [5, 3, 1] {
        let page =
            list(&[&["--limit", "1"][..], &["--cursor", &cursor][usize::from(cursor.is_empty()) * 2..]].concat());
        assert!(page.contains(id(expect).as_str()), "{page}");
        assert_eq!(page.contains("the latest 1; older ones: "), expect != 1, "{page}");
        cursor = page.split('`').nth(1).and_then(|told| told.strip_prefix("--cursor ")).unwrap_or_default().to_owned();
    }
    let run = room.run(&["audit", "list", "--data-dir", "data", "--limit", "2", "--json"]);
    let listed: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((run.code, listed.as_array().map(Vec::len)), (0, Some(2)));
    assert!(run.err.contains("older ones: the same with `--cursor "), "{run:?}");
    assert!(!list(&["--limit", "3"]).contains("the latest"));
    let listed: Value = serde_json::from_str(&list(&["--json"])).expect("JSON");
    assert_eq!((&listed[1]["status"], &listed[1]["admission"]["body"]["tenant"]), (&"failed".into(), &"bank".into()));
    assert!(listed[0]["end"].is_null());
    room.write("f.yaml", CONFIG);
    assert_eq!(room.good(&["audit", "list", "--config", "f.yaml"]), all);
}

#[test]
fn a_request_is_shown_with_and_without_its_contents() {
    let room = Room::new();
    let mut log = log(&room.path("data"));
    let show =
        |which: &str, more: &[&str]| room.good(&[&["audit", "show", which, "--data-dir", "data"], more].concat());
    let plain = show(id(1).as_str(), &[]);
    for part in [
        "ANSWERED\n",
        "Request req_",
        "the key `k_00112233` of the tenant `ward`",
        "strategy `self_consistency`",
        "0.9 seconds",
    ] {
        assert!(plain.contains(part), "no `{part}` in {plain}");
    }
    assert!(!plain.contains("It is 42.") && plain.contains("--contents"), "{plain}");
    for same in [id(2).to_string(), format!("req_{:032x}", 1)] {
        assert_eq!(show(&same, &[]), plain);
    }
    let full = show(id(1).as_str(), &["--contents"]);
    for part in [
        "| user: what is \\u{1b}[31m six by seven\n",
        "| It is 42.\n",
        "VOTES  ANSWER\n  2      42\n",
        "LEAF  ID AND SHA-256",
    ] {
        assert!(full.contains(part), "no `{part}` in {full}");
    }
    assert!(!full.contains('\x1b'), "nothing from the log steers the terminal");
    assert!(show(id(5).as_str(), &[]).contains("no end yet"));
    let json: Value = serde_json::from_str(&show(id(1).as_str(), &["--contents", "--json"])).expect("JSON");
    assert_eq!((&json["status"], &json["contents"][0]["text"]), (&"answered".into(), &PROMPT.into()));
    assert_eq!(json["end"]["record"]["record_id"], id(2).as_str());

    let policy = PolicyRef { version: "1".to_owned(), digest: "sha256:11".to_owned() };
    let asked = Asked { by: None, reason: None, policy };
    log.erase(&Scope::Tenant("ward".to_owned()), &asked, at(20)).expect("erased");
    let erased = show(id(1).as_str(), &["--contents"]);
    assert!(erased.contains("nobody can read it any more") && !erased.contains("It is 42."), "{erased}");
    room.bad(&["audit", "show", "rec_0", "--data-dir", "data"], 2, &["there is no request or record `rec_0` in data"]);
}

#[test]
fn a_log_is_verified_and_a_changed_byte_is_named() {
    let room = Room::new();
    let verify = ["audit", "verify", "--data-dir", "data"];
    room.bad(&verify, 2, &["there is no log in data; check the data directory"]);
    let log = log(&room.path("data"));
    let live = room.good(&verify);
    assert!(live.starts_with("PASSED\n") && live.contains("1 under way (a server is writing the log)"), "{live}");
    assert!(live.contains(&format!("head      sha256 {}", log.head())), "{live}");
    let head = log.head();
    drop(log);
    let run = room.run(&verify);
    assert!(run.code == 1 && run.out.contains("this admission has no end"), "{run:?}");
    drop(AuditLog::open(room.path("data"), JournalOptions::default(), at(9)).expect("opens"));
    assert!(room.good(&verify).contains("3 requests, 1 interrupted"));
    assert_eq!(room.json(&[&verify[..], &["--json"]].concat())["passed"], true);
    room.good(&[&verify[..], &["--contains", &head.to_string()]].concat());
    let other = "0".repeat(64);
    let run = room.run(&[&verify[..], &["--contains", &head.to_string(), "--contains", &other]].concat());
    assert!(run.code == 1 && run.out.contains(&format!("no good record has sha256 {other}")), "{run:?}");
    room.bad(&[&verify[..], &["--contains", "abc"]].concat(), 2, &["`abc` is not a SHA-256 digest"]);

    let segment = "journal-00000000000000000001.seg";
    let mut bytes = fs::read(room.path("data").join(segment)).expect("read");
    bytes[100] ^= 1;
    fs::write(room.path("data").join(segment), &bytes).expect("written");
    let run = room.run(&verify);
    assert_eq!((run.code, run.err.as_str()), (1, ""), "{run:?}");
    for part in ["FAILED\n", "its checksum does not match", id(1).as_str(), segment, "24 bytes", "0 good"] {
        assert!(run.out.contains(part), "no `{part}` in {run:?}");
    }
    let json: Value = serde_json::from_str(&room.run(&[&verify[..], &["--json"]].concat()).out).expect("JSON");
    assert_eq!((&json["passed"], &json["failure"]["offset"]), (&false.into(), &24.into()));
    room.bad(&["audit", "list", "--data-dir", "data"], 3, &[segment, "is damaged at byte 24"]);
}

#[test]
fn a_server_that_cannot_start_ends_with_code_3() {
    let room = Room::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = taken.local_addr().expect("an address");
    room.good(&["tenant", "add", "a", "--name", "A", "--models", "m", "--policy", "policy.yaml"]);
    let serve = ["serve", "--config", "f.yaml"];
    room.write("f.yaml", &format!("listen: {address}\n{CONFIG}"));
    room.bad(&serve, 3, &[&format!("cannot listen on {address}"), "set another `listen`"]);
    room.write("f.yaml", &format!("listen: 127.0.0.1:0\n{CONFIG}"));
    let _log = log(&room.path("data"));
    room.bad(&serve, 3, &["another process", "uses the store in ./data"]);
}

#[test]
fn wrong_filters_are_told_with_the_mend() {
    let room = Room::new();
    drop(log(&room.path("data")));
    let check = |more: &[&str], parts: &[&str]| {
        room.bad(&[&["audit", "list", "--data-dir", "data"], more].concat(), 2, parts);
    };
    check(&["--status", "done"], &["done", "answered", "interrupted"]);
    check(&["--since", "yesterday"], &["--since", "2026-11-23T10:00:00Z", "2h or 7d"]);
    check(&["--limit", "0"], &["1 to 1000"]);
    check(&["--limit", "5000"], &["1 to 1000"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let room = Room::new();
    let _log = log(&room.path("data"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_forethought"))
        .args(["audit", "list", "--data-dir"])
        .arg(room.path("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_longest_list_says_that_there_is_more() {
    let room = Room::new();
    let (mut log, _) = AuditLog::open(room.path("data"), JournalOptions::default(), at(0)).expect("opens");
    let drafts: Vec<_> = (1..=1001).map(|number| admission(number, "ward").into()).collect();
    log.append(&drafts).expect("appended");
    let list = ["audit", "list", "--data-dir", "data", "--limit", "1000"];
    let said = room.good(&list);
    let cursor = said.split("`--cursor ").nth(1).and_then(|told| told.split('`').next()).expect("a cursor");
    let rest = room.good(&[&list[..], &["--cursor", cursor]].concat());
    assert!(rest.contains(id(1).as_str()) && rest.lines().count() == 2, "{rest}");
}
