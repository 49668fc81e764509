//! Admissions of which nobody knows whether they are in the log.

use forethought_audit::verify_on;
use forethought_store::{Disk, SimDisk};
use futures::FutureExt as _;

use super::*;
use crate::audit_writer::tests;

fn job() -> Job {
    Job {
        request_id: RequestId::generate(),
        tenant: "acme".to_owned(),
        key_id: "k_1".to_owned(),
        model: "m".to_owned(),
        weights: "scripted".to_owned(),
        effort: Effort::Medium,
        strategy: StrategyName::Single,
        budget: Budget { max_samples: 1, total_tokens: 100, sample_tokens: 50, deadline_ms: 20_000 },
        seed: 7,
        n: 1,
        kind: AnswerKind::Number,
        params: Params::default(),
        prompt: Prompt::Raw("How much is it?".to_owned()),
        prompt_tokens: 4,
        prompt_record: b"How much is it?".to_vec(),
        sampling: Sampling::default(),
        stop: vec![],
        verifiers: Vec::new(),
        question: String::new(),
        thinking: None,
        schema: None,
        must_pass: false,
        stream_thinking: false,
        stream_text: false,
    }
}

/// An admission and what closes it.
fn close(audit: &AuditDesk, kill: &KillSwitch) -> (AdmissionDraft, outcome::Close) {
    let (job, admission) = (Arc::new(job()), RecordId::generate());
    let record = admission_draft(&job, &admission, "sha256:11");
    (record, outcome::Close { job, admission, audit: audit.clone(), started: Instant::now(), kill: kill.clone() })
}

/// Waits until the log holds so many records and none of them is an admission without an end.
async fn settled(disk: &SimDisk, records: u64) {
    let until = Instant::now() + Duration::from_secs(20);
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    loop {
        let report = verify_on(&disk).unwrap();
        if (report.records, report.interrupted) == (records, 0) && report.failure.is_none() {
            return;
        }
        assert!(Instant::now() < until, "{report:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn an_admission_that_may_be_in_the_log_gets_its_end() {
    actix_rt::System::new().block_on(async {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (_writer, audit) = tests::desk(&disk, &kill);
        // The first admission makes the tenant's key.
        let (record, first) = close(&audit, &kill);
        admit(record, &first).await.unwrap();
        first.abandon();
        settled(&disk, 2).await;
        let (record, close) = close(&audit, &kill);
        // The bytes stay in the file although nobody was told that they are durable.
        disk.fail_syncs(true);
        disk.fail_truncates(true);
        let refused = admit(record, &close).await.unwrap_err();
        assert_eq!(refused.code, "audit_unavailable");
        disk.fail_syncs(false);
        disk.fail_truncates(false);
        settled(&disk, 4).await;
    });
}

#[test]
fn an_admission_whose_client_left_meanwhile_gets_its_end() {
    actix_rt::System::new().block_on(async {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (_writer, audit) = tests::desk(&disk, &kill);
        let (record, close) = close(&audit, &kill);
        let mut admitting = Box::pin(admit(record, &close));
        assert!((&mut admitting).now_or_never().is_none(), "it takes a while");
        while tests::verified(&disk).records == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(admitting);
        settled(&disk, 2).await;
    });
}

mod overload;
