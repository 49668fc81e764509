//! `forethought audit list`: one line a request.

use forethought_audit::{AuditReader, Body, Cursor, Filter, Listed, Page};
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
        limit: Some(args.limit),
        principal: args.principal.clone(),
        model: args.model.clone(),
        rule: args.rule.clone(),
        purpose: args.purpose.clone(),
        region: args.region.clone(),
        review: args.review,
        reviewer: args.reviewer.clone(),
        id: args.id.clone(),
        tool: args.tool.clone(),
        ..Filter::default()
    };
    let reader = AuditReader::open(args.place.dir()?)?;
    let (listed, next) = page(args.limit, args.cursor.clone(), |cursor, limit| {
        let filter = Filter { limit: Some(limit), ..filter.clone() };
        Ok(reader.search(&filter, cursor)?)
    })?;
    let older = next.map(|next| told_of_older(args.limit, &next));
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

/// Pages until there are as many as were asked for: one page may be short, and more be behind it.
pub(super) fn page<T>(
    limit: usize,
    mut cursor: Option<Cursor>,
    search: impl Fn(Option<&Cursor>, usize) -> anyhow::Result<Page<T>>,
) -> anyhow::Result<(Vec<T>, Option<Cursor>)> {
    let mut all = Vec::new();
    loop {
        let Page { items, next } = search(cursor.as_ref(), limit - all.len())?;
        all.extend(items);
        if next.is_none() || all.len() >= limit {
            return Ok((all, more(next, search)?));
        }
        cursor = next;
    }
}

/// Where to go on, unless nothing is found there any more.
fn more<T>(
    next: Option<Cursor>,
    search: impl Fn(Option<&Cursor>, usize) -> anyhow::Result<Page<T>>,
) -> anyhow::Result<Option<Cursor>> {
    let mut at = next.clone();
    while let Some(cursor) = at {
        let page = search(Some(&cursor), 1)?;
        if !page.items.is_empty() {
            return Ok(next);
        }
        at = page.next;
    }
    Ok(None)
}

/// How to go on.
pub(super) fn told_of_older(limit: usize, next: &Cursor) -> String {
    format!("the latest {limit}; older ones: the same with `--cursor {next}`, or a higher `--limit`")
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
