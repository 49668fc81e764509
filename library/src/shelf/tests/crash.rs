//! The power is cut at every single write: what was acknowledged stands, and what was erased does not come back.

use super::*;

/// What one run was told before the power went.
#[derive(Default)]
struct Told {
    kept: Vec<FileId>,
    erased: Vec<FileId>,
    /// The erasure of this one was asked for.
    asked: Option<FileId>,
}

fn story(shelf: &Shelf, first: &[u8], second: &[u8]) -> Told {
    let mut told = Told::default();
    let Ok(one) = shelf.put("acme", &upload("one.txt", None), first) else { return told };
    told.kept.push(one.id.clone());
    let Ok(two) = shelf.put("acme", &upload("two.txt", None), second) else { return told };
    told.kept.push(two.id);
    if shelf.rewrap().is_err() {
        return told;
    }
    told.asked = Some(one.id.clone());
    if shelf.delete("acme", &one.id).is_ok() {
        told.erased.push(one.id);
    }
    told
}

#[test]
fn whenever_the_power_goes_files_are_whole_or_not_there_and_erased_means_erased() {
    let (first, second) = (long_text(seal::CHUNK + 10), long_text(10));
    let run = |cut: Option<u64>| {
        let disk = SimDisk::new();
        let (shelf, _) = open(&disk);
        let begun = disk.operations();
        if let Some(cut) = cut {
            disk.power_cut(begun + cut);
        }
        let told = story(&shelf, &first, &second);
        (disk.operations() - begun, disk, told)
    };
    let (operations, ..) = run(None);
    assert!(operations > 25, "{operations}");
    for cut in 0..operations {
        let (_, disk, told) = run(Some(cut));
        for seed in 0..6 {
            check(&disk.reopen(seed), &told, &first, &second, &format!("cut {cut} seed {seed}"));
        }
    }
}

fn check(disk: &SimDisk, told: &Told, first: &[u8], second: &[u8], when: &str) {
    let (shelf, _) = open(disk);
    let there: Vec<FileId> = shelf.list("acme").expect("list").into_iter().map(|info| info.id).collect();
    assert_eq!(shelf.unreadable("acme").expect("list"), [], "{when}");
    for id in &there {
        let text = text_of(&shelf, "acme", id).expect(when);
        assert!(text == first || text == second, "{when}");
    }
    for id in &told.kept {
        let may_be_gone = told.asked.as_ref() == Some(id);
        assert!(there.contains(id) || may_be_gone, "{when}: an acknowledged file is lost");
    }
    for id in &told.erased {
        assert!(!there.contains(id), "{when}: an erased file is back");
    }
    let parts = everything(disk);
    assert_eq!(
        parts.len(),
        2 * there.len(),
        "{when}: something is left: {:?}",
        parts.iter().map(|part| &part.0).collect::<Vec<_>>()
    );
    // A second start finds nothing more to do, also after another loss of power.
    let (_, report) = open(&disk.reopen(0));
    assert_eq!(report, ShelfReport { files: there.len(), halves: 0, erased: 0 }, "{when}");
}

#[test]
fn a_full_disk_refuses_files_and_loses_none() {
    let disk = SimDisk::new();
    let (shelf, _) = open(&disk);
    let kept = shelf.put("acme", &upload("a.txt", None), long_text(1000).as_slice()).expect("put");
    for space in (0..2000).step_by(97) {
        disk.limit_space(space);
        let refused = shelf.put("acme", &upload("b.txt", None), long_text(1500).as_slice());
        disk.writes_work();
        match refused {
            Err(_) => {
                assert_eq!(shelf.list("acme").expect("list"), std::slice::from_ref(&kept));
                assert_eq!(everything(&disk).len(), 2, "{space}");
            }
            Ok(put) => drop(shelf.delete("acme", &put.id).expect("deleted")),
        }
    }
    disk.fail_syncs(true);
    shelf.put("acme", &upload("b.txt", None), b"x".as_slice()).expect_err("not durable");
    disk.fail_syncs(false);
    assert_eq!(open(&disk.reopen(0)).0.list("acme").expect("list"), [kept]);
}
