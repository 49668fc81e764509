//! A program and all that it starts, which end together.
//!
//! It has a process group of its own, an empty environment, and no input, output or descriptor of ours but its three pipes.
//! The group is killed when it is dropped, whatever else happens in this process; a shell beside it kills it when this process
//! ends without doing so. On Linux its memory, its processes and what
//! it computes unasked are watched, and who has left the group is found by its parents.
//!
//! What is started here runs as the user that this service runs as. A program that is an enemy can do what that user can, and
//! needs a container around it. So does one that may start daemons: a process that leaves the group and loses its parent
//! within half a second, before anybody has looked, is not known and is neither counted nor ended.

#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod watch;

use std::{
    collections::{BTreeMap, VecDeque},
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{config::StdioConfig, end::End, visible::visible};

/// Bytes of what it last said on its error output that are kept.
const KEPT: usize = 16 * 1024;
/// How long it may take to end by itself when its input is closed, and then when it is asked to.
const GRACE: [Duration; 2] = [Duration::from_secs(2), Duration::from_millis(500)];
const POLL: Duration = Duration::from_millis(10);

/// A program that was started.
pub(crate) struct Started {
    pub(crate) group: Group,
    pub(crate) input: ChildStdin,
    pub(crate) output: ChildStdout,
}

/// A program and all that it has started. Dropping it kills them.
pub(crate) struct Group {
    core: Arc<Core>,
    /// Ended before the number of the group is free.
    _guard: Option<Child>,
    /// Not waited for before the group is killed: until then nobody else can have its number.
    _child: Child,
    said: Arc<Mutex<VecDeque<u8>>>,
    tasks: JoinSet<()>,
}

/// What the watch shares with the group.
pub(crate) struct Core {
    leader: Pid,
    killed: AtomicBool,
    /// Numbers of processes that belong to it, and when each was started.
    known: Mutex<BTreeMap<i32, u64>>,
    /// Work that it was asked for and has not done.
    busy: Arc<AtomicU32>,
    end: End,
}

/// Starts a program. `busy` counts what it is asked for; `end` is told when it has ended or is to end.
pub(crate) fn start(
    config: &StdioConfig,
    secrets: BTreeMap<String, String>,
    busy: Arc<AtomicU32>,
    end: End,
) -> Result<Started, String> {
    let program = resolve(&config.command)
        .ok_or_else(|| format!("there is no program `{}`; give its whole path", config.command.display()))?;
    let mut command = Command::new(&program);
    command.args(&config.args).env_clear().envs(&config.env).envs(secrets).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(folder) = &config.cwd {
        command.current_dir(folder);
    }
    let cannot = |why: &str| format!("cannot start `{}`: {why}", program.display());
    let mut child = command.spawn().map_err(|error| cannot(&error.to_string()))?;
    let leader =
        child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).ok_or_else(|| cannot("it has ended"))?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let core = Arc::new(Core { leader, killed: AtomicBool::new(false), known: Mutex::default(), busy, end });
    let said = Arc::new(Mutex::default());
    let mut group = Group { core, _guard: guard(leader), _child: child, said, tasks: JoinSet::new() };
    let (Some(input), Some(output), Some(errors)) = (input, output, errors) else {
        return Err(cannot("it has no pipes"));
    };
    limit(leader, config.memory_bytes);
    group.tasks.spawn(drain(errors, Arc::clone(&group.said)));
    #[cfg(target_os = "linux")]
    group.tasks.spawn(watch::watch(Arc::clone(&group.core), config.memory_bytes, config.processes));
    Ok(Started { group, input, output })
}

impl Group {
    /// Waits until it ends by itself, now that its input is closed; then it is asked to, and then it is killed.
    pub(crate) async fn stop(&self) {
        let ended = self.ends_within(GRACE[0]).await;
        if !ended && kill_process_group(self.core.leader, Signal::TERM).is_ok() {
            self.ends_within(GRACE[1]).await;
        }
        self.core.kill();
    }

    async fn ends_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !self.core.has_ended() {
            if Instant::now() >= until {
                return false;
            }
            sleep(POLL).await;
        }
        true
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        self.core.kill();
    }

    /// What it last said on its error output, for logs alone.
    pub(crate) fn said(&self) -> String {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        visible(&String::from_utf8_lossy(said.make_contiguous())).into_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.core.kill();
    }
}

impl Core {
    /// Whether the program itself has ended. Its number is kept until it is waited for.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        self.killed.load(Ordering::Acquire) || !matches!(waitid(WaitId::Pid(self.leader), options), Ok(None))
    }

    /// Once: afterwards the number may be somebody else's.
    fn kill(&self) {
        if self.killed.swap(true, Ordering::AcqRel) {
            return;
        }
        #[cfg(target_os = "linux")]
        watch::learn(self);
        // It fails when nothing of the group is left.
        _ = kill_process_group(self.leader, Signal::KILL);
        #[cfg(target_os = "linux")]
        watch::kill_known(self);
        self.end.tell("it was ended");
    }

    /// Ends it for what it did.
    #[cfg(target_os = "linux")]
    fn punish(&self, why: String) {
        self.end.exhausted(why);
        self.kill();
    }
}

/// A shell that waits for the end of its input, which is ours, and then kills the group: who is killed cannot clean up. Where
/// there is no shell, only a server that reads its input notices that we have gone.
fn guard(leader: Pid) -> Option<Child> {
    let mut shell = Command::new("/bin/sh");
    // In the one form that every shell understands.
    shell.args(["-c", "read _; kill -9 \"-$1\"", "sh", &leader.as_raw_pid().to_string()]);
    shell.env_clear().process_group(0).kill_on_drop(true);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.spawn().inspect_err(|error| tracing::debug!(%error, "nothing guards the group of a tool server")).ok()
}

/// No file of what was in its memory, and a bound where the watch may be too slow.
#[cfg(target_os = "linux")]
fn limit(leader: Pid, memory_bytes: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    // Interpreters reserve much that they never use.
    let most = memory_bytes.saturating_mul(4).max(memory_bytes.saturating_add(1 << 30));
    for (resource, most) in [(Resource::Core, 0), (Resource::Data, most)] {
        if let Err(error) = prlimit(Some(leader), resource, Rlimit { current: Some(most), maximum: Some(most) }) {
            tracing::debug!(%error, ?resource, "a limit of a tool server cannot be set");
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn limit(_leader: Pid, _memory_bytes: u64) {}

/// Where a program is. Its own environment has no `PATH` to look on, so it is ours that counts.
fn resolve(command: &Path) -> Option<PathBuf> {
    if command.components().count() > 1 || command.is_absolute() {
        return Some(command.to_owned());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(command)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Reads its error output to the end, and keeps the last of it.
async fn drain(mut errors: impl AsyncRead + Unpin, said: Arc<Mutex<VecDeque<u8>>>) {
    let mut piece = [0; 4096];
    while let Ok(count) = read(&mut errors, &mut piece).await {
        let piece = piece.get(..count).unwrap_or_default();
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend(piece);
        let over = said.len().saturating_sub(KEPT);
        said.drain(..over);
    }
}

async fn read(errors: &mut (impl AsyncRead + Unpin), piece: &mut [u8]) -> io::Result<usize> {
    match errors.read(piece).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests;
