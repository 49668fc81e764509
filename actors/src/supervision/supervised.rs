//! A supervised actor as its owner holds it.

use std::fmt;

use actix::{Actor, Context};

use super::addr::SupervisedAddr;
use super::kill_switch::KillSwitch;
use super::restarts::Restarts;
use super::state::{Outcome, Phase};

/// The owner's handle. Dropping it drops one address and does not kill.
pub struct Supervised<A: Actor> {
    pub(super) addr: SupervisedAddr<A>,
    pub(super) kill_switch: KillSwitch,
}

impl<A: Actor<Context = Context<A>>> Supervised<A> {
    /// The address to send to; clone it for others.
    #[must_use]
    pub fn addr(&self) -> &SupervisedAddr<A> {
        &self.addr
    }

    /// The actor's own switch, a child of the one that it was started under.
    #[must_use]
    pub fn kill_switch(&self) -> &KillSwitch {
        &self.kill_switch
    }

    /// Ends the actor for good. Messages that wait are answered with [`SendError::Dead`](super::SendError::Dead).
    pub fn kill(&self) {
        self.kill_switch.kill();
    }

    /// Where the actor stands now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.addr.phase()
    }

    /// How often the actor has ended unexpectedly, by reason.
    #[must_use]
    pub fn restarts(&self) -> Restarts {
        self.addr.restarts()
    }

    /// Waits until the actor has ended for good. Safe to cancel.
    ///
    /// This holds an address: of an actor that ends with its last address, wait on a clone of the switch instead.
    pub async fn ended(&self) -> Outcome {
        match self.addr.shared().reach(|phase| matches!(phase, Phase::Dead(_))).await {
            Phase::Dead(outcome) => outcome,
            Phase::Starting | Phase::Running | Phase::Restarting => Outcome::ArbiterStopped,
        }
    }
}

impl<A: Actor> fmt::Debug for Supervised<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised").field("addr", &self.addr).field("kill_switch", &self.kill_switch).finish()
    }
}
