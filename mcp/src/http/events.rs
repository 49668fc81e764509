//! Bodies of bounded length, and streams of events of which each and all together are bounded.

use std::{io, time::Instant};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use reqwest::Response;

use crate::{MAX_MESSAGE, end::End, flow::Flow};

/// Bytes that one stream may send at once, and each second after that.
const BYTES: (f64, f64) = (64e6, 4e6);

/// The whole body, if it has not more than [`MAX_MESSAGE`] bytes and comes before the connection is over.
pub(super) async fn whole(mut response: Response, end: &End) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        let piece = tokio::select! {
            piece = response.chunk() => piece.map_err(super::web::broken)?,
            () = end.told() => return Err(end.why().to_owned()),
        };
        let Some(piece) = piece else { return Ok(body) };
        if body.len().saturating_add(piece.len()) > MAX_MESSAGE {
            return Err(format!("it sent a body of more than {MAX_MESSAGE} bytes"));
        }
        body.extend_from_slice(&piece);
    }
}

/// The pieces of a stream of events, up to the first that is too much, or until the connection is over.
pub(super) fn bounded(response: Response, end: End) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let state = (response.bytes_stream(), Bound::default(), end, false);
    stream::unfold(state, async |(mut from, mut bound, end, over)| {
        if over {
            return None;
        }
        let piece = tokio::select! {
            piece = from.next() => piece?,
            () = end.told() => return None,
        };
        let piece = match piece
            .map_err(super::web::broken)
            .and_then(|piece| bound.take(&piece, Instant::now()).map(|()| piece))
        {
            Ok(piece) => return Some((Ok(piece), (from, bound, end, false))),
            Err(why) => why,
        };
        if bound.exceeded {
            end.exhausted(piece.clone());
        }
        Some((Err(io::Error::other(piece)), (from, bound, end, true)))
    })
}

/// Counts the bytes of one event (HTML, server-sent events, 9.2.5: an empty line ends it), and of all.
struct Bound {
    flow: Flow,
    event: usize,
    line: usize,
    after_return: bool,
    exceeded: bool,
}

impl Default for Bound {
    fn default() -> Self {
        Self { flow: Flow::new(BYTES.0, BYTES.1), event: 0, line: 0, after_return: false, exceeded: false }
    }
}

impl Bound {
    fn take(&mut self, piece: &[u8], now: Instant) -> Result<(), String> {
        let most = piece.iter().fold(self.event, |most, byte| {
            self.count(*byte);
            most.max(self.event)
        });
        let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        let why = if most > MAX_MESSAGE {
            format!("it sent an event of more than {MAX_MESSAGE} bytes")
        } else if !self.flow.take(f64::from(length), now) {
            "it sends more than anybody would read".to_owned()
        } else {
            return Ok(());
        };
        self.exceeded = true;
        Err(why)
    }

    fn count(&mut self, byte: u8) {
        let half = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
        self.event += 1;
        match byte {
            b'\n' if half => {}
            b'\r' | b'\n' if self.line == 0 => self.event = 0,
            b'\r' | b'\n' => self.line = 0,
            _ => self.line += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]], expected: &str) {
        let mut bound = Bound::default();
        let now = Instant::now();
        let outcome = pieces.iter().try_for_each(|piece| bound.take(piece, now));
        assert!(outcome.clone().err().unwrap_or_default().contains(expected), "{outcome:?}");
        assert_eq!((outcome.is_ok(), bound.exceeded), (expected.is_empty(), !expected.is_empty()));
    }

    #[test]
    fn each_event_and_all_of_them_are_bounded() {
        let half = vec![b'a'; MAX_MESSAGE / 2];
        check(&[&half, b"\n\n", &half, b"\n\n", &half, b"\r\n\r\n", &half, b"\r\r", &half], "");
        check(&[&half, b"\n", &half], "an event of more than");
        check(&[&half, b"\r\n", &half, b"\r\n"], "an event of more than");
        check(&[&half, b"\r", b"\n", &half], "an event of more than");
        check(&[&b": a comment\n\n".repeat(5_000_000)], "more than anybody");
        check(&[&b"\n".repeat(65_000_000)], "more than anybody");
    }
}
