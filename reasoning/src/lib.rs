//! How a thinking budget is spent and how many samples become one answer.
//!
//! Everything here is *sans-IO*: values that take observations and return actions. There is no clock, no async, no
//! I/O and no random number that is not derived from the deliberation's seed, so that every rule can be tested in
//! microseconds and every deliberation replayed from its record.
//!
//! - [`Ledger`] keeps spent + reserved within a [`Budget`](forethought_schemas::Budget) at every instant; [`plan`]
//!   fixes, before the first token, what each sample may generate.
//! - [`AnswerKind`] says what an answer looks like; [`extract`] finds it in a sample and gives it a canonical form.
//! - [`Segments`] tells thinking from the answer; [`Trace`] closes a thought at its cap and still gets an answer.
//! - [`VerifierSpec`] names what samples are checked with; [`Verifiers`] says of each what holds.
//! - [`strategy_verified()`] builds a [`Strategy`] of any name; [`Needs`] says what that asks of an engine.

mod answer;
mod budget;
mod confidence;
mod course;
mod ledger;
mod seed;
mod segments;
mod strategy;
mod thinking;
mod verify;

pub use answer::{Answer, AnswerKind, MAX_TEXT_BYTES, extract};
pub use budget::{MAX_SAMPLES, MIN_SAMPLE_TOKENS, Plan, PlanError, plan, plan_of};
pub use confidence::{TraceConfidence, threshold, token_confidence};
pub use course::{Call, CallStyle, Course, Pending, Told, ToolLimits, ToolUse, Turn, canonical_calls};
pub use ledger::{Ledger, LedgerError, Spent};
pub use seed::sample_seed;
pub use segments::{Markers, Segment, Segments};
pub use strategy::{
    Action, Ask, Checked, Finish, Needs, Observation, Order, Params, Room, SampleResult, Status, StopRule, Strategy,
    StrategyError, Tally, Verdict, Vote, Watch, beta_confidence, strategy, strategy_verified,
};
pub use thinking::{Allowance, Part, Pass, Step, StyleError, ThinkingStyle, Trace};
pub use verify::{
    Equation, Judge, Outcome, SpecError, Verification, Verifier, VerifierSpec, Verifiers, bare_json, equations,
};
