//! How long a vault takes to open, to give keys, to plan an erasure and to destroy: `vault_speed <rows> [<folder>]`.
//!
//! Makes that many rows, for as many subjects, in a new folder that is removed at the end, and prints what it measured.

use std::{env, error::Error, sync::Arc, time::Instant};

use forethought_audit::{DestroyReason, LocalMaster, Owner, Retention, RowFilter, Scope, Vault};
use forethought_store::{Disk, RealDisk};
use jiff::Timestamp;

/// Rows that are asked for before each flush.
const BATCH: u64 = 1000;
/// Times that the vault is opened.
const OPENS: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let rows: u64 = arguments.next().map_or(Ok(100_000), |rows| rows.parse())?;
    let dir = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let master = Arc::new(LocalMaster::generate_into(dir.path().join("master"))?);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(dir.path().join("data"))?);
    give(&mut Vault::open(disk.clone(), master.clone())?.0, rows)?;
    open(&disk, &master)?;
    let (mut vault, _) = Vault::open(disk, master)?;
    destroy(&mut vault, rows)?;
    let begin = Instant::now();
    vault.rewrap(Arc::new(LocalMaster::generate_into(dir.path().join("next"))?))?;
    println!("rewrap: {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn give(vault: &mut Vault, rows: u64) -> Result<(), Box<dyn Error>> {
    let (begin, retention, now) = (Instant::now(), Retention::default(), Timestamp::now());
    for number in 0..rows {
        let owner = Owner::subject("acme", format!("subject {number}"));
        let ticket = vault.key_for(&owner, &retention, now)?;
        if number % BATCH == BATCH - 1 || number + 1 == rows {
            vault.flush()?.key(&ticket)?;
        }
    }
    let took = begin.elapsed();
    let each = took.as_secs_f64() * 1e6 / f64::from(u32::try_from(rows)?);
    println!("{rows} rows, {BATCH} a flush: {:.1} s, {each:.1} µs a row", took.as_secs_f64());
    Ok(())
}

fn open(disk: &Arc<dyn Disk>, master: &Arc<LocalMaster>) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::new();
    for _ in 0..OPENS {
        let begin = Instant::now();
        let (_, report) = Vault::open(disk.clone(), master.clone())?;
        times.push((begin.elapsed(), report.files, report.slots));
    }
    times.sort();
    if let (Some((best, files, slots)), Some((worst, ..))) = (times.first(), times.last()) {
        println!("open, {files} files of {slots} slots: best {best:.1?}, worst {worst:.1?} of {OPENS}");
    }
    Ok(())
}

fn destroy(vault: &mut Vault, rows: u64) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let count = vault.rows(RowFilter::default())?.count();
    println!("read all {count} rows: {:.1} s", begin.elapsed().as_secs_f64());
    let (begin, scope) = (Instant::now(), Scope::Owner(Owner::subject("acme", format!("subject {}", rows / 2))));
    let plan = vault.plan_erasure(&scope, Timestamp::now())?;
    println!("plan of one subject: {:.1} s, {} rows", begin.elapsed().as_secs_f64(), plan.destroy.len());
    let begin = Instant::now();
    vault.destroy(&plan.places(), DestroyReason::Erasure)?;
    println!("destroy them: {:.1} ms", begin.elapsed().as_secs_f64() * 1e3);
    let plan = vault.plan_erasure(&Scope::Tenant("acme".to_owned()), Timestamp::now())?;
    let begin = Instant::now();
    vault.destroy(&plan.places(), DestroyReason::TenantErasure)?;
    println!("destroy {} more: {:.1} s", plan.destroy.len(), begin.elapsed().as_secs_f64());
    Ok(())
}
