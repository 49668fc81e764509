//! What a registry must be like besides its schema.

use std::collections::{BTreeMap, BTreeSet};

use forethought_policies::{Document, Problem};

use crate::{Entry, Figure, RegisteredFile};

/// Everything that is wrong with the entries, each at its place.
pub(crate) fn problems(document: &Document, entries: &[Entry]) -> Vec<Problem> {
    let mut found = Found { document, problems: Vec::new() };
    let mut ids = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if let Some(first) = ids.insert(entry.id.as_str(), place) {
            let told = format!("the model `{}` stands here a second time, first as models[{first}]", entry.id);
            found.add(&format!("/models/{place}/id"), told, "keep one of the two, or give one another id");
        }
        found.files(place, entry);
        found.figures(place, entry);
    }
    found.bases(entries, &ids);
    found.problems
}

/// What is wrong with a relative path that must stay inside its folder.
pub(crate) fn wrong_path(path: &str) -> Option<&'static str> {
    if path.starts_with('/') || path.contains(':') {
        return Some("is no relative path");
    }
    if path.contains(['\\', '\0']) {
        return Some("has a character that a path cannot have here");
    }
    match path.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        Some("..") => Some("leads out of its folder"),
        Some(_) => Some("has an empty part or a `.`"),
        None => None,
    }
}

struct Found<'d> {
    document: &'d Document,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn add(&mut self, pointer: &str, message: String, mend: &str) {
        self.problems.push(self.document.problem(pointer, message, mend));
    }

    fn files(&mut self, model: usize, entry: &Entry) {
        let mut labels = BTreeSet::new();
        for (place, file) in entry.files.iter().enumerate() {
            let pointer = format!("/models/{model}/files/{place}");
            self.file(&pointer, file);
            if !labels.insert(file.label()) {
                self.add(&pointer, format!("`{}` stands here a second time", file.label()), "keep one of the two");
            }
        }
    }

    fn file(&mut self, pointer: &str, file: &RegisteredFile) {
        if file.path.is_some() == file.name.is_some() {
            let told = "a file has either a path or a name".to_owned();
            self.add(pointer, told, "give its `path` from this file's folder, or only its `name`");
        }
        if let Some(wrong) = wrong_path(file.label()) {
            let key = if file.path.is_some() { "path" } else { "name" };
            let told = format!("`{}` {wrong}", file.label());
            self.add(&format!("{pointer}/{key}"), told, "write a path such as `weights/model.gguf`");
        }
    }

    fn figures(&mut self, model: usize, entry: &Entry) {
        for (place, evaluation) in entry.evaluations.iter().enumerate() {
            for (figure, given) in evaluation.figures.iter().enumerate() {
                if let Some(told) = wrong_figure(given) {
                    let pointer = format!("/models/{model}/evaluations/{place}/figures/{figure}");
                    self.add(&pointer, told, "write `interval: [lower, upper]`, around the value");
                }
            }
        }
    }

    fn bases(&mut self, entries: &[Entry], ids: &BTreeMap<&str, usize>) {
        for (place, entry) in entries.iter().enumerate() {
            let Some(base) = &entry.base else { continue };
            let pointer = format!("/models/{place}/base");
            if !ids.contains_key(base.as_str()) {
                self.add(
                    &pointer,
                    format!("there is no model `{base}`"),
                    "register the base first, or leave `base` out",
                );
            } else if is_own_base(entries, ids, entry) {
                self.add(&pointer, format!("`{}` is made from itself", entry.id), "name what it was really made from");
            }
        }
    }
}

fn wrong_figure(figure: &Figure) -> Option<String> {
    let [low, high] = figure.interval.unwrap_or([figure.value; 2]);
    if low <= figure.value && figure.value <= high {
        return None;
    }
    Some(format!("{} is not between {low} and {high}", figure.value))
}

fn is_own_base(entries: &[Entry], ids: &BTreeMap<&str, usize>, entry: &Entry) -> bool {
    let mut base = entry.base.as_deref();
    // A chain longer than the list goes in a circle, though not one through this entry.
    for _ in entries {
        let Some(id) = base else { return false };
        if id == entry.id {
            return true;
        }
        base = ids.get(id).and_then(|place| entries.get(*place)).and_then(|entry| entry.base.as_deref());
    }
    false
}
