//! Random histories of appends, failures, power cuts and reopenings, held against a list.

use proptest::{collection::vec, prelude::*};

use super::{Batch, append, contents, open};
use crate::{Disk, Journal, SimDisk};

#[derive(Clone, Debug)]
enum Step {
    Append(Batch),
    Reopen,
    /// Cuts the power so many operations later, and switches it on again.
    Cut {
        after: u64,
        seed: u64,
    },
    Space(usize),
    FailingSync,
}

fn batch() -> impl Strategy<Value = Batch> {
    vec((0_u8..64, vec(any::<u8>(), 0..40)), 1..3)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => batch().prop_map(Step::Append),
        1 => Just(Step::Reopen),
        2 => (0_u64..12, any::<u64>()).prop_map(|(after, seed)| Step::Cut { after, seed }),
        1 => (0_usize..100).prop_map(Step::Space),
        1 => Just(Step::FailingSync),
    ]
}

/// Mends the disk and opens the journal, with the power back if it was cut.
fn revive(disk: &mut SimDisk, seed: u64) -> Journal {
    disk.fail_syncs(false);
    disk.writes_work();
    if let Ok((journal, _)) = open(disk) {
        return journal;
    }
    assert!(disk.list("").is_err(), "only a power cut keeps the journal from opening");
    *disk = disk.reopen(seed);
    open(disk).expect("opens once the power is back").0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_loses_an_acknowledged_entry(steps in vec(step(), 1..60)) {
        let mut disk = SimDisk::new();
        let (mut journal, _) = open(&disk).expect("opens");
        let mut held = Batch::new();
        // The batch that failed last: a power cut may leave it there or not.
        let mut failed: Option<Batch> = None;
        let mut seed = 0;
        for step in steps {
            match step {
                Step::Append(_) if journal.refusing().is_some() => journal = revive(&mut disk, seed),
                Step::Append(batch) => {
                    if append(&mut journal, &batch).is_ok() {
                        held.extend(batch);
                        failed = None;
                    } else {
                        failed = Some(batch);
                        disk.writes_work();
                    }
                }
                Step::Reopen => journal = revive(&mut disk, seed),
                Step::Cut { after, seed: lot } => {
                    disk.power_cut(disk.operations() + after);
                    seed = lot;
                }
                Step::Space(bytes) => disk.limit_space(bytes),
                Step::FailingSync => disk.fail_syncs(true),
            }
            if disk.list("").is_err() {
                journal = revive(&mut disk, seed);
            }
            let found = contents(&journal);
            if found.len() > held.len() && let Some(batch) = failed.take() {
                held.extend(batch);
            }
            prop_assert_eq!(&found, &held);
        }
    }
}
