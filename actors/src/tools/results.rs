//! What tools say, as a model may read it.

use std::sync::Arc;

use forethought_audit::{SafeguardNote, ToolResult};
use forethought_reasoning::Told;
use forethought_safeguards::{Action, Counted, Guard, Safeguards};
use forethought_tools::{Reply, ToolError};

use crate::deliberation::notes;

/// The code of a result that a safeguard keeps back.
const KEPT_BACK: &str = "kept_back";

/// A result as a model may read it.
pub(super) struct Screened {
    /// How the call ended, for its record.
    pub state: String,
    pub told: Told,
    /// What was found in it.
    pub found: Vec<SafeguardNote>,
}

/// Looks at what a tool said. What is to be redacted is; what is to be blocked, and text with signs that it gives a model
/// instructions where that is to be redacted or blocked, is kept back as a whole.
pub(super) fn screen(rules: &Arc<Safeguards>, result: Result<Reply, ToolError>, effect: &str) -> Screened {
    let (state, text, left_out, error) = match result {
        Ok(Reply { text, left_out, failed: false }) => (ToolResult::DONE.to_owned(), text, left_out, false),
        Ok(Reply { text, left_out, failed: true }) => (ToolResult::FAILED.to_owned(), text, left_out, true),
        Err(error) => (ToolResult::error(error.code()), error.to_string(), 0, true),
    };
    let (text, untrusted) = (printable(&text), is_untrusted(effect, &state));
    let passed = Guard::check(rules, &text);
    let mut findings = passed.findings;
    let injected = untrusted.then(|| rules.injection(&text)).flatten();
    let kept_back = passed.stopped || injected.as_ref().is_some_and(|found| found.action >= Action::Redact);
    findings.extend(injected);
    let found = notes(&Counted::of(&findings));
    if kept_back {
        let text = "the result was kept back by a safeguard".to_owned();
        let told = Told { text, error: true, ..Told::default() };
        return Screened { state: ToolResult::error(KEPT_BACK), told, found };
    }
    Screened { state, told: Told { text: passed.text, left_out, error, untrusted }, found }
}

/// Whether what a model is told of a call is from outside: what changes nothing is computed here, and that a call was not made, or its
/// result kept back, is said by us.
pub(super) fn is_untrusted(effect: &str, state: &str) -> bool {
    let ours = [KEPT_BACK, "refused", "unavailable"].map(ToolResult::error);
    let of_tool = matches!(state, ToolResult::DONE | ToolResult::FAILED) || state.starts_with(ToolResult::ERROR);
    effect != "pure" && of_tool && !ours.iter().any(|ours| ours == state)
}

/// Without control characters, which nobody reads: what is left of bytes that are no text.
fn printable(text: &str) -> String {
    text.chars().filter(|one| !one.is_control() || matches!(one, '\n' | '\t')).collect()
}
