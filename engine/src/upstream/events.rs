//! Server-sent events out of a byte stream, whatever its pieces.

/// The longest event, in bytes; a server that sends more is not to be trusted with our memory.
const MAX_EVENT: usize = 1 << 20;

/// Collects bytes to lines, and lines to events.
#[derive(Debug, Default)]
pub(super) struct Events {
    rest: Vec<u8>,
    data: String,
}

impl Events {
    /// The data of the events that became whole with these bytes, without the `[DONE]` at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            events.extend(self.line(line.trim_end_matches(['\r', '\n'])));
        }
        if self.rest.len() + self.data.len() > MAX_EVENT {
            (self.rest, self.data) = (Vec::new(), String::new());
        }
        events
    }

    /// An empty line ends an event; several lines of data are one.
    fn line(&mut self, line: &str) -> Option<String> {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return (!data.is_empty() && data != "[DONE]").then_some(data);
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
            let found: Vec<String> = pieces.flat_map(|piece| events.push(piece)).collect();
            prop_assert_eq!(found, ["{\"a\":\n\"é\"}", "{\"b\":2}"]);
        }
    }

    #[test]
    fn an_endless_event_is_dropped() {
        let mut events = Events::default();
        for _ in 0..3 {
            assert!(events.push(&vec![b'x'; MAX_EVENT]).is_empty());
        }
        assert!(events.rest.len() <= MAX_EVENT);
    }
}
