//! A web server of the tests that speaks as much of the protocol as it is told to, and worse.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use forethought_mcp::ServerConfig;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

/// A request that came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

/// What is answered.
pub enum Answer {
    /// A status, headers, and a body.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Headers, a beginning, and then this again and again.
    Endless(Vec<(&'static str, String)>, Vec<u8>, Vec<u8>),
    /// Headers, a beginning, and then nothing for ever.
    Open(Vec<(&'static str, String)>, Vec<u8>),
    /// Not even headers.
    Never,
    /// Headers, and then this when it is told to, and nothing more for ever.
    When(Vec<(&'static str, String)>, Arc<Notify>, Vec<u8>),
}

type Behaviour = dyn Fn(&Request) -> Answer + Send + Sync;

/// A server that ends when it is dropped.
pub struct Site {
    pub port: u16,
    pub requests: Arc<Mutex<Vec<Request>>>,
    /// Answers that are being written.
    pub open: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Site {
    pub async fn start(behaviour: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, open): (Arc<Mutex<Vec<_>>>, Arc<AtomicUsize>) = Default::default();
        let (seen, count, behaviour): (_, _, Arc<Behaviour>) =
            (Arc::clone(&requests), Arc::clone(&open), Arc::new(behaviour));
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, count, behaviour) = (Arc::clone(&seen), Arc::clone(&count), Arc::clone(&behaviour));
                connections.spawn(async move {
                    let Some((request, stream)) = read(stream).await else { return };
                    seen.lock().unwrap().push(request.clone());
                    count.fetch_add(1, Ordering::SeqCst);
                    write(stream, behaviour(&request)).await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { port, requests, open, _task: task }
    }

    /// A server at this address, that may be connected to.
    pub fn config(&self) -> ServerConfig {
        self.config_at("127.0.0.1")
    }

    pub fn config_at(&self, host: &str) -> ServerConfig {
        let mut config = ServerConfig::http("web", &format!("http://{host}:{}/mcp", self.port));
        let http = config.http.as_mut().unwrap();
        http.allow_http = true;
        http.egress.allow_private = vec!["127.0.0.0/8".parse().unwrap()];
        (config.start_ms, config.restarts) = (5_000, 0);
        config
    }

    pub fn seen(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read(stream: TcpStream) -> Option<(Request, TcpStream)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).await.ok()?;
    let mut request = Request { method: line.split(' ').next()?.to_owned(), ..Request::default() };
    loop {
        line.clear();
        reader.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = request.headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.ok()?;
    request.body = serde_json::from_slice(&body).unwrap_or_default();
    Some((request, reader.into_inner()))
}

async fn write(mut stream: TcpStream, answer: Answer) {
    let head = |status: u16, headers: &[(&str, String)]| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{}\r\n", headers.concat())
    };
    match answer {
        Answer::Whole(status, mut headers, body) => {
            headers.push(("content-length", body.len().to_string()));
            _ = stream.write_all(head(status, &headers).as_bytes()).await;
            _ = stream.write_all(&body).await;
        }
        Answer::Endless(headers, start, again) => {
            _ = stream.write_all(head(200, &headers).as_bytes()).await;
            _ = stream.write_all(&start).await;
            while stream.write_all(&again).await.is_ok() {}
        }
        Answer::When(headers, told, then) => {
            _ = stream.write_all(head(200, &headers).as_bytes()).await;
            told.notified().await;
            _ = stream.write_all(&then).await;
            _ = stream.read_u8().await;
        }
        Answer::Never => _ = stream.read_u8().await,
        Answer::Open(headers, start) => {
            _ = stream.write_all(head(200, &headers).as_bytes()).await;
            _ = stream.write_all(&start).await;
            _ = stream.read_u8().await;
        }
    }
}

/// A message as JSON.
pub fn message(body: Value) -> Answer {
    Answer::Whole(200, vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes())
}

/// The headers of a stream of events.
pub fn events() -> Vec<(&'static str, String)> {
    vec![("content-type", "text/event-stream".to_owned())]
}

/// An answer to a question.
pub fn result(request: &Request, result: Value) -> Answer {
    message(json!({ "jsonrpc": "2.0", "id": request.body["id"], "result": result }))
}

/// A text as the result of a call.
pub fn said(request: &Request, text: &str) -> Answer {
    result(request, json!({ "content": [{ "type": "text", "text": text }] }))
}

/// What a server answers that behaves: one tool, `act`, and a session.
pub fn plain(request: &Request, session: &str, description: &str) -> Answer {
    let version = &request.body["params"]["protocolVersion"];
    match (request.method.as_str(), request.body["method"].as_str().unwrap_or_default()) {
        ("POST", "initialize") => {
            let info = json!({
                "protocolVersion": version,
                "capabilities": { "tools": { "listChanged": true } },
                "serverInfo": { "name": "site", "version": "1" },
            });
            match result(request, info) {
                Answer::Whole(status, mut headers, body) => {
                    headers.push(("mcp-session-id", session.to_owned()));
                    Answer::Whole(status, headers, body)
                }
                other => other,
            }
        }
        ("POST", "tools/list") => {
            let schema = json!({ "type": "object", "properties": { "do": { "type": "string" } } });
            result(request, json!({ "tools": [{ "name": "act", "description": description, "inputSchema": schema }] }))
        }
        ("POST", "tools/call") => said(request, "done"),
        ("POST", method) if method.starts_with("notifications/") => Answer::Whole(202, Vec::new(), Vec::new()),
        ("POST", _) => Answer::Whole(400, Vec::new(), b"what?".to_vec()),
        ("DELETE", _) => Answer::Whole(200, Vec::new(), Vec::new()),
        _ => Answer::Whole(405, Vec::new(), Vec::new()),
    }
}

/// Whether a request calls a tool.
pub fn is_call(request: &Request) -> bool {
    request.body["method"] == "tools/call"
}
