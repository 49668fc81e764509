//! Writes what is chosen, line by line, and counts.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Deliberation, Drawn, Exported, Options, Origin, Why,
    card::{Facts, card},
    choose::{Chosen, choose},
    columns::Columns,
    folder::{CARD, Folder, Lines, PREFERENCES, SFT},
};
use crate::EvalError;

/// An export under way.
pub(super) struct Writer<'o> {
    options: &'o Options,
    folder: Folder,
    sft: Lines,
    preferences: Lines,
    seen: HashSet<[u8; 32]>,
    pairs: Pairs,
    columns: [Columns; 2],
    exported: Exported,
    facts: Facts,
}

impl<'o> Writer<'o> {
    pub(super) fn begin(options: &'o Options) -> Result<Self, EvalError> {
        let folder = Folder::begin(&options.out, options.force)?;
        let (sft, preferences) = (folder.file(SFT)?, folder.file(PREFERENCES)?);
        let (seen, pairs, columns) = (HashSet::new(), Pairs::default(), Default::default());
        let (exported, facts) = (Exported::default(), Facts::default());
        Ok(Self { options, folder, sft, preferences, seen, pairs, columns, exported, facts })
    }

    /// Takes a deliberation, or notes why it is left out.
    pub(super) fn take(&mut self, deliberation: &Deliberation) -> Result<(), EvalError> {
        self.exported.considered += 1;
        match choose(deliberation, self.options) {
            Err(why) => self.note(why),
            Ok(chosen) => {
                let (sft, pairs) = (self.imitate(deliberation, &chosen)?, self.compare(deliberation, &chosen)?);
                if sft + pairs == 0 {
                    self.note(Why::Duplicate);
                } else {
                    self.facts.note(deliberation);
                    self.exported.sft += sft;
                    self.exported.preferences += pairs;
                }
            }
        }
        Ok(())
    }

    /// Notes a deliberation that could not even be read.
    pub(super) fn leave(&mut self, why: Why) {
        self.exported.considered += 1;
        self.note(why);
    }

    fn note(&mut self, why: Why) {
        *self.exported.left_out.entry(why).or_default() += 1;
    }

    fn imitate(&mut self, deliberation: &Deliberation, chosen: &Chosen<'_>) -> Result<usize, EvalError> {
        if !self.is_new(&json!(["sft", deliberation.prompt, self.said(chosen.best)])) {
            return Ok(0);
        }
        let mut messages: Vec<Value> = deliberation.prompt.iter().map(|message| json!(message)).collect();
        messages.push(self.said(chosen.best));
        let row = with([("messages", json!(messages))], about(deliberation, chosen));
        self.columns[0].note(&row);
        self.sft.line(&Value::Object(row).to_string())?;
        Ok(1)
    }

    fn compare(&mut self, deliberation: &Deliberation, chosen: &Chosen<'_>) -> Result<usize, EvalError> {
        let mut pairs = 0;
        for rejected in chosen.rejected.iter().take(self.options.max_pairs) {
            let (better, worse) = (self.said(chosen.best), self.said(rejected));
            if self.is_new(&json!(["pair", deliberation.prompt, better, worse])) {
                let mut about = about(deliberation, chosen);
                about.insert("rejected_answer".to_owned(), json!(rejected.answer));
                let prompt = json!(deliberation.prompt);
                let texts = [("prompt", prompt), ("chosen", json!([better])), ("rejected", json!([worse]))];
                let row = with(texts, about);
                self.columns[1].note(&row);
                self.pairs.note(deliberation, chosen.best, rejected);
                self.preferences.line(&Value::Object(row).to_string())?;
                pairs += 1;
            }
        }
        Ok(pairs)
    }

    fn said(&self, sample: &Drawn) -> Value {
        if self.options.thoughts {
            return json!({ "role": "assistant", "content": sample.text, "reasoning_content": sample.thinking });
        }
        json!({ "role": "assistant", "content": sample.text })
    }

