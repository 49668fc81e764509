//! How much may come how fast: a bucket that fills up again.

use std::time::Instant;

/// A bucket of tokens.
#[derive(Debug)]
pub(crate) struct Flow {
    most: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Flow {
    /// A full bucket of `most`, into which come `per_second` each second.
    pub(crate) fn new(most: f64, per_second: f64) -> Self {
        Self { most, per_second, left: most, at: Instant::now() }
    }

    /// Takes some; whether there were as many.
    pub(crate) fn take(&mut self, count: f64, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * self.per_second).min(self.most);
        self.at = now;
        let enough = count <= self.left;
        if enough {
            self.left -= count;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_is_emptied_and_fills_up_again() {
        let mut flow = Flow::new(3.0, 2.0);
        let start = flow.at;
        let mut check = |after_ms: u64, count: f64, expected: bool| {
            assert_eq!(flow.take(count, start + Duration::from_millis(after_ms)), expected, "{after_ms}");
        };
        check(0, 3.0, true);
        check(0, 1.0, false);
        check(500, 1.0, true);
        check(500, 0.5, false);
        check(60_000, 3.5, false);
        check(60_000, 3.0, true);
    }
}
