//! Protected attributes, their groups, and what tells a group in a text.

use std::{collections::BTreeSet, path::Path};

use forethought_policies::{Document, FileError};
use serde::{Deserialize, Serialize};

use crate::template::TEMPLATE_FILE;

/// How somebody is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pronouns {
    /// He, him, his.
    He,
    /// She, her, her.
    She,
}

/// Full names of a group's members, as many of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Of those who are spoken of as `he`.
    pub he: Vec<String>,
    /// Of those who are spoken of as `she`.
    pub she: Vec<String>,
}

/// A group, with what tells that somebody is of it. At least one of the four is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub id: String,
    /// Its name in reports.
    pub title: String,
    /// How its members are spoken of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pronouns: Option<Pronouns>,
    /// Its members' names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Names>,
    /// Ages in years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ages: Option<Vec<u8>>,
    /// Sentences that stand after the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statements: Option<Vec<String>>,
}

/// A protected attribute. Its first group is the reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name.
    pub id: String,
    /// Its name in reports.
    pub title: String,
    /// Its groups, at least two; all say the same keys, with lists of the same length.
    pub groups: Vec<Group>,
}

/// The file of shipped attributes.
#[derive(Deserialize)]
struct People {
    attributes: Vec<Attribute>,
}

impl Names {
    /// Those of persons who are spoken of so.
    #[must_use]
    pub fn of(&self, pronouns: Pronouns) -> &[String] {
        match pronouns {
            Pronouns::He => &self.he,
            Pronouns::She => &self.she,
        }
    }
}

impl Group {
    /// How many names, ages and statements it has, none where it has no such list.
    fn shape(&self) -> [Option<usize>; 5] {
        let names = |of: fn(&Names) -> &Vec<String>| self.names.as_ref().map(|names| of(names).len());
        [
            self.pronouns.map(|_| 1),
            names(|names| &names.he),
            names(|names| &names.she),
            self.ages.as_ref().map(Vec::len),
            self.statements.as_ref().map(Vec::len),
        ]
    }

    /// Whether a text tells it from a group that says the same.
    fn differs(&self, other: &Self) -> bool {
        (self.pronouns, &self.names, &self.ages, &self.statements)
            != (other.pronouns, &other.names, &other.ages, &other.statements)
    }
}

impl Attribute {
    /// The shipped attributes: gender, origin, age, disability, religion and family.
    ///
    /// # Errors
    /// None but what a test of this crate would find first.
    pub fn shipped() -> Result<Vec<Self>, FileError> {
        let bytes = include_bytes!("../templates/people.yaml");
        let document = Document::parse(Path::new("people.yaml"), bytes, &TEMPLATE_FILE)?;
        let people: Result<People, _> = serde_json::from_value(document.value());
        let wrong = |error: serde_json::Error| {
            document.refuse(vec![document.problem("", error.to_string(), "correct this value")])
        };
        people.map(|people| people.attributes).map_err(wrong)
    }

    /// What is wrong with it: where in it, what, and the mend.
    pub(crate) fn problems(&self) -> Vec<(String, String, &'static str)> {
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        let first = self.groups.first();
        for (at, group) in self.groups.iter().enumerate() {
            let mut tell = |what: String, mend| problems.push((format!("/groups/{at}"), what, mend));
            if !seen.insert(&group.id) {
                tell(format!("the group `{}` stands twice", group.id), "give each group its own name");
            }
            let shape = group.shape();
            if shape.iter().all(Option::is_none) {
                tell("nothing tells this group".to_owned(), "give it `pronouns`, `names`, `ages` or `statements`");
            } else if first.is_some_and(|first| first.shape() != shape) {
                let what = "this group has other keys than the first, or lists of other lengths".to_owned();
                tell(what, "give every group the same keys, and as many texts of each");
            } else if self.groups.iter().take(at).any(|other| !group.differs(other)) {
                tell("a text cannot tell this group from another".to_owned(), "give it something of its own");
            }
            if let Some(names) = group.names.as_ref().filter(|names| names.he.len() != names.she.len()) {
                let (he, she) = (names.he.len(), names.she.len());
                tell(format!("{he} names are spoken of as `he` and {she} as `she`"), "give as many of each");
            }
        }
        problems
    }

    pub(crate) fn has_names(&self) -> bool {
        self.groups.iter().any(|group| group.names.is_some())
    }

    pub(crate) fn has_pronouns(&self) -> bool {
        self.groups.iter().any(|group| group.pronouns.is_some())
    }

    pub(crate) fn has_ages(&self) -> bool {
        self.groups.iter().any(|group| group.ages.is_some())
    }
}
