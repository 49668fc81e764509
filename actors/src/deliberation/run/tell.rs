//! What a reader sees while it runs.

use std::collections::BTreeMap;

use super::{Event, Run};
use crate::deliberation::{kept_for_samples, screen::Stream};

/// The sample whose thoughts are shown where nobody knows yet which one is the answer. It stays the same, so that nobody
/// reads the beginning of one and the end of another.
const PINNED: u32 = 0;

/// What the reader has.
#[derive(Debug, Default)]
pub(super) struct Reader {
    told: BTreeMap<u32, Told>,
    /// A second try thought otherwise; its thoughts are no longer shown.
    left: bool,
}

/// What was told of a sample.
#[derive(Debug)]
struct Told {
    /// Bytes of its thoughts and of its text that have gone to the safeguards.
    bytes: (usize, usize),
    /// What they let out.
    stream: Stream,
}

impl Reader {
    /// What the reader has of a sample, or would have without safeguards: bytes of its thoughts and of its text.
    pub(super) fn told(&self, index: u32) -> (usize, usize) {
        self.told.get(&index).map(|told| told.bytes).unwrap_or_default()
    }
}

impl Run {
    /// Sends the reader what it has not yet seen. What finds no room goes with the next token, or with the answer. A
    /// second try says the same again, up to where the first broke off.
    pub(super) fn stream(&mut self, index: u32) {
        let (thoughts, texts) = (self.job.stream_thinking, self.job.stream_text);
        // Where texts are shown, each sample is an answer of its own.
        if !(texts || (thoughts && index == PINNED && !self.reader.left)) {
            return;
        }
        // Two events at most: what the safeguards have let out must not be lost.
        if self.events.capacity() < kept_for_samples(&self.job.budget) + 2 {
            return;
        }
        let Some(report) = self.samples.get(&index).map(|sample| &sample.report) else { return };
        let fresh = || Told { bytes: (0, 0), stream: Stream::new(&self.job.safeguards) };
        let told = self.reader.told.entry(index).or_insert_with(fresh);
        let mut events = Vec::new();
        if thoughts {
            let unheard = report.thinking.get(told.bytes.0..).unwrap_or_default();
            let text = told.stream.thoughts(unheard);
            told.bytes.0 += unheard.len();
            events.push(Event::Thinking { index, text });
        }
        if texts {
            let unheard = report.text.get(told.bytes.1..).unwrap_or_default();
            let text = told.stream.text(unheard);
            told.bytes.1 += unheard.len();
            events.push(Event::Text { index, text });
        }
        for event in events {
            let (Event::Thinking { text, .. } | Event::Text { text, .. }) = &event else { continue };
            if !text.is_empty() {
                let _ = self.events.try_send(event);
            }
        }
    }

    /// A second try of the pinned sample says something else. Where only its thoughts are shown, and another sample may
    /// be the answer, they end there; where its text is the answer, nothing may be spliced to it.
    pub(super) fn leaves_pinned(&mut self, index: u32) -> bool {
        self.reader.left |= index == PINNED && !self.job.stream_text;
        self.reader.left
    }

    /// Tells the reader, if it reads: a full buffer never holds up the work. What goes on and on leaves room for what
    /// happens to a sample once.
    pub(super) fn tell(&self, event: Event) {
        if matches!(event, Event::Progress { .. }) {
            self.tell_if_room(event);
        } else {
            let _ = self.events.try_send(event);
        }
    }

    fn tell_if_room(&self, event: Event) -> bool {
        self.events.capacity() > kept_for_samples(&self.job.budget) && self.events.try_send(event).is_ok()
    }
}
