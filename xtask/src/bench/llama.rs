//! llama.cpp's server on the test model, as the other end of a measurement.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::process;

/// llama.cpp's server; it ends when the value is dropped.
pub struct Llama {
    process: Child,
    /// Where it answers.
    pub url: String,
}

impl Llama {
    /// Starts it with so many slots, and waits until it has the model.
    pub fn start(python: &Path, model: &Path, slots: u32) -> Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?.local_addr()?.port();
        let mut command = process::command(python)?;
        command.args(["-B", "tests/python/llama_server.py"]).arg(model).args([port.to_string(), slots.to_string()]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut llama = Self {
            process: command.spawn().context("cannot start llama.cpp")?,
            url: format!("http://127.0.0.1:{port}"),
        };
        let Some(out) = llama.process.stdout.take() else { bail!("llama.cpp's server has no stdout") };
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        ensure!(line.starts_with("http"), "llama.cpp's server did not start");
        Ok(llama)
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to do.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
