//! Power cuts at every write: no key that was given is lost, and none that was destroyed comes back.

use forethought_store::SimDisk;
use proptest::prelude::*;

use super::{
    give, is_there, master,
    model::{Act, Model, both, cut_at, operations},
    open, open_as, owner,
};
use crate::vault::{Masters, VaultError};

/// Two files, a hold, destructions of both, and another master key.
fn script() -> Vec<Act> {
    let ask = |numbers: std::ops::Range<usize>, day| numbers.map(move |number| Act::Ask(number, 0, day));
    let mut acts: Vec<Act> = ask(0..3, 0).collect();
    acts.push(Act::Flush);
    acts.extend(ask(2..7, 0));
    acts.extend([Act::Flush, Act::Hold(4), Act::Destroy(3), Act::Destroy(5), Act::Ask(1, 1, 1), Act::Flush]);
    acts.extend([Act::Rewrap, Act::Release, Act::Destroy(2), Act::Ask(2, 1, 1), Act::Flush]);
    acts
}

fn more() -> Vec<Act> {
    vec![Act::Ask(1, 0, 2), Act::Ask(8, 0, 2), Act::Flush, Act::Hold(1), Act::Release, Act::Rewrap, Act::Destroy(4)]
}

#[test]
fn a_power_cut_at_every_operation_loses_no_key_and_brings_none_back() {
    let all = operations(&script());
    assert!(all > 60, "{all} operations");
    for at in 0..=all {
        for seed in 0..6 {
            cut_at(&script(), &more(), at, if seed == 0 { 0 } else { seed * 1000 + at });
        }
    }
    println!("{} power cuts", 6 * (all + 1));
}

#[test]
fn the_script_does_what_it_says() {
    let disk = SimDisk::new();
    let (mut vault, _) = open_as(&disk, master(1)).expect("opens");
    let mut model = Model::default();
    model.run(&mut vault, &script()).expect("done");
    model.check(&vault, "without a cut");
    assert_eq!(model.counts(), (6, 3));
    drop(vault);
    let (vault, report) = open_as(&disk.reopen(0), Masters::new(master(2))).expect("the old master key is not needed");
    model.check(&vault, "after a restart");
    assert_eq!((report.files, report.slots, report.holds), (3, 9, 0));
}

#[test]
fn a_second_cut_while_the_first_is_mended_loses_nothing() {
    let all = operations(&script());
    for at in (0..=all).step_by(3) {
        let first = SimDisk::new();
        first.power_cut(at);
        let mut model = Model::default();
        if let Ok((mut vault, _)) = open_as(&first, master(1)) {
            let _ = model.run(&mut vault, &script());
        }
        let mended = first.reopen(at + 1);
        let opened = open_as(&mended, both()).expect("opens");
        let steps = mended.operations();
        drop(opened);
        for again in 0..=steps {
            let disk = first.reopen(at + 1);
            disk.power_cut(again);
            let _ = open_as(&disk, both());
            let (vault, _) = open_as(&disk.reopen(again), both()).expect("opens");
            model.check(&vault, &format!("cut {at}, then {again}"));
        }
    }
}

#[test]
fn a_vault_that_opens_with_the_new_master_key_alone_needs_no_older_one() {
    let whole = SimDisk::new();
    let mut vault = open(&whole);
    for number in 0..6 {
        give(&mut vault, &owner(number), 0);
    }
    drop(vault);
    let begin = whole.operations();
    open(&whole).rewrap(master(2)).expect("rewrapped");
    let (mut opened, mut refused) = (0, 0);
    for at in 0..=whole.operations() - begin {
        for seed in [0, at + 1, at + 900] {
            let disk = SimDisk::new();
            let mut vault = open(&disk);
            let keys: Vec<_> = (0..6).map(|number| give(&mut vault, &owner(number), 0)).collect();
            drop(vault);
            disk.power_cut(disk.operations() + at);
            if let Ok((mut vault, _)) = open_as(&disk, master(1)) {
                let _ = vault.rewrap(master(2));
            }
            match open_as(&disk.reopen(seed), master(2)) {
                Ok((vault, _)) => {
                    opened += 1;
                    assert!(keys.iter().all(|key| is_there(&vault, key)), "cut {at}, seed {seed}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(matches!(error, VaultError::OtherMaster { .. }), "cut {at}, seed {seed}: {error}");
                }
            }
        }
    }
    assert!(opened > 0 && refused > 0, "{opened} opened, {refused} refused");
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..6_usize, 0..2_u8, 0..3_i64).prop_map(|(owner, kind, day)| Act::Ask(owner, kind, day)),
        3 => Just(Act::Flush),
        2 => (1..4_usize).prop_map(Act::Destroy),
        1 => (1..4_usize).prop_map(Act::Hold),
        1 => Just(Act::Release),
        1 => Just(Act::Rewrap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_history_loses_a_key_or_brings_one_back(
        acts in proptest::collection::vec(act(), 1..24),
        more in proptest::collection::vec(act(), 1..8),
        seed in 1..u64::MAX / 2,
    ) {
        for at in 0..=operations(&acts) {
            cut_at(&acts, &more, at, 0);
            cut_at(&acts, &more, at, seed + at);
        }
    }
}
