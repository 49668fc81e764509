//! Which rows may go, who may have them go, and when.

use forethought_store::SimDisk;

use super::{date, give, give_for, on, open, owner, rows};
use crate::{
    RetentionDays, RetentionNote,
    vault::{Bound, DestroyReason, HoldId, KeyId, Owner, Refusal, Retention, Scope, VaultError},
};

fn days(days: u32) -> RetentionDays {
    RetentionDays { days, rule: format!("t/{days}") }
}

/// Contents, limit, erase; all in days.
fn note(contents: Option<u32>, limit: Option<u32>, erase: Option<u32>) -> RetentionNote {
    RetentionNote {
        records: None,
        contents: contents.map(days),
        limit: limit.map(days),
        erase: erase.map(days),
        open: Vec::new(),
    }
}

fn open_note(contents: Option<u32>) -> RetentionNote {
    RetentionNote { open: vec!["a".to_owned(), "b".to_owned()], ..note(contents, Some(1), Some(0)) }
}

#[test]
fn dates_count_from_the_admission_s_day() {
    let of = Retention::of(&note(Some(30), Some(40), Some(10)), on(0));
    let dates = [&of.keep_until, &of.gone_after, &of.erase_from].map(|bound| bound.as_ref().map(Bound::date));
    assert_eq!(dates, [Some(date(30)), Some(date(39)), Some(date(11))]);
    assert_eq!(of.keep_until.as_ref().map(Bound::rule), Some("t/30"));
    let of = Retention::of(&note(None, Some(0), Some(0)), on(0));
    assert_eq!((of.gone_after.map(|bound| bound.date()), of.erase_from.map(|bound| bound.date())), {
        (Some(date(0)), Some(date(0)))
    });
    let of = Retention::of(&note(Some(u32::MAX), None, None), on(0));
    assert_eq!(of.keep_until.map(|bound| bound.date()), Some(jiff::civil::Date::MAX));
    assert_eq!(Retention::of(&RetentionNote::default(), on(0)), Retention::default());
}

#[test]
fn a_person_a_tenant_and_time_are_told_apart() {
    let person = |today, refused: Option<i64>| ("person", today, refused);
    let tenant = |today, refused: Option<i64>| ("tenant", today, refused);
    let time = |today, refused: Option<i64>| ("time", today, refused);
    let check = |note: RetentionNote, cases: &[(&str, i64, Option<i64>)]| {
        let of = Retention::of(&note, on(0));
        for (who, today, refused) in cases {
            let today = date(*today);
            let allowed = match *who {
                "person" => of.may_erase(true, today),
                "tenant" => of.may_erase(false, today),
                _ => of.may_expire(today),
            };
            let until = match allowed {
                Ok(()) => None,
                Err(Refusal::Floor { until, .. }) => Some(until),
                Err(Refusal::Open { until }) => until.or(Some(date(-1))),
                Err(Refusal::Hold { .. }) => panic!("no hold"),
            };
            assert_eq!(until, refused.map(date), "{note:?}: {who} on {today}");
        }
    };
    check(note(None, None, None), &[person(0, None), tenant(0, None), time(0, None)]);
    check(
        note(Some(30), None, None),
        &[person(30, Some(30)), person(31, None), tenant(30, Some(30)), tenant(31, None)],
    );
    // A right of erasure goes before the floor, and is a person's.
    check(note(Some(30), None, Some(0)), &[person(0, None), tenant(0, Some(30)), time(0, Some(30))]);
    check(note(Some(30), None, Some(10)), &[person(10, Some(10)), person(11, None), tenant(11, Some(30))]);
    // A floor goes before a ceiling.
    check(note(Some(30), Some(10), None), &[time(10, Some(30)), time(30, Some(30)), time(31, None)]);
    // What is open stays while the floor runs.
    check(open_note(Some(30)), &[person(0, Some(30)), person(31, None), tenant(30, Some(30)), time(30, Some(30))]);
    check(open_note(None), &[person(99, Some(-1)), tenant(99, Some(-1)), time(99, Some(-1))]);
}

#[test]
fn plans_list_what_goes_and_what_stays_and_why() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let kept = Retention::of(&note(Some(30), None, None), on(0));
    let free = give(&mut vault, &owner(1), 0);
    let floored = give_for(&mut vault, &owner(1), &kept, 0).expect("given");
    let other = give(&mut vault, &owner(2), 0);
    let own = give(&mut vault, &owner(0), 0);
    give(&mut vault, &Owner::tenant("ward"), 0);
    let _ = vault.key_for(&owner(1), &Retention::default(), on(1)).expect("waits");
    let plan = vault.plan_erasure(&Scope::Owner(owner(1)), on(1)).expect("planned");
    assert_eq!((plan.destroy.len(), plan.destroy[0].id, plan.more), (2, free.id(), false));
    assert_eq!(plan.refused_count, 1);
    assert_eq!(plan.refused[0].0.place, floored.place());
    assert_eq!(plan.refused[0].1, Refusal::Floor { rule: "t/30".to_owned(), until: date(30) });
    let hold = vault.place_hold("acme", Some("patient 2"), "case 7", on(1)).expect("placed");
    let plan = vault.plan_erasure(&Scope::Tenant("acme".to_owned()), on(31)).expect("planned");
    let going: Vec<_> = plan.destroy.iter().map(|row| row.id).collect();
    assert!(going.contains(&own.id()) && going.contains(&floored.id()) && going.len() == 4);
    assert_eq!(plan.refused, [(rows(&vault).remove(2), Refusal::Hold { id: hold })]);
    let error = vault.destroy(&[free.place(), other.place()], DestroyReason::TenantErasure).expect_err("held");
    assert!(matches!(error, VaultError::Held { hold: found, .. } if found == hold), "{error}");
    assert_eq!(vault.destroy(&plan.places(), DestroyReason::TenantErasure).expect("destroyed"), 4);
    let plan = vault.plan_erasure(&Scope::Tenant("acme".to_owned()), on(31)).expect("planned");
    assert_eq!((plan.destroy.len(), plan.refused_count), (0, 1));
    let error = vault.plan_erasure(&Scope::Tenant("No".to_owned()), on(0)).expect_err("refused");
    assert!(matches!(error, VaultError::Tenant { .. }), "{error}");
}

#[test]
fn expiry_takes_what_is_due_and_tells_what_must_stay() {
    let disk = SimDisk::new();
    let mut vault = open(&disk);
    let mut give = |number, note: &RetentionNote| {
        give_for(&mut vault, &owner(number), &Retention::of(note, on(0)), 0).expect("given").id()
    };
    give(0, &note(None, None, None));
    let due = give(1, &note(None, Some(10), None));
    let floored = give(2, &note(Some(30), Some(10), None));
    let third = give(3, &note(None, Some(10), None));
    give(4, &note(None, Some(11), None));
    let hold = vault.place_hold("acme", Some("patient 3"), "case 7", on(1)).expect("placed");
    assert_eq!(vault.plan_expiry(on(9)).expect("planned").destroy, []);
    let plan = vault.plan_expiry(on(10)).expect("planned");
    assert_eq!(plan.destroy.iter().map(|row| row.id).collect::<Vec<_>>(), [due]);
    let refused: Vec<(KeyId, Option<HoldId>)> = plan
        .refused
        .iter()
        .map(|(row, why)| (row.id, if let Refusal::Hold { id } = why { Some(*id) } else { None }))
        .collect();
    assert_eq!(refused, [(floored, None), (third, Some(hold))]);
}
