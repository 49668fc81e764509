//! Arguments, an empty environment, random numbers, and the end.

use wasmtime::{Caller, Linker, Result};

use rand_chacha::rand_core::RngCore;

use super::{Errno, Fault, MODULE, call, guest::Guest};
use crate::{Ending, host::Host};

/// The only function that returns nothing.
pub const EXIT: &str = "proc_exit";
/// Random bytes that one call gives: libraries ask for 256 at most.
const MAX_RANDOM: u32 = 64 << 10;

pub fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker
        .func_wrap(MODULE, EXIT, |_: Caller<'_, Host>, code: i32| -> Result<()> { Err(Ending::Exited(code).into()) })?;
    linker.func_wrap(MODULE, "sched_yield", || -> i32 { 0 })?;
    linker.func_wrap(MODULE, "args_sizes_get", |mut caller: Caller<'_, Host>, count: u32, bytes: u32| {
        call(&mut caller, |guest, host| sizes(guest, &host.args, count, bytes))
    })?;
    linker.func_wrap(MODULE, "args_get", |mut caller: Caller<'_, Host>, table: u32, text: u32| {
        call(&mut caller, |guest, host| strings(guest, &host.args, table, text))
    })?;
    linker.func_wrap(MODULE, "environ_sizes_get", |mut caller: Caller<'_, Host>, count: u32, bytes: u32| {
        call(&mut caller, |guest, _| sizes(guest, &[], count, bytes))
    })?;
    linker.func_wrap(MODULE, "environ_get", |_: u32, _: u32| -> i32 { 0 })?;
    linker.func_wrap(MODULE, "random_get", |mut caller: Caller<'_, Host>, at: u32, len: u32| {
        call(&mut caller, |guest, host| random(guest, host, at, len))
    })?;
    Ok(())
}

fn sizes(guest: &mut Guest<'_>, strings: &[Vec<u8>], count: u32, bytes: u32) -> Result<(), Fault> {
    let total: usize = strings.iter().map(|string| string.len() + 1).sum();
    guest.put(count, &small(strings.len())?.to_le_bytes())?;
    guest.put(bytes, &small(total)?.to_le_bytes())?;
    Ok(())
}

fn strings(guest: &mut Guest<'_>, strings: &[Vec<u8>], mut table: u32, mut text: u32) -> Result<(), Fault> {
    for string in strings {
        guest.put(table, &text.to_le_bytes())?;
        guest.put(text, string)?;
        let len = small(string.len())?;
        guest.put(text.saturating_add(len), b"\0")?;
        table = table.saturating_add(4);
        text = text.saturating_add(len).saturating_add(1);
    }
    Ok(())
}

fn random(guest: &mut Guest<'_>, host: &mut Host, at: u32, len: u32) -> Result<(), Fault> {
    if len > MAX_RANDOM {
        return Err(Errno::Inval.into());
    }
    host.random.fill_bytes(guest.bytes_mut(at, len)?);
    Ok(())
}

fn small(size: usize) -> Result<u32, Errno> {
    u32::try_from(size).map_err(|_| Errno::Inval)
}
