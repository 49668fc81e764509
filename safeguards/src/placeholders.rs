//! Numbered placeholders, and the way back: what is redacted in a request stands again in its answer, for whoever asked.
//!
//! A model reads `[EMAIL_1]`, and so does everybody who reads the log. The values are kept for as long as the answer takes,
//! and nowhere else.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use crate::{Action, Finding, Group, Kind};

/// Bytes between the brackets of the longest placeholder that is looked for: a kind's name and twenty digits.
const LONGEST: usize = 40;

/// What stands in the place of what, in one request and its answer.
#[derive(Debug, Default)]
pub struct Placeholders {
    /// The value of each placeholder, by what stands between its brackets in small letters.
    values: BTreeMap<String, String>,
    /// The placeholder of each value.
    given: HashMap<(Kind, String), String>,
    /// How many of a kind there are.
    counts: HashMap<Kind, u64>,
    /// What the texts themselves have between brackets: it stands for itself.
    taken: HashSet<String>,
}

impl Placeholders {
    /// None yet, for a request with these texts.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let taken = texts.into_iter().flat_map(bracketed).map(str::to_ascii_lowercase).collect();
        Self { taken, ..Self::default() }
    }

    /// A text with placeholders for what was found in it and is to be redacted; `findings` are those of
    /// [`Guard::check`](crate::Guard::check), which must not have stopped. The same value has the same placeholder. What is no
    /// personal data and no secret, such as a phrase, has one without a number, and does not come back.
    pub fn redact(&mut self, text: &str, findings: &[Finding]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for Region { kind, place, comes_back } in regions(findings) {
            out.push_str(text.get(from..place.start).unwrap_or_default());
            let value = text.get(place.clone()).unwrap_or_default();
            let name = if comes_back { self.name(kind, value) } else { kind.as_str().to_uppercase() };
            out.extend(["[", &name, "]"]);
            from = place.end;
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }

    /// Whether nothing was redacted that could come back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A whole text with the values in their places. `json` says that it is, or is a part of, a JSON text: a value is escaped
    /// so that it stays one.
    #[must_use]
    pub fn restore(self: &Arc<Self>, text: &str, json: bool) -> String {
        let mut restorer = Restorer::new(self, json);
        let whole = restorer.feed(text);
        whole + &restorer.finish()
    }

    fn name(&mut self, kind: Kind, value: &str) -> String {
        if let Some(name) = self.given.get(&(kind, value.to_owned())) {
            return name.clone();
        }
        let count = self.counts.entry(kind).or_default();
        let name = loop {
            *count += 1;
            let name = format!("{}_{count}", kind.as_str().to_uppercase());
            if !self.taken.contains(&name.to_ascii_lowercase()) {
                break name;
            }
        };
        self.values.insert(name.to_ascii_lowercase(), value.to_owned());
        self.given.insert((kind, value.to_owned()), name.clone());
        name
    }

    /// Whether more of what stands behind a bracket could become a placeholder.
    fn may_begin(&self, inner: &str) -> bool {
        let inner = inner.to_ascii_lowercase();
        self.values.range(inner.clone()..).next().is_some_and(|(name, _)| name.starts_with(&inner))
    }

    /// The value of a placeholder at the beginning of what stands behind a bracket, and its length up to behind its own.
    fn value(&self, inner: &str) -> Option<(&str, usize)> {
        let end = closing(inner)?;
        let value = self.values.get(&inner.get(..end)?.to_ascii_lowercase())?;
        Some((value, end + 1))
    }
}

/// Puts values back into one text that comes in pieces. What it gives in all is the same in whatever pieces the text comes;
/// it holds back only what may become a placeholder.
#[derive(Debug)]
pub struct Restorer {
    placeholders: Arc<Placeholders>,
    json: bool,
    held: String,
}

impl Restorer {
    /// A restorer before a text; `json` is that of [`Placeholders::restore`].
    #[must_use]
    pub fn new(placeholders: &Arc<Placeholders>, json: bool) -> Self {
        Self { placeholders: Arc::clone(placeholders), json, held: String::new() }
    }

    /// Reads one more piece; gives what is certain.
    pub fn feed(&mut self, piece: &str) -> String {
        if self.placeholders.is_empty() {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        let held = std::mem::take(&mut self.held);
        let mut out = String::with_capacity(held.len());
        let mut rest = held.as_str();
        while let Some((before, inner)) = rest.split_once('[') {
            out.push_str(before);
            if let Some((value, length)) = self.placeholders.value(inner) {
                self.put(value, &mut out);
                rest = inner.get(length..).unwrap_or_default();
            } else if self.placeholders.may_begin(inner) {
                self.held = format!("[{inner}");
                return out;
            } else {
                out.push('[');
                rest = inner;
            }
        }
        out.push_str(rest);
        out
    }

    /// Reads the end of the text, and gives the rest.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }

    fn put(&self, value: &str, out: &mut String) {
        if !self.json {
            return out.push_str(value);
        }
        let quoted = serde_json::Value::from(value).to_string();
        out.push_str(quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default());
    }
}

/// A part of a text in whose place one placeholder stands.
struct Region {
    kind: Kind,
    place: Range<usize>,
    comes_back: bool,
}

/// What a [`Guard`](crate::Guard) puts placeholders for: things that overlap have one, of the first of them.
fn regions(findings: &[Finding]) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for finding in findings.iter().filter(|finding| finding.action == Action::Redact) {
        let comes_back = matches!(finding.kind.group(), Group::Pii | Group::Secret);
        match regions.last_mut() {
            Some(last) if finding.place.start < last.place.end => {
                last.place.end = last.place.end.max(finding.place.end);
                last.comes_back &= comes_back;
            }
            _ => regions.push(Region { kind: finding.kind, place: finding.place.clone(), comes_back }),
        }
    }
    regions
}

