//! What a reader sees while it runs.

use super::{Event, Run};

/// The sample whose thoughts are shown, and whose text where it is the only one. It stays the same, so that nobody reads
/// the beginning of one and the end of another.
const PINNED: u32 = 0;

/// What the reader has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reader {
    thinking: usize,
    text: usize,
    /// A second try thought otherwise; its thoughts are no longer shown.
    left: bool,
}

impl Reader {
    /// What the reader has of a sample: bytes of its thoughts and of its text.
    pub(super) fn told(&self, index: u32) -> (usize, usize) {
        if index == PINNED { (self.thinking, self.text) } else { (0, 0) }
    }
}

impl Run {
    /// Sends the reader what it has not yet seen. What finds no room goes with the next token, or with the answer. A
    /// second try says the same again, up to where the first broke off.
    pub(super) fn stream(&mut self, index: u32) {
        let (thoughts, texts) = (self.job.stream_thinking, self.job.stream_text);
        if index != PINNED || self.reader.left || !(thoughts || texts) {
            return;
        }
        let Some(report) = self.samples.get(&index).map(|sample| &sample.report) else { return };
        if thoughts && let Some(fresh) = report.thinking.get(self.reader.thinking..).filter(|text| !text.is_empty()) {
            let Ok(room) = self.events.try_reserve() else { return };
            self.reader.thinking += fresh.len();
            room.send(Event::Thinking(fresh.to_owned()));
        }
        if texts && let Some(fresh) = report.text.get(self.reader.text..).filter(|text| !text.is_empty()) {
            let Ok(room) = self.events.try_reserve() else { return };
            self.reader.text += fresh.len();
            room.send(Event::Text(fresh.to_owned()));
        }
    }

    /// A second try of the pinned sample says something else. Where only its thoughts are shown, and another sample may
    /// be the answer, they end there; where its text is the answer, nothing may be spliced to it.
    pub(super) fn leaves_pinned(&mut self, index: u32) -> bool {
        self.reader.left |= index == PINNED && !self.job.stream_text;
        self.reader.left
    }

    /// Tells the reader, if it reads: a full buffer never holds up the work.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }
}
