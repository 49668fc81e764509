//! Programs that end, that do not want to, and that leave others behind.

use super::*;

fn shell(script: &str) -> (Started, End) {
    let end = End::default();
    let config = crate::ServerConfig::stdio("t", "/bin/sh", &["-c", script]).stdio.unwrap();
    let secrets = BTreeMap::from([("SECRET".to_owned(), "s3cret".to_owned())]);
    (start(&config, secrets, Arc::default(), end.clone()).unwrap(), end)
}

fn is_there(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
        && !fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default().contains(") Z ")
}

async fn gone(pid: i32) {
    for _ in 0..200 {
        if !is_there(pid) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{pid} is still there");
}

async fn line(output: &mut ChildStdout) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while output.read(&mut byte).await.unwrap() == 1 && byte != *b"\n" {
        text.push(char::from(byte[0]));
    }
    text
}

#[tokio::test]
async fn it_has_no_environment_but_its_own() {
    let (mut started, _) = shell("/usr/bin/env | /usr/bin/sort | /usr/bin/tr '\\n' ' '; echo");
    let found = line(&mut started.output).await;
    // The shell itself adds these.
    let mut variables: Vec<_> = found.split_whitespace().map(|one| one.split('=').next().unwrap()).collect();
    variables.retain(|name| !["PWD", "_", "SHLVL", "OLDPWD"].contains(name));
    assert_eq!(variables, ["SECRET"], "{found}");
}

#[tokio::test]
async fn dropping_it_kills_the_group_and_who_has_left_it() {
    let script = "sleep 1000 & setsid sleep 1000 & echo $! $(pgrep -P $$ 2>/dev/null | tr '\\n' ' '); wait";
    let (mut started, end) = shell(script);
    line(&mut started.output).await;
    sleep(Duration::from_millis(700)).await;
    let known: Vec<i32> = started.group.core.known.lock().unwrap().keys().copied().collect();
    assert!(known.len() >= 3, "{known:?}");
    drop(started);
    assert!(end.is_told());
    for pid in known {
        gone(pid).await;
    }
}

#[tokio::test]
#[expect(clippy::used_underscore_binding, reason = "it is kept to be dropped")]
async fn the_group_ends_when_this_process_has_gone() {
    let (mut started, _) = shell("trap '' TERM HUP PIPE; sleep 1000 & echo on; while :; do sleep 0.05; done");
    assert_eq!(line(&mut started.output).await, "on");
    sleep(Duration::from_millis(700)).await;
    let known: Vec<i32> = started.group.core.known.lock().unwrap().keys().copied().collect();
    assert!(known.len() >= 2, "{known:?}");
    // What the system does when this process is killed.
    drop(started.group._guard.as_mut().unwrap().stdin.take());
    for pid in known {
        gone(pid).await;
    }
}

#[tokio::test]
async fn who_ignores_a_request_to_end_is_killed() {
    let (mut started, _) = shell("trap '' TERM; echo on; while :; do sleep 0.05; done");
    assert_eq!(line(&mut started.output).await, "on");
    let leader = started.group.core.leader.as_raw_pid();
    drop(started.input);
    let began = Instant::now();
    started.group.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(started.group);
    gone(leader).await;
}

#[tokio::test]
async fn who_ends_by_itself_is_not_waited_for_long() {
    let (started, end) = shell("cat; echo over >&2");
    drop(started.input);
    let began = Instant::now();
    started.group.stop().await;
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    assert!(end.is_told());
}

#[tokio::test]
async fn the_end_of_the_program_is_noticed_although_its_pipes_are_held() {
    let (started, end) = shell("sleep 1000 & exit 0");
    tokio::time::timeout(Duration::from_secs(3), end.told()).await.unwrap();
    assert_eq!(end.why(), "it has ended");
    let known = started.group.core.known.lock().unwrap().clone();
    drop(started);
    for pid in known.into_keys() {
        gone(pid).await;
    }
}

#[tokio::test]
async fn memory_and_processes_are_bounded() {
    let python = "x = []\nwhile True: x.append(bytearray(10_000_000))";
    let check = async |script: &str, expected: &str| {
        let mut config = crate::ServerConfig::stdio("t", "/bin/sh", &["-c", script]).stdio.unwrap();
        (config.memory_bytes, config.processes) = (100 << 20, 12);
        let end = End::default();
        let started = start(&config, BTreeMap::new(), Arc::default(), end.clone()).unwrap();
        tokio::time::timeout(Duration::from_secs(20), end.told()).await.unwrap();
        assert!(end.why().contains(expected), "{}", end.why());
        gone(started.group.core.leader.as_raw_pid()).await;
    };
    let found = resolve(Path::new("python3")).unwrap();
    check(&format!("{} -c '{python}'", found.display()), "bytes of memory").await;
    let unreaped = "import os, time\n[os.fork() or os._exit(0) for _ in range(30)]\ntime.sleep(100)";
    check(&format!("{} -c '{unreaped}'", found.display()), "12 processes").await;
    check("i=0; while [ $i -lt 30 ]; do sleep 100 & i=$((i+1)); done; wait", "12 processes").await;
}

#[tokio::test]
async fn what_it_says_is_kept_and_bounded() {
    let (mut started, _) =
        shell("i=0; while [ $i -lt 5000 ]; do echo 'line of an error \u{1b}[1m' >&2; i=$((i+1)); done; echo done");
    assert_eq!(line(&mut started.output).await, "done");
    sleep(Duration::from_millis(200)).await;
    let said = started.group.said();
    assert!(said.ends_with("⟨U+001B⟩[1m\n") && started.group.said.lock().unwrap().len() == KEPT, "{}", said.len());
}

#[tokio::test]
async fn what_is_no_program_is_told() {
    let check = |command: &str, expected: &str| {
        let config = crate::ServerConfig::stdio("t", command, &[]).stdio.unwrap();
        let why = start(&config, BTreeMap::new(), Arc::default(), End::default()).err().unwrap();
        assert!(why.contains(expected), "{why}");
    };
    check("no-such-program-of-anybody", "there is no program");
    check("/no/such/program", "cannot start");
    check("/etc/passwd", "cannot start");
}
