//! How fast files are kept, asked and searched, and how much memory that takes: `cargo run -p forethought-library --example
//! library_speed -- 20` for 20 MB of text and as much of a table. Words are drawn as often as in languages (Zipf's law).

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people need no more digits"
)]

use std::{env, error::Error, fmt::Write as _, fs, io, sync::Arc, time::Instant};

use forethought_library::{
    DocumentSearch, Documents, Limits, LocalWrap, SearchBounds, Shelf, TableBounds, TableQuery, Tables, Upload,
};
use forethought_tools::{Invocation, Limits as CallLimits, Tool};
use jiff::Timestamp;
use serde_json::json;

type Done<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done<()> {
    let size = env::args().nth(1).map_or(Ok(20), |text| text.parse::<usize>())? * 1_000_000;
    let dir = tempfile::tempdir()?;
    let (shelf, _) = Shelf::open(dir.path(), Arc::new(LocalWrap::new(&[7; 32])), Limits::default())?;
    let shelf = Arc::new(shelf);
    let text = text(size);
    let upload =
        |name: &str| Upload { name: name.to_owned(), media_type: None, subject: None, created: Timestamp::now() };
    let document = timed("put the document", size, || shelf.put("acme", &upload("a.txt"), text.as_bytes()))?;
    let mut reading = shelf.read("acme", &document.id)?;
    timed("read the document", size, || io::copy(&mut reading, &mut io::sink()))?;
    let table = table(size);
    timed("put the table", size, || shelf.put("acme", &upload("t.csv"), table.as_bytes()))?;
    drop((text, table));
    let documents =
        Documents::new(Arc::clone(&shelf), SearchBounds { tenant_bytes: 1 << 30, ..SearchBounds::default() });
    let search = DocumentSearch::new(documents)?;
    let tables = Tables::new(Arc::clone(&shelf), TableBounds { tenant_bytes: 1 << 30, ..TableBounds::default() });
    let query = TableQuery::new(tables)?;
    let words = json!({ "query": "w100 w2000 \"w1 w2\"" });
    let sql = json!({ "sql": "SELECT region, sum(amount), count(*) FROM t GROUP BY region" });
    call(&search, "first search", &words).await?;
    call(&search, "next search", &words).await?;
    call(&query, "first question", &sql).await?;
    call(&query, "next question", &sql).await?;
    Ok(())
}

fn timed<T, E: Into<Box<dyn Error>>>(what: &str, bytes: usize, work: impl FnOnce() -> Result<T, E>) -> Done<T> {
    let began = Instant::now();
    let done = work().map_err(Into::into)?;
    let speed = bytes as f64 / 1e6 / began.elapsed().as_secs_f64();
    println!("{what}: {:.3} s, {speed:.0} MB/s", began.elapsed().as_secs_f64());
    Ok(done)
}

async fn call(tool: &dyn Tool, what: &str, arguments: &serde_json::Value) -> Done<()> {
    let (before, began) = (resident(), Instant::now());
    let limits = CallLimits { time_ms: 600_000, ..CallLimits::default() };
    let reply = tool.call(Invocation { tenant: "acme".to_owned(), arguments: arguments.clone(), limits }).await?;
    let grown = resident().saturating_sub(before) / 1024;
    println!("{what}: {:.3} s, {grown} MiB more, {} bytes", began.elapsed().as_secs_f64(), reply.text.len());
    Ok(())
}

/// Memory of this process, in KiB; 0 where nobody can say.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Draws that are the same each time (Marsaglia, "Xorshift RNGs", 2003).
struct Draws(u64);

impl Draws {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn text(size: usize) -> String {
    let (mut draws, mut text) = (Draws(42), String::new());
    while text.len() < size {
        // The word of rank r comes about 1/r times as often as the first one.
        let word = 50_000f64.powf(draws.next()) as u32;
        let end = if draws.next() < 0.07 { ". " } else { " " };
        let _ = write!(text, "w{word}{end}");
    }
    text
}

fn table(size: usize) -> String {
    let (mut draws, mut text) = (Draws(43), "id,region,amount,note\n".to_owned());
    for id in 0.. {
        if text.len() >= size {
            break;
        }
        let (region, amount) = (draws.next() * 20.0, draws.next() * 1000.0);
        let _ = writeln!(text, "{id},region {region:.0},{amount:.2},some words of a note");
    }
    text
}
