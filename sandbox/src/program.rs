//! A compiled program and how it is entered.

use std::time::Instant;

use wasmtime::{ExternType, Instance, InstancePre, Module, Result, Store, UpdateDeadline, ValType, bail, ensure};

use crate::{Ending, Job, Machine, Ran, host::Host, run::Stop};

/// How a program is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// By `_start`: a command of WASI preview 1.
    Command,
    /// By this function, which takes `argc` and `argv` as `main` does and returns 0 when all went well: a library ("reactor") of
    /// WASI preview 1 that exports `_initialize` and `malloc`.
    Library(&'static str),
}

/// A compiled program. It is cheap to clone, and each run has an instance of its own.
#[derive(Clone)]
pub struct Program {
    machine: Machine,
    ready: InstancePre<Host>,
    entry: Entry,
}

const I32: ValType = ValType::I32;

impl Program {
    pub(crate) fn new(machine: Machine, ready: InstancePre<Host>, entry: Entry) -> Result<Self> {
        let module = ready.module();
        ensure!(module.get_export("memory").is_some_and(|memory| memory.memory().is_some()), "it exports no memory");
        match entry {
            Entry::Command => function(module, "_start", &[], &[])?,
            Entry::Library(main) => {
                function(module, "_initialize", &[], &[])?;
                function(module, "malloc", &[I32], &[I32])?;
                function(module, main, &[I32, I32], &[I32])?;
            }
        }
        Ok(Self { machine, ready, entry })
    }

    /// Runs it on this thread, which must have the stack for it.
    pub(crate) fn carry_out(&self, job: Job, stop: Stop) -> Ran {
        let _ticking = self.machine.ticker().ticking();
        let (steps, deadline) = (job.steps, job.deadline);
        let mut store = Store::new(self.machine.engine(), Host::new(job));
        store.limiter(|host| &mut host.ceiling);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| look_up(&stop, deadline));
        let ending = match store.set_fuel(steps).and_then(|()| self.enter(&mut store)) {
            Ok(code) => Ending::Exited(code),
            Err(error) => Ending::of(&error),
        };
        let left = store.get_fuel().unwrap_or(0);
        let host = store.into_data();
        Ran {
            ending,
            out: host.out.bytes,
            err: host.err.bytes,
            steps: steps.saturating_sub(left),
            memory: host.ceiling.peak(),
            memory_refused: host.ceiling.refused(),
        }
    }

    /// Instantiation runs the program's own start function, if it has one: steps and time are already counted.
    fn enter(&self, store: &mut Store<Host>) -> Result<i32> {
        let instance = self.ready.instantiate(&mut *store)?;
        store.data_mut().ceiling.start();
        match self.entry {
            Entry::Command => {
                instance.get_typed_func::<(), ()>(&mut *store, "_start")?.call(store, ())?;
                Ok(0)
            }
            Entry::Library(main) => {
                instance.get_typed_func::<(), ()>(&mut *store, "_initialize")?.call(&mut *store, ())?;
                let arguments = put_arguments(store, &instance)?;
                let main = instance.get_typed_func::<(u32, u32), i32>(&mut *store, main)?;
                Ok(i32::from(main.call(store, arguments)? != 0))
            }
        }
    }
}

fn look_up(stop: &Stop, deadline: Instant) -> Result<UpdateDeadline> {
    if stop.is_set() {
        Err(Ending::Stopped.into())
    } else if Instant::now() >= deadline {
        Err(Ending::OutOfTime.into())
    } else {
        Ok(UpdateDeadline::Continue(1))
    }
}

/// Puts the arguments into the library's own memory as C has them: `argc` and `argv`.
fn put_arguments(store: &mut Store<Host>, instance: &Instance) -> Result<(u32, u32)> {
    let texts = std::mem::take(&mut store.data_mut().args);
    let mut pointers = Vec::with_capacity(texts.len() + 1);
    for text in &texts {
        let text = [text, b"\0".as_slice()].concat();
        pointers.push(put(store, instance, &text)?);
    }
    let count = u32::try_from(pointers.len())?;
    pointers.push(0);
    let table: Vec<u8> = pointers.into_iter().flat_map(u32::to_le_bytes).collect();
    Ok((count, put(store, instance, &table)?))
}

fn put(store: &mut Store<Host>, instance: &Instance, bytes: &[u8]) -> Result<u32> {
    let malloc = instance.get_typed_func::<u32, u32>(&mut *store, "malloc")?;
    let at = malloc.call(&mut *store, u32::try_from(bytes.len())?)?;
    if at == 0 {
        return Err(Ending::TooLarge.into());
    }
    let Some(memory) = instance.get_memory(&mut *store, "memory") else {
        bail!("it exports no memory");
    };
    memory.write(store, at as usize, bytes)?;
    Ok(at)
}

fn function(module: &Module, name: &str, takes: &[ValType], gives: &[ValType]) -> Result<()> {
    let same = |found: &mut dyn Iterator<Item = ValType>, expected: &[ValType]| {
        let found: Vec<_> = found.collect();
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| ValType::eq(a, b))
    };
    match module.get_export(name) {
        Some(ExternType::Func(found)) if same(&mut found.params(), takes) && same(&mut found.results(), gives) => {
            Ok(())
        }
        Some(_) => bail!("its `{name}` is not what it should be"),
        None => bail!("it exports no `{name}`"),
    }
}
