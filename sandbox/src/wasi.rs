//! WASI preview 1, as much of it as an interpreter needs to begin, read its input and write.
//!
//! Specification: WebAssembly/WASI, branch `wasi-0.1`, `preview1/docs.md`. There are three descriptors: 0 can be read, 1 and 2 can
//! be written. There are no folders, so nothing can be opened. What is not here answers `ENOSYS`.

mod clock;
mod descriptors;
mod guest;
mod process;

use wasmtime::{Caller, Extern, ExternType, FuncType, Linker, Module, Result, Val, ValType, bail};

use crate::{Ending, host::Host};
use guest::Guest;

const MODULE: &str = "wasi_snapshot_preview1";

/// Why a call was not carried out: the specification's `errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errno {
    Badf = 8,
    Fault = 21,
    Inval = 28,
    Nosys = 52,
    Spipe = 70,
}

/// Why a call did not end well.
enum Fault {
    /// The program is told.
    Errno(Errno),
    /// The program ends.
    End(Ending),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

/// Gives a module what it asks for.
///
/// # Errors
/// When it asks for anything but functions of WASI.
pub fn link(linker: &mut Linker<Host>, module: &Module) -> Result<()> {
    // What is here takes the place of what only says that it is not.
    linker.allow_shadowing(true);
    let mut refused = Vec::new();
    for import in module.imports() {
        match import.ty() {
            ExternType::Func(ty) if import.module() == MODULE && returns_errno(&ty) => {
                linker.func_new(MODULE, import.name(), ty, |_, _, results| {
                    results.fill(Val::I32(Errno::Nosys as i32));
                    Ok(())
                })?;
            }
            ExternType::Func(_) if (import.module(), import.name()) == (MODULE, process::EXIT) => {}
            _ => refused.push(format!("`{}.{}`", import.module(), import.name())),
        }
    }
    if !refused.is_empty() {
        bail!("it asks for what is not given here: {}", refused.join(", "));
    }
    clock::link(linker)?;
    descriptors::link(linker)?;
    process::link(linker)
}

fn returns_errno(ty: &FuncType) -> bool {
    ty.results().len() == 1 && ty.results().all(|result| matches!(result, ValType::I32))
}

/// Carries out a call on the program's memory and its world.
fn call(
    caller: &mut Caller<'_, Host>,
    work: impl FnOnce(&mut Guest<'_>, &mut Host) -> Result<(), Fault>,
) -> Result<i32> {
    let Some(memory) = caller.get_export("memory").and_then(Extern::into_memory) else {
        return Ok(Errno::Fault as i32);
    };
    let (bytes, host) = memory.data_and_store_mut(caller);
    match work(&mut Guest(bytes), host) {
        Ok(()) => Ok(0),
        Err(Fault::Errno(errno)) => Ok(errno as i32),
        Err(Fault::End(ending)) => Err(ending.into()),
    }
}
