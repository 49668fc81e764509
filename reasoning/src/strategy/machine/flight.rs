//! How many samples are in flight, and which begin next.

use super::{Machine, Slot, Weigh, done, stage};
use crate::{
    Judge,
    strategy::{
        Action,
        revise::Corrections,
        rules,
        score::Scored,
        tally::Count,
        turns::{Order, Stage},
    },
};

/// Samples in flight at least, where several different answers are wanted.
const AT_ONCE: usize = 4;

impl Machine {
    /// Begins more samples, unless others may still end at this very step, or it is done for this step.
    pub(super) fn draw(&mut self, actions: &mut Vec<Action>) {
        if !self.turns.settles(stage(&self.slots)) {
            return;
        }
        let in_flight = match self.recipe.order {
            Order::Drawn => self.slots.iter().filter(|slot| slot.stage() == Stage::Running).count(),
            Order::Shortest => self.turns.in_flight(stage(&self.slots)).count(),
        };
        let free = self.may_fly().saturating_sub(in_flight);
        let until = match self.recipe.weigh {
            Weigh::Confidence { warm_up, .. } if self.turns.counted().len() < warm_up as usize => warm_up as usize,
            _ => self.corrections.as_ref().map_or(usize::MAX, Corrections::until),
        };
        let waiting = self.slots.iter().enumerate().take(until).filter(|(_, slot)| matches!(slot, Slot::Waiting));
        let next: Vec<u32> = waiting.filter_map(|(index, _)| u32::try_from(index).ok()).take(free).collect();
        for index in next {
            let judged = self.recipe.verifiers.judge.is_some();
            let tokens = self.recipe.plan.tokens_per_sample - if judged { Judge::max_tokens() } else { 0 };
            match self.ledger.reserve(index, tokens) {
                Ok(()) => actions.push(self.run(index, tokens, false)),
                // The plan fits the budget, so this is a fault; it must not become an overspending.
                Err(_) => break,
            }
        }
    }

    /// Samples that may be in flight: of a thrifty vote the fewest that stop it if all of them are for the leader.
    fn may_fly(&self) -> usize {
        let (wave, recipe) = (self.recipe.wave as usize, &self.recipe);
        let votes = recipe.stops && recipe.weigh == Weigh::Votes && recipe.esc.is_none();
        if !recipe.thrifty || !votes || self.drafts.is_some() {
            return wave;
        }
        match recipe.order {
            Order::Drawn => self.fewest(self.slots.iter().filter_map(done)),
            // Of one that rambles nobody knows whether it will be counted: it must not keep others from beginning. How many
            // the engine runs at once has no say, or the order would not be the same on every machine.
            Order::Shortest => self.fewest(self.counted()) + self.late(),
        }
    }

    /// The fewest samples that stop the vote, given those that have ended.
    fn fewest<'a>(&self, ended: impl Iterator<Item = &'a Scored> + Clone) -> usize {
        let (most, recipe) = (self.most(), &self.recipe);
        let waiting = u32::try_from(self.slots.len() - ended.clone().count()).unwrap_or(u32::MAX);
        let count = Count::of(ended.clone().map(|sample| (sample, self.weight(sample))));
        let enough = |more: &u32| {
            let count = count.with_leader(*more, most);
            rules::decided(&count, waiting - more, most) || recipe.beta.is_some_and(|sure| rules::beta(&count, sure))
        };
        let fewest = (1..=waiting).find(enough).unwrap_or(waiting) as usize;
        match (recipe.n, self.missing(ended)) {
            (1, _) | (_, 0) => fewest,
            // Any of the next ones may give another answer; one after the other would take for ever.
            (_, missing) => fewest.max(missing).max(AT_ONCE),
        }
    }

    /// Samples in flight that run longer than others that are counted already.
    fn late(&self) -> usize {
        let counted = self.turns.counted().iter().copied();
        self.turns.late(counted.filter(|index| self.slots.get(*index).and_then(done).is_some()), stage(&self.slots))
    }
}
