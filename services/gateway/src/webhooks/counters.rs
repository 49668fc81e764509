//! What Prometheus reads of webhooks.

use forethought_webhooks::EventKind;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivery {
    event: &'static str,
    outcome: &'static str,
}

/// Counters of deliveries, and of an outbox that cannot be written.
#[derive(Default)]
pub struct Counters {
    deliveries: Family<Delivery, Counter>,
    pending: Gauge,
    failures: Counter,
}

impl Counters {
    /// Has them told.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "webhook_deliveries",
            "Deliveries of events to webhooks, by what came of them: delivered, failed (it is tried again), given_up, dropped \
             (too many waited) or removed (the policy has the webhook no more)",
            self.deliveries.clone(),
        );
        registry.register("webhook_pending", "Deliveries that are still to be made", self.pending.clone());
        registry.register(
            "webhook_outbox_failures",
            "Times the outbox of webhooks could not be opened, written or kept running",
            self.failures.clone(),
        );
    }

    pub(super) fn delivery(&self, event: EventKind, outcome: &'static str) {
        self.deliveries.get_or_create(&Delivery { event: event.as_str(), outcome }).inc();
    }

    pub(super) fn pending(&self, deliveries: usize) {
        self.pending.set(i64::try_from(deliveries).unwrap_or(i64::MAX));
    }

    pub(super) fn failure(&self) {
        self.failures.inc();
    }
}
