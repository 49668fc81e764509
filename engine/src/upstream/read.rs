//! From a server's chunks to a sample's events: counted, never more than were asked for, and with an end.

use serde_json::Value;
use tokio::sync::mpsc;

use super::client::Chunks;
use crate::{Channel, EngineError, Finish, SampleEvent, TopLogprob, Usage};

pub(super) type Out = mpsc::Sender<Result<SampleEvent, EngineError>>;

/// How many chunks behind the cap may hold text of tokens that were counted before.
const LATE_TEXTS: u32 = 4;

/// What a chunk says.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Its texts, in order, none of them empty.
    pub texts: Vec<(Channel, String)>,
    /// What it tells of tokens. There may be fewer or more than have text.
    pub tokens: Vec<Told>,
    /// Tokens of the whole sample so far, where the server says it.
    pub count: Option<u32>,
    pub finish: Option<Finish>,
    pub usage: Option<Usage>,
    /// Whether nothing follows.
    pub last: bool,
}

/// What a server tells of a token.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub id: u32,
    /// Natural logarithm; NaN where it is not told.
    pub logprob: f32,
    pub top: Vec<TopLogprob>,
}

/// Reads a sample to its end.
pub(super) async fn read(
    mut chunks: Chunks,
    parse: impl Fn(&Value) -> Result<Piece, EngineError>,
    out: &Out,
    max_tokens: u32,
) -> Result<(), EngineError> {
    let mut teller = Teller::new(out, max_tokens);
    let (mut ended, mut usage) = (None, Usage::default());
    loop {
        let piece = match (chunks.next().await, ended) {
            (Ok(Some(chunk)), _) => parse(&chunk)?,
            // It has told its end; that it does not tell what it used, or breaks off before, takes nothing from that.
            (Ok(None) | Err(_), Some(finish)) => return teller.end(finish, usage).await,
            (Ok(None), None) => return Err(EngineError::Sample("the server ended it without an end".to_owned())),
            (Err(error), None) => return Err(error),
        };
        if let Some(told) = piece.usage {
            usage = told;
        }
        let (finish, last) = (piece.finish, piece.last);
        match teller.tell(piece).await {
            Goes::On { told: 0 } => {}
            Goes::On { .. } => chunks.heard(),
            // Whatever the server still has to say, nobody has asked for it.
            Goes::Over => return teller.end(Finish::Length, usage).await,
            Goes::Unheard => return Ok(()),
        }
        ended = ended.or(finish);
        match ended {
            Some(finish) if last => return teller.end(finish, usage).await,
            Some(_) => chunks.over(),
            None => {}
        }
    }
}

/// How it goes on after a chunk.
#[derive(Debug, PartialEq, Eq)]
enum Goes {
    On {
        told: usize,
    },
    /// The server goes on after the cap.
    Over,
    /// Nobody listens any more.
    Unheard,
}

struct Teller<'a> {
    out: &'a Out,
    cap: u32,
    seen: u32,
    channel: Channel,
    /// Text of tokens that were told before it.
    held: String,
    late: u32,
}

impl<'a> Teller<'a> {
    fn new(out: &'a Out, cap: u32) -> Self {
        Self { out, cap, seen: 0, channel: Channel::Raw, held: String::new(), late: 0 }
    }

    /// Tells a chunk's tokens, its texts with the last of them.
    async fn tell(&mut self, piece: Piece) -> Goes {
        let Piece { texts, tokens, count, .. } = piece;
        let fresh = count.map_or(0, |count| count.saturating_sub(self.seen)) as usize;
        let all = fresh.max(tokens.len()).max(texts.len());
        let room = self.cap.saturating_sub(self.seen) as usize;
        let within = count.is_some_and(|count| count <= self.cap) && self.late < LATE_TEXTS;
        if all > room && within {
            self.late += 1;
            self.hold(texts.get(room..).unwrap_or_default());
        }
        let some = all.min(room);
        for at in 0..some {
            // Where there are fewer texts than tokens, they came with the last ones; so did what is told of them.
            let text = texts.get((at + texts.len()).wrapping_sub(some.max(texts.len())));
            let told = tokens.get((at + tokens.len()).wrapping_sub(some)).cloned();
            if self.token(text.cloned(), told).await.is_err() {
                return Goes::Unheard;
            }
        }
        if all > room && !within { Goes::Over } else { Goes::On { told: some } }
    }

