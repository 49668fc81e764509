//! The writer on a simulated disk: what a fault of the disk, or of one tenant's key, costs the others.

use std::sync::atomic::{AtomicBool, Ordering};

use forethought_audit::{Admission, AdmissionDraft, OutcomeDraft, OutcomeStatus, PolicyRef, Spent, verify_on};
use forethought_schemas::{Budget, Effort, RecordId, RequestId, StrategyName};
use forethought_store::{Disk, Index, SimDisk};

use super::*;

pub(crate) fn open(disk: &SimDisk) -> AuditLog {
    let index = Index::temporary().unwrap();
    AuditLog::open_on(Arc::new(disk.clone()), index, JournalOptions::default(), Timestamp::now()).unwrap().0
}

/// A desk whose writer opens the log on this disk again when it must.
pub(crate) fn desk(disk: &SimDisk, kill: &KillSwitch) -> (Supervised<AuditWriter>, AuditDesk) {
    let again = disk.clone();
    keep(open(disk), kill, move || {
        let disk = Arc::new(again.clone());
        AuditLog::reopen_on(disk, Index::temporary()?, JournalOptions::default(), Timestamp::now())
    })
}

pub(crate) fn verified(disk: &SimDisk) -> forethought_audit::VerifyReport {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    verify_on(&disk).unwrap()
}

fn admission(tenant: &str) -> AdmissionDraft {
    AdmissionDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: Admission {
            request_id: RequestId::generate(),
            tenant: tenant.to_owned(),
            key_id: "k_1".to_owned(),
            model: "m".to_owned(),
            weights_digest: "scripted".to_owned(),
            policy: PolicyRef { version: "1".to_owned(), digest: "sha256:11".to_owned() },
            effort: Effort::Medium,
            strategy: StrategyName::Single,
            budget: Budget { max_samples: 1, total_tokens: 100, sample_tokens: 100, deadline_ms: 5000 },
            seed: 7,
            n: 1,
            thinking_tokens: None,
            safeguards: Vec::new(),
            facts: forethought_schemas::Facts::default(),
            laws: Vec::new(),
            retention: forethought_audit::RetentionNote::default(),
        },
        prompt: b"how much is it".to_vec(),
        subject: None,
    }
}

fn outcome(admission: &RecordId) -> OutcomeDraft {
    OutcomeDraft {
        record_id: RecordId::generate(),
        time: Timestamp::now(),
        admission: admission.clone(),
        status: OutcomeStatus::Answered,
        error_code: None,
        finish_reason: None,
        samples: vec![],
        votes: vec![],
        spent: Spent::default(),
        answer: Some(b"42".to_vec()),
        cost: 0,
        safeguards: Vec::new(),
        classifiers: Vec::new(),
        review: None,
        disclosures: None,
        stop: None,
        chosen: Vec::new(),
        tokens: None,
        tools: None,
    }
}

#[test]
fn a_failed_sync_ends_no_request_that_is_under_way() {
    actix_rt::System::new().block_on(async {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (_writer, audit) = desk(&disk, &kill);
        let admitted = audit.append(admission("ward")).await.unwrap();
        disk.fail_syncs(true);
        let end = outcome(&admitted.record_id);
        let error = audit.append(end.clone()).await.unwrap_err();
        assert!(matches!(error, AppendError::Unknown(_)), "{error:?}");
        disk.fail_syncs(false);
        // One that still reaches the writer that is going down is told so.
        while let Err(error) = audit.append(end.clone()).await {
            assert!(matches!(error, AppendError::Unknown(_)), "{error:?}");
        }
        let again = audit.append(OutcomeDraft { record_id: RecordId::generate(), ..end }).await.unwrap_err();
        assert!(matches!(again, AppendError::Refused(_)), "trying again is no use: {again:?}");
        let report = verified(&disk.reopen(0));
        assert!(report.failure.is_none(), "{report:?}");
        assert_eq!((report.admissions, report.records, report.interrupted), (1, 2, 0));
    });
}

