//! A server of models as small as can be: it answers each question as a test says.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// What is said to a question.
#[derive(Clone, Debug)]
pub enum Say {
    Json(u16, Value),
    /// Each event with a pause before it; `None` is a comment, which keeps the connection alive.
    Events(Vec<(u64, Option<String>)>),
    /// As it stands, behind a head with this status and these headers.
    Bytes(u16, &'static str, Vec<u8>),
    /// Nothing, and the connection is held.
    Nothing,
}

impl Say {
    pub fn ok(value: Value) -> Self {
        Self::Json(200, value)
    }

    /// Chunks of a stream, with `[DONE]` behind.
    pub fn chunks(chunks: impl IntoIterator<Item = Value>) -> Self {
        Self::cut(chunks.into_iter().map(|chunk| chunk.to_string()).chain(["[DONE]".to_owned()]))
    }

    /// Events, and then the connection is closed.
    pub fn cut(events: impl IntoIterator<Item = String>) -> Self {
        Self::Events(events.into_iter().map(|event| (0, Some(event))).collect())
    }
}

/// What a server says to a path and a body.
pub type Answer = dyn Fn(&str, &Value) -> Say + Send + Sync;

pub struct Server {
    pub url: String,
    /// Paths and bodies, in the order in which they came.
    pub asked: Arc<Mutex<Vec<(String, Value)>>>,
    answer: Arc<Mutex<Arc<Answer>>>,
}

impl Server {
    pub async fn start(answer: impl Fn(&str, &Value) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let first: Arc<Answer> = Arc::new(answer);
        let (asked, answer) = (Arc::default(), Arc::new(Mutex::new(first)));
        let server = Self { url, asked, answer };
        let (asked, answer) = (Arc::clone(&server.asked), Arc::clone(&server.answer));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&asked), Arc::clone(&answer)));
            }
        });
        server
    }

    /// From now on it answers otherwise.
    pub fn becomes(&self, answer: impl Fn(&str, &Value) -> Say + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Arc::new(answer);
    }

    /// The last body that a path was asked with.
    pub fn last(&self, path: &str) -> Value {
        let asked = self.asked.lock().unwrap();
        asked.iter().rev().find(|(of, _)| of == path).map(|(_, body)| body.clone()).unwrap_or_default()
    }
}

async fn serve(
    mut connection: TcpStream,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    answer: Arc<Mutex<Arc<Answer>>>,
) -> Option<()> {
    let (path, body) = question(&mut connection).await?;
    asked.lock().unwrap().push((path.clone(), body.clone()));
    let answer = Arc::clone(&answer.lock().unwrap());
    match answer(&path, &body) {
        Say::Json(status, value) => {
            let body = value.to_string();
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            connection.write_all((head + &body).as_bytes()).await.ok()?;
        }
        Say::Bytes(status, headers, bytes) => {
            let head = format!("HTTP/1.1 {status} x\r\n{headers}connection: close\r\n\r\n");
            connection.write_all(head.as_bytes()).await.ok()?;
            connection.write_all(&bytes).await.ok()?;
        }
        Say::Events(events) => {
            let head = "HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            connection.write_all(head.as_bytes()).await.ok()?;
            for (pause, event) in events {
                sleep(Duration::from_millis(pause)).await;
                let text = event.map_or_else(|| ": here\n\n".to_owned(), |event| format!("data: {event}\n\n"));
                connection.write_all(text.as_bytes()).await.ok()?;
            }
        }
        Say::Nothing => sleep(Duration::from_mins(1)).await,
    }
    connection.shutdown().await.ok()
}

/// The path and the body of a request.
async fn question(connection: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        (connection.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let path = String::from_utf8_lossy(&bytes[..head]).split(' ').nth(1)?.to_owned();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0_usize);
    while bytes.len() < head + 4 + length {
        (connection.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    Some((path, serde_json::from_slice(&bytes[head + 4..]).unwrap_or(Value::Null)))
}

/// A list of models with one in it.
pub fn models(entry: Value) -> Say {
    Say::ok(json!({ "object": "list", "data": [entry] }))
}

pub fn not_found() -> Say {
    Say::Json(404, json!({ "detail": "Not Found" }))
}
