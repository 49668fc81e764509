//! Jurisdiction packs: dated and cited rules of laws, judged for one request at one moment.
//!
//! [`Packs`] hold the rules of all packs that an operator wants; [`Facts`] are what a request says of itself; [`Packs::judge`]
//! says what the rules make of it, the strictest of them, and [`Packs::explain`] tells of each rule why. Nothing here reads a
//! clock, and nothing here is legal advice.

mod condition;
mod effect;
mod example;
mod explain;
mod facts;
mod file;
mod findings;
mod judgement;
mod order;
mod pack;
mod region;
mod retention;
mod rule;
mod settle;
mod shipped;
mod window;
mod words;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

pub use effect::{Disclose, Effect, Erase, Forbid, Limit, Owe, Require, Retain, Review, Trigger};
pub use example::{Expect, Verdict, WrongExample};
pub use explain::{Explanation, Unapplied};
pub use facts::{Fact, Facts};
pub use judgement::{Applied, Disclosed, Forbidden, Judgement, Owed, Reviewed, Screening, Standing, Undetermined};
pub use order::Order;
pub use pack::{Cite, Cited, Law, Mode, Pack, PackChoice, WhenUnknown};
pub use region::{MalformedRegion, Region};
pub use retention::{Bound, Conflict, Erasure, Outcome, Reason, Retention};
pub use rule::{Confidence, PassedOver, Role, Rule, ShadowReason, State, Status};
pub use words::{DataClass, Decision, Ground, Interaction, Purpose, Sector, UnknownWord};

use self::{
    file::{Loaded, PACK_FILE},
    rule::Assessment,
    settle::Found,
    shipped::{SHIPPED, Shipped},
};
use crate::{document, problem::FileError, suggest::nearest};

/// The rules of all packs that an operator wants, never changed after they were read. Without any pack nothing is refused.
#[derive(Debug, Default)]
pub struct Packs {
    loaded: Vec<Arc<Pack>>,
    /// By id, so that the order in which packs are named makes no difference.
    rules: Vec<Rule>,
    /// Of packs that have effect: one that is only tried decides nothing.
    orders: Vec<Order>,
    /// The places in `rules` by the regions of their packs.
    by_region: HashMap<String, Vec<usize>>,
}

/// Why packs cannot be used. None of them is in force then.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The file of a pack.
    #[error(transparent)]
    File(#[from] FileError),
    /// No pack of this name ships with the program.
    #[error("there is no pack `{name}`; {mend}")]
    Unknown {
        /// The name.
        name: String,
        /// What to write instead.
        mend: String,
    },
    /// Two packs have the same id.
    #[error("the pack `{id}` is named twice; name it once, or give the other file an id of its own")]
    Twice {
        /// The id.
        id: String,
    },
}

impl Packs {
    /// Reads packs that ship with the program, and files; a path is taken from `folder`.
    ///
    /// # Errors
    /// [`PackError`]: a name is not known, a file cannot be used, or two packs have the same id.
    pub fn load(choices: &[PackChoice], folder: &Path) -> Result<Self, PackError> {
        let mut packs = Self::default();
        for choice in choices {
            packs.add(open(choice, folder)?)?;
        }
        packs.index();
        Ok(packs)
    }

    /// The names of the packs that ship with the program.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|shipped| shipped.name)
    }

    /// Every pack, by id.
    #[must_use]
    pub fn packs(&self) -> &[Arc<Pack>] {
        &self.loaded
    }

    /// Every rule, by id.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// What the rules say of a request at a moment. It depends on nothing else.
    #[must_use]
    pub fn judge(&self, facts: &Facts, at: Timestamp) -> Judgement {
        self.judge_among(facts, at, |_| true)
    }

    fn judge_among(&self, facts: &Facts, at: Timestamp, wanted: impl Fn(&Rule) -> bool) -> Judgement {
        let mut found = Found::default();
        for rule in self.candidates(facts).filter(|rule| wanted(rule)) {
            match rule.assess(facts, at) {
                Assessment::Applies(state) => found.applies(rule, state, facts),
                Assessment::Undetermined(missing, state) => found.undetermined(rule, missing, state),
                Assessment::Not(_) => {}
            }
        }
        let orders: Vec<&Order> = self.orders.iter().collect();
        found.settle(&orders)
    }

    /// The rules whose law may hold where the request belongs, by id; all, where that is not known.
    fn candidates(&self, facts: &Facts) -> impl Iterator<Item = &Rule> {
        let mut places: Vec<usize> = match &facts.regions {
            None => (0..self.rules.len()).collect(),
            Some(regions) => {
                let around = regions.iter().flat_map(Region::and_around);
                around.filter_map(|region| self.by_region.get(region)).flatten().copied().collect()
            }
        };
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.rules.get(place))
    }

    fn add(&mut self, loaded: Loaded) -> Result<(), PackError> {
        let Loaded { pack, orders, rules } = loaded;
        if self.loaded.iter().any(|other| other.id == pack.id) {
            return Err(PackError::Twice { id: pack.id.clone() });
        }
        if !pack.settings.shadow {
            self.orders.extend(orders);
        }
        self.loaded.push(pack);
        self.rules.extend(rules);
        Ok(())
    }

    fn index(&mut self) {
        self.loaded.sort_by(|a, b| a.id.cmp(&b.id));
        self.rules.sort_by(|a, b| a.cite.cmp(&b.cite));
        let key = |order: &Order| (order.first.clone(), order.then.clone(), order.citation.clone(), order.why.clone());
        self.orders.sort_by_key(key);
        for (place, rule) in self.rules.iter().enumerate() {
            // Whoever says only the country may be in the part of it whose law this is.
            for region in rule.pack.regions.iter().flat_map(Region::and_around) {
                self.by_region.entry(region.to_owned()).or_default().push(place);
            }
        }
    }
}

fn open(choice: &PackChoice, folder: &Path) -> Result<Loaded, PackError> {
    if choice.pack.contains('/') || is_yaml(&choice.pack) {
        let path: PathBuf = folder.join(&choice.pack);
        let bytes = document::read(&path, &PACK_FILE)?;
        return Ok(file::parse(&path, &bytes, choice)?);
    }
    let shipped = Shipped::find(&choice.pack).ok_or_else(|| unknown(&choice.pack))?;
    Ok(file::parse(&shipped.file(), shipped.text.as_bytes(), choice)?)
}

fn is_yaml(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn unknown(name: &str) -> PackError {
    let guess = nearest(name, Packs::shipped()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let known: Vec<&str> = Packs::shipped().collect();
    let mend = format!("{guess}packs that ship: {}; a file of your own is named by its path", known.join(", "));
    PackError::Unknown { name: name.to_owned(), mend }
}

#[cfg(test)]
mod tests;
