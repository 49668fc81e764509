//! What samples are checked with.

use forethought_reasoning::{AnswerKind, VerifierSpec};
use forethought_schemas::{ApiError, ChatRequest, StrategyName};

/// The request's verifiers; for `auto` without any those that cost nothing; and the schema, where there is one.
pub(super) fn plan(
    request: &ChatRequest,
    strategy: StrategyName,
    kind: &AnswerKind,
) -> Result<Vec<VerifierSpec>, ApiError> {
    let asked = &request.deliberation.verifiers;
    let mut specs = asked.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    if specs.is_empty() && strategy == StrategyName::Auto && matches!(kind, AnswerKind::Number | AnswerKind::Boxed) {
        specs.push(VerifierSpec::Arithmetic {});
    }
    if let Some(schema) = request.format.schema() {
        specs.push(VerifierSpec::JsonSchema { schema: schema.as_ref().clone() });
    }
    match VerifierSpec::build(&specs, kind, "") {
        Ok(_) => Ok(specs),
        Err(wrong) => Err(ApiError::invalid("deliberation.verifiers", "invalid_verifier", wrong.to_string())),
    }
}

fn read((at, verifier): (usize, &serde_json::Value)) -> Result<VerifierSpec, ApiError> {
    serde_json::from_value(verifier.clone()).map_err(|error| {
        ApiError::invalid(
            format!("deliberation.verifiers[{at}]"),
            "invalid_verifier",
            format!(
                "`deliberation.verifiers[{at}]` is no verifier: {error}; see docs/strategies.md for what each takes"
            ),
        )
    })
}