    fn hold(&mut self, texts: &[(Channel, String)]) {
        let spoken = texts.iter().filter(|(channel, _)| *channel != Channel::Thinking);
        self.held.extend(spoken.map(|(_, text)| text.as_str()));
    }

    async fn token(&mut self, text: Option<(Channel, String)>, told: Option<Told>) -> Result<(), ()> {
        let (channel, text) = text.unwrap_or((self.channel, String::new()));
        let told = told.unwrap_or_else(|| Told { logprob: f32::NAN, ..Told::default() });
        (self.channel, self.seen) = (channel, self.seen + 1);
        let event = SampleEvent::Token { text, channel, id: told.id, logprob: told.logprob, top: told.top };
        self.out.send(Ok(event)).await.map_err(|_| ())
    }

    /// The server's own count stands, as far as it can be true.
    async fn end(self, finish: Finish, mut usage: Usage) -> Result<(), EngineError> {
        usage.completion_tokens = usage.completion_tokens.clamp(self.seen, self.cap.max(self.seen));
        let _ = self.out.send(Ok(SampleEvent::End { text: self.held, finish, usage })).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of the tokens that are told of such chunks, and how it went on after the last.
    async fn told(cap: u32, pieces: Vec<Piece>) -> (Vec<String>, String, bool) {
        let (out, mut events) = mpsc::channel(100);
        let mut teller = Teller::new(&out, cap);
        let mut over = false;
        for piece in pieces {
            over = teller.tell(piece).await == Goes::Over;
        }
        teller.end(Finish::Stop, Usage { completion_tokens: 99, ..Usage::default() }).await.unwrap();
        drop(out);
        let (mut texts, mut held) = (Vec::new(), String::new());
        while let Some(event) = events.recv().await {
            match event.unwrap() {
                SampleEvent::Token { text, .. } => texts.push(text),
                SampleEvent::End { text, usage, .. } => {
                    assert_eq!(usage.completion_tokens, cap.max(u32::try_from(texts.len()).unwrap()));
                    held = text;
                }
            }
        }
        (texts, held, over)
    }

    fn said(text: &str, count: Option<u32>, tokens: usize) -> Piece {
        let texts = if text.is_empty() { Vec::new() } else { vec![(Channel::Raw, text.to_owned())] };
        Piece { texts, tokens: vec![Told::default(); tokens], count, ..Piece::default() }
    }

    #[tokio::test]
    async fn tokens_are_counted_by_the_best_that_is_told() {
        let check = async |cap, pieces: Vec<Piece>, expect: &[&str], held: &str, over: bool| {
            let (texts, late, goes) = told(cap, pieces).await;
            assert_eq!(
                (texts.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), late.as_str()),
                (expect, held)
            );
            assert_eq!(goes, over);
        };
        check(9, vec![said("a", None, 0), said("b", None, 1)], &["a", "b"], "", false).await;
        check(9, vec![said("", None, 0), said("", None, 1), said("a", None, 2)], &["", "", "a"], "", false).await;
        check(9, vec![said("a", Some(1), 0), said("b", Some(4), 0)], &["a", "", "", "b"], "", false).await;
        check(9, vec![said("", Some(2), 0), said("b", Some(2), 0)], &["", "", "b"], "", false).await;
        check(2, vec![said("a", None, 0), said("b", None, 0), said("c", None, 0)], &["a", "b"], "", true).await;
        check(2, vec![said("a", None, 3)], &["", "a"], "", true).await;
        // The count says that the last text is of tokens within the cap.
        check(2, vec![said("", Some(2), 2), said("b", Some(2), 0)], &["", ""], "b", false).await;
    }

    #[tokio::test]
    async fn a_thought_and_an_answer_in_one_chunk_are_told_both() {
        let texts = vec![(Channel::Thinking, "so".to_owned()), (Channel::Raw, "7".to_owned())];
        let piece = || Piece { texts: texts.clone(), ..said("", None, 1) };
        assert_eq!(told(5, vec![piece()]).await, (vec!["so".to_owned(), "7".to_owned()], String::new(), false));
        let counted = Piece { count: Some(1), ..piece() };
        assert_eq!(told(1, vec![counted]).await, (vec!["so".to_owned()], "7".to_owned(), false));
    }
}
