//! The power goes at every write of a backup: the one before it, or the new one, is there.

use super::*;

#[test]
fn a_backup_that_is_cut_short_leaves_the_one_before_it() {
    let disk = SimDisk::new();
    let mut log = log_of(&disk, 40);
    let first = SimDisk::new();
    let before = backed_up(&log, &first).expect("backed up");
    for number in (100..140).step_by(2) {
        append(&mut log, number);
    }
    let begin = || first.reopen(0);
    let whole = begin();
    let after = backed_up(&log, &whole).expect("backed up");
    assert!(after.size > before.size);
    let all = whole.operations();
    assert!(all > 20, "{all}");
    let (mut old, mut new) = (0, 0);
    for cut in 0..=all {
        for seed in 0..3 {
            let target = begin();
            target.power_cut(cut);
            let done = backed_up(&log, &target).is_ok();
            let left = target.reopen(seed * 1000 + if seed == 0 { 0 } else { cut });
            let (_dir, to) = folder();
            let restored = restore_from(&left, &to).unwrap_or_else(|error| panic!("{cut}, {seed}: {error}"));
            match restored.size {
                size if size == before.size && !done => {
                    assert_eq!(restored.root, before.root);
                    old += 1;
                }
                size if size == after.size => {
                    assert_eq!(restored.root, after.root);
                    new += 1;
                }
                size => panic!("{cut}, {seed}: {size} records, done: {done}"),
            }
            let again = backed_up(&log, &left).expect("the next one goes on");
            assert_eq!((again.size, again.root), (after.size, after.root));
            assert_eq!(left.list("files").expect("listed").len() as u64, again.files);
        }
    }
    assert!(old > 50 && new > 2, "{old} old, {new} new");
}

#[test]
fn a_first_backup_that_is_cut_short_is_none_or_whole() {
    let log = log_of(&SimDisk::new(), 20);
    let whole = SimDisk::new();
    backed_up(&log, &whole).expect("backed up");
    for cut in 0..=whole.operations() {
        for seed in 0..4 {
            let target = SimDisk::new();
            target.power_cut(cut);
            let done = backed_up(&log, &target).is_ok();
            let left = target.reopen(seed);
            let (_dir, to) = folder();
            match restore_from(&left, &to) {
                Ok(restored) => assert_eq!(restored.root, log.tree_root()),
                Err(BackupError::NoBackup { .. }) => assert!(!done && !to.exists(), "{cut}, {seed}"),
                Err(error) => panic!("{cut}, {seed}: {error}"),
            }
            backed_up(&log, &left).expect("the next one goes on");
        }
    }
}

#[test]
fn a_disk_that_fails_leaves_the_backup_before() {
    let mut log = log_of(&SimDisk::new(), 40);
    let backup = SimDisk::new();
    backed_up(&log, &backup).expect("backed up");
    for number in (100..140).step_by(2) {
        append(&mut log, number);
    }
    for space in (0..40_000).step_by(1111) {
        let target = backup.reopen(0);
        target.limit_space(space);
        let result = backed_up(&log, &target);
        target.writes_work();
        let (_dir, to) = folder();
        let restored = restore_from(&target, &to).expect("restored");
        assert_eq!(restored.size, if result.is_ok() { log.tree_size() } else { 40 }, "{space}: {result:?}");
        target.fail_syncs(true);
        append(&mut log, 1000 + u32::try_from(space).expect("small"));
        backed_up(&log, &target).expect_err("nothing is durable");
        target.fail_syncs(false);
        let (_dir, to) = folder();
        assert_eq!(restore_from(&target, &to).expect("restored all the same").size, restored.size);
    }
}
