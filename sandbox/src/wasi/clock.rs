//! A clock that only the program moves, and sleep, which moves it.

use wasmtime::{Caller, Linker, Result};

use super::{Errno, Fault, MODULE, call, guest::Guest};
use crate::host::{Clock, Host};

/// The resolution that is told, in nanoseconds.
const RESOLUTION: u64 = 1_000;
/// The specification's clocks: time of day, time since some point, and two of used processor time.
const REALTIME: u32 = 0;
const CLOCKS: u32 = 4;
/// Things that one call may wait for.
const MAX_SUBSCRIPTIONS: u32 = 64;
/// Sizes of the specification's `subscription` and `event`.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;
/// The specification's `eventtype`: 0 is a clock, then come descriptors to read and to write.
const EVENT_CLOCK: u8 = 0;
const EVENT_READ: u8 = 1;
const EVENT_WRITE: u8 = 2;

pub fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(MODULE, "clock_res_get", |mut caller: Caller<'_, Host>, clock: u32, at: u32| {
        call(&mut caller, |guest, _| {
            known(clock)?;
            Ok(guest.put(at, &RESOLUTION.to_le_bytes())?)
        })
    })?;
    linker.func_wrap(MODULE, "clock_time_get", |mut caller: Caller<'_, Host>, clock: u32, _: i64, at: u32| {
        call(&mut caller, |guest, host| {
            known(clock)?;
            let since = host.clock.look();
            let time = if clock == REALTIME { Clock::of_day(since) } else { since };
            Ok(guest.put(at, &time.to_le_bytes())?)
        })
    })?;
    linker.func_wrap(
        MODULE,
        "poll_oneoff",
        |mut caller: Caller<'_, Host>, at: u32, out: u32, count: u32, done: u32| {
            call(&mut caller, |guest, host| poll(guest, host, at, out, count, done))
        },
    )?;
    Ok(())
}

fn known(clock: u32) -> Result<(), Errno> {
    if clock < CLOCKS { Ok(()) } else { Err(Errno::Inval) }
}

/// Something that a program waits for.
struct Subscription {
    user: [u8; 8],
    kind: u8,
    /// When a clock is there, in nanoseconds since the run began. Descriptors are always there.
    due: u64,
}

/// Whatever comes first is there at once.
fn poll(guest: &mut Guest<'_>, host: &mut Host, at: u32, out: u32, count: u32, done: u32) -> Result<(), Fault> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::Inval.into());
    }
    let now = host.clock.look();
    let places = (0..count).map(|index| at.saturating_add(index * SUBSCRIPTION));
    let waiting: Vec<_> = places.map(|place| subscription(guest, now, place)).collect::<Result<_, _>>()?;
    let first = waiting.iter().map(|one| one.due).min().unwrap_or(now);
    host.clock.sleep_until(first);
    let mut events = 0_u32;
    for one in waiting.iter().filter(|one| one.due <= first.max(now)) {
        guest.put(out.saturating_add(events * EVENT), &event(one))?;
        events += 1;
    }
    Ok(guest.put(done, &events.to_le_bytes())?)
}

fn subscription(guest: &Guest<'_>, now: u64, at: u32) -> Result<Subscription, Errno> {
    let field = |offset: u32| at.saturating_add(offset);
    let user = guest.array(field(0))?;
    let [kind] = guest.array(field(8))?;
    let due = match kind {
        EVENT_CLOCK => due(guest, now, at)?,
        EVENT_READ | EVENT_WRITE => 0,
        _ => return Err(Errno::Inval),
    };
    Ok(Subscription { user, kind, due })
}

fn due(guest: &Guest<'_>, now: u64, at: u32) -> Result<u64, Errno> {
    let field = |offset: u32| at.saturating_add(offset);
    let clock = guest.u32(field(16))?;
    known(clock)?;
    let timeout = guest.u64(field(24))?;
    let [flags, _] = guest.array(field(40))?;
    let absolute = flags & 1 == 1;
    Ok(match (absolute, clock) {
        (false, _) => now.saturating_add(timeout),
        (true, REALTIME) => Clock::since(timeout),
        (true, _) => timeout,
    })
}

/// The specification's `event`, without an error.
fn event(of: &Subscription) -> [u8; EVENT as usize] {
    let mut event = [0; EVENT as usize];
    event[..8].copy_from_slice(&of.user);
    event[10] = of.kind;
    event
}
