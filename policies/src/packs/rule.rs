//! One rule of a pack: whom it binds, since when, and what it does.

use std::{fmt, sync::Arc};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{
    condition::{Condition, Match},
    effect::Effect,
    example::Example,
    facts::{Fact, Facts},
    pack::{Cite, Pack},
    window::{Effective, Position, Window},
};

/// What has become of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has effect since its first day, which is past.
    InForce,
    /// It is law, and its first day is to come.
    Enacted,
    /// It is law, and a court has stayed its enforcement.
    Stayed,
    /// It is law no more.
    Repealed,
    /// It is a draft.
    Proposed,
}

/// How sure it is that the law says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The law's wording was read.
    Statute,
    /// Two or more who wrote about the law agree.
    Secondary,
    /// The law does not ask for this very thing; it is a way to be able to show what it asks for.
    Derived,
    /// It has to be looked up again; it only ever runs in shadow.
    Unconfirmed,
}

/// Who is bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Who develops a system, or has it developed, and offers it or puts it into service under its own name.
    Provider,
    /// Who uses a system.
    Deployer,
    /// Both.
    #[default]
    Both,
}

impl Role {
    /// Whether a rule for `self` binds an operator that is `other`.
    const fn binds(self, other: Self) -> bool {
        matches!((self, other), (Self::Both, _) | (_, Self::Both))
            || matches!((self, other), (Self::Provider, Self::Provider) | (Self::Deployer, Self::Deployer))
    }
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    pub(super) cite: Cite,
    pub(super) status: Status,
    pub(super) role: Role,
    pub(super) window: Window,
    pub(super) when: Condition,
    pub(super) unless: Vec<Condition>,
    pub(super) effects: Vec<Arc<Effect>>,
    pub(super) examples: Vec<Example>,
    pub(super) pack: Arc<Pack>,
}

/// Whether a rule that applies has effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has.
    Enforced,
    /// It is only told.
    Shadow(ShadowReason),
}

/// Why a rule is only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowReason {
    /// Its first day is to come.
    NotYet {
        /// That day, in the law's place.
        from: Date,
    },
    /// It is a draft.
    Proposed,
    /// A court has stayed its enforcement, and the operator does not enforce it all the same.
    Stayed,
    /// It has to be looked up again.
    Unconfirmed,
    /// The operator tries the pack.
    PackInShadow,
}

/// Why a rule does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedOver {
    /// It was repealed.
    Repealed,
    /// Its last day is past.
    Ended {
        /// That day, in the law's place.
        until: Date,
    },
    /// It binds others than the operator.
    Role {
        /// Whom it binds.
        binds: Role,
    },
    /// The request is not of the kind.
    Differs {
        /// The first fact that differs.
        fact: Fact,
    },
    /// An exception of the rule holds.
    Excepted {
        /// Which, from 0.
        exception: usize,
    },
}

/// What comes of a rule for one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Assessment {
    Applies(State),
    /// Facts are missing; the state is what it would apply in.
    Undetermined(Vec<Fact>, State),
    Not(PassedOver),
}

impl Rule {
    /// Its id, title, citation and source.
    #[must_use]
    pub const fn cite(&self) -> &Cite {
        &self.cite
    }

    /// What has become of it.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whom it binds.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Its first day in the law's place, and its last one.
    #[must_use]
    pub const fn effective(&self) -> (Date, Option<Date>) {
        let Effective { from, until } = self.window.days;
        (from, until)
    }

    /// What it does.
    #[must_use]
    pub fn effects(&self) -> &[Arc<Effect>] {
        &self.effects
    }

    /// Its pack.
    #[must_use]
    pub const fn pack(&self) -> &Arc<Pack> {
        &self.pack
    }

    pub(super) fn assess(&self, facts: &Facts, at: Timestamp) -> Assessment {
        let state = match self.state(at) {
            Ok(state) => state,
            Err(why) => return Assessment::Not(why),
        };
        let missing = match self.pack.reaches(facts).and(self.when.test(facts)) {
            Match::No(fact) => return Assessment::Not(PassedOver::Differs { fact }),
            Match::Unknown(missing) => missing,
            Match::Yes => Vec::new(),
        };
        // Who relies on an exception must say what it rests on: what is not known excepts nobody.
        if let Some(exception) = self.unless.iter().position(|exception| exception.test(facts) == Match::Yes) {
            return Assessment::Not(PassedOver::Excepted { exception });
        }
        if missing.is_empty() { Assessment::Applies(state) } else { Assessment::Undetermined(missing, state) }
    }

    /// What the calendar, the courts and the operator make of it.
    fn state(&self, at: Timestamp) -> Result<State, PassedOver> {
        let position = self.window.position(at);
        match (self.window.days.until, self.status) {
            (_, Status::Repealed) => return Err(PassedOver::Repealed),
            (Some(until), _) if position == Position::After => return Err(PassedOver::Ended { until }),
            _ if !self.role.binds(self.pack.settings.role) => return Err(PassedOver::Role { binds: self.role }),
            _ => {}
        }
        Ok(self.shadow(position).map_or(State::Enforced, State::Shadow))
    }

    fn shadow(&self, position: Position) -> Option<ShadowReason> {
        let settings = &self.pack.settings;
        let stayed = self.status == Status::Stayed && !settings.enforce_stayed;
        let reasons = [
            (position == Position::Before, ShadowReason::NotYet { from: self.window.days.from }),
            (self.status == Status::Proposed, ShadowReason::Proposed),
            (self.cite.confidence == Confidence::Unconfirmed, ShadowReason::Unconfirmed),
            (stayed, ShadowReason::Stayed),
            (settings.shadow, ShadowReason::PackInShadow),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider => "providers",
            Self::Deployer => "deployers",
            Self::Both => "providers and deployers",
        })
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced => f.write_str("enforced"),
            Self::Shadow(reason) => write!(f, "in shadow: {reason}"),
        }
    }
}

impl fmt::Display for ShadowReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet { from } => write!(f, "not yet effective, from {from} on"),
            Self::Proposed => f.write_str("a draft"),
            Self::Stayed => f.write_str("stayed by a court"),
            Self::Unconfirmed => f.write_str("unconfirmed"),
            Self::PackInShadow => f.write_str("the pack is in shadow"),
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repealed => f.write_str("repealed"),
            Self::Ended { until } => write!(f, "ended with {until}"),
            Self::Role { binds } => write!(f, "binds {binds}"),
            Self::Differs { fact } => write!(f, "differs in {fact}"),
            Self::Excepted { exception } => write!(f, "excepted by unless[{exception}]"),
        }
    }
}
