//! From tokens' bytes to text that may leave: whole characters only, and nothing of a stop sequence.

/// What a pushed token made certain.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Text that may leave now.
    pub text: String,
    /// A stop sequence was met; what follows it is dropped.
    pub stopped: bool,
}

/// Joins bytes to characters and holds back what could still become a stop sequence.
#[derive(Debug)]
pub(crate) struct TextAssembler {
    stops: Vec<String>,
    /// Bytes that are not yet a whole character.
    bytes: Vec<u8>,
    /// Characters that may be the start of a stop sequence.
    held: String,
}

impl TextAssembler {
    pub(crate) fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.iter().filter(|s| !s.is_empty()).cloned().collect(),
            bytes: Vec::new(),
            held: String::new(),
        }
    }

    /// Takes one token's bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Pushed {
        self.bytes.extend_from_slice(bytes);
        self.take_whole_characters();
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            let mut text = std::mem::take(&mut self.held);
            text.truncate(at);
            self.bytes.clear();
            return Pushed { text, stopped: true };
        }
        let keep = self.possible_stop_prefix();
        let leave = self.held.len() - keep;
        Pushed { text: self.held.drain(..leave).collect(), stopped: false }
    }

    /// Whatever is still held when the sample ends without a stop sequence.
    pub(crate) fn finish(&mut self) -> String {
        let mut text = std::mem::take(&mut self.held);
        text.push_str(&String::from_utf8_lossy(&std::mem::take(&mut self.bytes)));
        text
    }

    fn take_whole_characters(&mut self) {
        loop {
            match std::str::from_utf8(&self.bytes) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.bytes.clear();
                    return;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    self.held.push_str(&String::from_utf8_lossy(self.bytes.get(..valid).unwrap_or_default()));
                    let Some(bad) = error.error_len() else {
                        self.bytes.drain(..valid);
                        return;
                    };
                    self.held.push(char::REPLACEMENT_CHARACTER);
                    self.bytes.drain(..valid + bad);
                }
            }
        }
    }

    /// Length in bytes of the longest end of the held text that begins a stop sequence.
    fn possible_stop_prefix(&self) -> usize {
        self.held
            .char_indices()
            .map(|(at, _)| at)
            .find(|&at| {
                let tail = self.held.get(at..).unwrap_or_default();
                self.stops.iter().any(|stop| stop.starts_with(tail))
            })
            .map_or(0, |at| self.held.len() - at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(stops: &[&str], tokens: &[&[u8]]) -> (Vec<String>, bool) {
        let mut assembler = TextAssembler::new(&stops.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut out = Vec::new();
        for token in tokens {
            let pushed = assembler.push(token);
            out.push(pushed.text);
            if pushed.stopped {
                assert_eq!(assembler.finish(), "", "what follows a stop sequence is dropped");
                return (out, true);
            }
        }
        out.push(assembler.finish());
        (out, false)
    }

    #[test]
    fn characters_leave_whole() {
        assert_eq!(run(&[], &[b"a\xc3", b"\xa9b"]).0, ["a", "éb", ""]);
        assert_eq!(run(&[], &[b"a\xff", b"b\xe2\x82"]).0, ["a\u{fffd}", "b", "\u{fffd}"]);
    }

    #[test]
    fn nothing_of_a_stop_sequence_leaves() {
        assert_eq!(
            run(&["END"], &[b"one E", b"N", b"D two"]),
            (vec!["one ".into(), String::new(), String::new()], true)
        );
        assert_eq!(run(&["END"], &[b"one E", b"N", b"t"]).0, ["one ", "", "ENt", ""]);
        assert_eq!(run(&["\n\n", "."], &[b"a\n", b"b.c"]).0, ["a", "\nb"]);
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(text in "[abé€\n]{0,40}", stop in "[abé]{1,3}", cuts in prop::collection::vec(0usize..60, 0..8)) {
            let mut points: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            points.extend([0, text.len()]);
            points.sort_unstable();
            let tokens: Vec<&[u8]> = points.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]).collect();
            let (parts, stopped) = run(&[&stop], &tokens);
            let expect = text.find(&stop).map_or(text.as_str(), |at| &text[..at]);
            prop_assert_eq!(parts.concat(), expect);
            prop_assert_eq!(stopped, text.contains(&stop));
        }
    }
}
