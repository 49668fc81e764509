//! Three descriptors: one input and two outputs. None can be sought in, and no other can be had.

use wasmtime::{Caller, Linker, Result};

use super::{Errno, Fault, MODULE, call, guest::Guest};
use crate::{
    Ending,
    host::{Host, Output},
};

/// `fd_read` and `fd_write` among the specification's rights.
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;
/// The specification's `unknown`: no file, no folder, no terminal.
const FILETYPE: u8 = 0;

pub fn link(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap(MODULE, "fd_read", |mut caller: Caller<'_, Host>, fd: u32, at: u32, count: u32, done: u32| {
        call(&mut caller, |guest, host| read(guest, host, fd, at, count, done))
    })?;
    linker.func_wrap(MODULE, "fd_write", |mut caller: Caller<'_, Host>, fd: u32, at: u32, count: u32, done: u32| {
        call(&mut caller, |guest, host| write(guest, host, fd, at, count, done))
    })?;
    linker.func_wrap(MODULE, "fd_close", |mut caller: Caller<'_, Host>, fd: u32| {
        call(&mut caller, |_, host| {
            *open(host, fd)? = false;
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, "fd_fdstat_get", |mut caller: Caller<'_, Host>, fd: u32, at: u32| {
        call(&mut caller, |guest, host| status(guest, host, fd, at))
    })?;
    linker.func_wrap(MODULE, "fd_filestat_get", |mut caller: Caller<'_, Host>, fd: u32, at: u32| {
        call(&mut caller, |guest, host| {
            open(host, fd)?;
            Ok(guest.put(at, &[0; 64])?)
        })
    })?;
    linker.func_wrap(MODULE, "fd_fdstat_set_flags", |mut caller: Caller<'_, Host>, fd: u32, _: u32| {
        known(&mut caller, fd, None)
    })?;
    linker.func_wrap(MODULE, "fd_sync", |mut caller: Caller<'_, Host>, fd: u32| known(&mut caller, fd, None))?;
    linker.func_wrap(MODULE, "fd_seek", |mut caller: Caller<'_, Host>, fd: u32, _: i64, _: u32, _: u32| {
        known(&mut caller, fd, Some(Errno::Spipe))
    })?;
    linker.func_wrap(MODULE, "fd_tell", |mut caller: Caller<'_, Host>, fd: u32, _: u32| {
        known(&mut caller, fd, Some(Errno::Spipe))
    })?;
    // No descriptor is a folder that was opened before: programs stop asking at the first that is none.
    linker.func_wrap(MODULE, "fd_prestat_get", |_: u32, _: u32| Errno::Badf as i32)?;
    Ok(())
}

/// Whether a descriptor is open.
fn open(host: &mut Host, fd: u32) -> Result<&mut bool, Fault> {
    let open = match fd {
        0 => &mut host.input.open,
        1 => &mut host.out.open,
        2 => &mut host.err.open,
        _ => return Err(Errno::Badf.into()),
    };
    if *open { Ok(open) } else { Err(Errno::Badf.into()) }
}

/// The same answer for each of the three.
fn known(caller: &mut Caller<'_, Host>, fd: u32, answer: Option<Errno>) -> Result<i32> {
    call(caller, |_, host| {
        open(host, fd)?;
        answer.map_or(Ok(()), |errno| Err(errno.into()))
    })
}

fn read(guest: &mut Guest<'_>, host: &mut Host, fd: u32, at: u32, count: u32, done: u32) -> Result<(), Fault> {
    open(host, fd)?;
    if fd != 0 {
        return Err(Errno::Badf.into());
    }
    let mut total = 0_u32;
    for (at, len) in guest.pieces(at, count)? {
        let place = guest.bytes_mut(at, len)?;
        let next = host.input.take(place.len());
        place.iter_mut().zip(next).for_each(|(to, from)| *to = *from);
        // Never more than the input has, which is far from 4 GiB.
        total = total.saturating_add(u32::try_from(next.len()).unwrap_or(u32::MAX));
    }
    Ok(guest.put(done, &total.to_le_bytes())?)
}

fn write(guest: &mut Guest<'_>, host: &mut Host, fd: u32, at: u32, count: u32, done: u32) -> Result<(), Fault> {
    open(host, fd)?;
    let mut total = 0_u32;
    for (at, len) in guest.pieces(at, count)? {
        let bytes = guest.bytes(at, len)?;
        if !output(host, fd)?.put(bytes) {
            return Err(Fault::End(Ending::Flooded));
        }
        total = total.saturating_add(len);
    }
    Ok(guest.put(done, &total.to_le_bytes())?)
}

fn output(host: &mut Host, fd: u32) -> Result<&mut Output, Errno> {
    match fd {
        1 => Ok(&mut host.out),
        2 => Ok(&mut host.err),
        _ => Err(Errno::Badf),
    }
}

/// The specification's `fdstat`: type, flags, rights, and rights of what is opened through it.
fn status(guest: &mut Guest<'_>, host: &mut Host, fd: u32, at: u32) -> Result<(), Fault> {
    open(host, fd)?;
    let rights = if fd == 0 { READ } else { WRITE };
    let mut stat = [0; 24];
    stat[0] = FILETYPE;
    stat[8..16].copy_from_slice(&rights.to_le_bytes());
    Ok(guest.put(at, &stat)?)
}
