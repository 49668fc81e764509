//! Which member gets a sample: consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2016,
//! arXiv:1608.01350), over highest-random-weight hashing (Thaler and Ravishankar 1998).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::{Prompt, Role};

/// A member may have a quarter more than its share of all samples.
const MORE: (u64, u64) = (5, 4);

/// A member that could take a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load<'m> {
    pub member: usize,
    pub name: &'m str,
    pub running: u32,
    pub slots: u32,
}

/// What a member's caches know a prompt by: its instructions and its first question, so that later turns of a
/// conversation and the passes of one answer go where the earlier ones went.
pub(super) fn key(prompt: &Prompt) -> u64 {
    let mut hash = DefaultHasher::new();
    match prompt {
        Prompt::Raw(text) => text.hash(&mut hash),
        Prompt::Messages(messages) | Prompt::Begun { messages, .. } => {
            for message in messages.iter() {
                message.content.hash(&mut hash);
                if message.role == Role::User {
                    break;
                }
            }
        }
    }
    hash.finish()
}

/// The member that the key prefers of those that have no more than their share; `None` when no member has a free slot.
pub(super) fn choose(key: u64, loads: &[Load<'_>]) -> Option<usize> {
    let running: u64 = loads.iter().map(|load| u64::from(load.running)).sum();
    let slots: u64 = loads.iter().map(|load| u64::from(load.slots)).sum();
    let bound = |load: &Load<'_>| (MORE.0 * (running + 1) * u64::from(load.slots)).div_ceil(MORE.1 * slots.max(1));
    let free = loads.iter().filter(|load| load.running < load.slots && u64::from(load.running) < bound(load));
    free.max_by_key(|load| preference(key, load.name)).map(|load| load.member)
}

/// How much a key prefers a member, whatever its load.
pub(super) fn preference(key: u64, name: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    (key, name).hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Message;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn loads(of: &[(u32, u32)]) -> Vec<Load<'static>> {
        let named = of.iter().enumerate().zip(NAMES);
        named
            .map(|((member, (running, slots)), name)| Load { member, name, running: *running, slots: *slots })
            .collect()
    }

    fn prompt(texts: &[(Role, &str)]) -> Prompt {
        Prompt::Messages(texts.iter().map(|(role, text)| Message::new(*role, *text)).collect::<Vec<_>>().into())
    }

    #[test]
    fn an_idle_pool_serves_a_conversation_at_one_place() {
        let first = prompt(&[(Role::System, "be brief"), (Role::User, "why?")]);
        let Prompt::Messages(messages) = first.clone() else { panic!() };
        let begun = Prompt::Begun { messages, begun: "Because".into() };
        let later =
            prompt(&[(Role::System, "be brief"), (Role::User, "why?"), (Role::Assistant, "so"), (Role::User, "?")]);
        assert!(key(&first) == key(&begun) && key(&first) == key(&later));
        assert_ne!(key(&first), key(&prompt(&[(Role::System, "be brief"), (Role::User, "what?")])));
        let idle = loads(&[(0, 4), (0, 4), (0, 4)]);
        let places: Vec<usize> = (0..300).filter_map(|key| choose(key, &idle)).collect();
        for member in 0..3 {
            let share = places.iter().filter(|place| **place == member).count();
            assert!((60..=140).contains(&share), "member {member} got {share} of 300");
        }
    }

    #[test]
    fn a_member_that_goes_moves_only_what_it_had() {
        let (all, two) = (loads(&[(0, 4), (0, 4), (0, 4)]), loads(&[(0, 4), (0, 4)]));
        for key in 0..200 {
            let before = choose(key, &all).unwrap();
            assert!(before == 2 || choose(key, &two) == Some(before), "{key}");
        }
    }

    #[test]
    fn a_full_pool_has_no_place() {
        assert_eq!(choose(7, &loads(&[(4, 4), (2, 2)])), None);
        assert_eq!(choose(7, &[]), None);
        assert_eq!(choose(7, &loads(&[(4, 4), (1, 2)])), Some(1));
    }

    proptest! {
        #[test]
        fn samples_of_one_prompt_spread_by_the_slots(key: u64, slots in prop::collection::vec(1u32..20, 1..4), of in 1u32..60) {
            let mut pool = loads(&slots.iter().map(|slots| (0, *slots)).collect::<Vec<_>>());
            let room: u32 = slots.iter().sum();
            for sample in 0..of.min(room) {
                let at = choose(key, &pool).expect("there is a free slot");
                pool[at].running += 1;
                prop_assert!(pool.iter().all(|load| load.running <= load.slots));
                let share = f64::from(sample + 1) * f64::from(pool[at].slots) / f64::from(room);
                prop_assert!(f64::from(pool[at].running) <= 1.25 * share + 1.0);
            }
        }
    }
}
