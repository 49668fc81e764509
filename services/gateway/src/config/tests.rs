//! One table of wrong configurations and what is said of each.

use super::*;

const MODEL: &str = "models:\n  - id: m\n    path: m.gguf\n";

fn parse(text: &str) -> Result<Config, FileError> {
    let file = Path::new("etc/forethought.yaml");
    Config::of(file, &Document::parse(file, text.as_bytes(), &CONFIG_FILE)?)
}

/// Checks all that is said of a text, without the file's name.
#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let said = match parse(text) {
        Ok(_) => Vec::new(),
        Err(FileError::Invalid { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => vec![other.to_string()],
    };
    let same = said.len() == expect.len() && said.iter().zip(expect).all(|(said, part)| said.starts_with(part));
    assert!(same, "{text}\nsaid {said:#?}");
}

#[test]
fn everything_but_the_models_has_a_default() {
    let config = parse(MODEL).unwrap();
    let expect = Config {
        registry: None,
        log_name: None,
        witnesses: Vec::new(),
        keys_copy: None,
        identity: Vec::new(),
        tools: ToolsConfig { approvals: Some("etc/tools.yaml".into()), ..ToolsConfig::default() },
        listen: "127.0.0.1:8080".parse().unwrap(),
        data_dir: "etc/./data".into(),
        policy: "etc/./policy.yaml".into(),
        grace_ms: 10_000,
        max_body_bytes: 1_048_576,
        max_deliberations: 64,
        log: LogConfig { level: tracing::Level::INFO, format: LogFormat::Text },
        models: vec![ModelConfig {
            id: "m".to_owned(),
            engine: EngineConfig::Mistral(MistralConfig::new("etc/m.gguf")),
            temperature: 0.7,
            min_p: 0.05,
            effort: Effort::Medium,
            presets: Presets::new(),
            thinking: ThinkingConfig::default(),
        }],
    };
    assert_eq!(config, expect);
}

#[test]
fn every_key_is_read() {
    let config = parse(
        "version: 1\nlisten: 0.0.0.0:0\ndata_dir: /var/lib/f\npolicy: ../p.yaml\ngrace_ms: 0\nmax_body_bytes: 2048\n\
         max_deliberations: 3\nlog: { level: debug, format: json }\nmodels:\n  - id: org/a:8b-Q4_0\n    path: /m/x.gguf\n    \
         tokenizer: tok\n    lanes: 2\n    threads_per_lane: 3\n    max_waiting: 0\n    temperature: 0\n    effort: high\n  \
         - id: b\n    scripted:\n      answers: [{ text: hi, odds: 0.5 }]\n      token_ms: 7\n      faults: [{ kind: die, call: 1 }]\n",
    )
    .unwrap();
    assert_eq!((config.listen.port(), config.grace_ms), (0, 0));
    assert_eq!((config.data_dir.to_str(), config.policy.to_str()), (Some("/var/lib/f"), Some("etc/../p.yaml")));
    assert_eq!((config.max_body_bytes, config.max_deliberations), (2048, 3));
    assert_eq!(config.log, LogConfig { level: tracing::Level::DEBUG, format: LogFormat::Json });
    let expect = MistralConfig {
        path: "/m/x.gguf".into(),
        tokenizer: Some("etc/tok".into()),
        lanes: NonZeroU32::new(2),
        threads_per_lane: NonZeroU32::new(3),
        max_waiting: 0,
    };
    assert_eq!(config.models[0].engine, EngineConfig::Mistral(expect));
    assert_eq!((config.models[0].temperature, config.models[0].effort), (0.0, Effort::High));
    let EngineConfig::Scripted(script) = &config.models[1].engine else { panic!("{config:?}") };
    assert_eq!((script.answers[0].text.as_str(), script.token_ms, script.parallel), ("hi", 7, 64));
    assert_eq!(script.faults[0].call, Some(1));
}

#[test]
fn wrong_keys_and_values_are_told_with_their_line() {
    let model = |more: &str| format!("{MODEL}{more}");
    check("", &["1:1: the file is empty"]);
    check("version: 1\n", &["1:1: the key `models` is missing; add `models:` (The models, 1 to 100"]);
    check("models: []\n", &["1:1: models: the list is empty; The models, 1 to 100"]);
    check(&format!("version: 2\n{MODEL}"), &["1:1: version: version 2 was written by a newer version"]);
    check(
        &model("graces_ms: 5\n"),
        &[
            "4:1: graces_ms: unknown key `graces_ms` in the file; did you mean `grace_ms`? known keys: audit, data_dir, ",
        ],
    );
    check(
        &model("    temprature: 1\n"),
        &["4:5: models[0].temprature: unknown key `temprature` in models[0]; did you mean `temperature`?"],
    );
    check(
        &model("log: { level: verbose }\n"),
        &["4:8: log.level: the text `verbose` is not one of the known values; known values: error, warn, info"],
    );
    check(&model("grace_ms: 10s\n"), &["4:1: grace_ms: expected a whole number, found the text `10s`; How long"]);
    check(&model("grace_ms: \"10\"\n"), &["4:1: grace_ms: expected a whole number, found the text `10`; remove the"]);
    check(&model("max_deliberations: 0\n"), &["4:1: max_deliberations: 0 is too small, the least is 1"]);
    check(&model("    temperature: 2.5\n"), &["4:5: models[0].temperature: 2.5 is too large, the most is 2"]);
    check(&model("    lanes: 0\n"), &["4:5: models[0].lanes: 0 is too small, the least is 1"]);
    check(
        &model("    effort: hihg\n"),
        &["4:5: models[0].effort: the text `hihg` is not one of the known values; did"],
    );
    check(&model("policy: ''\n"), &["4:1: policy: the text is empty; The policy file, relative to this file"]);
    check(
        "models:\n  - id: a b\n    path: x\n",
        &["2:5: models[0].id: the text `a b` has the wrong form; The model's"],
    );
}

