//! How a model thinks: its markers, and what is said for it where it must begin, go on, or come to an end.

use serde::{Deserialize, Serialize};

use crate::Markers;

/// What a thought at its cap is closed with, before the marker.
const TIME_IS_UP: &str = "\n\nI have to answer now, with what I have found so far.\n";

/// How a model thinks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThinkingStyle {
    /// What opens and closes a thought.
    #[serde(flatten)]
    pub markers: Markers,
    /// What the answer of a model that does not think by itself is begun with; it opens a thought. Empty for a model
    /// that opens its thoughts itself.
    pub begin: String,
    /// What closes a thought at its cap; it holds a closing marker, and what stands behind that begins the answer.
    pub closing: String,
    /// What makes a thought go on.
    pub wait: String,
}

/// A style that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StyleError {
    /// A marker would be found everywhere.
    #[error("a model that thinks needs at least one opening and one closing marker, and none may be empty")]
    Markers,
    /// The recipe opens no thought.
    #[error("`begin` is {0:?}, which does not open a thought: begin it with {1:?}")]
    Begin(String, String),
    /// A thought could not be closed.
    #[error("`closing` is {0:?}, which closes no thought: put {1:?} into it")]
    Closing(String, String),
}

impl ThinkingStyle {
    /// A style with the usual sentences for these markers.
    #[must_use]
    pub fn new(markers: Markers) -> Self {
        let close = markers.close.first().cloned().unwrap_or_default();
        // The channels of gpt-oss follow each other without a space.
        let closing = if close.starts_with("<|") { close } else { format!("{TIME_IS_UP}{close}\n\n") };
        Self { markers, begin: String::new(), closing, wait: "\nWait".to_owned() }
    }

    /// # Errors
    /// When its thoughts could not be found, opened or closed.
    pub fn check(&self) -> Result<(), StyleError> {
        let Markers { open, close } = &self.markers;
        let (Some(first_open), Some(first_close)) = (open.first(), close.first()) else {
            return Err(StyleError::Markers);
        };
        if open.iter().chain(close).any(|marker| marker.trim().is_empty()) {
            return Err(StyleError::Markers);
        }
        let begins = |marker: &String| self.begin.trim_start().starts_with(marker.as_str());
        if !self.begin.is_empty() && !open.iter().any(begins) {
            return Err(StyleError::Begin(self.begin.clone(), first_open.clone()));
        }
        if !close.iter().any(|marker| self.closing.contains(marker.as_str())) {
            return Err(StyleError::Closing(self.closing.clone(), first_close.clone()));
        }
        Ok(())
    }

    /// What opens a thought on our side.
    pub(super) fn opening(&self) -> String {
        match (self.begin.as_str(), self.markers.open.first()) {
            ("", Some(open)) if open.starts_with("<|") => open.clone(),
            ("", Some(open)) => format!("{open}\n"),
            (begin, _) => begin.to_owned(),
        }
    }

    /// What closes a thought that the model has ended itself; its marker was a stop sequence and is not in the text.
    pub(super) fn close(&self) -> String {
        let close = self.markers.close.first().map(String::as_str).unwrap_or_default();
        if close.starts_with("<|") { close.to_owned() } else { format!("{close}\n\n") }
    }

    /// A thought that is over before it has begun, as Qwen 3's template writes it. `opened` says that the chat template has
    /// opened it.
    #[must_use]
    pub fn no_thought(&self, opened: bool) -> String {
        if opened {
            let close = self.close();
            return if close.starts_with("<|") { close } else { format!("\n{close}") };
        }
        let marker = |markers: &[String]| markers.first().cloned().unwrap_or_default();
        // Nothing is to be ended before the channel of the answer opens.
        let channel = self.markers.close.iter().filter(|close| close.starts_with("<|")).min_by_key(|close| close.len());
        channel.cloned().unwrap_or_else(|| format!("{}\n\n{}", marker(&self.markers.open), self.close()))
    }
}
