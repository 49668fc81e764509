//! How long interpreters take to be ready, and a call of each takes: `cargo run -p forethought-sandbox --example latency`.
//!
//! Times are of the wall and, in brackets, of the processor: the second one is the same on a machine that has other work.

use std::{
    error::Error,
    fmt::{self, Display, Formatter},
    path::Path,
    time::Instant,
};

use forethought_sandbox::{Ending, Job, Language, Machine, Ran};

const CALLS: usize = 200;
const FILES: [(Language, &str, &str); 2] = [
    (Language::Javascript, "quickjs-ng-0.17.0.wasm", "let n = 0; for (let i = 0; i < 3e6; i++) n += i % 7; n"),
    (Language::Python, "python-3.12.0.wasm", "sum(i % 7 for i in range(3_000_000))"),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::var("FORETHOUGHT_INTERPRETERS").map_err(|_| "FORETHOUGHT_INTERPRETERS names no folder")?;
    let machine = Machine::new()?;
    for (language, file, work) in FILES {
        measure(&machine, language, &Path::new(&folder).join(file), work).await?;
    }
    Ok(())
}

async fn measure(machine: &Machine, language: Language, file: &Path, work: &str) -> Result<(), Box<dyn Error>> {
    let name = language.as_str();
    let wasm = std::fs::read(file)?;
    let resident = resident_kib();
    let clock = Clock::start();
    let program = machine.compile(name, &wasm, language.entry())?;
    println!("{name}: compiled in {clock}, {} MiB", resident_kib().saturating_sub(resident) / 1024);
    let job = |code: &str| Job { args: language.arguments(code), steps: u64::MAX, ..Job::default() };
    let mut times = Vec::new();
    let clock = Clock::start();
    for _ in 0..CALLS {
        let began = Instant::now();
        let ran = ended(program.run(job("1+1"), ()).await?)?;
        times.push((began.elapsed(), ran));
    }
    times.sort_by_key(|(time, _)| *time);
    if let (Some((middle, ran)), Some((late, _))) = (times.get(CALLS / 2), times.get(CALLS * 99 / 100)) {
        println!("{name}: 1+1 in {middle:?} (p99 {late:?}), {} steps, {} KiB of memory", ran.steps, ran.memory / 1024);
    }
    println!("{name}: {CALLS} times 1+1 in {clock}");
    let clock = Clock::start();
    let ran = ended(program.run(job(work), ()).await?)?;
    println!("{name}: {} million steps of work in {clock}", ran.steps / 1_000_000);
    Ok(())
}

fn ended(ran: Ran) -> Result<Ran, Box<dyn Error>> {
    if ran.ending == Ending::Exited(0) { Ok(ran) } else { Err(ran.ending.into()) }
}

/// Since when, and how much this process had used of the processor then.
struct Clock {
    began: Instant,
    used_ms: u64,
}

impl Clock {
    fn start() -> Self {
        Self { began: Instant::now(), used_ms: used_ms() }
    }
}

impl Display for Clock {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms ({} ms)", self.began.elapsed().as_millis(), used_ms().saturating_sub(self.used_ms))
    }
}

/// Processor time of this process, from Linux's hundredths of a second; 0 elsewhere.
fn used_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name, which may hold spaces; the times are the 14th and the 15th.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// Resident memory in KiB; 0 where the system does not tell.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