#[test]
fn addresses_are_an_ip_and_a_port() {
    for good in ["127.0.0.1:0", "0.0.0.0:8080", "'[::1]:8080'"] {
        check(&format!("listen: {good}\n{MODEL}"), &[]);
    }
    for bad in ["localhost:8080", "127.0.0.1", ":8080", "127.0.0.1:80800"] {
        check(&format!("listen: {bad}\n{MODEL}"), &["1:1: listen: `"]);
    }
    check(&format!("listen: 8080\n{MODEL}"), &["1:1: listen: expected text, found 8080; put it in quotes"]);
    check(&format!("listen: [::1]:80\n{MODEL}"), &["1:14: not valid yaml"]);
}

#[test]
fn a_model_is_a_file_or_a_script() {
    check(
        "models:\n  - id: m\n",
        &["2:5: models[0]: none of `path`, `upstream`, `pool`, `scripted` is here; add `path:`"],
    );
    check(
        "models:\n  - id: m\n    path: x\n    scripted: {}\n",
        &["4:5: models[0].scripted: the model has both `path` and `scripted`; keep one of the two"],
    );
    check(
        "models:\n  - id: m\n    scripted: {}\n    lanes: 2\n",
        &["4:5: models[0].lanes: `lanes` is for a model with `path`; remove it"],
    );
    check("models:\n  - id: m\n    scripted: {}\n", &[]);
}

#[test]
fn a_pool_is_several_engines_with_names_of_their_own() {
    let pool = |members: &str| format!("models:\n  - id: m\n    pool:\n      failures: 5\n      members:\n{members}");
    let two = "        - upstream: { url: http://a:1 }\n        - { path: m.gguf, lanes: 2, name: here }\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pool(two)).unwrap();
    let config = Config::load(file.path()).unwrap();
    let EngineConfig::Pool(found) = &config.models[0].engine else { panic!("{config:?}") };
    let names: Vec<&str> = found.members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.as_slice(), found.settings.failures), (["http://a:1", "here"].as_slice(), 5));
    assert_eq!((found.settings.failover_after_ms, config.models[0].engine.files().len()), (10_000, 1));
    check(&pool("        []\n"), &["5:7: models[0].pool.members: the list is empty"]);
    check(
        &pool("        - {}\n"),
        &["6:11: models[0].pool.members[0]: none of `path`, `upstream`, `scripted` is here"],
    );
    check(
        &pool("        - { pool: { members: [] } }\n"),
        &[
            "6:11: models[0].pool.members[0]: none of `path`, `upstream`, `scripted` is here",
            "6:13: models[0].pool.members[0].pool: unknown key",
        ],
    );
    check(
        &pool("        - upstream: { url: http://a:1 }\n        - upstream: { url: http://a:1 }\n"),
        &["7:11: models[0].pool.members[1]: two members of the pool are called `http://a:1`; give each a `name`"],
    );
    check(
        &pool("        - { scripted: {}, lanes: 1 }\n"),
        &["6:27: models[0].pool.members[0].lanes: `lanes` is for a model"],
    );
}

#[test]
fn an_upstream_is_taken_as_it_is_written() {
    let text = "models:\n  - id: m\n    upstream: { url: http://a:1, api: completions, chat_template: t.jinja, ca_file: /ca.pem, \
                extra_body: { a: { b: 1 } }, check_every_ms: 9 }\n";
    let config = parse(text).unwrap();
    let EngineConfig::Upstream(found) = &config.models[0].engine else { panic!("{config:?}") };
    assert_eq!((found.api, found.check_every_ms), (Some(forethought_engine::upstream::Api::Completions), 9));
    assert_eq!(found.chat_template.as_deref(), Some(Path::new("etc/t.jinja")));
    assert_eq!(found.ca_file.as_deref(), Some(Path::new("/ca.pem")));
    assert_eq!(found.extra_body["a"]["b"], 1);
    check(
        "models:\n  - id: m\n    upstream: { url: http://a:1, api: chaat }\n",
        &["3:34: models[0].upstream.api: the text `chaat` is not one of the known values"],
    );
}

#[test]
fn all_problems_are_told_at_once() {
    check(
        &format!("listen: nowhere\n{MODEL}  - id: m\n    scripted: {{ answers: [{{ txt: x }}] }}\nzebra: 1\n"),
        &[
            "1:1: listen: `nowhere` is not an address and a port; write a number for the host",
            "5:5: models[1].id: the model id `m` stands twice, first on line 3; give each model its own id",
            "6:27: models[1].scripted.answers[0]: the key `text` is missing",
            "6:29: models[1].scripted.answers[0].txt: unknown key `txt`",
            "7:1: zebra: unknown key",
        ],
    );
}

#[test]
fn a_missing_file_is_told_with_the_mend() {
    let error = Config::load(Path::new("/nonexistent/f.yaml")).unwrap_err().to_string();
    assert_eq!(
        error,
        "/nonexistent/f.yaml: there is no configuration here; give the path of one with `--config`; \
         `forethought serve --help` shows an example"
    );
}
