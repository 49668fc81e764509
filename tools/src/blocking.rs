//! Work that does not await, on a thread where it holds up nobody.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::ToolError;

/// Says whether anybody still waits for the work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// As if nobody waited.
    #[cfg(test)]
    pub(crate) fn set() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

/// Sets the flag when the future that waits is dropped.
struct Waiting(Abandoned);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does the work on a thread of its own. It is told when nobody waits for it any more, and must end soon then.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Abandoned) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let waiting = Waiting(Abandoned::default());
    let abandoned = waiting.0.clone();
    let done = tokio::task::spawn_blocking(move || work(&abandoned)).await;
    drop(waiting);
    done.unwrap_or_else(|_| Err(ToolError::Failed("the tool broke off".to_owned())))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn work_ends_when_nobody_waits_for_it() {
        let (start, started) = mpsc::channel();
        let (finish, finished) = mpsc::channel();
        let work = blocking(move |abandoned| {
            start.send(()).unwrap();
            while !abandoned.is_set() {
                std::thread::yield_now();
            }
            finish.send(()).unwrap();
            Ok(())
        });
        let call = tokio::spawn(work);
        tokio::task::spawn_blocking(move || started.recv_timeout(Duration::from_mins(1))).await.unwrap().unwrap();
        call.abort();
        tokio::task::spawn_blocking(move || finished.recv_timeout(Duration::from_mins(1))).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_panic_ends_the_call_and_nothing_else() {
        let broken = blocking::<()>(|_| panic!("on purpose")).await;
        assert!(matches!(broken, Err(ToolError::Failed(_))));
    }
}
