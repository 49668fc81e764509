//! Streams to readers that read, that stall, and of deliberations that are lost.

use forethought_actors::KillSwitch;
use forethought_engine::{Prompt, Sampling};
use forethought_reasoning::{AnswerKind, Params};
use forethought_safeguards::Placeholders;
use forethought_schemas::{Budget, Effort, RecordId, ResponseFormat, StrategyName};
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
        instruction: None,
        subject: None,
        sampling: Sampling::default(),
        stop: Vec::new(),
        verifiers: Vec::new(),
        question: String::new(),
        thinking: None,
        schema: None,
        tools: None,
        must_fit: None,
        stream_thinking: false,
        stream_text: true,
        warnings: Vec::new(),
        safeguards: forethought_safeguards::Safeguards::none(),
        asked: Vec::new(),
        facts: forethought_schemas::Facts::default(),
        review: forethought_actors::ReviewPlan::default(),
        whole: forethought_actors::WholePlan::default(),
        laws: Vec::new(),
        retention: forethought_audit::RetentionNote::default(),
        disclosures: std::sync::Arc::default(),
    }
}

/// A writer whose reader may stall so long, and what it reads.
fn writer(reads_within: Duration) -> (Writer, mpsc::Receiver<Option<Bytes>>) {
    let (pieces, body) = mpsc::channel(2);
    let job = job();
    let writer = Writer {
        head: Head::new(&job.request_id, "m"),
        job,
        restore: Restore::new(Placeholders::default(), &ResponseFormat::Text),
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
    (Deliberation { admission: RecordId::generate(), events: receiver, let_in: oneshot::channel().1, end, guard }, done)
}

#[actix_rt::test]
async fn a_lost_deliberation_ends_its_stream_with_an_error() {
    let (writer, pieces) = writer(Duration::from_mins(1));
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

/// What a reader has after these events: of each choice its thoughts and its text.
async fn read(strategy: StrategyName, events: Vec<Event>) -> BTreeMap<u64, (String, String)> {
    let (mut writer, pieces) = writer(Duration::from_mins(1));
    writer.job.strategy = strategy;
    let reading = actix_rt::spawn(body(pieces).filter_map(async |piece| piece.ok()).collect::<Vec<_>>());
    for event in events {
        writer.event(event).await.unwrap();
    }
    drop(writer);
    let mut read = BTreeMap::<u64, (String, String)>::new();
    for piece in reading.await.unwrap() {
        let chunk: Value = serde_json::from_slice(&piece[6..]).unwrap();
        let choice = &chunk["choices"][0];
        let (thoughts, text) = read.entry(choice["index"].as_u64().unwrap()).or_default();
        thoughts.push_str(choice["delta"]["reasoning_content"].as_str().unwrap_or_default());
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
    }
    read
}

fn thought(index: u32, text: &str) -> Event {
    Event::Thinking { index, text: text.to_owned() }
}

fn decided(answers: &[(u32, &str, &str)]) -> Event {
    let decided = |(sample, thinking, text): &(u32, &str, &str)| Decided {
        sample: *sample,
        thinking: (*thinking).to_owned(),
        text: (*text).to_owned(),
    };
    Event::Decided(answers.iter().map(decided).collect())
}

fn has(thoughts: &str, text: &str) -> (String, String) {
    (thoughts.to_owned(), text.to_owned())
}

#[actix_rt::test]
async fn thoughts_of_another_try_are_not_put_behind_those_that_were_read() {
    let check = async |answer: (u32, &str, &str), thoughts: &str| {
        let found = read(StrategyName::SelfConsistency, vec![thought(0, "one two "), decided(&[answer])]).await;
        assert_eq!(found, BTreeMap::from([(0, has(thoughts, "It is 4."))]), "{answer:?}");
    };
    check((0, "one two three", "It is 4."), "one two three").await;
    check((0, "one and two three", "It is 4."), "one two ").await;
    check((1, "one two three", "It is 4."), "one two ").await;
}

#[actix_rt::test]
async fn answers_of_single_are_choices_of_their_own_and_those_of_a_vote_are_ranked() {
    let answers = [(2, "b", "two"), (0, "a", "zero")];
    let ranked = read(StrategyName::BestOfN, vec![decided(&answers)]).await;
    assert_eq!(ranked, BTreeMap::from([(0, has("b", "two")), (1, has("a", "zero"))]));
    let text = Event::Text { index: 2, text: "tw".to_owned() };
    let in_order = read(StrategyName::Single, vec![thought(2, "b"), text, decided(&answers)]).await;
    assert_eq!(in_order, BTreeMap::from([(0, has("a", "zero")), (2, has("b", "two"))]));
}
