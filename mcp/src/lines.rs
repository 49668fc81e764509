//! What a program may write to us: lines of a bounded length, and not faster than is of any use.
//!
//! The SDK bounds lines, too, but reads on over what is too long, for as long as it comes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::{MAX_MESSAGE, end::End, flow::Flow};

/// Bytes and lines that may come at once, and each second after that.
const BYTES: (f64, f64) = (64e6, 16e6);
const LINES: (f64, f64) = (20e3, 2e3);

/// Reads on as long as what comes is within its bounds. Beyond them the connection ends.
pub(crate) struct Lines<R> {
    from: R,
    end: End,
    length: usize,
    bytes: Flow,
    number: Flow,
}

impl<R> Lines<R> {
    pub(crate) fn new(from: R, end: End) -> Self {
        Self { from, end, length: 0, bytes: Flow::new(BYTES.0, BYTES.1), number: Flow::new(LINES.0, LINES.1) }
    }

    fn count(&mut self, read: &[u8], now: Instant) -> Result<(), String> {
        let mut pieces = read.split(|byte| *byte == b'\n').map(<[u8]>::len);
        let longest = {
            self.length += pieces.next().unwrap_or(0);
            let mut longest = self.length;
            let mut ended = 0_u32;
            for piece in pieces {
                self.length = piece;
                longest = longest.max(piece);
                ended += 1;
            }
            if !self.number.take(f64::from(ended), now) {
                return Err("it writes lines faster than anybody would read them".to_owned());
            }
            longest
        };
        if longest > MAX_MESSAGE {
            return Err(format!("it wrote a line of more than {MAX_MESSAGE} bytes"));
        }
        let count = u32::try_from(read.len()).unwrap_or(u32::MAX);
        if !self.bytes.take(f64::from(count), now) {
            return Err("it writes more than anybody would read".to_owned());
        }
        Ok(())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.from).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        match self.count(read, Instant::now()) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(why) => {
                self.end.exhausted(why.clone());
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, repeat};

    use super::*;

    async fn read(from: impl AsyncRead + Unpin, expected: &str) {
        let end = End::default();
        let mut lines = Lines::new(from, end.clone());
        let mut sink = vec![0; 100_000];
        let mut total = 0_u64;
        let outcome = loop {
            match lines.read(&mut sink).await {
                Ok(0) => break String::new(),
                Ok(count) => total += count as u64,
                Err(why) => break why.to_string(),
            }
        };
        assert!(outcome.contains(expected) && outcome.is_empty() == expected.is_empty(), "{outcome} after {total}");
        assert_eq!((end.is_told(), total < 200_000_000), (!expected.is_empty(), true));
    }

    #[tokio::test]
    async fn lines_are_bounded_in_length_and_number() {
        read(&b"one\ntwo\n"[..], "").await;
        read(&vec![b'a'; MAX_MESSAGE][..], "").await;
        let mut two = vec![b'a'; MAX_MESSAGE];
        two.push(b'\n');
        two.extend_from_within(..);
        read(&two[..], "").await;
        read(&vec![b'a'; MAX_MESSAGE + 1][..], "a line of more than").await;
        read(repeat(b'a'), "a line of more than").await;
        read(repeat(b'\n'), "faster than anybody").await;
    }

    #[test]
    fn bytes_are_bounded() {
        let line: Vec<u8> = std::iter::repeat_n(b'a', 999_999).chain([b'\n']).collect();
        let (mut lines, now) = (Lines::new((), End::default()), Instant::now());
        let told = (0..100).find_map(|count| Some((count, lines.count(&line, now).err()?)));
        assert_eq!(told, Some((64, "it writes more than anybody would read".to_owned())));
    }
}
