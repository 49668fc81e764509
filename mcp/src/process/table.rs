//! The processes of this machine, as Linux tells of them in /proc (proc(5), `/proc/<pid>/stat`).

use std::{collections::BTreeMap, fs};

use rustix::process::Pid;

/// What is known of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) parent: i32,
    pub(crate) group: i32,
    /// When it was started, which tells it from a later one with the same number.
    pub(crate) started: u64,
    /// Time of processors that it has used, in ticks.
    pub(crate) ticks: u64,
    /// Pages that are in memory; those that are shared count for each.
    pub(crate) pages: u64,
    /// Whether it has ended, and only its number is left.
    pub(crate) ended: bool,
}

/// One process, while it is there.
pub(crate) fn look(pid: i32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process that can be seen.
pub(crate) fn all() -> BTreeMap<i32, Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, look(pid)?))).collect()
}

/// Those of a group, all that they have started, and all that were known before: who leaves the group is still one of them.
pub(crate) fn members(all: &BTreeMap<i32, Process>, leader: Pid, known: &BTreeMap<i32, u64>) -> BTreeMap<i32, u64> {
    let leader = leader.as_raw_pid();
    let first = all.iter().filter(|(pid, process)| {
        process.group == leader || known.get(pid).is_some_and(|started| *started == process.started)
    });
    let mut found: BTreeMap<i32, u64> = first.map(|(pid, process)| (*pid, process.started)).collect();
    loop {
        let children =
            all.iter().filter(|(pid, process)| !found.contains_key(pid) && found.contains_key(&process.parent));
        let children: Vec<_> = children.map(|(pid, process)| (*pid, process.started)).collect();
        if children.is_empty() {
            return found;
        }
        found.extend(children);
    }
}

/// The name of a program may hold anything, so what counts stands behind its last parenthesis.
fn parse(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The state is field 3 of the manual's count.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let signed = |field: usize| fields.get(field - 3)?.parse::<i32>().ok();
    Some(Process {
        parent: signed(4)?,
        group: signed(5)?,
        ticks: number(14)?.saturating_add(number(15)?),
        started: number(22)?,
        pages: number(24)?,
        ended: matches!(*fields.first()?, "Z" | "X" | "x"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_program_is_called() {
        let rest = "S 7 8 9 0 -1 4194560 1 2 3 4 10 20 0 0 20 0 1 0 555 1000 77 18446744073709551615 1";
        let expected = Process { parent: 7, group: 8, started: 555, ticks: 30, pages: 77, ended: false };
        for name in ["cat", "a) S 1 1 (b", "", "é\n"] {
            assert_eq!(parse(&format!("42 ({name}) {rest}")), Some(expected), "{name}");
        }
        assert!(parse(&format!("42 (a) Z{}", rest.trim_start_matches('S'))).unwrap().ended);
        for wrong in ["", "42 (a", "42 (a) S 7"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn members_are_the_group_its_children_and_who_was_one_before() {
        let process = |parent, group, started| Process { parent, group, started, ticks: 0, pages: 0, ended: false };
        let all = BTreeMap::from([
            (1, process(0, 1, 1)),
            (10, process(1, 10, 2)),
            (11, process(10, 10, 3)),
            (12, process(11, 12, 4)),
            (13, process(12, 13, 5)),
            (14, process(1, 14, 6)),
            (15, process(1, 15, 7)),
            (16, process(15, 16, 8)),
        ]);
        let known = BTreeMap::from([(14, 5), (15, 7), (99, 1)]);
        let found = members(&all, Pid::from_raw(10).unwrap(), &known);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [10, 11, 12, 13, 15, 16]);
    }

    #[test]
    fn this_process_is_seen() {
        let me = rustix::process::getpid().as_raw_pid();
        let all = all();
        assert!(all[&me].pages > 0 && all[&me].started == look(me).unwrap().started);
    }
}
