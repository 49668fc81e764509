//! `cargo xtask test`: everything that shows whether the code works, in one run.

use std::path::Path;

use anyhow::{Context, Result};

use crate::model::{self, Form};
use crate::steps::Steps;
use crate::{build, interpreters, node, paths, process, python, templates};

/// Runs all tests; a failed step does not hide the results of those that do not need it.
pub fn run() -> Result<()> {
    let mut steps = Steps::default();
    let model = steps.run("test model", || model::prepare(Form::default(), false));
    let templates = steps.run("chat templates", templates::prepare);
    let interpreters = steps.run("interpreters", || interpreters::prepare(false));
    let python = steps.run("python environment", python::environment);
    let node = python.as_ref().and_then(|python| steps.run("npm packages", || node::packages(python)));
    let programs = steps.run("build", || build::workspace(&[]));
    match (&model, &templates, &interpreters, &python, &programs) {
        (Some(_), Some(_), Some(_), Some(python), Some(_)) => _ = steps.run("rust tests", || rust_tests(python)),
        _ => steps.skip("rust tests", "they need everything that was fetched or built before"),
    }
    match (&model, &interpreters, &python, &node, &programs) {
        (Some(_), Some(_), Some(python), Some(node), Some(programs)) => {
            steps.run("python tests", || python_tests(python, node, &programs.path("forethought")?));
        }
        _ => {
            steps.skip("python tests", "they need everything that was fetched or built before, but for chat templates");
        }
    }
    steps.finish()
}

fn rust_tests(python: &Path) -> Result<()> {
    let mut cargo = process::cargo()?;
    cargo.args(["test", "--workspace", "--no-fail-fast", "--features", build::FEATURES]);
    // Servers of tools that are not ours run on it.
    cargo.env("FORETHOUGHT_PYTHON", python).env("FORETHOUGHT_INTERPRETERS", paths::interpreters()?);
    process::run(cargo.env("FORETHOUGHT_MODELS", paths::models()?).env("FORETHOUGHT_TEMPLATES", paths::templates()?))
}

fn python_tests(python: &Path, node: &Path, forethought: &Path) -> Result<()> {
    let mut pytest = process::command(python)?;
    // No bytecode and no cache: a test run leaves nothing in the checkout.
    pytest.args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "tests/python"]);
    pytest.env("FORETHOUGHT_BIN", forethought).env("FORETHOUGHT_MODELS", paths::models()?);
    pytest.env("FORETHOUGHT_INTERPRETERS", paths::interpreters()?).env("FORETHOUGHT_NODE", node);
    process::run(&mut pytest).context("the python tests did not pass")
}
