//! Stop sequences of an answer that is drawn step by step.
//!
//! An engine tells that it met a stop sequence and not which one, so it is only given the one that ends a step. Those of
//! the request are looked for here, in the answer and not in its thoughts.

use crate::{Segment, segments::certain};

#[derive(Clone, Debug)]
pub(crate) struct Stops {
    texts: Vec<String>,
    /// The answer so far.
    answer: String,
    /// Bytes of it in which nothing is looked for any more: they were, or we have said them ourselves.
    known: usize,
}

impl Stops {
    pub(crate) fn new(texts: &[String]) -> Self {
        let texts = texts.iter().filter(|text| !text.is_empty()).cloned().collect();
        Self { texts, answer: String::new(), known: 0 }
    }

    /// Takes what was not drawn now.
    pub(crate) fn skip(&mut self, said: &[Segment]) {
        self.take(said);
        self.known = self.answer.len();
    }

    /// Takes what was drawn; gives the bytes of the answer before the first stop sequence, if there is one.
    pub(crate) fn push(&mut self, said: &[Segment]) -> Option<usize> {
        self.take(said);
        self.find()
    }

    /// Takes the end of a step, which an engine leaves out of its text.
    pub(crate) fn step_ended(&mut self, until: &str) -> Option<usize> {
        if self.answer.trim().is_empty() {
            return None;
        }
        self.answer.push_str(until);
        self.find()
    }

    /// Bytes of the answer that stay whatever comes: behind them a stop sequence may have begun.
    pub(crate) fn certain(&self) -> usize {
        certain(&self.answer, &self.texts)
    }

    fn take(&mut self, said: &[Segment]) {
        for segment in said {
            if let Segment::Answer(text) = segment {
                self.answer.push_str(text);
            }
        }
    }

    fn find(&mut self) -> Option<usize> {
        let known = std::mem::replace(&mut self.known, self.answer.len());
        let first = |stop: &String| {
            // One may begin in what is known and end behind it.
            let from = (known + 1).saturating_sub(stop.len());
            let from = (from..=known).find(|at| self.answer.is_char_boundary(*at))?;
            self.answer.get(from..)?.find(stop.as_str()).map(|at| from + at)
        };
        self.texts.iter().filter_map(first).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> [Segment; 1] {
        [Segment::Answer(text.to_owned())]
    }

    #[test]
    fn the_first_stop_in_what_was_drawn_is_found() {
        let mut stops = Stops::new(&["END".to_owned(), "é.".to_owned(), String::new()]);
        stops.skip(&answer("The END is "));
        assert_eq!(stops.push(&answer("near E")), None);
        assert_eq!(stops.push(&[Segment::Thinking("END".to_owned())]), None);
        assert_eq!(stops.push(&answer("N")), None);
        assert_eq!(stops.push(&answer("D, é. END")), Some("The END is near ".len()));
        let mut stops = Stops::new(&["END".to_owned(), "é.".to_owned()]);
        assert_eq!(stops.push(&answer("ééé")), None);
        assert_eq!(stops.push(&answer(". END")), Some("éé".len()));
    }

    #[test]
    fn one_over_the_end_of_a_step_is_found() {
        let mut stops = Stops::new(&["\n\n".to_owned(), "\nQ:".to_owned()]);
        assert_eq!(stops.step_ended("\n\n"), None, "there is no answer yet");
        assert_eq!(stops.push(&answer("4")), None);
        assert_eq!(stops.step_ended("\n\n"), Some(1));
        let mut stops = Stops::new(&["\nQ:".to_owned()]);
        stops.skip(&answer("4\n\n"));
        assert_eq!(stops.push(&answer("Q: 5")), Some(2));
    }
}
