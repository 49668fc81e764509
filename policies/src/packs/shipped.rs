//! The packs that ship with the program.

use std::path::PathBuf;

/// A pack that is part of the binary.
pub(super) struct Shipped {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}

/// All of them, by name.
pub(super) const SHIPPED: [Shipped; 4] = [
    Shipped { name: "colorado-sb-26-189", text: include_str!("../../packs/colorado-sb-26-189.yaml") },
    Shipped { name: "eu-ai-act", text: include_str!("../../packs/eu-ai-act.yaml") },
    Shipped { name: "eu-gdpr", text: include_str!("../../packs/eu-gdpr.yaml") },
    Shipped { name: "texas-hb-149", text: include_str!("../../packs/texas-hb-149.yaml") },
];

impl Shipped {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        SHIPPED.iter().find(|shipped| shipped.name == name)
    }

    /// The name of its file, for errors.
    pub(super) fn file(&self) -> PathBuf {
        PathBuf::from(format!("policies/packs/{}.yaml", self.name))
    }
}
