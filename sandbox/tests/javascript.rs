//! JavaScript in QuickJS, in the sandbox: what a model sees of it, and what its code cannot do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use forethought_sandbox::{Language, Pool};
use forethought_tools::{Limits, ToolError};
use tokio::sync::OnceCell;

#[path = "helpers/support.rs"]
#[allow(dead_code, reason = "each of the tests uses a part of it")]
mod support;

use support::Runner;

async fn javascript() -> &'static Runner {
    static RUNNER: OnceCell<Runner> = OnceCell::const_new();
    RUNNER.get_or_init(|| Runner::new(Language::Javascript, Pool::default())).await
}

#[tokio::test]
async fn what_is_printed_and_the_last_value_are_shown() {
    let js = javascript().await;
    for (code, expected) in [
        ("1+1", "2"),
        ("-5", "-5"),
        ("// nothing", "(no output)"),
        ("undefined", "(no output)"),
        ("let x = 2; x ** 10;", "1024"),
        ("console.log('a', 1, [1, 2]); 'b'", "a 1 [ 1, 2 ]\nb"),
        ("print('é', '\\u{1f600}')", "é 😀"),
        ("2n ** 100n", "1267650600228229401496703205376n"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("[1, 'a', null, undefined, true, -0, NaN]", "[ 1, \"a\", null, undefined, true, -0, NaN ]"),
        ("({ a: 1, 'b c': { d: [] } })", "{ a: 1, \"b c\": { d: [] } }"),
        ("new Map([['a', 1]])", "Map(1) { \"a\" => 1 }"),
        ("new Set([1, 2])", "Set(2) { 1, 2 }"),
        ("const o = {}; o.self = o; o", "{ self: [circular] }"),
        ("class P { constructor() { this.x = 1 } } new P()", "P { x: 1 }"),
        ("new Uint8Array(3)", "Uint8Array [ 0, 0, 0 ]"),
        ("(x) => x", "[function (anonymous)]"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("await Promise.resolve(7)", "7"),
        ("const input = 5, code = 6, value = 7, std = 8; let console = 9; function run() {} print(input + std)", "13"),
        ("async function main() { return 8 } main()", "8"),
        ("setTimeout(() => console.log('b'), 20); setTimeout(() => console.log('a'), 10); 'end'", "a\nb\nend"),
        ("await new Promise((r) => setTimeout(r, 3600000)); 'slept'", "slept"),
        ("let n = 0; const t = setInterval(() => { if (++n === 3) clearInterval(t) }, 5); n", "0"),
        ("({ get x() { throw new Error('no') } })", "[cannot be shown: Error: no]"),
        ("Array.from({ length: 1000 }, (_, i) => i).length", "1000"),
    ] {
        js.says(code, expected).await;
    }
    let reply = js.run_within("input.split('\\n').length + input.length", "a\nb é", js.limits).await.unwrap();
    assert_eq!(reply.text, "7");
}

#[tokio::test]
async fn failures_are_told_with_what_was_printed_before() {
    let js = javascript().await;
    for (code, part) in [
        ("console.log('before'); throw new TypeError('wrong')", "before\nstderr:\nTypeError: wrong"),
        ("let x = ;", "SyntaxError"),
        ("\n\nnope()", "<evalScript>:3"),
        ("throw 5", "uncaught 5"),
        ("Promise.reject(new Error('lost')); 1", "lost"),
        ("async function f() { throw new Error('deep') } f(); 'end'", "deep"),
        ("setTimeout(() => { throw new Error('late') }, 5)", "late"),
        ("await new Promise(() => {})", "waits for a promise that nothing will ever resolve"),
        ("throw new Error('x')", "exit code: 1"),
        ("console.error('only'); throw 1", "only"),
    ] {
        js.fails(code, part).await;
    }
    js.says("console.error('to stderr'); 1", "1\nstderr:\nto stderr").await;
    let reply = js.run("console.error('x'.repeat(60000)); throw new Error('the end')").await.unwrap();
    assert!(
        reply.text.contains("the end") && reply.text.len() < 20_000 && reply.left_out > 40_000,
        "{}",
        reply.left_out
    );
}

#[tokio::test]
async fn nothing_of_the_host_is_there() {
    let js = javascript().await;
    for code in [
        "fetch('http://127.0.0.1/')",
        "require('fs')",
        "process.env",
        "new XMLHttpRequest()",
        "new WebSocket('ws://127.0.0.1')",
        "new Worker('x')",
        "WebAssembly.compile(new Uint8Array(8))",
        "Deno.readTextFile('/etc/passwd')",
        "scriptArgs",
    ] {
        js.fails(code, "is not defined").await;
    }
    for code in [
        "await import('fs')",
        "await import('/etc/passwd')",
        "await import('file:///etc/passwd')",
        "await import('http://127.0.0.1/x.js')",
    ] {
        js.fails(code, "could not load module").await;
    }
    js.fails("import fs from 'fs'", "SyntaxError").await;
    // The interpreter's own modules are there. What they ask for is not.
    let with = |code: &str| format!("const std = await import('qjs:std'), os = await import('qjs:os'); {code}");
    for (code, expected) in [
        ("std.loadFile('/etc/passwd')", "null"),
        ("std.open('/etc/passwd', 'r')", "null"),
        ("std.open('/tmp/x', 'w')", "null"),
        ("std.getenviron()", "{}"),
        ("std.getenv('HOME')", "(no output)"),
        ("os.readdir('/')[1] !== 0", "true"),
        ("os.stat('/')[1] !== 0", "true"),
        ("os.mkdir('/x') !== 0", "true"),
        ("os.open('/etc/passwd', os.O_RDONLY) < 0", "true"),
        (
            "[typeof std.popen, typeof std.urlGet, typeof os.exec, typeof os.Worker].join()",
            "undefined,undefined,undefined,undefined",
        ),
        ("os.write(5, new ArrayBuffer(4), 0, 4) < 0", "true"),
        ("os.close(1); os.write(1, new ArrayBuffer(4), 0, 4) < 0", "(no output)"),
        ("os.sleep(1e9); 'slept'", "slept"),
    ] {
        js.says(&with(code), expected).await;
    }
    js.fails(&with("std.exit(3)"), "exit code: 3").await;
}

#[tokio::test]
async fn what_does_not_end_is_stopped() {
    let js = javascript().await;
    let limits = Limits { time_ms: 1_500, ..js.limits };
    let steps = "million steps: is there a loop that does not end?";
    for code in ["while (true) {}", "for (;;) { try { throw 1 } catch {} }", "(function f() { return f })(); for (;;);"]
    {
        match js.run_within(code, "", limits).await {
            Err(ToolError::Exhausted(why)) => assert!(why.contains(steps), "{why}"),
            Err(ToolError::TimedOut(1_500)) => {}
            other => panic!("{code}: {other:?}"),
        }
    }
    let short = Limits { time_ms: 100, ..js.limits };
    for code in [
        "console.log('seen'); for (;;);",
        "async function f() { for (;;) await null } f()",
        "/(a+)+$/.test('a'.repeat(50) + 'b')",
        "function f() { setTimeout(f, 0) } f()",
        "2n ** 10000000n % 7n",
        "new Array(1e9).fill(0).sort()",
    ] {
        let result = js.run_within(code, "", short).await;
        assert!(
            matches!(result, Err(ToolError::Exhausted(_) | ToolError::TimedOut(_))) || result.unwrap().failed,
            "{code}"
        );
    }
    js.fails("function f() { return 1 + f() } f()", "call stack").await;
    let nested = "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)";
    js.exhausts(nested, js.limits, "is there a recursion that does not end?").await;
    js.exhausts("JSON.parse('['.repeat(1e5))", js.limits, "recursion").await;
}

#[tokio::test]
async fn memory_and_output_are_bounded() {
    let js = javascript().await;
    let limits = Limits { memory: 64 << 20, bytes: 10_000, ..js.limits };
    for code in [
        "const a = []; for (;;) a.push(new Array(1000).fill(7))",
        "let s = 'x'; while (s.length < 2 ** 29) s += s; s.toUpperCase()",
        "const a = []; for (;;) a.push(new ArrayBuffer(1 << 20))",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })",
    ] {
        match js.run_within(code, "", limits).await {
            Ok(reply) => {
                assert!(
                    reply.failed && reply.text.contains("asked for more than the 64 MiB of memory"),
                    "{code}: {reply:?}"
                );
            }
            Err(ToolError::Exhausted(why)) => assert!(why.contains("64 MiB"), "{code}: {why}"),
            other => panic!("{code}: {other:?}"),
        }
    }
    js.fails("let s = 'x'; for (;;) s += s", "string too long").await;
    for code in ["for (;;) console.log('x'.repeat(1000))", "console.log('y'.repeat(1e7))", "'z'.repeat(1e7)"] {
        let reply = js.run_within(code, "", limits).await.unwrap();
        assert!(reply.failed && reply.text.len() <= 10_000, "{code}");
        assert!(reply.text.contains("it wrote more than 10000 bytes"), "{code}: {}", reply.text);
    }
    let tiny = Limits { memory: 1 << 20, ..js.limits };
    js.exhausts("1", tiny, "needs more").await;
}

