//! Work that blocks, of which at most one piece runs at a time.

use std::time::Duration;

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

/// Runs work on a thread that may block. Work that hangs, on a disk of another machine, cannot be stopped; so the next
/// call waits for it again and begins no other, or hung threads would pile up until none were left for anybody.
#[derive(Debug)]
pub(crate) struct Blocking<T> {
    running: Option<JoinHandle<T>>,
}

impl<T> Default for Blocking<T> {
    fn default() -> Self {
        Self { running: None }
    }
}

impl<T: Send + 'static> Blocking<T> {
    /// What the work comes to, or what work that hung before came to at last; `None` when it takes longer, or panics.
    pub(crate) async fn run(&mut self, within: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let mut running = self.running.take().unwrap_or_else(|| spawn_blocking(work));
        if let Ok(done) = timeout(within, &mut running).await {
            return done.ok();
        }
        self.running = Some(running);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn work_that_hangs_is_waited_for_and_not_begun_again() {
        let (let_go, held) = mpsc::channel::<()>();
        let mut blocking = Blocking::default();
        let hangs = move || {
            let _ = held.recv();
            1
        };
        assert_eq!(blocking.run(SHORT, hangs).await, None);
        assert_eq!(blocking.run(SHORT, || 2).await, None);
        let_go.send(()).unwrap();
        assert_eq!(blocking.run(LONG, || 3).await, Some(1));
        assert_eq!(blocking.run(LONG, || 4).await, Some(4));
    }
}
