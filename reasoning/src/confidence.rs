//! How sure a model is while it writes: the measures of `DeepConf` (Fu et al., arXiv 2508.15260).

use std::collections::VecDeque;

/// The confidence of one token: −(1/k) Σ ln pⱼ over its k most likely tokens, in nats, ≥ 0. The higher, the surer: a
/// distribution with one likely token has tiny probabilities for the others. `None` without any.
#[must_use]
pub fn token_confidence(top_logprobs: &[f32]) -> Option<f64> {
    let count = u32::try_from(top_logprobs.len()).ok().filter(|count| *count > 0)?;
    let sum: f64 = top_logprobs.iter().copied().map(f64::from).sum();
    Some(-sum / f64::from(count))
}

/// The confidence of a trace: that of its least sure window, which is known while the trace still runs.
#[derive(Clone, Debug)]
pub struct TraceConfidence {
    window: usize,
    recent: VecDeque<f64>,
    sum: f64,
    lowest: Option<f64>,
}

impl TraceConfidence {
    /// `window` is the size of a group in tokens, at least 1; 2,048 in the paper, for traces of tens of thousands.
    #[must_use]
    pub fn new(window: u32) -> Self {
        let window = usize::try_from(window.max(1)).unwrap_or(usize::MAX);
        Self { window, recent: VecDeque::new(), sum: 0.0, lowest: None }
    }

    /// Takes the next token's confidence; gives that of the last window once there is a full one.
    pub fn push(&mut self, token: f64) -> Option<f64> {
        self.recent.push_back(token);
        self.sum += token;
        if self.recent.len() > self.window {
            self.recent.pop_front();
            // Summed anew, because a running difference drifts over long traces.
            self.sum = self.recent.iter().sum();
        }
        if self.recent.len() < self.window {
            return None;
        }
        let mean = self.mean()?;
        self.lowest = Some(self.lowest.map_or(mean, |lowest| lowest.min(mean)));
        Some(mean)
    }

    /// The lowest group so far; of a trace that is shorter than a window the mean of what there is.
    #[must_use]
    pub fn lowest(&self) -> Option<f64> {
        self.lowest.or_else(|| self.mean())
    }

    fn mean(&self) -> Option<f64> {
        let count = u32::try_from(self.recent.len()).ok().filter(|count| *count > 0)?;
        Some(self.sum / f64::from(count))
    }
}

/// The value that keeps the best `keep` percent of the warm-up traces, 1 to 100: a trace that falls below it is weak.
/// `None` without any trace.
#[must_use]
pub fn threshold(warm_up: &[f64], keep: u32) -> Option<f64> {
    let mut values: Vec<f64> = warm_up.iter().copied().filter(|value| !value.is_nan()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    let kept = (values.len() * usize::try_from(keep.clamp(1, 100)).ok()?).div_ceil(100);
    values.get(kept.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As exact as the engine's logarithms, which are single floats.
    fn close(value: Option<f64>, expect: f64) {
        assert!(value.is_some_and(|value| (value - expect).abs() < 1e-6), "{value:?} is not {expect}");
    }

    #[test]
    fn a_sure_token_is_more_confident() {
        close(token_confidence(&[0.5_f32.ln(), 0.5_f32.ln()]), 2.0_f64.ln());
        assert!(token_confidence(&[-0.01, -5.0]) > token_confidence(&[-0.7, -0.7]));
        assert_eq!(token_confidence(&[]), None);
    }

    #[test]
    fn a_trace_is_as_sure_as_its_weakest_window() {
        let mut trace = TraceConfidence::new(2);
        assert_eq!(trace.lowest(), None);
        assert_eq!(trace.push(4.0), None);
        close(trace.lowest(), 4.0);
        let means: Vec<Option<f64>> = [2.0, 1.0, 3.0, 9.0].into_iter().map(|token| trace.push(token)).collect();
        for (mean, expect) in means.into_iter().zip([3.0, 1.5, 2.0, 6.0]) {
            close(mean, expect);
        }
        close(trace.lowest(), 1.5);
    }

    #[test]
    fn the_threshold_keeps_the_given_share() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        close(threshold(&values, 90), 2.0);
        close(threshold(&values, 10), 10.0);
        close(threshold(&values, 100), 1.0);
        close(threshold(&[5.0], 1), 5.0);
        assert_eq!(threshold(&[], 90), None);
        close(threshold(&[f64::NAN, 3.0], 100), 3.0);
    }
}
