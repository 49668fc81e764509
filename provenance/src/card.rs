//! A model card: what the registry says of a model, as JSON and as a text for people. It claims nothing else.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::{
    Digest, Entry, Evaluation, Figure, Fingerprint, Registry, compare_base,
    fingerprint::{fingerprint_in_words, limits_of},
};

/// The version of the card's format.
const VERSION: u32 = 1;

/// What the registry says of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// The version of the card's format, 1.
    pub version: u32,
    /// The digest of the entry, as the audit log names it.
    pub entry: Digest,
    /// The digest of what is approved.
    pub subject: Digest,
    /// Whether it may load: it is approved as it stands, and not revoked.
    pub usable: bool,
    /// The bytes of all files.
    pub bytes: u64,
    /// Ids of the entries that it was made from, the nearest first.
    pub lineage: Vec<String>,
    /// The nearest of these that was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_base: Option<String>,
    /// What the fingerprint cannot show.
    pub limits: Vec<String>,
    /// How it differs from the model that it was made from, where both have a fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside_base: Option<String>,
    /// All that the entry says.
    pub model: Entry,
}

impl Card {
    /// The card of a registered model.
    #[must_use]
    pub fn new(registry: &Registry, id: &str) -> Option<Self> {
        let model = registry.get(id)?.clone();
        let bytes = model.files.iter().map(|file| file.size).fold(0, u64::saturating_add);
        Some(Self {
            version: VERSION,
            entry: model.digest(),
            subject: model.subject(),
            usable: model.is_approved() && model.revoked.is_none(),
            bytes,
            lineage: registry.lineage(id).iter().skip(1).map(|entry| entry.id.clone()).collect(),
            revoked_base: registry.revoked_base(id).map(|entry| entry.id.clone()),
            limits: model.fingerprint.as_ref().map(limits_of).unwrap_or_default(),
            beside_base: beside_base(registry, &model),
            model,
        })
    }

    /// The card as `model-card.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, lists and finite numbers always become JSON.
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        format!("{value:#}\n")
    }

    /// The card as a Markdown text. The headings follow Annexes XI and XII of the EU AI Act; that the card satisfies them is
    /// not said.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# Model card of {}\n\n", escape(&self.model.id));
        let sections: [(&str, Vec<String>); 7] = [
            ("General description", self.general()),
            ("Files", self.files()),
            ("Origin and licence", self.origin()),
            ("Approval", self.approval()),
            ("Evaluation results", self.evaluations()),
            ("Behavioural fingerprint", self.fingerprint()),
            ("What this card does not say", missing(&self.model)),
        ];
        for (title, lines) in sections {
            _ = writeln!(text, "## {title}\n");
            for line in lines {
                _ = writeln!(text, "- {}", escape(&line));
            }
            text.push('\n');
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    fn general(&self) -> Vec<String> {
        let usable = if self.usable { "It may be loaded." } else { "It may not be loaded." };
        let mut lines = vec![format!("Name: {}", self.model.id), format!("Entry in the registry: {}", self.entry)];
        lines.push(usable.to_owned());
        lines.extend(self.model.note.as_ref().map(|note| format!("Note: {note}")));
        lines
    }

    fn files(&self) -> Vec<String> {
        let file = |file: &crate::RegisteredFile| format!("{}: {} bytes, {}", file.label(), file.size, file.sha256);
        let total = format!("Together: {} bytes", self.bytes);
        self.model.files.iter().map(file).chain([total]).collect()
    }

    fn origin(&self) -> Vec<String> {
        let source = &self.model.source;
        let mut lines = vec![format!("Source: {}", source.url), format!("Revision: {}", source.revision)];
        lines.push(format!("Licence: {}", self.model.licence));
        if !self.lineage.is_empty() {
            lines.push(format!("Made from: {}", self.lineage.join(", made from ")));
        }
        lines.extend(self.revoked_base.as_ref().map(|base| format!("It was made from {base}, which was revoked.")));
        lines.extend(self.beside_base.as_ref().map(|found| format!("Beside the model that it was made from: {found}")));
        lines
    }

    fn approval(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(approval) = &self.model.approved {
            let note = approval.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            lines.push(format!("Approved by {} on {}{note}", approval.by, approval.on));
            if !self.model.is_approved() {
                lines.push("The entry was changed since, so the approval has ended.".to_owned());
            }
        } else {
            lines.push("Nobody approved it.".to_owned());
        }
        let revoked = self.model.revoked.as_ref();
        lines.extend(revoked.map(|revoked| format!("Revoked by {} on {}: {}", revoked.by, revoked.on, revoked.why)));
        lines
    }

    fn evaluations(&self) -> Vec<String> {
        let impact = self.model.impact.iter().map(|digest| format!("Impact assessment: {digest}"));
        self.model.evaluations.iter().flat_map(evaluation).chain(impact).collect()
    }

    fn fingerprint(&self) -> Vec<String> {
        let mut lines = self.model.fingerprint.as_ref().map(fingerprint_in_words).unwrap_or_default();
        lines.extend(self.limits.iter().map(|limit| format!("Note: {limit}.")));
        lines
    }
}

fn beside_base(registry: &Registry, model: &Entry) -> Option<String> {
    let print = |entry: &Entry| entry.fingerprint.clone();
    let (base, own): (Fingerprint, Fingerprint) =
        (registry.get(model.base.as_deref()?).and_then(print)?, print(model)?);
    Some(compare_base(&base, &own).map_or_else(|error| error.to_string(), |found| found.to_string()))
}

fn evaluation(evaluation: &Evaluation) -> Vec<String> {
    let results = evaluation.results.map(|digest| format!(" (results {digest})")).unwrap_or_default();
    let figure = |figure: &Figure| format!("{} on {}{results}: {}", evaluation.set, evaluation.on, figure_text(figure));
    evaluation.figures.iter().map(figure).collect()
}

fn figure_text(figure: &Figure) -> String {
    let interval = figure.interval.map(|[low, high]| format!(" ({low} to {high})")).unwrap_or_default();
    format!("{} {}{interval}", figure.name, figure.value)
}

/// What a reader might expect and the entry does not have.
fn missing(model: &Entry) -> Vec<String> {
    let absent = [
        (model.evaluations.is_empty(), "No evaluation is registered."),
        (model.impact.is_empty(), "No impact assessment is registered."),
        (model.fingerprint.is_none(), "No fingerprint was taken."),
        (model.base.is_none(), "It is not registered which model it was made from, if any."),
        (true, "Nothing is registered here on training data, training, energy used, or intended uses."),
    ];
    absent.into_iter().filter(|(is, _)| *is).map(|(_, line)| line.to_owned()).collect()
}

/// One line of Markdown that shows the text as it is, whatever is in it.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => escaped.extend(['\\', c]),
            // Characters that turn the direction of a line, or that no reader sees.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
