//! Who may ask for what, how fast and how much: tenants, keys, limits and budgets, from one policy file.
//!
//! [`Policy`] is a valid policy file; [`PolicyFile`] changes one on disk without losing its comments; [`PolicyDesk`]
//! authenticates callers and admits their requests under a policy, and a [`Permit`] is what an admitted request holds
//! until it is settled. Whatever a policy does not allow is refused. [`Packs`] hold the dated rules of laws, and judge requests
//! by them. [`Document`] reads such files of any kind.

mod account;
mod atomic;
mod authorization;
mod bucket;
mod cases;
mod clock;
mod desk;
mod diff;
mod document;
mod edit;
mod explain;
mod facts;
mod file;
mod history;
mod key;
mod opinion;
pub mod packs;
mod permit;
mod policy;
mod principal;
mod problem;
mod purposes;
mod quota;
mod rate;
mod screens;
mod suggest;
mod tenant;
mod tools;
mod verdict;
mod webhooks;
mod whole;
mod window;
mod yaml;

pub use cases::{CaseResult, Cases};
pub use clock::DeskClock;
pub use desk::{Ask, InForce, PolicyDesk};
pub use diff::Change;
pub use document::{Document, FileKind};
pub use edit::{NewKey, NewTenant};
pub use file::{EditError, PolicyFile};
pub use history::{History, HistoryError};
pub use key::{ApiKey, KeyHash, MalformedHash, MalformedKey, NoRandomness};
pub use opinion::{Caller, Opinion};
pub use packs::{Judgement, PackChoice, PackError, Packs};
pub use permit::{Permit, Settlement, SpendMeter};
pub use policy::{Policy, ReviewRules};
pub use principal::{Denied, DeniedReason, Principal, Proof, Vouched};
pub use problem::{FileError, Place, Problem};
pub use purposes::{
    ASSESSMENT_REQUIRED, About, Asked, Assessed, AssessmentLimits, AssessmentRule, Demand, Licence, OnFile, Otherwise,
    PURPOSE_REQUIRED, PurposeExplained, Purposes, ReadAssessment, Shortfall, Undeclared, Unlicensed,
};
pub use quota::{Amount, Price, Quota, Quotas, Reached};
pub use rate::{QuotaHeaders, RateHeaders};
pub use screens::{ScreenRules, Screens};
pub use tenant::{Consent, Key, Limits, OwnRetention, Role, Scope, Tenant};
pub use tools::{
    TenantTools, ToolAsk, ToolBounds, ToolLimits, ToolOutcome, ToolPattern, ToolRules, ToolVerdict, ToolsExplained,
};
pub use webhooks::Webhook;
