//! Server-sent events out of a byte stream, whatever its pieces.

use serde_json::Value;

/// Collects bytes to lines, and lines to events.
#[derive(Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// The events that became whole with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Value> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let data = line.strip_prefix(b"data: ").and_then(|data| serde_json::from_slice(data).ok());
            events.extend(data);
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_found_whatever_the_pieces() {
        let stream = b": keep-alive\n\ndata: {\"a\": \"\xc3\xa9\"}\n\ndata: {\"b\": 2}\n\ndata: [DONE]\n\n";
        for size in 1..stream.len() {
            let mut lines = Lines::default();
            let events: Vec<Value> = stream.chunks(size).flat_map(|piece| lines.push(piece)).collect();
            assert_eq!(events, [json!({ "a": "é" }), json!({ "b": 2 })], "{size}");
        }
    }
}
