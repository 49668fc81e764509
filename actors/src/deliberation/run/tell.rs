//! What a reader sees while it runs.

use std::collections::BTreeMap;

use super::{Event, Run};
use crate::deliberation::kept_for_samples;

/// The sample whose thoughts are shown where nobody knows yet which one is the answer. It stays the same, so that nobody
/// reads the beginning of one and the end of another.
const PINNED: u32 = 0;

/// What the reader has.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    /// Of each sample the bytes of its thoughts and of its text.
    told: BTreeMap<u32, (usize, usize)>,
    /// A second try thought otherwise; its thoughts are no longer shown.
    left: bool,
}

impl Reader {
    /// What the reader has of a sample: bytes of its thoughts and of its text.
    pub(super) fn told(&self, index: u32) -> (usize, usize) {
        self.told.get(&index).copied().unwrap_or_default()
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
        let Some(report) = self.samples.get(&index).map(|sample| &sample.report) else { return };
        let (mut thought, mut said) = self.reader.told(index);
        if thoughts && let Some(fresh) = report.thinking.get(thought..).filter(|text| !text.is_empty()) {
            if !self.tell_if_room(Event::Thinking { index, text: fresh.to_owned() }) {
                return;
            }
            thought += fresh.len();
        }
        if texts
            && let Some(fresh) = report.text.get(said..).filter(|text| !text.is_empty())
            && self.tell_if_room(Event::Text { index, text: fresh.to_owned() })
        {
            said += fresh.len();
        }
        self.reader.told.insert(index, (thought, said));
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
