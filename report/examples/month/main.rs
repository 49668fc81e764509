//! A month of made-up traffic in a real audit log, and the report of it: `month FOLDER [REQUESTS [SEED]]`.

mod traffic;

use std::{error::Error, fs, path::PathBuf, process::ExitCode, time::Instant};

use forethought_audit::LogSnapshot;
use forethought_report::{Duties, Report, Scope, collect};
use traffic::{END, Month, START, TENANT};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().map(PathBuf::from).ok_or("say in which new folder: `month FOLDER [REQUESTS [SEED]]`")?;
    let requests = args.next().map_or(Ok(5_000), |text| text.parse())?;
    let seed = args.next().map_or(Ok(1), |text| text.parse())?;
    fs::create_dir(&folder)?;
    let begun = Instant::now();
    let keys = Month { requests, seed }.write(&folder.join("data"))?;
    println!("{requests} requests in a log after {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let snapshot = LogSnapshot::open(folder.join("data"), keys)?;
    let scope = Scope::new(Some(TENANT.to_owned()), START.parse()?, END.parse()?)?;
    let figures = collect(&snapshot, &scope)?;
    println!("{} records read after {:.1?}", figures.log.records, begun.elapsed());
    let made = figures.log.last.ok_or("the log is empty")?;
    let report = Report::new(figures, &Duties::load_all(Duties::shipped())?, made);
    let written = report.write(folder.join("report"))?;
    println!(
        "{} files, {} bytes, after {:.1?}: {}",
        written.files,
        written.bytes,
        begun.elapsed(),
        written.page.display()
    );
    Ok(ExitCode::SUCCESS)
}
