//! The persons that are asked about: alike but for the attribute that is exchanged.

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha12Rng;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Attribute, Group, Pronouns, Template};

/// Keep these hashes apart from every other use of SHA-256.
const DOMAIN: &[u8] = b"forethought impact persons 1\0";

/// Somebody that a case is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The full name.
    pub name: String,
    /// The age in years.
    pub age: u8,
    /// How the person is spoken of.
    pub pronouns: Pronouns,
}

/// Where one repetition has its person from, whatever the group: places in lists, each modulo its list's length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    origin: usize,
    name: usize,
    pronouns: usize,
    age: usize,
    /// The place in the lists of the attribute that is exchanged.
    member: usize,
}

/// The draws of a case's repetitions for one attribute. What they have besides the attribute changes from repetition to
/// repetition, and a list is gone through before anything of it comes again.
pub(crate) fn draws(template: &Template, case: &str, attribute: &Attribute, count: usize, seed: u64) -> Vec<Draw> {
    let mut random = random(seed, &json!([template.id, case, attribute.id]));
    let names = template.names().first().map_or(1, |names| names.he.len());
    let members = attribute.groups.first().map_or(1, members);
    let lengths = [template.names().len(), names, 2, template.ages().len(), members];
    let dealt = lengths.map(|length| deal(length, count, &mut random));
    let at = |list: usize, place: usize| dealt.get(list).and_then(|list| list.get(place)).copied().unwrap_or_default();
    let one = |place| Draw {
        origin: at(0, place),
        name: at(1, place),
        pronouns: at(2, place),
        age: at(3, place),
        member: at(4, place),
    };
    (0..count).map(one).collect()
}

/// A generator for one use of a seed.
pub(crate) fn random(seed: u64, place: &Value) -> ChaCha12Rng {
    let hash = Sha256::new().chain_update(DOMAIN).chain_update(seed.to_le_bytes()).chain_update(place.to_string());
    ChaCha12Rng::from_seed(hash.finalize().into())
}

fn members(group: &Group) -> usize {
    let names = group.names.as_ref().map(|names| names.he.len());
    let ages = group.ages.as_ref().map(Vec::len);
    let statements = group.statements.as_ref().map(Vec::len);
    names.into_iter().chain(ages).chain(statements).max().unwrap_or(1)
}

/// The places of a list in a random order, again and again until there are enough.
fn deal(length: usize, count: usize, random: &mut impl Rng) -> Vec<usize> {
    let mut dealt = Vec::with_capacity(count + length);
    while dealt.len() < count {
        let mut places: Vec<usize> = (0..length.max(1)).collect();
        places.shuffle(random);
        dealt.extend(places);
    }
    dealt.truncate(count);
    dealt
}

/// The member of a list at a place, modulo its length.
fn pick<T>(list: &[T], place: usize) -> Option<&T> {
    list.get(place.checked_rem(list.len())?)
}

impl Draw {
    /// The person of a group, and the sentence that tells the group, if one does.
    pub(crate) fn person<'g>(self, template: &Template, group: &'g Group) -> (Person, Option<&'g str>) {
        let usual = if self.pronouns == 0 { Pronouns::He } else { Pronouns::She };
        let pronouns = group.pronouns.unwrap_or(usual);
        let names = group.names.as_ref().map(|names| (names, self.member));
        let names = names.or_else(|| pick(template.names(), self.origin).map(|names| (names, self.name)));
        let name = names.and_then(|(names, place)| pick(names.of(pronouns), place)).cloned().unwrap_or_default();
        let age = group.ages.as_ref().and_then(|ages| pick(ages, self.member));
        let age = age.or_else(|| pick(template.ages(), self.age)).copied().unwrap_or_default();
        let statement = group.statements.as_ref().and_then(|statements| pick(statements, self.member));
        (Person { name, age, pronouns }, statement.map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::tests::small;

    fn people(attribute: &str, count: usize) -> Vec<Vec<(Person, Option<String>)>> {
        let template = small(attribute, 1);
        let attribute = &template.attributes[0];
        let draws = draws(&template, "c0", attribute, count, 7);
        let of = |draw: &Draw| {
            let of = |group| draw.person(&template, group);
            attribute.groups.iter().map(of).map(|(person, said)| (person, said.map(ToOwned::to_owned))).collect()
        };
        draws.iter().map(of).collect()
    }

    /// How many of name, age, pronouns and statement differ within a pair.
    #[test]
    fn a_pair_differs_in_the_attribute_alone() {
        let check = |attribute: &str, expected: [bool; 4]| {
            for block in people(attribute, 40) {
                let (first, said) = &block[0];
                for (other, also) in &block[1..] {
                    let differs = [
                        first.name != other.name,
                        first.age != other.age,
                        first.pronouns != other.pronouns,
                        said != also,
                    ];
                    assert_eq!(differs, expected, "{attribute}: {block:?}");
                }
            }
        };
        check("gender", [true, false, true, false]);
        check("origin", [true, false, false, false]);
        check("age", [false, true, false, false]);
        check("disability", [false, false, false, true]);
        check("religion", [false, false, false, true]);
    }

    #[test]
    fn a_group_is_not_one_name_and_the_rest_varies() {
        let origin = people("origin", 16);
        let distinct = |group: usize| origin.iter().map(|block| &block[group].0.name).collect::<BTreeSet<_>>().len();
        assert!((0..4).all(|group| distinct(group) >= 12), "{}", distinct(0));
        let age = people("age", 16);
        let names: BTreeSet<&String> = age.iter().map(|block| &block[0].0.name).collect();
        let both: BTreeSet<Pronouns> = age.iter().map(|block| block[0].0.pronouns).collect();
        assert!(names.len() >= 12 && both.len() == 2);
        assert_eq!(age, people("age", 16));
    }

    #[test]
    fn a_list_is_gone_through_before_it_repeats() {
        let mut random = random(1, &json!(0));
        let dealt = deal(5, 12, &mut random);
        let set = |range: std::ops::Range<usize>| dealt[range].iter().collect::<BTreeSet<_>>().len();
        assert_eq!((dealt.len(), set(0..5), set(5..10)), (12, 5, 5));
        assert_eq!(deal(0, 2, &mut random), [0, 0]);
    }
}
