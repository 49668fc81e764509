//! The tool with its real interpreters, which `cargo xtask interpreters` fetches.

use std::{path::PathBuf, sync::Arc, time::Instant};

use forethought_sandbox::{Interpreter, Interpreters, Language, Pool, RunCode};
use forethought_tools::{Invocation, Limits, Reply, ToolError, Toolbox};
use serde_json::{Value, json};

/// The files of `cargo xtask interpreters`.
pub fn interpreter(language: Language) -> Interpreter {
    let (name, sha256) = match language {
        Language::Javascript => {
            ("quickjs-ng-0.17.0.wasm", "1a4e0bce82f2faed14f5e2620174e3daf33e161bad75ce955ceeaca1f7c82572")
        }
        Language::Python => ("python-3.12.0.wasm", "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763"),
    };
    let cache = || {
        let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cache");
        std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from).join("forethought/interpreters")
    };
    let path = std::env::var_os("FORETHOUGHT_INTERPRETERS").map_or_else(cache, PathBuf::from).join(name);
    assert!(path.is_file(), "{} is missing: fetch it with `cargo xtask interpreters`", path.display());
    Interpreter { path, sha256: sha256.to_owned() }
}

/// A tool for one language, called as a service calls it.
pub struct Runner {
    pub tools: Arc<Toolbox>,
    pub limits: Limits,
    language: Language,
}

impl Runner {
    pub async fn new(language: Language, pool: Pool) -> Self {
        let file = Some(interpreter(language));
        let interpreters = match language {
            Language::Javascript => Interpreters { javascript: file, python: None },
            Language::Python => Interpreters { javascript: None, python: file },
        };
        let began = Instant::now();
        let tool = RunCode::new(&interpreters, pool).unwrap();
        tool.ready().await.unwrap();
        println!("{}: ready after {:?}", language.as_str(), began.elapsed());
        let mut tools = Toolbox::default();
        tools.add(Arc::new(tool));
        let limits = Limits { time_ms: 60_000, ..Limits::default() };
        Self { tools: Arc::new(tools), limits, language }
    }

    pub fn arguments(&self, code: &str, input: &str) -> Value {
        json!({ "language": self.language.as_str(), "code": code, "input": input })
    }

    pub async fn run_within(&self, code: &str, input: &str, limits: Limits) -> Result<Reply, ToolError> {
        let arguments = self.arguments(code, input);
        self.tools.call("run_code", Invocation { tenant: "t".to_owned(), arguments, limits }).await.result
    }

    pub async fn run(&self, code: &str) -> Result<Reply, ToolError> {
        self.run_within(code, "", self.limits).await
    }

    /// The code ends well and says exactly this.
    pub async fn says(&self, code: &str, expected: &str) {
        let reply = self.run(code).await.unwrap_or_else(|error| panic!("{code}: {error}"));
        assert_eq!((reply.text.as_str(), reply.failed, reply.left_out), (expected, false, 0), "{code}");
    }

    /// The code fails, and what is told of it holds this.
    pub async fn fails(&self, code: &str, part: &str) {
        let reply = self.run(code).await.unwrap_or_else(|error| panic!("{code}: {error}"));
        assert!(reply.failed && reply.text.contains(part), "{code}: {reply:?}");
    }

    /// The code is stopped, and what is told of it holds this.
    pub async fn exhausts(&self, code: &str, limits: Limits, part: &str) {
        match self.run_within(code, "", limits).await {
            Err(ToolError::Exhausted(why)) => assert!(why.contains(part), "{code}: {why}"),
            other => panic!("{code}: {other:?}"),
        }
    }
}
