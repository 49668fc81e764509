//! What Prometheus reads of tools.

use std::{collections::BTreeMap, fmt};

use forethought_actors::CallSpent;
use forethought_mcp::{Server, State};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::tools::Tools;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    tool: String,
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Which {
    tool: String,
}

/// Counts calls.
#[derive(Clone)]
pub(super) struct ToolCalls {
    ended: Family<Ended, Counter>,
    seconds: Family<Which, Histogram>,
}

impl ToolCalls {
    pub(super) fn register(registry: &mut Registry, tools: &Tools) -> Self {
        let ended = Family::<Ended, Counter>::default();
        let seconds =
            Family::<Which, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 9)));
        registry.register("tool_calls", "Calls of tools by answered deliberations, by how they ended", ended.clone());
        registry.register("tool_seconds", "How long tools ran that ran", seconds.clone());
        registry.register_collector(Box::new(Servers(tools.clone())));
        Self { ended, seconds }
    }

    pub(super) fn count(&self, calls: &[CallSpent]) {
        for CallSpent { tool, state, wall_ms, .. } in calls {
            // One of those that were offered: a name that a model made up is no call.
            let tool = tool.clone();
            if *wall_ms > 0 {
                #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds fits")]
                let seconds = *wall_ms as f64 / 1000.0;
                self.seconds.get_or_create(&Which { tool: tool.clone() }).observe(seconds);
            }
            self.ended.get_or_create(&Ended { tool, state: state.clone() }).inc();
        }
    }
}

/// How connections to servers of tools do; read when asked.
struct Servers(Tools);

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Servers")
    }
}

impl Collector for Servers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(
            "tool_server_connections",
            "Connections to servers of tools, by their state",
            None,
            MetricType::Gauge,
        )?;
        for server in self.0.servers() {
            for (state, count) in counted(server) {
                let labels = [("server", server.name()), ("state", state)];
                ConstGauge::new(count).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// Every state, so that a series does not end where one is left.
fn counted(server: &Server) -> BTreeMap<&'static str, i64> {
    let mut counts: BTreeMap<_, _> = ["off", "starting", "up", "resting", "failed"].map(|state| (state, 0)).into();
    for state in server.states().into_values() {
        *counts.entry(name(&state)).or_default() += 1;
    }
    counts
}

fn name(state: &State) -> &'static str {
    match state {
        State::Off => "off",
        State::Starting => "starting",
        State::Up => "up",
        State::Resting { .. } => "resting",
        State::Failed { .. } => "failed",
    }
}
