//! One question: may this principal do this with that, under these circumstances.

use jiff::Timestamp;

/// Who asks. All of it is known from the key, none of it from the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who<'a> {
    /// The key's id, or that of whom an identity provider vouches for.
    pub id: &'a str,
    /// Its tenant.
    pub tenant: &'a str,
    /// The parts of the tenant that it belongs to.
    pub teams: &'a [String],
    /// What it is for.
    pub roles: &'a [&'static str],
    /// Whether it acts for every tenant.
    pub everywhere: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To have a model answer.
    Deliberate,
    /// To have a tool run: [`decide_tool`](crate::decide_tool) decides on it.
    UseTool,
    /// To see which models there are.
    ListModels,
    /// To see what was spent, and what is left.
    ReadUsage,
    /// To read records, without contents.
    ReadAudit,
    /// To read what was asked and answered.
    ReadContents,
    /// To read the policy.
    ReadPolicy,
    /// To put another policy in force.
    ChangePolicy,
    /// To make, rotate and revoke keys.
    ManageKeys,
    /// To decide on answers that are held.
    Review,
    /// To erase contents.
    Erase,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::Deliberate,
        Self::UseTool,
        Self::ListModels,
        Self::ReadUsage,
        Self::ReadAudit,
        Self::ReadContents,
        Self::ReadPolicy,
        Self::ChangePolicy,
        Self::ManageKeys,
        Self::Review,
        Self::Erase,
    ];

    /// Its name in rules and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliberate => "deliberate",
            Self::UseTool => "use_tool",
            Self::ListModels => "list_models",
            Self::ReadUsage => "read_usage",
            Self::ReadAudit => "read_audit",
            Self::ReadContents => "read_contents",
            Self::ReadPolicy => "read_policy",
            Self::ChangePolicy => "change_policy",
            Self::ManageKeys => "manage_keys",
            Self::Review => "review",
            Self::Erase => "erase",
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// With what it is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A model, for [`Action::Deliberate`].
    Model(&'a str),
    /// A tool, for [`Action::UseTool`].
    Tool(&'a str),
    /// A tenant's things, for every other action.
    Tenant(&'a str),
}

/// What a request is about, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// What the answer is for.
    pub purpose: Option<&'a str>,
    /// Who talks with the service.
    pub interaction: Option<&'a str>,
    /// What the answer does in a decision about a person.
    pub decision: Option<&'a str>,
    /// In which businesses.
    pub sectors: &'a [String],
    /// Where the people are whom it concerns.
    pub regions: &'a [String],
    /// What kinds of data are in it.
    pub data_classes: &'a [String],
    /// What is on file that a law asks for.
    pub grounds: &'a [String],
}

/// What is known of a deliberation beside who asks and which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// What it is about.
    pub facts: Facts<'a>,
    /// Its effort's name.
    pub effort: &'a str,
    /// Its effort as a number, 0 to 5.
    pub effort_rank: u32,
    /// How it is spent.
    pub strategy: &'a str,
    /// Samples that it may start.
    pub samples: u32,
    /// Tokens that it may generate.
    pub total_tokens: u32,
    /// Tokens that one sample may think, where it is said.
    pub thinking_tokens: Option<u32>,
    /// Its time in milliseconds.
    pub deadline_ms: u64,
    /// Whether the answer is streamed.
    pub stream: bool,
}

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// Who asks.
    pub who: Who<'a>,
    /// What is to be done.
    pub action: Action,
    /// With what.
    pub resource: Resource<'a>,
    /// When.
    pub at: Timestamp,
    /// What is known of a deliberation; `None` for every other action.
    pub circumstances: Option<Circumstances<'a>>,
}
