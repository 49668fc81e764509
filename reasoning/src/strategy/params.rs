//! What a request may tune.

use serde::{Deserialize, Serialize};

use super::{build::StrategyError, turns::Order};

/// What a request may tune. Every field has a default that works.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as a request names it")]
pub struct Params {
    /// Samples to draw at most, or beams; `None` for the strategy's own number, cut to the budget's.
    pub samples: Option<u32>,
    /// Whether that many samples are refused where the tokens are not enough for all of them; else fewer are drawn.
    pub all_samples: bool,
    /// Tokens that each sample must at least have, its thoughts and its answer: fewer samples are drawn where the share of
    /// each would be smaller, and where not even one can have them it is refused. `None` for
    /// [`MIN_SAMPLE_TOKENS`](crate::MIN_SAMPLE_TOKENS), and one shorter sample where there are fewer.
    pub least_tokens: Option<u32>,
    /// In which order a vote counts its samples. Others that stop early, `confidence_vote` and `self_correct`, keep to the
    /// order drawn, and so does a vote that [corrects](Self::corrects).
    pub order: Order,
    /// Samples in flight, at least 1.
    pub wave: u32,
    /// Whether a vote that may stop early has no more samples in flight than the fewest that could still decide it, whatever
    /// `wave` says: all of them are needed even when the leader gets every vote, so none is drawn in vain. With the
    /// [shortest](Order::Shortest) first, those do not count that have run as long as the median of the counted ones did:
    /// of these some are cut, or of those that begin in their place.
    pub thrifty: bool,
    /// Threshold of the Beta rule, above 0.5 and at most 1; `None` turns it off. At 0.95 the first samples that agree
    /// stop the vote at the 4th.
    pub beta_threshold: Option<f64>,
    /// Samples of a window of Early-Stopping Self-Consistency (ESC, arXiv 2401.10480), at least 2, 5 in the paper: the
    /// first window of consecutive samples that all agree stops the vote. `None` turns it off.
    pub esc_window: Option<u32>,
    /// Whether `best_of_n` sums the scores of samples with the same answer.
    pub weighted: bool,
    /// Samples of a confidence vote that run to their end whatever they are, no more than there are samples; `None` for
    /// 16, or half of all.
    pub warm_up: Option<u32>,
    /// Tokens of a group of which a confidence is the mean, at least 1; 2,048 in the paper.
    pub window: u32,
    /// The share of the warm-up's traces that later ones must be as sure as, in percent, 1 to 100; 90 in the paper, or 10
    /// to save more.
    pub keep_percent: u32,
    /// The share of all weight at which a confidence vote stops, above 0.5 and at most 1; 0.95 in the paper. `None` draws
    /// all samples.
    pub consensus: Option<f64>,
    /// Drafts of each answer of `self_correct`, the first included, at least 1; `None` for 3, cut to the budget's.
    pub rounds: Option<u32>,
    /// Whether `auto`, where verifiers refute all of its first samples, has every other of the next ones mend the best of
    /// them.
    pub corrects: bool,
    /// In how many ways a beam goes on, at least 1; 4 in search-and-learn.
    pub width: u32,
    /// Tokens of one step of a beam, at least 1.
    pub step_tokens: u32,
    /// Whether each subtree of beams keeps its own best (DVTS), so that they stay diverse.
    pub diverse: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            samples: None,
            all_samples: false,
            least_tokens: None,
            order: Order::Drawn,
            wave: 4,
            thrifty: true,
            beta_threshold: Some(0.95),
            esc_window: None,
            weighted: false,
            warm_up: None,
            window: 2048,
            keep_percent: 90,
            consensus: Some(0.95),
            rounds: None,
            corrects: false,
            width: 4,
            step_tokens: 256,
            diverse: false,
        }
    }
}

impl Params {
    pub(super) fn check(&self) -> Result<(), StrategyError> {
        let wrong = |name, value, mend| Err(StrategyError::Param { name, value, mend });
        let share = |value: f64| value > 0.5 && value <= 1.0;
        match self {
            Self { wave: 0, .. } => wrong("wave", 0.0, "set it to at least 1"),
            Self { beta_threshold: Some(value), .. } if !share(*value) => {
                wrong("beta_threshold", *value, "set it above 0.5 and to at most 1, or leave it out")
            }
            Self { esc_window: Some(value @ 0..2), .. } => {
                wrong("esc_window", f64::from(*value), "set it to at least 2, or leave it out")
            }
            Self { window: 0, .. } => wrong("window", 0.0, "set it to at least 1"),
            Self { rounds: Some(0), .. } => wrong("rounds", 0.0, "set it to at least 1, or leave it out"),
            Self { width: 0, .. } => wrong("width", 0.0, "set it to at least 1"),
            Self { step_tokens: 0, .. } => wrong("step_tokens", 0.0, "set it to at least 1"),
            Self { keep_percent: value, .. } if !(1..=100).contains(value) => {
                wrong("keep_percent", f64::from(*value), "set it to 1 to 100")
            }
            Self { consensus: Some(value), .. } if !share(*value) => {
                wrong("consensus", *value, "set it above 0.5 and to at most 1, or leave it out")
            }
            _ => Ok(()),
        }
    }
}
