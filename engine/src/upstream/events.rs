//! Server-sent events out of a byte stream, whatever its pieces.

/// The longest event, in bytes; a server that sends more is not to be trusted with our memory.
const MAX_EVENT: usize = 1 << 20;

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Its data.
    Data(String),
    /// `[DONE]`: nothing follows.
    Done,
}

/// An event of more than a mebibyte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Collects bytes to lines, and lines to events.
#[derive(Debug, Default)]
pub(super) struct Events {
    rest: Vec<u8>,
    data: String,
}

impl Events {
    /// The events that became whole with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            events.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        if self.rest.len() + self.data.len() > MAX_EVENT { Err(TooLong) } else { Ok(events) }
    }

    /// An empty line ends an event; several lines of data are one.
    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            return match std::mem::take(&mut self.data) {
                data if data.is_empty() => None,
                data if data == "[DONE]" => Some(Event::Done),
                data => Some(Event::Data(data)),
            };
        }
        if let Some(data) = line.strip_prefix("data:") {
            if !self.data.is_empty() {
                self.data.push('\n');
            }
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str =
        ": hi\n\ndata: {\"a\":\ndata: \"é\"}\n\nevent: x\r\ndata:{\"b\":2}\r\n\r\n\n\ndata: [DONE]\n\n";

    proptest! {
        #[test]
        fn events_are_the_same_whatever_the_pieces(cuts in prop::collection::vec(0..STREAM.len(), 0..10)) {
            let mut points: Vec<usize> = cuts.into_iter().chain([0, STREAM.len()]).collect();
            points.sort_unstable();
            let mut events = Events::default();
            let pieces = points.windows(2).map(|cut| &STREAM.as_bytes()[cut[0]..cut[1]]);
            let found: Vec<Event> = pieces.flat_map(|piece| events.push(piece).unwrap()).collect();
            let data = |text: &str| Event::Data(text.to_owned());
            prop_assert_eq!(found, [data("{\"a\":\n\"é\"}"), data("{\"b\":2}"), Event::Done]);
        }
    }

    #[test]
    fn an_endless_event_is_an_error() {
        let mut events = Events::default();
        assert_eq!(events.push(&vec![b'x'; MAX_EVENT]), Ok(Vec::new()));
        assert_eq!(events.push(b"x"), Err(TooLong));
        let mut events = Events::default();
        let line = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
        assert!((0..1100).any(|_| events.push(&line).is_err()), "many lines of one event are too long too");
    }
}
