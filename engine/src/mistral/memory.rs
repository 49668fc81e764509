//! How much memory this process may still take: what the machine has left, and what its container's limit leaves.

use std::{fs, path::Path};

/// Bytes that are free for this process, with `/proc` and `/sys` looked up under `root`; `None` where neither tells.
pub(super) fn available(root: &Path) -> Option<u64> {
    [machine(root), control_groups(root)].into_iter().flatten().min()
}

fn machine(root: &Path) -> Option<u64> {
    Some(field(&root.join("proc/meminfo"), "MemAvailable:")?.saturating_mul(1024))
}

/// The least that any control group around this process leaves: a limit holds for all that is below it.
fn control_groups(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mount = root.join("sys/fs/cgroup");
    let of_line = |line: &str| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        if controllers.is_empty() {
            least(&mount, path, &VERSION_2)
        } else if controllers.split(',').any(|name| name == "memory") {
            least(&mount.join("memory"), path, &VERSION_1)
        } else {
            None
        }
    };
    groups.lines().filter_map(of_line).min()
}

/// The names of one version's files.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// The field of `memory.stat` with cached files that the kernel drops when memory is asked for.
    droppable: &'static str,
}

const VERSION_2: Files = Files { limit: "memory.max", used: "memory.current", droppable: "inactive_file" };
const VERSION_1: Files =
    Files { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", droppable: "total_inactive_file" };

/// Inside a container the path is often that of the host, and only the mount's own root is there.
fn least(mount: &Path, path: &str, files: &Files) -> Option<u64> {
    let path = Path::new(path.trim_start_matches('/'));
    path.ancestors().filter_map(|group| left(&mount.join(group), files)).min()
}

fn left(group: &Path, files: &Files) -> Option<u64> {
    // `max` is no number: then there is no limit.
    let limit = number(&group.join(files.limit))?;
    let used = number(&group.join(files.used))?;
    let droppable = field(&group.join("memory.stat"), files.droppable).unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(droppable)))
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expect: Option<u64>) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        assert_eq!(available(root.path()), expect, "{files:?}");
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:  100 kB\nMemFree: 2 kB\nMemAvailable:   50 kB\n");

    #[test]
    fn the_tightest_limit_counts() {
        check(&[], None);
        check(&[MACHINE], Some(51_200));
        let two = ("proc/self/cgroup", "0::/a/b\n");
        let used = ("sys/fs/cgroup/memory.current", "6000\n");
        check(&[MACHINE, two, ("sys/fs/cgroup/memory.max", "max\n"), used], Some(51_200));
        check(&[MACHINE, two, ("sys/fs/cgroup/memory.max", "9000\n"), used], Some(3_000));
        check(&[two, ("sys/fs/cgroup/memory.max", "5000\n"), used], Some(0));
        let stat = ("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 500\n");
        check(&[MACHINE, two, ("sys/fs/cgroup/memory.max", "9000\n"), used, stat], Some(3_500));
        let above = [("sys/fs/cgroup/a/memory.max", "900\n"), ("sys/fs/cgroup/a/memory.current", "200\n")];
        let own = [("sys/fs/cgroup/a/b/memory.max", "max\n"), ("sys/fs/cgroup/a/b/memory.current", "100\n")];
        check(&[MACHINE, two, above[0], above[1], own[0], own[1]], Some(700));
    }

    #[test]
    fn the_first_version_is_known_too() {
        let groups = ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/1\n0::/\n");
        let limit = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9000\n");
        let used = ("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
        let stat = ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 400\n");
        check(&[MACHINE, groups, limit, used, stat], Some(8_400));
        let none = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        check(&[MACHINE, groups, none, used, stat], Some(51_200));
    }
}
