//! What was done to the service: policy changes, reads of contents, erasures, holds.

use std::collections::BTreeMap;

use forethought_audit::{Act, ErasureCause};

use crate::{
    EntryAt, Figure, Group,
    collect::Collected,
    request::{By, Done},
};

pub(super) fn groups(found: &Collected) -> Vec<Group> {
    vec![
        counted(
            found,
            is_change,
            Group {
                id: "policy-changes",
                title: "Changes of policy and keys, and who made them",
                about: "Whoever changes the file itself and not through the service is not named: the service found the change in its files. \
                    Somebody of another tenant is not named in this report.",
                of: "what, and by whom",
                unit: "changes",
                figures: Vec::new(),
            },
        ),
        counted(
            found,
            is_read,
            Group {
                id: "reads",
                title: "Reads of contents",
                about: "Who looked at what was asked and answered, through the service. Who reads the data directory on the machine itself \
                    leaves no record.",
                of: "what, and by whom",
                unit: "reads",
                figures: Vec::new(),
            },
        ),
        erasures(found),
        destroyed(found),
        counted(
            found,
            is_hold,
            Group {
                id: "holds",
                title: "Legal holds",
                about: "While a hold stands, nothing that it covers is erased. A hold that somebody of another tenant has placed is not in \
                    this list.",
                of: "what, and by whom",
                unit: "acts",
                figures: Vec::new(),
            },
        ),
        counted(
            found,
            is_other,
            Group {
                id: "other-acts",
                title: "Other acts",
                about: "Whatever else was done to the service.",
                of: "what, and by whom",
                unit: "acts",
                figures: Vec::new(),
            },
        ),
    ]
}

/// Whether an act changes what may be done.
pub(crate) fn is_change(done: &Done) -> bool {
    ["policy.", "key.", "tenant."].iter().any(|start| done.what.starts_with(start))
}

pub(crate) fn is_read(done: &Done) -> bool {
    reads(&done.what)
}

/// Whether an act of this name reads contents, such as `contents.read`.
pub(crate) fn reads(what: &str) -> bool {
    what.rsplit_once('.').is_some_and(|(_, act)| act == "read")
}

fn is_hold(done: &Done) -> bool {
    done.what.starts_with("hold.")
}

fn is_other(done: &Done) -> bool {
    done.erasure.is_none() && !is_change(done) && !is_read(done) && !is_hold(done)
}

fn counted(found: &Collected, is_own: impl Fn(&Done) -> bool, mut group: Group) -> Group {
    let mut names: BTreeMap<String, Vec<EntryAt>> = BTreeMap::new();
    for done in found.acts.iter().filter(|done| done.erasure.is_none() && is_own(done)) {
        names.entry(format!("{} · {}", what(&done.what), who(&done.by))).or_default().push(done.entry);
    }
    group.figures = names.into_iter().map(|(name, entries)| Figure::of(name, entries)).collect();
    group
}

/// What was done, for people.
fn what(name: &str) -> &str {
    match name {
        Act::POLICY_IN_FORCE => "a policy came into force",
        "policy.replace" => "the policy was replaced",
        "policy.rollback" => "an earlier policy was brought back",
        "key.create" => "an API key was made",
        "key.rotate" => "an API key was exchanged",
        "key.revoke" => "an API key was withdrawn",
        "contents.read" => "contents were read",
        "review.read" => "a held answer was read by a reviewer",
        Act::HOLD_PLACED => "a hold was placed",
        Act::HOLD_RELEASED => "a hold was released",
        Act::KEYS_IMPORTED => "keys of contents were brought back from a copy",
        Act::KEYS_REWRAPPED => "keys of contents were put under another master key",
        other => other,
    }
}

fn who(by: &By) -> String {
    match by {
        By::Key { id, role } => format!("{id} ({role})"),
        By::Elsewhere => "somebody of another tenant".to_owned(),
        By::Service => "found by the service in its files".to_owned(),
    }
}

fn cause(cause: ErasureCause) -> &'static str {
    match cause {
        ErasureCause::Person => "a person's contents",
        ErasureCause::Tenant => "all of the tenant's contents",
        ErasureCause::Expiry => "contents whose time was over",
    }
}

fn erasures(found: &Collected) -> Group {
    let mut names: BTreeMap<String, Vec<EntryAt>> = BTreeMap::new();
    for done in &found.acts {
        let Some(erasure) = &done.erasure else { continue };
        let came = match (erasure.keys, erasure.refused) {
            (0, 0) => "there was nothing to erase".to_owned(),
            (0, _) => format!("refused ({})", reasons(&erasure.why)),
            (_, 0) => "erased".to_owned(),
            _ => format!("erased in part, the rest refused ({})", reasons(&erasure.why)),
        };
        let later = if done.is_later { " · after the period" } else { "" };
        names.entry(format!("{}: {came}{later}", cause(erasure.cause))).or_default().push(done.entry);
    }
    Group {
        id: "erasures",
        title: "Erasures, and erasures that were refused",
        about: "One act each; a large erasure is told in several. Those after the period are told too, since they may concern requests of \
                the period: whom they are about stands nowhere in the log.",
        of: "whose, and what came of it",
        unit: "acts",
        figures: names.into_iter().map(|(name, entries)| Figure::of(name, entries)).collect(),
    }
}

fn reasons(why: &[std::sync::Arc<str>]) -> String {
    let told = |why: &std::sync::Arc<str>| match why.as_ref() {
        "hold" => "a legal hold",
        "floor" => "a rule of law has them stay",
        "open" => "rules disagree, and a person has to decide",
        _ => "another reason",
    };
    if why.is_empty() { "no reason told".to_owned() } else { why.iter().map(told).collect::<Vec<_>>().join("; ") }
}

fn destroyed(found: &Collected) -> Group {
    let parts = |is: fn(&crate::request::Erased) -> u64| {
        let own = found.acts.iter().filter_map(move |done| Some((done.entry, is(done.erasure.as_ref()?))));
        own.filter(|(_, keys)| *keys > 0).collect::<Vec<_>>()
    };
    Group {
        id: "erased-keys",
        title: "Keys of contents",
        about: "Contents are sealed under keys of one person and one day. With its key destroyed a content is gone for everybody.",
        of: "what became of them",
        unit: "keys",
        figures: vec![
            Figure::sum("destroyed", parts(|erased| erased.keys)),
            Figure::sum("asked for, and kept", parts(|erased| erased.refused)),
        ],
    }
}
