//! How much memory a run may take.

use wasmtime::{ResourceLimiter, Result};

use crate::Ending;

/// Entries that tables of functions may have in all: a large interpreter has some ten thousand.
const MAX_TABLE_ENTRIES: usize = 100_000;
const MAX_TABLES: usize = 4;

/// A run's memory, as WebAssembly counts it: pages that were never written cost nothing.
#[derive(Debug)]
pub struct Ceiling {
    bytes: u64,
    peak: u64,
    started: bool,
    refused: bool,
}

impl Ceiling {
    /// At most so many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self { bytes, peak: 0, started: false, refused: false }
    }

    /// From now on memory that is refused is a program's to cope with.
    pub const fn start(&mut self) {
        self.started = true;
    }

    /// The most that it had.
    pub const fn peak(&self) -> u64 {
        self.peak
    }

    /// Whether it asked for more than it may have.
    pub const fn refused(&self) -> bool {
        self.refused
    }

    /// A program that cannot even begin ends here; a running one is told by its own `memory.grow`.
    fn decide(&mut self, fits: bool) -> Result<bool> {
        self.refused |= !fits;
        if fits || self.started { Ok(fits) } else { Err(Ending::TooLarge.into()) }
    }
}

impl ResourceLimiter for Ceiling {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let desired = desired as u64;
        let fits = desired <= self.bytes;
        if fits {
            self.peak = self.peak.max(desired);
        }
        self.decide(fits)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        self.decide(desired <= MAX_TABLE_ENTRIES)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        1
    }
}
