//! What a model is told of its draft.

use crate::{Outcome, Verification};

/// The warning of a correction that nothing guides.
pub(super) const BLIND: &str = "self_correct had no verifier: revising without a signal from outside lowers accuracy more \
                                often than not (arXiv 2310.01798); name one in `deliberation.verifiers`";

/// What is wrong with a draft, and what to do.
pub(super) fn findings(verification: &Verification, blind: bool) -> String {
    let listed = || verification.findings.iter().map(|finding| format!("\n- {finding}")).collect::<String>();
    match verification.outcome {
        _ if blind => "Check your answer step by step. If something is wrong, correct it. Then give the whole answer again \
                       in the same form."
            .to_owned(),
        Outcome::Refuted if !verification.findings.is_empty() => {
            format!("Your answer was checked, and this is wrong:{}\nCorrect it and give the whole answer again.", listed())
        }
        _ => "Nothing in your answer could be checked. Show each step of your work, then give the answer again in the same \
              form."
            .to_owned(),
    }
}
