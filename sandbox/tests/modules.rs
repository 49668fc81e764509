//! Modules that are no interpreters: what they may not have, may not do, and how each of them ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::time::{Duration, Instant};

use forethought_sandbox::{Ending, Entry, Job, Machine, Program, Ran};

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
"#;

fn compile(fields: &str) -> Result<Program, String> {
    let machine = Machine::new().unwrap();
    let wasm = wat::parse_str(format!("(module {fields})")).unwrap();
    machine.compile("test", &wasm, Entry::Command).map_err(|error| error.to_string())
}

/// Runs `_start` with this body; one page of memory is there, and further fields beside it.
async fn run(body: &str, fields: &str, job: Job) -> Ran {
    let start = format!(r#"{IMPORTS} (memory (export "memory") 1) {fields} (func (export "_start") {body})"#);
    compile(&start).unwrap().run(job, ()).await.unwrap()
}

async fn ends(body: &str, fields: &str, expected: &Ending) -> Ran {
    let ran = run(body, fields, Job { steps: 100_000_000, ..Job::default() }).await;
    assert_eq!(&ran.ending, expected, "{body}");
    ran
}

/// The result of a call becomes the exit code.
async fn returns(call: &str, expected: i32) {
    ends(&format!("(call $exit {call})"), "", &Ending::Exited(expected)).await;
}

fn trapped(why: &str) -> Ending {
    Ending::Trapped(why.to_owned())
}

#[test]
fn only_wasi_is_given_and_only_plain_webassembly_is_taken() {
    let refused = |fields: &str, why: &str| {
        let error = compile(fields).map(drop).unwrap_err();
        assert!(error.contains(why), "{fields}: {error}");
    };
    let memory = r#"(memory (export "memory") 1)"#;
    let start = r#"(func (export "_start"))"#;
    let both = format!("{memory} {start}");
    refused(start, "it exports no memory");
    refused(memory, "it exports no `_start`");
    refused(&format!(r#"{memory} (func (export "_start") (param i32))"#), "is not what it should be");
    refused(&format!(r#"(import "env" "system" (func (param i32) (result i32))) {both}"#), "`env.system`");
    refused(&format!(r#"(import "wasi_snapshot_preview1" "fd_write" (func)) {both}"#), "fd_write");
    refused(&format!(r#"(import "wasi_snapshot_preview1" "fd_write" (func (result i32))) {both}"#), "incompatible");
    refused(&format!(r#"(import "wasi_unstable" "fd_write" (func (result i32))) {both}"#), "`wasi_unstable.fd_write`");
    refused(&format!(r#"(import "env" "memory" (memory 1)) (export "memory" (memory 0)) {start}"#), "`env.memory`");
    refused(r#"(memory (export "memory") 1 2 shared) (func (export "_start"))"#, "threads");
    refused(r#"(memory (export "memory") i64 1) (func (export "_start"))"#, "memory64");
    refused(&format!("(memory 1) {both}"), "multi");
    refused(&format!("{both} (func (result v128) (v128.const i64x2 0 0))"), "SIMD");
    refused(&format!("{both} (tag)"), "exceptions");
    refused(&format!("{both} (func (return_call 0))"), "tail call");
    let machine = Machine::new().unwrap();
    for bytes in [b"".as_slice(), b"\0asm", b"\x7fELF\x02\x01\x01", b"(module)"] {
        assert!(machine.compile("test", bytes, Entry::Command).is_err(), "{bytes:?}");
    }
}

#[tokio::test]
async fn whatever_a_module_does_it_ends() {
    let deep = "(func $deep (call $deep))";
    let table = "(table $t 1 funcref)";
    ends("", "", &Ending::Exited(0)).await;
    ends("(call $exit (i32.const 3))", "", &Ending::Exited(3)).await;
    ends("(loop $l (br $l))", "", &Ending::OutOfSteps).await;
    ends("", "(start $spin) (func $spin (loop $l (br $l)))", &Ending::OutOfSteps).await;
    ends("(call $deep)", deep, &Ending::TooDeep).await;
    ends("unreachable", "", &trapped("wasm trap: wasm `unreachable` instruction executed")).await;
    ends("(drop (i32.load (i32.const -1)))", "", &trapped("wasm trap: out of bounds memory access")).await;
    ends("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "", &trapped("wasm trap: integer divide by zero")).await;
    // A table that grows for ever is told no, and goes on until its steps are over.
    ends("(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l))", table, &Ending::OutOfSteps).await;
    ends(
        "(call_indirect $t (i32.const 7))",
        table,
        &trapped("wasm trap: undefined element: out of bounds table access"),
    )
    .await;
}

#[tokio::test]
async fn memory_has_a_ceiling() {
    let grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))";
    let ran = run(grow, "", Job { memory: 10 << 20, ..Job::default() }).await;
    assert_eq!((ran.ending, ran.memory_refused), (Ending::Exited(0), true));
    assert!(ran.memory > 9 << 20 && ran.memory <= 10 << 20, "{}", ran.memory);
    let ran = run("", "", Job { memory: 65_535, ..Job::default() }).await;
    assert_eq!(ran.ending, Ending::TooLarge);
    // As much as there can be, at once.
    let all = "(call $exit (memory.grow (i32.const 65535)))";
    assert_eq!(run(all, "", Job::default()).await.ending, Ending::Exited(-1));
    // Filling much memory costs steps.
    let fill = "(drop (memory.grow (i32.const 1000)))
        (loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 65000000)) (br $l))";
    ends(fill, "", &Ending::OutOfSteps).await;
    let table = "(table $t 100001 funcref)";
    ends("", table, &Ending::TooLarge).await;
}

#[tokio::test]
async fn time_ends_what_steps_do_not() {
    let began = Instant::now();
    let job = Job { steps: u64::MAX, deadline: began + Duration::from_millis(100), ..Job::default() };
    for (body, fields) in [
        ("(loop $l (br $l))", ""),
        ("", "(start $spin) (func $spin (loop $l (br $l)))"),
        ("(loop $l (drop (call $random (i32.const 0) (i32.const 65536))) (br $l))", ""),
        ("(loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1024) (i32.const 0))) (br $l))", ""),
    ] {
        let deadline = Instant::now() + Duration::from_millis(100);
        let began = Instant::now();
        let ran = run(body, fields, Job { deadline, ..job.clone() }).await;
        assert_eq!(ran.ending, Ending::OutOfTime, "{body}");
        assert!(began.elapsed() < Duration::from_secs(3), "{body}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn output_is_bounded_in_every_way_of_writing() {
    // One piece of a page again and again, one huge piece, and a thousand pieces at once.
    let pieces = "(i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 65536))";
    let write = "(call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))";
    let forever = format!("{pieces} (loop $l (drop {write}) (br $l))");
    let job = Job { output: 100_000, ..Job::default() };
    let ran = run(&forever, "", job.clone()).await;
    assert_eq!((ran.ending, ran.out.len(), ran.err.len()), (Ending::Flooded, 100_000, 0));
    let giant = "(drop (memory.grow (i32.const 900))) (i32.store (i32.const 4) (i32.const 59000000))";
    let ran = run(&format!("{giant} (drop {write})"), "", job.clone()).await;
    assert_eq!((ran.ending, ran.out.len()), (Ending::Flooded, 100_000));
    let ran = run(&forever.replace("$write (i32.const 1)", "$write (i32.const 2)"), "", job.clone()).await;
    assert_eq!((ran.ending, ran.out.len(), ran.err.len()), (Ending::Flooded, 0, 100_000));
    let exactly = "(i32.store (i32.const 4) (i32.const 50000))";
    let ran = run(&format!("{exactly} (drop {write}) (drop {write})"), "", job).await;
    assert_eq!((ran.ending, ran.out.len()), (Ending::Exited(0), 100_000));
}

#[tokio::test]
async fn there_are_three_descriptors_and_nothing_else() {
    const BADF: i32 = 8;
    const FAULT: i32 = 21;
    const INVAL: i32 = 28;
    const NOSYS: i32 = 52;
    const SPIPE: i32 = 70;
    let at = "(i32.const 0) (i32.const 1) (i32.const 16)";
    for fd in [-1, 0, 3, 4, 1000] {
        returns(&format!("(call $write (i32.const {fd}) {at})"), BADF).await;
    }
    for fd in [-1, 1, 2, 3] {
        returns(&format!("(call $read (i32.const {fd}) {at})"), BADF).await;
    }
    returns(&format!("(call $read (i32.const 0) {at})"), 0).await;
    returns(&format!("(i32.add (call $close (i32.const 1)) (call $write (i32.const 1) {at}))"), BADF).await;
    returns(&format!("(i32.add (call $close (i32.const 0)) (call $read (i32.const 0) {at}))"), BADF).await;
    returns("(i32.add (call $close (i32.const 2)) (call $close (i32.const 2)))", BADF).await;
    returns("(call $close (i32.const 3))", BADF).await;
    returns("(call $prestat (i32.const 3) (i32.const 0))", BADF).await;
    returns("(call $fdstat (i32.const 3) (i32.const 0))", BADF).await;
    returns("(call $fdstat (i32.const 1) (i32.const -1))", FAULT).await;
    returns("(call $seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 0))", SPIPE).await;
    returns("(call $renumber (i32.const 1) (i32.const 3))", NOSYS).await;
    let path = "(i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i64.const -1) (i64.const -1) (i32.const 0)";
    returns(&format!("(call $open (i32.const 3) {path} (i32.const 16))"), NOSYS).await;
    returns("(call $send (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 16))", NOSYS).await;
    // Places that are not in memory, and more pieces than may be.
    for (place, count, expected) in [("-1", 1, FAULT), ("65530", 1, FAULT), ("0", 1025, INVAL), ("0", -1, INVAL)] {
        returns(
            &format!("(call $write (i32.const 1) (i32.const {place}) (i32.const {count}) (i32.const 0))"),
            expected,
        )
        .await;
    }
    let outside = "(i32.store (i32.const 0) (i32.const 65535)) (i32.store (i32.const 4) (i32.const -1))";
    let write = "(call $exit (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))";
    let ran = ends(&format!("{outside} {write}"), "", &Ending::Exited(FAULT)).await;
    assert_eq!(ran.out, b"");
    returns("(call $random (i32.const 65535) (i32.const 2))", FAULT).await;
    returns("(call $random (i32.const 0) (i32.const 65537))", INVAL).await;
    returns("(call $time (i32.const 4) (i64.const 0) (i32.const 0))", INVAL).await;
    returns("(call $poll (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))", INVAL).await;
    returns("(call $poll (i32.const 0) (i32.const 0) (i32.const 65) (i32.const 0))", INVAL).await;
    returns("(call $poll (i32.const -8) (i32.const 0) (i32.const 1) (i32.const 0))", FAULT).await;
    returns("(call $args_get (i32.const -1) (i32.const -1))", 0).await;
}

#[tokio::test]
async fn a_program_has_no_environment_and_the_arguments_that_it_was_given() {
    let sizes = |call: &str| {
        format!(
            "(drop (call {call} (i32.const 0) (i32.const 4)))
             (call $exit (i32.add (i32.mul (i32.const 100) (i32.load (i32.const 0))) (i32.load (i32.const 4))))"
        )
    };
    let args = vec![b"name".to_vec(), b"x".to_vec()];
    let job = Job { args, ..Job::default() };
    assert_eq!(run(&sizes("$args"), "", job.clone()).await.ending, Ending::Exited(207));
    assert_eq!(run(&sizes("$environ"), "", job.clone()).await.ending, Ending::Exited(0));
    let print = "(drop (call $args_get (i32.const 0) (i32.const 100)))
        (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 7))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))";
    assert_eq!(run(print, "", job.clone()).await.out, b"name\0x\0");
    let outside = "(call $exit (call $args_get (i32.const 0) (i32.const 65530)))";
    assert_eq!(run(outside, "", job).await.ending, Ending::Exited(21));
}

#[tokio::test]
async fn time_is_its_own_and_sleep_takes_none() {
    // A clock of 2000, and a sleep of a million seconds, relative and absolute.
    let now = "(drop (call $time (i32.const 0) (i64.const 0) (i32.const 0)))";
    let year = "(i32.wrap_i64 (i64.div_u (i64.load (i32.const 0)) (i64.const 31557600000000000)))";
    assert_eq!(run(&format!("{now} (call $exit {year})"), "", Job::default()).await.ending, Ending::Exited(29));
    for (flags, timeout) in [(0, 1_000_000_000_000_000_u64), (1, 947_684_800_000_000_000)] {
        let sleep = format!(
            "(i64.store (i32.const 24) (i64.const {timeout})) (i32.store16 (i32.const 40) (i32.const {flags}))
             (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))
             (if (i32.ne (i32.load (i32.const 200)) (i32.const 1)) (then unreachable))"
        );
        let later = "(drop (call $time (i32.const 1) (i64.const 0) (i32.const 0)))
            (call $exit (i32.wrap_i64 (i64.div_u (i64.load (i32.const 0)) (i64.const 1000000000000))))";
        let began = Instant::now();
        assert_eq!(run(&format!("{sleep} {later}"), "", Job::default()).await.ending, Ending::Exited(1000), "{flags}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn the_same_module_does_the_same_in_the_same_steps() {
    let body = "(drop (call $random (i32.const 100) (i32.const 256)))
        (drop (call $time (i32.const 0) (i64.const 0) (i32.const 400)))
        (i32.store (i32.const 0) (i32.const 100)) (i32.store (i32.const 4) (i32.const 400))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))";
    let first = run(body, "", Job::default()).await;
    assert_eq!(first.out.len(), 400);
    assert!(first.out.split(|byte| *byte == 0).count() <= 160, "random numbers are no zeros");
    assert_eq!(run(body, "", Job::default()).await, first);
}
