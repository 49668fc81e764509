//! Impact assessments as evidence for what a policy demands: read once with the policy, asked at each request.

use std::sync::Arc;

use forethought_impact::{Assessment, Demand, Limits, Unmet};
use forethought_policies::{About, Assessed, AssessmentLimits, Demand as Demanded, Shortfall};

/// Reads an assessment and checks that its digest, figures and verdicts fit each other.
///
/// # Errors
/// What is wrong, and the mend.
pub fn read(bytes: &[u8]) -> Result<Arc<dyn Assessed>, String> {
    Ok(Arc::new(Verified(Assessment::parse(bytes)?)))
}

/// An assessment that was checked when it was read, and that nobody can change since.
#[derive(Debug)]
struct Verified(Assessment);

impl Assessed for Verified {
    fn digest(&self) -> &str {
        &self.0.digest
    }

    fn about(&self) -> About {
        let Assessment { model, way, asked, valid_until, verdict, .. } = &self.0;
        let used = way.used();
        About {
            model: model.id.clone(),
            weights: model.weights.clone(),
            way: used.map_or_else(|| way.says.clone(), |(strategy, effort)| format!("{strategy}, effort {effort}")),
            strategy: used.and_then(|(strategy, _)| strategy.parse().ok()),
            effort: used.and_then(|(_, effort)| effort.parse().ok()),
            from: asked.from,
            until: *valid_until,
            verdict: verdict.as_str().to_owned(),
        }
    }

    fn meets(&self, demand: &Demanded<'_>) -> Result<(), Shortfall> {
        let asked = demand.asked;
        let wanted = Demand {
            templates: demand.templates,
            model: asked.model,
            weights: asked.weights,
            way: (asked.strategy.as_str(), asked.effort.as_str()),
            // The policy has the digests of assessments in its own, so none can be of the policy that it is for.
            policy: None,
            limits: limits(demand.limits),
            most_days: demand.max_age_days,
            now: demand.at,
        };
        self.0.fits(&wanted).map_err(|unmet| Shortfall { nearness: nearness(&unmet), why: unmet.to_string() })
    }
}

/// What is demanded, and what an assessment has by itself where nothing is.
fn limits(demanded: AssessmentLimits) -> Limits {
    let usual = Limits::default();
    Limits {
        ratio: demanded.ratio.unwrap_or(usual.ratio),
        alpha: demanded.alpha.unwrap_or(usual.alpha),
        concern: demanded.concern.unwrap_or(usual.concern),
        unread: demanded.unread.unwrap_or(usual.unread),
    }
}

/// Of several, the one that is of the right model, weights and way says best what is missing.
const fn nearness(unmet: &Unmet) -> u8 {
    match unmet {
        Unmet::Model { .. } => 1,
        Unmet::Weights { .. } => 2,
        Unmet::Way { .. } => 3,
        Unmet::Template(_) => 4,
        Unmet::Future(_) | Unmet::Old { .. } | Unmet::Expired(_) => 5,
        Unmet::Lax => 6,
        Unmet::Verdict { .. } => 7,
        _ => 0,
    }
}
