//! The duties that ship with the program.

/// All of them, by name, with their texts.
pub(super) const SHIPPED: [(&str, &str); 6] = [
    ("colorado-sb-26-189", include_str!("../../duties/colorado-sb-26-189.yaml")),
    ("eu-ai-act", include_str!("../../duties/eu-ai-act.yaml")),
    ("eu-gdpr", include_str!("../../duties/eu-gdpr.yaml")),
    ("nist-ai-rmf", include_str!("../../duties/nist-ai-rmf.yaml")),
    ("texas-hb-149", include_str!("../../duties/texas-hb-149.yaml")),
    ("us-sectors", include_str!("../../duties/us-sectors.yaml")),
];
