//! `forethought audit replay`: requests carried out again, a line each, and whether the same came.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::IsTerminal as _,
    process::ExitCode,
};

use anyhow::Context;
use forethought_actors::{Model, Rerunner};
use forethought_audit::{AuditReader, Filter, OutcomeStatus, Shown, Status};
use forethought_engine::mistral;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Handle};

use super::ReplayArgs;
use crate::{
    cli::{
        Usage, exit, load,
        output::{self, Align, Paint, Style, Table, count, tame},
    },
    config::{Config, EngineConfig},
    replay::{Replay, models_of, other_weights, replay, weights_of},
    serve,
};

/// Threads that carry requests out; the engines have threads of their own.
const WORK_THREADS: usize = 2;

/// A request, and what came of it.
type Replayed = (Shown, Replay);

pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.config)?;
    let dir = args.data_dir.clone().unwrap_or_else(|| config.data_dir.clone());
    let reader = AuditReader::open(&dir)?;
    let wanted = wanted(args, &reader)?;
    let work = Builder::new_multi_thread().worker_threads(WORK_THREADS).thread_name("work").enable_all().build()?;
    let replayed = actix_rt::System::new().block_on(all(wanted, &config, work.handle()))?;
    work.shutdown_background();
    if args.json {
        output::print_json(&replayed.iter().map(to_json).collect())?;
    } else {
        output::print(&text(&replayed, Style::of_stdout()))?;
    }
    Ok(code(&replayed))
}

/// The requests with their contents.
fn wanted(args: &ReplayArgs, reader: &AuditReader) -> anyhow::Result<Vec<Shown>> {
    let ids = if args.id.is_empty() { latest(args, reader)? } else { args.id.clone() };
    let show = |id: &String| {
        let found = reader.show(id, true)?;
        found.ok_or_else(|| Usage(format!("there is no request or record `{}` in this log", tame(id))).into())
    };
    ids.iter().map(show).collect()
}

fn latest(args: &ReplayArgs, reader: &AuditReader) -> anyhow::Result<Vec<String>> {
    let filter = Filter {
        tenant: args.tenant.clone(),
        since: args.since,
        until: args.until,
        status: Some(Status::Ended(OutcomeStatus::Answered)),
        limit: Some(args.limit),
        ..Filter::default()
    };
    Ok(reader.list(&filter)?.into_iter().map(|listed| listed.admission.record_id.to_string()).collect())
}

async fn all(wanted: Vec<Shown>, config: &Config, work: &Handle) -> anyhow::Result<Vec<Replayed>> {
    let asked: BTreeMap<&str, BTreeSet<&str>> =
        wanted.iter().filter_map(weights_of).fold(BTreeMap::new(), |mut asked, (model, weights)| {
            asked.entry(model).or_default().insert(weights);
            asked
        });
    let refused = refused(&asked, config)?;
    let needed: BTreeSet<String> = wanted.iter().flat_map(models_of).collect();
    let used = config.models.iter().filter(|model| needed.contains(&model.id) && !refused.contains_key(&model.id));
    let models = used
        .map(|model| Model { id: model.id.clone(), build: serve::build(&model.id, &model.engine, work, None) })
        .collect();
    let engines = Rerunner::start(models);
    let bar = progress(wanted.len());
    let mut replayed = Vec::new();
    for shown in wanted {
        let came = replay(&shown, &engines, &refused).await;
        bar.inc(1);
        replayed.push((shown, came));
    }
    bar.finish_and_clear();
    Ok(replayed)
}

/// The models that cannot be used, and why: they are not there, or their files are not what answered.
fn refused(asked: &BTreeMap<&str, BTreeSet<&str>>, config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    let mut refused = BTreeMap::new();
    for (model, weights) in asked {
        match config.models.iter().find(|configured| configured.id == *model).map(|configured| &configured.engine) {
            None => {
                refused.insert((*model).to_owned(), format!("the configuration has no model `{}`", tame(model)));
            }
            Some(EngineConfig::Mistral(file)) => {
                let now =
                    mistral::digest(&file.path).with_context(|| format!("cannot read {}", file.path.display()))?;
                if let (false, Some(then)) = (weights.contains(now.as_str()), weights.first()) {
                    refused.insert((*model).to_owned(), other_weights(then, &now));
                }
            }
            Some(_) => {}
        }
    }
    Ok(refused)
}

fn progress(requests: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} requests, {eta} left");
    let bar = ProgressBar::new(requests as u64);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn code(replayed: &[Replayed]) -> ExitCode {
    if replayed.iter().any(|(_, came)| matches!(came, Replay::Differs(_))) {
        return ExitCode::from(exit::CHECK_FAILED);
    }
    let told = replayed.iter().all(|(_, came)| matches!(came, Replay::Identical(_)));
    if told { ExitCode::SUCCESS } else { ExitCode::from(exit::INCONCLUSIVE) }
}

fn text(replayed: &[Replayed], style: Style) -> String {
    let mut table = Table::new(&[("RECORD", Align::Left), ("AGAIN", Align::Left), ("WHAT", Align::Left)]);
    let mut numbers = [0_u64; 3];
    for (shown, came) in replayed {
        let (word, paint, at) = match came {
            Replay::Identical(_) => ("identical", Paint::Good, 0),
            Replay::Differs(_) => ("DIFFERS", Paint::Bad, 1),
            Replay::Cannot(_) => ("cannot be told", Paint::Odd, 2),
        };
        if let Some(number) = numbers.get_mut(at) {
            *number += 1;
        }
        let record = shown.admission.record_id.to_string();
        table.row(vec![(record, Paint::Plain), (word.to_owned(), paint), (tame(&came.to_string()), Paint::Plain)]);
    }
    let [same, other, untold] = numbers;
    let sum = format!("{} identical, {other} other, {untold} that cannot be told\n", count(same, "request"));
    if replayed.is_empty() { "no requests\n".to_owned() } else { format!("{}\n{sum}", table.render(style)) }
}

fn to_json((shown, came): &Replayed) -> Value {
    let mut value = json!({ "record_id": shown.admission.record_id, "result": came.as_str() });
    let said = match came {
        Replay::Identical(same) => {
            json!({ "samples": same.whole, "samples_begun": same.begun, "tokens": same.tokens })
        }
        Replay::Differs(differences) => json!({ "differences": differences }),
        Replay::Cannot(why) => json!({ "why": why }),
    };
    if let (Some(value), Value::Object(said)) = (value.as_object_mut(), said) {
        value.extend(said);
    }
    value
}
