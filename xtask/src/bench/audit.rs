//! `cargo xtask bench audit`: how fast the audit log takes records, beside the disk's own fdatasync.

use std::path::PathBuf;

use anyhow::Result;

use crate::{build, process};

#[derive(clap::Args)]
pub struct Args {
    /// Records to append; each request has two.
    #[arg(long, default_value_t = 1_000_000)]
    records: usize,
    /// How many wait for their record at once.
    #[arg(long, default_value_t = 64)]
    writers: usize,
    /// A folder on the disk to measure; what is in `forethought-bench-audit` below it is removed.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let program = build::workspace(&["--examples"])?.path("bench_audit")?;
    let dir = args.dir.clone().unwrap_or_else(std::env::temp_dir).join("forethought-bench-audit");
    let mut command = process::command(&program)?;
    command
        .args(["--records", &args.records.to_string(), "--writers", &args.writers.to_string()])
        .arg("--dir")
        .arg(dir);
    process::run(&mut command)
}
