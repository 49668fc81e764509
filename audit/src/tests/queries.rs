//! Lists, lookups, and the canonical bytes.

use forethought_store::SimDisk;

use super::{at, id, open, request, run, script, segments};
use crate::{Digest, Filter, OutcomeStatus, Record, Status};

#[test]
fn lists_are_filtered_and_the_latest_comes_first() {
    let disk = SimDisk::new();
    run(&disk, &script());
    let (log, _) = open(&disk).expect("opens");
    let check = |filter: Filter, expect: &[u32]| {
        let listed = log.list(&filter).expect("listed");
        let ids: Vec<_> = listed.into_iter().map(|listed| listed.admission.record_id).collect();
        let expect: Vec<_> = expect.iter().copied().map(id).collect();
        assert_eq!(ids, expect, "{filter:?}");
    };
    let any = Filter::default;
    let of = |tenant: &str| Filter { tenant: Some(tenant.to_owned()), ..any() };
    let status = |status| Filter { status: Some(status), ..any() };
    check(any(), &[10, 8, 7, 4, 2, 1]);
    check(of("ward"), &[10, 8, 4, 1]);
    check(of("bank"), &[7, 2]);
    check(of("war"), &[]);
    check(of("nobody"), &[]);
    check(Filter { limit: Some(2), ..any() }, &[10, 8]);
    check(Filter { limit: Some(0), ..any() }, &[]);
    check(Filter { since: Some(at(4)), ..any() }, &[10, 8, 7, 4]);
    check(Filter { since: Some(at(4)), until: Some(at(8)), ..any() }, &[7, 4]);
    check(Filter { until: Some(at(4)), ..of("ward") }, &[1]);
    check(Filter { since: Some(at(8)), until: Some(at(4)), ..any() }, &[]);
    check(status(Status::Ended(OutcomeStatus::Answered)), &[8, 1]);
    check(status(Status::Ended(OutcomeStatus::Failed)), &[4]);
    check(status(Status::Interrupted), &[10, 7]);
    check(status(Status::Open), &[]);
    check(Filter { limit: Some(1), ..status(Status::Ended(OutcomeStatus::Answered)) }, &[8]);
}

#[test]
fn a_request_is_found_by_each_of_its_ids() {
    let disk = SimDisk::new();
    run(&disk, &script());
    let (log, _) = open(&disk).expect("opens");
    for text in [id(1).to_string(), id(3).to_string(), request(1).to_string()] {
        let shown = log.show(&text, false).expect("read").expect("there");
        assert_eq!((shown.admission.record_id, shown.end.map(|end| end.record_id)), (id(1), Some(id(3))), "{text}");
        assert!(shown.end_hash.is_some() && shown.contents.is_empty());
    }
    for text in ["", "rec_", "req_0", "nothing"] {
        assert!(log.show(text, true).expect("read").is_none(), "{text:?}");
    }
}

#[test]
fn statuses_have_names() {
    for status in Status::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
    }
    assert!("done".parse::<Status>().expect_err("unknown").contains("answered, failed"));
}

#[test]
fn canonical_bytes_have_a_fixed_order() {
    let disk = SimDisk::new();
    let (mut log, _) = open(&disk).expect("opens");
    let appended = log.append(&[super::admission(1, "ward")]).expect("appended");
    let (_, bytes) = segments(&disk).remove(0);
    let entry = super::entries(&bytes).remove(0);
    let payload = &bytes[entry.start + 17..entry.end];
    assert_eq!(Digest::of(payload), appended[0].hash);
    let text = std::str::from_utf8(payload).expect("text");
    let (before, contents) = text.split_once("\"contents\"").expect("contents come last");
    assert_eq!(
        before,
        concat!(
            r#"{"v":2,"record_id":"rec_00000000000000000000000000000001","time":"2027-01-15T08:00:01Z","#,
            r#""body":{"type":"admission","request_id":"req_00000000000000000000000000000001","tenant":"ward","#,
            r#""key_id":"key_1","model":"qwen","weights_digest":"sha256:00","#,
            r#""policy":{"version":"7","digest":"sha256:11"},"effort":"medium","strategy":"self_consistency","#,
            r#""budget":{"max_samples":3,"total_tokens":300,"sample_tokens":100,"deadline_ms":5000},"#,
            r#""seed":18446744073709551615,"n":1},"#,
        )
    );
    assert!(contents.starts_with(r#":[{"name":"prompt","commitment":""#), "{contents}");
    let record: Record = serde_json::from_slice(payload).expect("a record");
    assert_eq!(serde_json::to_vec(&record).expect("JSON"), payload);
}

#[test]
fn digests_have_one_spelling() {
    let digest = Digest::of(b"x");
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
    assert!("00".parse::<Digest>().is_err());
    assert_eq!(Digest::GENESIS.to_string(), "0".repeat(64));
}

#[test]
fn a_record_of_a_later_version_is_called_newer() {
    let check = |text: &str, expect: &str| {
        let error = crate::index::parse_record(text.as_bytes()).expect_err("not of this version");
        assert!(error.contains(expect), "{text}: {error}");
    };
    check(r#"{"v":4,"something":"else"}"#, "newer record version 4");
    check(r#"{"v":0}"#, "no record version 0");
    check(r#"{"v":1}"#, "missing field");
    check(r#"{"record_id":"rec_1"}"#, "missing field `v`");
}
