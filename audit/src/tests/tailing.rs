//! What was added since somebody looked.

use forethought_store::SimDisk;

use super::{admission, at, id, open, outcome, run, script};
use crate::{Act, ActDraft, OutcomeStatus, PolicyRef};

#[test]
fn every_record_is_seen_once_whatever_is_looked_at_at_once() {
    for most in 1..8 {
        let disk = SimDisk::new();
        run(&disk, &script());
        let (log, _) = open(&disk).unwrap();
        let (mut seen, mut last) = (Vec::new(), 0);
        while last < log.last_seq() {
            let tail = log.records_after(last, most).unwrap();
            assert!(tail.last > last && tail.last <= last + most as u64);
            seen.extend(tail.records.into_iter().map(|(seq, record)| (seq, record.record_id)));
            last = tail.last;
        }
        let ids: Vec<_> = seen.iter().map(|(_, id)| id.clone()).collect();
        assert_eq!(ids[..10], (1..=10).map(id).collect::<Vec<_>>());
        assert!(seen.is_sorted(), "{seen:?}");
        let behind = log.records_after(last, most).unwrap();
        assert_eq!((behind.records.len(), behind.last), (0, last));
        assert_eq!(log.records_after(last + 100, most).unwrap().last, last + 100);
    }
}

#[test]
fn the_act_that_put_the_last_policy_in_force_is_found() {
    let (mut log, _) = open(&SimDisk::new()).unwrap();
    assert_eq!(log.last_policy_act().unwrap(), None);
    let act = |number: u32, version: u64| ActDraft {
        record_id: id(number),
        // A clock that goes back.
        time: at(-i64::from(number)),
        act: Act {
            what: "review.read".to_owned(),
            by: None,
            object: None,
            policy: PolicyRef { version: version.to_string(), digest: "sha256:11".to_owned() },
            changes: Vec::new(),
            reason: None,
            erasure: None,
        },
    };
    let mut seq = 0;
    for (number, version, expected) in [(1, 1, 1), (2, 1, 1), (4, 2, 5), (5, 2, 5), (6, 3, 7)] {
        seq += 1;
        log.append(&[act(number, version).into()]).unwrap();
        if number == 2 {
            log.append(&[admission(90, "ward")]).unwrap();
            seq += 2;
        }
        assert_eq!(log.last_policy_act().unwrap(), Some((expected, version)), "at {seq}");
    }
    log.append(&[outcome(91, 90, OutcomeStatus::Answered)]).unwrap();
    assert_eq!(log.last_policy_act().unwrap(), Some((7, 3)));
}
