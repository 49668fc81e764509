//! `forethought audit acts`: what was done to the service itself.

use forethought_audit::{Act, ActFilter, AuditReader, Body, Erasure, Record, RefusedKey};

use super::{
    ActsArgs,
    list::{page, told_of_older},
};
use crate::cli::{
    output::{self, Paint, Style, tame},
    time,
};

pub fn run(args: &ActsArgs) -> anyhow::Result<()> {
    let reader = AuditReader::open(args.place.dir()?)?;
    let filter = ActFilter {
        what: args.what.clone(),
        tenant: args.tenant.clone(),
        actor: args.actor.clone(),
        object: args.object.clone(),
        since: args.since,
        until: args.until,
        limit: None,
    };
    let (acts, next) = page(args.limit, args.cursor.clone(), |cursor, limit| {
        let filter = ActFilter { limit: Some(limit), ..filter.clone() };
        Ok(reader.search_acts(&filter, cursor)?)
    })?;
    let older = next.map(|next| told_of_older(args.limit, &next));
    if args.json {
        output::print_json(&serde_json::to_value(&acts)?)?;
        if let Some(told) = older {
            eprintln!("note: {told}");
        }
        return Ok(());
    }
    let style = Style::of_stdout();
    let mut text: String = acts.iter().map(|record| one(record, style)).collect();
    text.extend(older.map(|told| style.paint(Paint::Dim, &format!("{told}\n"))));
    let none = "nothing was done to the service itself in this time\n";
    Ok(output::print(if text.is_empty() { none } else { &text })?)
}

/// What an erasure did.
fn erased(erasure: &Erasure) -> String {
    let Erasure { tenant, keys, refused, refused_count, .. } = erasure;
    let head = format!("    {} keys of {} destroyed, {refused_count} refused\n", keys.len(), tame(tenant));
    let stays = |RefusedKey { id, why, rule, until }: &RefusedKey| {
        let until = until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        format!("    {id} stays: {why} {}{until}\n", tame(rule.as_deref().unwrap_or("rules disagree")))
    };
    head + &refused.iter().map(stays).collect::<String>()
}

/// One act: a line that says what, by whom and when, and a line for each thing that it changed.
fn one(record: &Record, style: Style) -> String {
    let Body::Act(Act { what, by, object, policy, changes, reason, erasure }) = &record.body else {
        return String::new();
    };
    let found = if what == Act::POLICY_IN_FORCE { "found in the policy file" } else { "by the service itself" };
    let by =
        by.as_ref().map_or_else(|| found.to_owned(), |by| format!("by {} of {}, {}", by.key_id, by.tenant, by.role));
    let object = object.as_ref().map(|object| format!(" {object}")).unwrap_or_default();
    let head = style.paint(Paint::Bold, &tame(&format!("{what}{object}")));
    let at = time::show(record.time);
    let mut text = format!("{at}  {head}  {}; policy {}, record {}\n", tame(&by), policy.version, record.record_id);
    let reason = reason.iter().map(|reason| format!("    why: {}\n", tame(reason)));
    text.extend(erasure.iter().map(erased));
    text.extend(changes.iter().map(|change| format!("    {}\n", tame(change))).chain(reason));
    text
}
