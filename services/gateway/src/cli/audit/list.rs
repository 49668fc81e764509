//! `forethought audit list`: one line a request.

use forethought_audit::{AuditReader, Body, Filter, Listed};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ListArgs, duration, paint};
use crate::cli::{
    output::{self, Align, Paint, Style, Table},
    time,
};

pub fn run(args: &ListArgs) -> anyhow::Result<()> {
    let filter = Filter {
        tenant: args.tenant.clone(),
        since: args.since,
        until: args.until,
        status: args.status,
        // One more tells whether there are more.
        limit: Some(args.limit.saturating_add(1)),
    };
    let mut listed = AuditReader::open(args.place.dir()?)?.list(&filter)?;
    let older = listed.get(args.limit).map(|listed| told_of_older(args.limit, listed));
    listed.truncate(args.limit);
    if args.json {
        output::print_json(&listed.iter().map(to_json).collect())?;
        if let Some(told) = older {
            eprintln!("note: {told}");
        }
        return Ok(());
    }
    if listed.is_empty() {
        return Ok(output::print("no requests\n")?);
    }
    let style = Style::of_stdout();
    let mut text = table(&listed).render(style);
    if let Some(told) = older {
        text.push_str(&style.paint(Paint::Dim, &format!("{told}\n")));
    }
    Ok(output::print(&text)?)
}

/// How to go on: the bound is the first microsecond, in which times are compared, that leaves none of the rest out.
fn told_of_older(limit: usize, next: &Listed) -> String {
    let time = Timestamp::from_microsecond(next.admission.time.as_microsecond() + 1).unwrap_or(Timestamp::MAX);
    format!("the latest {limit}; older ones: `--until {time}`, or a higher `--limit`")
}

fn table(listed: &[Listed]) -> Table {
    let mut table = Table::new(&[
        ("TIME (UTC)", Align::Left),
        ("RECORD", Align::Left),
        ("TENANT", Align::Left),
        ("MODEL", Align::Left),
        ("STATUS", Align::Left),
        ("SAMPLES", Align::Right),
        ("TOKENS", Align::Right),
        ("TOOK", Align::Right),
    ]);
    for Listed { admission, end, status } in listed {
        let model = match &admission.body {
            Body::Admission(admission) => admission.model.clone(),
            _ => String::new(),
        };
        let spent = match end.as_ref().map(|end| &end.body) {
            Some(Body::Outcome(outcome)) => Some(outcome.spent),
            _ => None,
        };
        let number = |text: Option<String>| (text.unwrap_or_else(|| "-".to_owned()), Paint::Plain);
        table.row(vec![
            (time::show(admission.time), Paint::Plain),
            (admission.record_id.to_string(), Paint::Plain),
            (admission.tenant().unwrap_or_default().to_owned(), Paint::Plain),
            (model, Paint::Plain),
            (status.to_string(), paint(*status)),
            number(spent.map(|spent| spent.samples.to_string())),
            number(spent.map(|spent| (spent.prompt_tokens + spent.generated_tokens).to_string())),
            number(spent.map(|spent| duration(spent.wall_ms))),
        ]);
    }
    table
}

fn to_json(listed: &Listed) -> Value {
    json!({ "status": listed.status.as_str(), "admission": listed.admission, "end": listed.end })
}
