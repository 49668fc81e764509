//! The thread that makes running programs look up: it moves the engine's epoch on while any run.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use wasmtime::Engine;

/// How soon a program sees that it must stop.
const TICK: Duration = Duration::from_millis(10);

/// Moves the epoch on while something runs, and sleeps while nothing does. Ends when it is dropped.
pub struct Ticker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    over: bool,
}

/// While this lives, the epoch moves.
pub struct Ticking(Arc<Shared>);

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(engine: Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("sandbox-ticker".to_owned()).spawn(move || theirs.tick(&engine))?;
        Ok(Self(shared))
    }

    /// Ticks for one more run.
    pub fn ticking(&self) -> Ticking {
        self.0.change(|state| state.running += 1);
        Ticking(Arc::clone(&self.0))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.change(|state| state.over = true);
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.change(|state| state.running = state.running.saturating_sub(1));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Runs go on after the ticker was dropped until they have ended: they must look up, too.
    fn tick(&self, engine: &Engine) {
        loop {
            let state = self.lock();
            let state = self
                .changed
                .wait_while(state, |state| state.running == 0 && !state.over)
                .unwrap_or_else(PoisonError::into_inner);
            if state.running == 0 {
                return;
            }
            drop(state);
            thread::sleep(TICK);
            engine.increment_epoch();
        }
    }
}
