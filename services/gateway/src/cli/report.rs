//! `forethought report`: what was done in a period, and what the log shows of the duties of laws, as pages for people.

use std::path::PathBuf;

use forethought_audit::{LogSnapshot, VerifierKey};
use forethought_report::{Duties, Figures, LawTable, Report, Scope, State, collect};
use jiff::Timestamp;

use super::{
    audit::{Place, public_keys},
    output::{self, Align, Paint, Style, Table, count},
    time,
};

pub const HELP: &str = "\
Examples:
  forethought report --config forethought.yaml --from 2026-11-01 --to 2026-12-01 --out ./november
  forethought report --data-dir ./data --tenant acme --pack eu-ai-act --pack eu-gdpr --from 30d --out ./acme
  forethought report --config forethought.yaml --pack ./our-duties.yaml --from 2026-01-01 --out ./year

Open report.html in the new folder with any browser: it loads nothing. Every number leads to the entries of the log that make it, and
`forethought audit prove` shows of each that it is in the signed log. A report is no legal advice.";

/// What to report on.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Only this tenant's requests
    #[arg(long)]
    tenant: Option<String>,
    /// Requests from this time on: RFC 3339, a date (UTC), or how long ago, such as 30d
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    from: Timestamp,
    /// Requests before this time; until now unless set
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    to: Option<Timestamp>,
    /// The duties of which laws: eu-ai-act, eu-gdpr, colorado-sb-26-189, texas-hb-149, us-sectors, nist-ai-rmf, or a file; all of these
    /// unless set
    #[arg(long, value_name = "NAME")]
    pack: Vec<String>,
    /// The folder that is made
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The log's public key; by default that of log.key in the data directory
    #[arg(long, value_name = "KEY")]
    key: Vec<VerifierKey>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let now = Timestamp::now();
    let scope = Scope::new(args.tenant.clone(), args.from, args.to.unwrap_or(now))?;
    let laws = if args.pack.is_empty() {
        Duties::load_all(Duties::shipped())?
    } else {
        Duties::load_all(args.pack.iter().map(String::as_str))?
    };
    let dir = args.place.dir()?;
    let figures = collect(&LogSnapshot::open(&dir, public_keys(&args.key, &dir)?)?, &scope)?;
    let report = Report::new(figures, &laws, now);
    let written = report.write(&args.out)?;
    let page = written.page.display();
    output::print(&format!("{}\nopen {page}\n", told(&report.figures, &report.laws, &scope)))?;
    Ok(())
}

/// What a reader would look for first.
fn told(figures: &Figures, laws: &[LawTable], scope: &Scope) -> String {
    let plain = |text: String| (text, Paint::Plain);
    let mut table = Table::new(&[
        ("LAW", Align::Left),
        ("SHOWN", Align::Right),
        ("GAPS", Align::Right),
        ("NOT APPLICABLE", Align::Right),
        ("NO LOG CAN SHOW", Align::Right),
    ]);
    for law in laws {
        let gaps = law.count(State::Gap);
        table.row(vec![
            plain(law.id.clone()),
            plain(law.count(State::Shown).to_string()),
            (gaps.to_string(), if gaps == 0 { Paint::Plain } else { Paint::Odd }),
            plain(law.count(State::NotApplicable).to_string()),
            plain(law.count(State::BeyondALog).to_string()),
        ]);
    }
    let requests = count(figures.requests(), "request");
    format!("{requests} of {}, {}\n\n{}", output::tame(scope.whose()), scope.period(), table.render(Style::of_stdout()))
}