/// Writes the drafts as one batch and gives what each of them is told.
fn write(log: &mut AuditLog, drafts: Vec<Draft>) -> Vec<Result<Appended, AppendError>> {
    let (batch, answers): (Vec<Waiting>, Vec<_>) = drafts
        .into_iter()
        .map(|draft| {
            let (reply, answer) = oneshot::channel();
            ((draft.into(), reply), answer)
        })
        .unzip();
    assert_eq!(write_batch(log, batch), None);
    answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
}

#[test]
fn one_request_that_cannot_be_sealed_costs_the_others_nothing() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    let good = admission("b");
    let end = outcome(&good.record_id);
    let wrong = AdmissionDraft { subject: Some("s".repeat(300)), ..admission("a") };
    let told = write(&mut log, vec![good.into(), wrong.into(), end.into(), admission("b").into()]);
    assert!(matches!(&told[1], Err(AppendError::Refused(_))), "{told:?}");
    assert_eq!(told.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, true], "{told:?}");
}

#[test]
fn a_batch_that_is_too_large_is_written_in_parts() {
    let disk = Arc::new(SimDisk::new());
    let small = JournalOptions { max_segment_bytes: 4096, ..JournalOptions::default() };
    let (mut log, _) = AuditLog::open_on(disk, Index::temporary().unwrap(), small, Timestamp::now()).unwrap();
    let huge = AdmissionDraft { prompt: vec![b'x'; 5000], ..admission("b") };
    let mut drafts: Vec<Draft> = (0..6).map(|_| admission("a").into()).collect();
    drafts.push(huge.into());
    let mut told = write(&mut log, drafts);
    let huge = told.pop().unwrap();
    assert!(matches!(huge, Err(AppendError::Refused(_))), "no segment will ever take it: {huge:?}");
    assert!(told.iter().all(Result::is_ok), "{told:?}");
}

#[test]
fn who_reads_comes_between_two_batches_however_many_wait() {
    actix_rt::System::new().block_on(async {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (_writer, audit) = desk(&disk, &kill);
        let ended = Arc::new(AtomicBool::new(false));
        let write = |audit: AuditDesk, ended: Arc<AtomicBool>| async move {
            while !ended.load(Ordering::Relaxed) {
                audit.append(admission("ward")).await.unwrap();
            }
        };
        let writing: Vec<_> = (0..16).map(|_| tokio::spawn(write(audit.clone(), Arc::clone(&ended)))).collect();
        let mut before = 0;
        for _ in 0..20 {
            let size = tokio::time::timeout(Duration::from_secs(10), audit.read(|log| Ok(log.tree_size()))).await;
            let size = size.expect("read in time").unwrap();
            assert!(size >= before);
            before = size;
        }
        ended.store(true, Ordering::Relaxed);
        for one in writing {
            one.await.unwrap();
        }
    });
}

#[test]
fn contents_of_any_size_are_sealed_and_durable_once_it_is_said_so() {
    actix_rt::System::new().block_on(async {
        let (disk, kill) = (SimDisk::new(), KillSwitch::new());
        let (_writer, audit) = desk(&disk, &kill);
        let mut ids = Vec::new();
        for size in [0, 1, SEALED_AT_ONCE, SEALED_AT_ONCE + 1, 1 << 20] {
            let begun = AdmissionDraft { prompt: vec![b'x'; size], ..admission("ward") };
            let appended = audit.append(begun).await.unwrap();
            let end = OutcomeDraft { answer: Some(vec![b'y'; size]), ..outcome(&appended.record_id) };
            let ended = audit.append(end).await.unwrap();
            assert_eq!(ended.leaf, appended.leaf + 1);
            ids.push((appended.record_id, size));
        }
        // What was said to be durable is there after a power cut.
        let report = verified(&disk.reopen(0));
        assert!(report.passed() && report.unsealed == 10, "{report:?}");
        for (id, size) in ids {
            let shown = audit.read(move |log| log.show(id.as_str(), true)).await.unwrap().unwrap();
            let lengths: Vec<_> =
                shown.contents.iter().map(|content| content.content.as_ref().unwrap().len()).collect();
            assert_eq!(lengths, [size, size]);
        }
    });
}
