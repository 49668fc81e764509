//! Streams to readers that read, that stall, and of deliberations that are lost.

use forethought_actors::KillSwitch;
use forethought_engine::{Prompt, Sampling};
use forethought_reasoning::{AnswerKind, Params};
use forethought_schemas::{Budget, Effort, RecordId, StrategyName};
use futures::StreamExt;
use tokio::sync::oneshot;

use super::*;

fn job() -> Job {
    Job {
        request_id: RequestId::generate(),
        since: tokio::time::Instant::now(),
        tenant: "acme".to_owned(),
        key_id: "k_0".to_owned(),
        model: "m".to_owned(),
        weights: String::new(),
        effort: Effort::None,
        strategy: StrategyName::Single,
        budget: Budget { max_samples: 1, total_tokens: 10, sample_tokens: 10, deadline_ms: 1000 },
        seed: 1,
        n: 1,
        kind: AnswerKind::Text,
        params: Params::default(),
        prompt: Prompt::Raw("hi".to_owned()),
        prompt_tokens: 1,
        prompt_record: Vec::new(),
        sampling: Sampling::default(),
        stop: Vec::new(),
        verifiers: Vec::new(),
        question: String::new(),
        thinking: None,
        schema: None,
        must_fit: None,
        stream_thinking: false,
        stream_text: true,
        warnings: Vec::new(),
    }
}

/// A writer whose reader may stall so long, and what it reads.
fn writer(reads_within: Duration) -> (Writer, mpsc::Receiver<Option<Bytes>>) {
    let (pieces, body) = mpsc::channel(2);
    let job = job();
    let writer = Writer {
        head: Head::new(&job.request_id, "m"),
        job,
        include_usage: false,
        include_deliberation: false,
        include_samples: false,
        out: Outlet { pieces, reads_within },
        choices: BTreeMap::new(),
    };
    (writer, body)
}

/// A deliberation that says `texts`; it is lost when the sender of its end is dropped.
fn deliberation(
    texts: &[&str],
    work: &KillSwitch,
) -> (Deliberation, oneshot::Sender<Result<Deliberated, forethought_schemas::ApiError>>) {
    let (events, receiver) = mpsc::channel(16);
    for text in texts {
        events.try_send(Event::Text { index: 0, text: (*text).to_owned() }).unwrap();
    }
    let (done, end) = oneshot::channel();
    let guard = work.clone().kill_on_drop();
    (Deliberation { admission: RecordId::generate(), events: receiver, end, guard }, done)
}

#[actix_rt::test]
async fn a_lost_deliberation_ends_its_stream_with_an_error() {
    let (writer, pieces) = writer(Duration::from_secs(60));
    let (deliberation, done) = deliberation(&["so "], &KillSwitch::new());
    drop(done);
    let read = actix_rt::spawn(body(pieces).map(|piece| String::from_utf8(piece.unwrap().to_vec()).unwrap()).collect());
    writer.write(deliberation, |_, _| ()).await.unwrap();
    let read: Vec<String> = read.await.unwrap();
    let (end, rest) = read.split_last().unwrap();
    assert_eq!(end, "data: [DONE]\n\n");
    let error: Value = serde_json::from_str(rest.last().unwrap().trim_start_matches("data: ")).unwrap();
    assert_eq!(error["error"]["code"], "internal", "{read:?}");
}

#[actix_rt::test]
async fn a_reader_that_reads_nothing_is_given_up_and_its_work_stopped() {
    let (writer, pieces) = writer(Duration::from_millis(50));
    let work = KillSwitch::new();
    let (deliberation, _running) = deliberation(&["a ", "b ", "c ", "d "], &work);
    let wrote = timeout(Duration::from_secs(10), writer.write(deliberation, |_, _| ())).await.unwrap();
    wrote.unwrap_err();
    timeout(Duration::from_secs(10), work.killed()).await.unwrap();
    // Whoever reads on sees that the stream broke off.
    let read: Vec<io::Result<Bytes>> = body(pieces).collect().await;
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
}
