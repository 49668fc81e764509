//! The plan: how many samples a budget pays for and what each may generate, fixed before the first token.

use forethought_schemas::Budget;

/// A share below this many tokens cannot hold an answer with a few words around it, so fewer samples are drawn.
pub const MIN_SAMPLE_TOKENS: u32 = 16;

/// Samples that one deliberation may draw whatever its budget says, which bounds its memory.
pub const MAX_SAMPLES: u32 = 1024;

/// What a deliberation will draw at most. It depends on the budget alone, never on timing: a token that one sample
/// leaves unspent is not given to another, or the same seed would not give the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Samples that may be started, 1 to [`MAX_SAMPLES`].
    pub samples: u32,
    /// Tokens that each of them may generate, its answer included; at least 1.
    pub tokens_per_sample: u32,
}

/// A budget from which nothing can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing was asked for, or the budget allows no sample.
    #[error("the plan has no samples: ask for at least 1 and set max_samples to at least 1")]
    NoSamples,
    /// The budget allows no token.
    #[error("the budget has no tokens: set total_tokens and sample_tokens to at least 1, better {MIN_SAMPLE_TOKENS}")]
    NoTokens,
}

/// Shares a budget between up to `wanted` samples of at least [`MIN_SAMPLE_TOKENS`], see [`plan_of()`].
///
/// # Errors
/// When no sample or no token may be drawn.
pub fn plan(budget: &Budget, wanted: u32) -> Result<Plan, PlanError> {
    plan_of(budget, wanted, MIN_SAMPLE_TOKENS)
}

/// Shares a budget between up to `wanted` samples that need `least` tokens each.
///
/// Each gets `min(sample_tokens, total_tokens / samples)`. There are fewer samples where that share would be under
/// `least`, and one where even the whole is under it. A sample that must think before it answers needs room for both, or
/// all of them would be cut to nothing.
///
/// # Errors
/// When no sample or no token may be drawn.
pub fn plan_of(budget: &Budget, wanted: u32, least: u32) -> Result<Plan, PlanError> {
    let samples = wanted.min(budget.max_samples).min(MAX_SAMPLES);
    if samples == 0 {
        return Err(PlanError::NoSamples);
    }
    if budget.total_tokens == 0 || budget.sample_tokens == 0 {
        return Err(PlanError::NoTokens);
    }
    let floor = least.clamp(1, budget.sample_tokens);
    let samples = samples.min(budget.total_tokens / floor).max(1);
    Ok(Plan { samples, tokens_per_sample: budget.sample_tokens.min(budget.total_tokens / samples) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        max_samples: u32,
        total_tokens: u32,
        sample_tokens: u32,
        wanted: u32,
        expect: Result<(u32, u32), PlanError>,
    ) {
        let budget = Budget { max_samples, total_tokens, sample_tokens, deadline_ms: 1 };
        let expect = expect.map(|(samples, tokens_per_sample)| Plan { samples, tokens_per_sample });
        assert_eq!(plan(&budget, wanted), expect, "{budget:?} {wanted}");
    }

    #[test]
    fn a_budget_is_shared_before_it_is_spent() {
        check(40, 4000, 1000, 40, Ok((40, 100)));
        check(8, 4000, 100, 40, Ok((8, 100)));
        check(40, 4000, 4000, 3, Ok((3, 1333)));
        check(40, 100, 4000, 40, Ok((6, 16)));
        check(40, 10, 4000, 40, Ok((1, 10)));
        check(40, 40, 4, 40, Ok((10, 4)));
        check(u32::MAX, u32::MAX, u32::MAX, u32::MAX, Ok((MAX_SAMPLES, u32::MAX / MAX_SAMPLES)));
        check(0, 10, 10, 1, Err(PlanError::NoSamples));
        check(1, 10, 10, 0, Err(PlanError::NoSamples));
        check(1, 0, 10, 1, Err(PlanError::NoTokens));
        check(1, 10, 0, 1, Err(PlanError::NoTokens));
    }

    #[test]
    fn fewer_samples_are_drawn_where_each_needs_more() {
        let check = |total_tokens, sample_tokens, least, samples, tokens_per_sample| {
            let budget = Budget { max_samples: 8, total_tokens, sample_tokens, deadline_ms: 1 };
            let told = plan_of(&budget, 8, least);
            assert_eq!(told, Ok(Plan { samples, tokens_per_sample }), "{budget:?} {least}");
        };
        check(800, 700, 100, 8, 100);
        check(800, 700, 101, 7, 114);
        check(800, 700, 600, 1, 700);
        check(2000, 700, 600, 3, 666);
        check(500, 500, 600, 1, 500);
        check(800, 50, 600, 8, 50);
        check(800, 700, 0, 8, 100);
    }
}
