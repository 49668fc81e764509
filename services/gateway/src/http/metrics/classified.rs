//! How classifier models are asked, what they say, and what it takes.

use forethought_actors::ClassifierRun;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// A classifier of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Said {
    id: String,
    verdict: &'static str,
}

/// Counters of classifiers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Classified {
    calls: Family<Said, Counter>,
    tokens: Family<Named, Counter>,
    seconds: Family<Named, Histogram>,
}

impl Classified {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let (calls, tokens) = (Family::<Said, Counter>::default(), Family::<Named, Counter>::default());
        let seconds =
            Family::<Named, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.01, 2.0, 14)));
        registry.register("classifier_calls", "Judgements of classifiers, by what they say", calls.clone());
        registry.register("classifier_tokens", "Tokens that classifiers read and generated", tokens.clone());
        registry.register("classifier_seconds", "How long a judgement took", seconds.clone());
        Self { calls, tokens, seconds }
    }

    pub(super) fn count(&self, run: &ClassifierRun) {
        let id = || run.id.clone();
        self.calls.get_or_create(&Said { id: id(), verdict: run.judged.as_str() }).inc();
        self.tokens.get_or_create(&Named { id: id() }).inc_by(run.prompt_tokens + run.generated_tokens);
        self.seconds.get_or_create(&Named { id: id() }).observe(run.took.as_secs_f64());
    }
}
