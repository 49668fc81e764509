//! How a model thinks, as the configuration says it.

use std::sync::Arc;

use forethought_engine::Marks;
use forethought_policies::{Document, Problem};
use forethought_reasoning::{Markers, ThinkingStyle};
use serde::Deserialize;
use serde_json::{Value, json};

/// How a model thinks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThinkingConfig {
    markers: MarkersSection,
    begin: String,
    closing: Option<String>,
    wait: Option<String>,
    /// An instruction that stands before every conversation in which the model may think.
    pub system: Option<String>,
    /// Tokens kept back for the answer, at least 1.
    pub answer_reserve: Option<u32>,
}

/// The section `thinking` of a model.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ThinkingSection {
    markers: MarkersSection,
    begin: String,
    system: Option<String>,
    closing: Option<String>,
    wait: Option<String>,
    answer_reserve: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum MarkersSection {
    #[default]
    Auto,
    Named(Named),
    Own {
        open: Vec<String>,
        close: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    Think,
    Harmony,
    None,
}

impl From<ThinkingSection> for ThinkingConfig {
    fn from(section: ThinkingSection) -> Self {
        let ThinkingSection { markers, begin, system, closing, wait, answer_reserve } = section;
        Self { markers, begin, closing, wait, system, answer_reserve }
    }
}

impl ThinkingConfig {
    /// The style of a model whose chat template has these marks; `None` for one that marks no thoughts.
    #[must_use]
    pub fn style(&self, marks: Option<Marks>) -> Option<Arc<ThinkingStyle>> {
        let markers = match &self.markers {
            MarkersSection::Named(Named::None) => return None,
            MarkersSection::Named(Named::Think) => Markers::default(),
            MarkersSection::Named(Named::Harmony) => Markers::harmony(),
            MarkersSection::Own { open, close } => Markers { open: open.clone(), close: close.clone() },
            MarkersSection::Auto => match marks {
                Some(Marks::Harmony) => Markers::harmony(),
                None if self.begin.is_empty() => return None,
                Some(Marks::Think) | None => Markers::default(),
            },
        };
        let usual = ThinkingStyle::new(markers);
        Some(Arc::new(ThinkingStyle {
            begin: self.begin.clone(),
            closing: self.closing.clone().unwrap_or(usual.closing),
            wait: self.wait.clone().unwrap_or(usual.wait),
            markers: usual.markers,
        }))
    }

    /// What `/v1/models` and the audit log say of it: nothing of what a model is told is hidden.
    #[must_use]
    pub fn disclosed(&self, style: Option<&ThinkingStyle>) -> Value {
        style.map_or(Value::Null, |style| {
            json!({
                "open": style.markers.open, "close": style.markers.close, "begin": style.begin,
                "closing": style.closing, "wait": style.wait, "system": self.system,
                "answer_reserve": self.answer_reserve,
            })
        })
    }
}

/// A style that could not work, with its place.
pub(super) fn problem(document: &Document, index: usize, model: &Value) -> Option<Problem> {
    let section: ThinkingSection = serde_json::from_value(model.get("thinking")?.clone()).ok()?;
    let wrong = ThinkingConfig::from(section).style(None)?.check().err()?;
    let told = wrong.to_string();
    let (told, mend) = told.split_once(": ").unwrap_or((told.as_str(), "see `markers`, `begin` and `closing`"));
    Some(document.problem(&format!("/models/{index}/thinking"), told, mend))
}
