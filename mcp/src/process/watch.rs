//! Watches what a program uses, and finds all that it has started.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    Core,
    table::{Process, all, look, members},
};
use crate::flow::Flow;

/// How often the memory of those that are known is looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// Looks from one search for new ones to the next.
const SEARCH: u32 = 5;
/// Milliseconds of a processor's time that it may use although it was asked for nothing, and those that come each second.
const UNASKED: (f64, f64) = (3000.0, 50.0);
/// How often those are looked for that appeared while others were killed.
const ROUNDS: u32 = 8;

/// Ends the program when it uses more than it may, until it has ended.
pub(crate) async fn watch(core: Arc<Core>, memory_bytes: u64, processes: u32) {
    let mut unasked = Unasked::new();
    for look in 1_u32.. {
        sleep(PAUSE).await;
        if core.has_ended() {
            core.end.tell("it has ended");
            return;
        }
        let searched = look.is_multiple_of(SEARCH);
        let shared = Arc::clone(&core);
        let Ok(found) = spawn_blocking(move || usage(&shared, searched)).await else { return };
        let wrong = over(&found, memory_bytes, processes);
        let idle = core.busy.load(Ordering::Acquire) == 0;
        if let Some(why) = wrong.or_else(|| unasked.wrong(idle, found.ticks, Instant::now())) {
            // Looking for the last of them takes a while.
            _ = spawn_blocking(move || core.punish(why)).await;
            return;
        }
    }
}

/// What all of them use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    processes: usize,
    bytes: u64,
    ticks: u64,
}

fn usage(core: &Core, searched: bool) -> Usage {
    if searched {
        learn(core);
    }
    let known = core.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut found: Vec<Process> = there(&known).map(|(_, process)| process).collect();
    if known.is_empty() {
        found.extend(look(core.leader.as_raw_pid()));
    }
    summed(&found)
}

/// One that has ended and that nobody has waited for takes a number of the machine's, but uses nothing any more.
fn summed(found: &[Process]) -> Usage {
    let alive = || found.iter().filter(|process| !process.ended);
    let pages: u64 = alive().map(|process| process.pages).sum();
    let page = u64::try_from(page_size()).unwrap_or(4096);
    let ticks = alive().map(|process| process.ticks).sum();
    Usage { processes: found.len(), bytes: pages.saturating_mul(page), ticks }
}

/// Those that still have their numbers, ended or not.
fn there(known: &BTreeMap<i32, u64>) -> impl Iterator<Item = (i32, Process)> {
    let same = |(pid, started): (&i32, &u64)| {
        let process = look(*pid)?;
        (process.started == *started).then_some((*pid, process))
    };
    known.iter().filter_map(same)
}

fn over(found: &Usage, memory_bytes: u64, processes: u32) -> Option<String> {
    if found.bytes > memory_bytes {
        return Some(format!("it used more than {memory_bytes} bytes of memory"));
    }
    let many = usize::try_from(processes).is_ok_and(|most| found.processes > most);
    many.then(|| format!("it was more than {processes} processes"))
}

/// Computing that nobody asked for.
struct Unasked {
    ticks: u64,
    flow: Flow,
}

impl Unasked {
    fn new() -> Self {
        Self { ticks: 0, flow: Flow::new(UNASKED.0, UNASKED.1) }
    }

    /// What was used since this was last asked counts only if nothing was asked for.
    fn wrong(&mut self, idle: bool, ticks: u64, now: Instant) -> Option<String> {
        let used = ticks.saturating_sub(self.ticks);
        self.ticks = ticks;
        let ms = used.saturating_mul(1000) / clock_ticks_per_second().max(1);
        let enough = !idle || self.flow.take(f64::from(u32::try_from(ms).unwrap_or(u32::MAX)), now);
        (!enough).then(|| "it kept computing although it was asked for nothing".to_owned())
    }
}

/// Finds all that belong to it.
pub(crate) fn learn(core: &Core) {
    let all = all();
    let mut known = core.known.lock().unwrap_or_else(PoisonError::into_inner);
    *known = members(&all, core.leader, &known);
}

/// Kills all that belong to it, and what those start in the meantime.
pub(crate) fn kill_known(core: &Core) {
    for _ in 0..ROUNDS {
        learn(core);
        let known = core.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let left: Vec<_> = there(&known).filter(|(_, process)| !process.ended).collect();
        if left.is_empty() {
            return;
        }
        for (pid, process) in left {
            kill(pid, process.started);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// By a descriptor, so that nobody else who has got the number is killed.
fn kill(pid: i32, started: u64) {
    let Some(Ok(process)) = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())) else { return };
    if look(pid).is_some_and(|found| found.started == started) {
        // It fails when it has ended.
        _ = pidfd_send_signal(process, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_uses_too_much_is_told() {
        let check = |processes, bytes, expected: Option<&str>| {
            let why = over(&Usage { processes, bytes, ticks: 0 }, 1000, 3);
            assert_eq!(why.is_some(), expected.is_some());
            assert!(why.unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        check(3, 1000, None);
        check(3, 1001, Some("1000 bytes of memory"));
        check(4, 10, Some("3 processes"));
    }

    #[test]
    fn who_has_ended_counts_as_a_process_alone() {
        let process = |ended| Process { parent: 1, group: 1, started: 1, ticks: 5, pages: 3, ended };
        let found = summed(&[process(false), process(true), process(true)]);
        assert_eq!(found, Usage { processes: 3, bytes: 3 * u64::try_from(page_size()).unwrap(), ticks: 5 });
    }

    #[test]
    fn computing_counts_only_while_nothing_was_asked() {
        let (second, start) = (clock_ticks_per_second(), Instant::now());
        let check = |share: u64, idle: bool, expected: Option<u64>| {
            let mut unasked = Unasked::new();
            let over =
                |at: &u64| unasked.wrong(idle, at * second * share / 100, start + Duration::from_secs(*at)).is_some();
            assert_eq!((0..600).find(over), expected, "{share} %");
        };
        check(100, true, Some(4));
        check(20, true, Some(20));
        check(5, true, None);
        check(100, false, None);
    }
}
