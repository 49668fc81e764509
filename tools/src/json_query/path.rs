//! What a query says (RFC 9535, section 2).

use serde_json::Value;

/// A query from the document's root, or from the value that a filter looks at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) from_root: bool,
    pub(super) segments: Vec<Segment>,
}

/// A step further down.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    /// From the value itself and all below it, not only from the value.
    pub(super) descendant: bool,
    pub(super) selectors: Vec<Selector>,
}

/// Which children are taken.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selector {
    Name(String),
    Wildcard,
    Index(i64),
    Slice { start: Option<i64>, end: Option<i64>, step: i64 },
    Filter(Condition),
}

/// What a filter asks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Query),
    Compare(Operand, Comparison, Operand),
    /// `match`, or `search` where `whole` is not set.
    Matches {
        text: Operand,
        pattern: Operand,
        whole: bool,
    },
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What has one value, or none.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Literal(Value),
    /// A query that finds one value at most.
    Single(Query),
    Length(Box<Operand>),
    Count(Query),
    Value(Query),
}

impl Query {
    /// Whether it can find one value at most.
    pub(super) fn is_single(&self) -> bool {
        self.segments.iter().all(|segment| {
            !segment.descendant && matches!(segment.selectors.as_slice(), [Selector::Name(_) | Selector::Index(_)])
        })
    }
}