/// Where the bracket closes that stands before a text, if it may be that of a placeholder.
fn closing(inner: &str) -> Option<usize> {
    let end = inner.bytes().take(LONGEST).position(|byte| !(byte.is_ascii_alphanumeric() || byte == b'_'))?;
    inner.get(end..)?.starts_with(']').then_some(end)
}

/// All that stands between brackets and might be taken for a placeholder.
fn bracketed(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('[').filter_map(|(at, _)| {
        let inner = text.get(at + 1..)?;
        inner.get(..closing(inner)?)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{DenyList, Guard, Rules, Safeguards};

    const PIECES: &[&str] = &[
        "jane@example.org",
        "Jane@Example.org",
        "+49 (0)30 23125-014",
        "DE89 3704 0044 0532 0130 00",
        "4111 1111 1111 1111",
        "password: hunter2hunter2",
        "falcon",
        "SSN 536-90-4399",
        "[EMAIL_1]",
        "[email_2]",
        "[EMAIL",
        "_1]",
        "[",
        "]",
        "[[",
        " and ",
        "\n",
        "é",
        ", ",
        "10.1.2.3:8080",
        "mail jane@example.org,bob@example.org",
    ];

    fn rules() -> Arc<Safeguards> {
        let deny = vec![DenyList { id: "projects".into(), action: Action::Redact, phrases: vec!["falcon".into()] }];
        let groups = BTreeMap::from([(Group::Pii, Action::Redact), (Group::Secret, Action::Redact)]);
        Safeguards::new(&[&Rules { groups, deny, ..Rules::default() }])
    }

    fn redacted(text: &str) -> (String, Arc<Placeholders>) {
        let mut placeholders = Placeholders::new([text]);
        let passed = Guard::check(&rules(), text);
        assert!(!passed.stopped);
        let out = placeholders.redact(text, &passed.findings);
        (out, Arc::new(placeholders))
    }

    #[test]
    fn a_value_has_one_placeholder_and_a_placeholder_one_value() {
        let check = |text: &str, expected: &str| assert_eq!(redacted(text).0, expected, "{text}");
        check("a@example.org b@example.org a@example.org", "[EMAIL_1] [EMAIL_2] [EMAIL_1]");
        check("nothing", "nothing");
        check("[EMAIL_1] means a@example.org", "[EMAIL_1] means [EMAIL_2]");
        check("[email_1] means a@example.org", "[email_1] means [EMAIL_2]");
        check("project falcon of a@example.org", "project [PHRASE] of [EMAIL_1]");
    }

    #[test]
    fn values_come_back_however_the_model_writes_the_letters() {
        let (_, placeholders) = redacted("a@example.org b@example.org");
        let check = |text: &str, expected: &str| assert_eq!(placeholders.restore(text, false), expected);
        check("Dear [EMAIL_1], cc [email_2]", "Dear a@example.org, cc b@example.org");
        check("[EMAIL_3] [EMAIL] [EMAIL_1 [[EMAIL_2]]", "[EMAIL_3] [EMAIL] [EMAIL_1 [b@example.org]");
        check("[EMAIL_", "[EMAIL_");
        check("é[EMAIL_1]é", "éa@example.orgé");
    }

    #[test]
    fn a_value_stays_within_its_json_string() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----";
        let (out, placeholders) = redacted(key);
        assert_eq!(out, "[PRIVATE_KEY_1]");
        let json = placeholders.restore(r#"{"key": "[PRIVATE_KEY_1]"}"#, true);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value.get("key").unwrap(), key);
    }

    proptest! {
        #[test]
        fn numbers_are_all_that_is_new(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
            let text = pieces.concat();
            let (out, placeholders) = redacted(&text);
            let plain = placeholders.values.keys().fold(out, |out, name| {
                let upper = name.to_uppercase();
                let kind = upper.rsplit_once('_').unwrap().0.to_owned();
                out.replace(&format!("[{upper}]"), &format!("[{kind}]"))
            });
            prop_assert_eq!(plain, Guard::check(&rules(), &text).text);
        }

        #[test]
        fn what_is_redacted_comes_back(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
            let text = pieces.concat();
            prop_assume!(!Guard::check(&rules(), &text).findings.iter().any(|found| found.kind == Kind::Phrase));
            let (out, placeholders) = redacted(&text);
            prop_assert_eq!(placeholders.restore(&out, false), text);
        }

        #[test]
        fn pieces_do_not_matter(
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24),
            cuts in prop::collection::vec(0..200_usize, 0..12),
            json: bool,
        ) {
            let text = pieces.concat();
            let (out, placeholders) = redacted(&text);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|at| out.is_char_boundary(*at)).collect();
            cuts.extend([0, out.len()]);
            cuts.retain(|at| *at <= out.len());
            cuts.sort_unstable();
            let mut restorer = Restorer::new(&placeholders, json);
            let mut told: String =
                cuts.windows(2).map(|cut| restorer.feed(out.get(cut[0]..cut[1]).unwrap())).collect();
            told.push_str(&restorer.finish());
            prop_assert_eq!(told, placeholders.restore(&out, json));
        }
    }
}