#[tokio::test]
async fn the_same_code_says_the_same() {
    let js = javascript().await;
    let code = "[Math.random(), Date.now(), new Date().toISOString(), performance.now(), Object.keys(globalThis).sort().join()]";
    let first = js.run(code).await.unwrap();
    assert!(first.text.contains("2000-01-01T00:00:00"), "{}", first.text);
    for _ in 0..5 {
        assert_eq!(js.run(code).await.unwrap(), first);
    }
    js.says("Math.random() === Math.random()", "false").await;
    js.says("const t = Date.now(); while (Date.now() < t + 5); 'later'", "later").await;
    let other = Runner::new(Language::Javascript, Pool { slots: 1, ..Pool::default() }).await;
    assert_eq!(other.run(code).await.unwrap(), first);
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_told() {
    let js = javascript().await;
    let check = |code: &str, part: &'static str| {
        let code = code.to_owned();
        async move {
            match js.run(&code).await {
                Err(ToolError::Arguments(why)) => assert!(why.contains(part), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    };
    check("", "shorter than 1").await;
    check("a\0b", "NUL").await;
    check(&"x".repeat(100_001), "longer than").await;
    js.says("'a\\0b'.length", "3").await;
    js.says(&format!("/*{}*/ 1", "x".repeat(99_990)), "1").await;
}
