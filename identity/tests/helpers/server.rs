//! A web server as small as can be, which plays an issuer: it answers each path as a test says, and counts.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    time::sleep,
};

/// What is said to a question.
#[derive(Clone, Debug)]
pub enum Say {
    /// A status, further headers, each with its line's end, and a body.
    Now(u16, String, Vec<u8>),
    /// The same after a while.
    Late(Duration, Vec<u8>),
    /// A good head and then one byte after the other, for ever.
    Drip,
    /// A body without a known length, for ever.
    Flood,
}

impl Say {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Now(200, String::new(), body.into())
    }
}

type Answer = dyn Fn(&str) -> Say + Send + Sync;

#[derive(Clone)]
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Arc<Answer>>>,
}

impl Server {
    /// Answers by path on an address of this machine.
    pub async fn start(answer: impl Fn(&str) -> Say + Send + Sync + 'static) -> Self {
        let (server, listener) = Self::bound("http", answer).await;
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(connection));
            }
        });
        server
    }

    pub async fn bound(scheme: &str, answer: impl Fn(&str) -> Say + Send + Sync + 'static) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let first: Arc<Answer> = Arc::new(answer);
        (Self { url, asked: Arc::default(), answer: Arc::new(Mutex::new(first)) }, listener)
    }

    /// From now on it answers otherwise.
    pub fn becomes(&self, answer: impl Fn(&str) -> Say + Send + Sync + 'static) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(answer);
    }

    /// The paths that were asked for, in their order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub async fn serve(self, mut connection: impl AsyncRead + AsyncWrite + Unpin) {
        let Some(path) = path(&mut connection).await else { return };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        let answer = Arc::clone(&self.answer.lock().unwrap_or_else(PoisonError::into_inner));
        // A client that hangs up is no fault of the test's.
        let _ = say(answer(&path), &mut connection).await;
        let _ = connection.shutdown().await;
    }
}

async fn say(what: Say, connection: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    match what {
        Say::Now(status, headers, body) => whole(status, &headers, &body, connection).await,
        Say::Late(pause, body) => {
            sleep(pause).await;
            whole(200, "", &body, connection).await
        }
        Say::Drip => {
            connection.write_all(b"HTTP/1.1 200 x\r\ncontent-length: 1000\r\n\r\n").await?;
            loop {
                connection.write_all(b" ").await?;
                sleep(Duration::from_millis(100)).await;
            }
        }
        Say::Flood => {
            connection.write_all(b"HTTP/1.1 200 x\r\nconnection: close\r\n\r\n").await?;
            loop {
                connection.write_all(&[b' '; 4096]).await?;
            }
        }
    }
}

async fn whole(status: u16, headers: &str, body: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    to.write_all(head.as_bytes()).await?;
    to.write_all(body).await
}

async fn path(connection: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let read = connection.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
    String::from_utf8(bytes).ok()?.split(' ').nth(1).map(str::to_owned)
}
