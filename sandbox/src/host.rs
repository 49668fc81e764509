//! What a run has of the world.

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::{ceiling::Ceiling, run::Job};

/// Random numbers are the same in every run.
const SEED: u64 = 0x666f_7265_7468_6f75;

/// What a run has of the world: nothing of the real one.
pub struct Host {
    pub args: Vec<Vec<u8>>,
    pub input: Input,
    pub out: Output,
    pub err: Output,
    pub clock: Clock,
    pub random: ChaCha8Rng,
    pub ceiling: Ceiling,
}

impl Host {
    /// The world at the beginning of a run.
    pub fn new(job: Job) -> Self {
        Self {
            args: job.args,
            input: Input { bytes: job.input, at: 0, open: true },
            out: Output::new(job.output),
            err: Output::new(job.output),
            clock: Clock::default(),
            random: ChaCha8Rng::seed_from_u64(SEED),
            ceiling: Ceiling::new(job.memory),
        }
    }
}

/// What can be read.
pub struct Input {
    bytes: Vec<u8>,
    at: usize,
    pub open: bool,
}

impl Input {
    /// The next bytes, at most so many; none at the end.
    pub fn take(&mut self, most: usize) -> &[u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let next = rest.get(..most).unwrap_or(rest);
        self.at += next.len();
        next
    }
}

/// What was written.
pub struct Output {
    pub bytes: Vec<u8>,
    most: usize,
    pub open: bool,
}

impl Output {
    const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most, open: true }
    }

    /// Keeps what has room; whether all had.
    pub fn put(&mut self, bytes: &[u8]) -> bool {
        let room = self.most.saturating_sub(self.bytes.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        self.bytes.extend_from_slice(kept);
        kept.len() == bytes.len()
    }
}

/// A clock that a run moves itself: by looking at it, and by sleeping, which takes no time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    nanoseconds: u64,
}

impl Clock {
    /// The first of January 2000 in UTC, in nanoseconds since 1970.
    const BEGIN: u64 = 946_684_800_000_000_000;
    /// What a look costs, so that code that waits for a time to come sees it come.
    const LOOK: u64 = 1_000;

    /// Nanoseconds since the run began.
    pub const fn look(&mut self) -> u64 {
        self.sleep_until(self.nanoseconds.saturating_add(Self::LOOK));
        self.nanoseconds
    }

    /// The time of day for nanoseconds since the run began.
    pub const fn of_day(since: u64) -> u64 {
        Self::BEGIN.saturating_add(since)
    }

    /// Nanoseconds since the run began for a time of day.
    pub const fn since(of_day: u64) -> u64 {
        of_day.saturating_sub(Self::BEGIN)
    }

    /// Goes on to that time, if it is still to come.
    pub const fn sleep_until(&mut self, since: u64) {
        if since > self.nanoseconds {
            self.nanoseconds = since;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_read_once_and_output_is_kept_as_far_as_there_is_room() {
        let mut input = Input { bytes: b"abcde".to_vec(), at: 0, open: true };
        let pieces: Vec<Vec<u8>> = [2, 0, 2, 9, 9].map(|most| input.take(most).to_vec()).to_vec();
        assert_eq!(pieces, [b"ab".to_vec(), vec![], b"cd".to_vec(), b"e".to_vec(), vec![]]);
        let mut output = Output::new(3);
        assert!(output.put(b"ab") && output.put(b"") && output.put(b"c") && output.put(b""));
        assert!(!output.put(b"d"));
        assert_eq!(output.bytes, b"abc");
    }

    #[test]
    fn a_clock_only_goes_on() {
        let mut clock = Clock::default();
        let first = clock.look();
        assert!(clock.look() > first);
        clock.sleep_until(0);
        assert!(clock.look() > first);
        clock.sleep_until(u64::MAX);
        assert_eq!((clock.look(), Clock::of_day(clock.look())), (u64::MAX, u64::MAX));
        assert_eq!(Clock::since(Clock::of_day(77)), 77);
    }
}