    /// Whether this is not there yet; what is kept of it is only a hash.
    fn is_new(&mut self, what: &Value) -> bool {
        self.options.keep_duplicates || self.seen.insert(Sha256::digest(what.to_string()).into())
    }

    /// Writes the card and puts the folder at its place. `source` says in a few sentences where it all comes from.
    pub(super) fn finish(self, source: &str) -> Result<Exported, EvalError> {
        let Self { options, folder, sft, preferences, pairs, columns, mut exported, facts, .. } = self;
        sft.finish()?;
        preferences.finish()?;
        let contradicted = pairs.contradicted();
        exported.contradictory = contradicted.len();
        exported.preferences -= contradicted.len();
        if !contradicted.is_empty() {
            folder.drop_lines(PREFERENCES, &contradicted)?;
        }
        if exported.sft + exported.preferences == 0 {
            return Err(EvalError::Input(nothing(&exported)));
        }
        for (name, count) in [(SFT, exported.sft), (PREFERENCES, exported.preferences)] {
            // An empty file cannot be loaded.
            if count == 0 {
                folder.remove(name)?;
            }
        }
        let mut readme = folder.file(CARD)?;
        readme.line(card(options, &exported, &columns, &facts, source).trim_end())?;
        readme.finish()?;
        folder.finish()?;
        Ok(exported)
    }
}

fn nothing(exported: &Exported) -> String {
    let why: Vec<String> = exported.left_out.iter().map(|(why, count)| format!("{count} {why}")).collect();
    let why = if why.is_empty() { "there is none".to_owned() } else { why.join(", ") };
    let considered = exported.considered;
    format!(
        "none of {considered} deliberations can be exported ({why}); loosen the filters, or take others; nothing was written"
    )
}

/// What stands beside the texts: where they come from, and how good they are.
fn about(deliberation: &Deliberation, chosen: &Chosen<'_>) -> Map<String, Value> {
    let origin = match &deliberation.origin {
        Origin::Audit { request, tenant, time } => {
            json!({ "source": "audit", "request": request, "tenant": tenant, "time": time })
        }
        Origin::Evaluation { set, question, way, repeat } => {
            json!({ "source": "evaluation", "set": set, "question": question, "way": way, "repeat": repeat })
        }
    };
    let figures = json!({
        "model": deliberation.model, "weights": deliberation.weights, "strategy": deliberation.strategy,
        "answer": chosen.best.answer, "agreement": chosen.agreement, "samples": deliberation.samples.len(),
        "check": chosen.best.check, "tokens": chosen.best.tokens,
    });
    [origin, figures].into_iter().filter_map(|value| value.as_object().cloned()).flatten().collect()
}

fn with<const N: usize>(texts: [(&str, Value); N], more: Map<String, Value>) -> Map<String, Value> {
    texts.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(more).collect()
}

/// What each pair says, in the order of the lines: a hash of the prompt and the two answers, and which of these is better.
#[derive(Default)]
struct Pairs(Vec<([u8; 32], bool)>);

impl Pairs {
    fn note(&mut self, deliberation: &Deliberation, best: &Drawn, rejected: &Drawn) {
        let forward = best.answer <= rejected.answer;
        let (one, other) = if forward { (best, rejected) } else { (rejected, best) };
        let what = json!([deliberation.prompt, one.answer, other.answer]);
        self.0.push((Sha256::digest(what.to_string()).into(), forward));
    }

    /// The lines of which another one says the contrary: a model would learn nothing of both.
    fn contradicted(&self) -> HashSet<usize> {
        let said: HashSet<([u8; 32], bool)> = self.0.iter().copied().collect();
        let lines = self.0.iter().enumerate().filter(|(_, (hash, forward))| said.contains(&(*hash, !forward)));
        lines.map(|(line, _)| line).collect()
    }
}
