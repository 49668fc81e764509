//! Python in CPython, in the sandbox: what a model sees of it, and what its code cannot do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use forethought_sandbox::{Language, Pool};
use forethought_tools::{Limits, ToolError};
use tokio::sync::OnceCell;

#[path = "helpers/support.rs"]
#[allow(dead_code, reason = "each of the tests uses a part of it")]
mod support;

use support::Runner;

async fn python() -> &'static Runner {
    static RUNNER: OnceCell<Runner> = OnceCell::const_new();
    RUNNER.get_or_init(|| Runner::new(Language::Python, Pool::default())).await
}

#[tokio::test]
async fn what_is_printed_and_the_last_value_are_shown() {
    let python = python().await;
    for (code, expected) in [
        ("1+1", "2"),
        ("-5", "-5"),
        ("# nothing", "(no output)"),
        ("x = 3", "(no output)"),
        ("print('a', 1); 'b'", "a 1\n'b'"),
        ("print('é', '\\U0001f600')", "é 😀"),
        ("def f(n):\n    return n * 2\nf(21)", "42"),
        ("2 ** 100", "1267650600228229401496703205376"),
        (
            "import math, statistics, decimal, fractions, datetime, json, re, itertools\nfractions.Fraction(1, 3)",
            "Fraction(1, 3)",
        ),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nP(1)", "P(x=1)"),
        ("if __name__ == '__main__':\n    print('main')", "main"),
        ("import sys; sys.argv", "['-c']"),
        ("import time; time.sleep(86400); 'slept'", "'slept'"),
        ("sorted(k for k in globals() if not k.startswith('_'))", "[]"),
        ("raise SystemExit(0)", "(no output)"),
        ("print = repr = eval = compile = exec = isinstance = 5\nprint", "5"),
        ("import pickle\nclass P: pass\ntype(pickle.loads(pickle.dumps(P()))) is P", "True"),
        ("import __main__\nx = 7\n__main__.x", "7"),
    ] {
        python.says(code, expected).await;
    }
    let reply =
        python.run_within("import sys\nprint(input())\nprint(sys.stdin.read())", "a é\nb\nc", python.limits).await;
    assert_eq!(reply.unwrap().text, "a é\nb\nc");
}

#[tokio::test]
async fn failures_are_told_with_what_was_printed_before() {
    let python = python().await;
    for (code, part) in [
        (
            "print('before')\nraise ValueError('wrong')",
            "before\nstderr:\nTraceback (most recent call last):\n  File \"<code>\", line 2",
        ),
        ("raise ValueError('wrong')", "ValueError: wrong\nexit code: 1"),
        ("def f():\n    return 1 / 0\nf()", "return 1 / 0"),
        ("x = (", "SyntaxError"),
        ("import numpy", "No module named 'numpy'"),
        ("raise SystemExit(3)", "exit code: 3"),
        ("exit", "NameError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("input()", "EOFError"),
    ] {
        python.fails(code, part).await;
    }
    let reply = python.run("raise ValueError('wrong')").await.unwrap();
    assert!(!reply.text.contains("<string>"), "the script around it is not shown: {}", reply.text);
}

#[tokio::test]
async fn nothing_of_the_host_is_there() {
    let python = python().await;
    for code in [
        "open('/etc/passwd')",
        "open('/tmp/x', 'w')",
        "import os; os.listdir('/etc')",
        "import os; os.listdir('/')",
        "import os; os.mkdir('/x')",
        "import os; os.remove('/etc/passwd')",
        "import os; os.read(3, 10)",
        "import os; os.write(5, b'x')",
        "import os; os.system('id')",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['id'])",
        "import socket; socket.create_connection(('127.0.0.1', 80))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1/')",
        "import threading; threading.Thread(target=print).start()",
        "import ctypes",
        "import os; os.close(1); os.write(1, b'x')",
    ] {
        python.fails(code, "Error").await;
    }
    python.says("import os; dict(os.environ)", "{}").await;
    python.says("import os; os.getcwd()", "'/'").await;
}

#[tokio::test]
async fn what_does_not_end_is_stopped() {
    let python = python().await;
    let short = Limits { time_ms: 1_000, ..python.limits };
    for code in [
        "while True: pass",
        "while True:\n    try:\n        raise ValueError\n    except BaseException: pass",
        "10 ** 10 ** 10",
        "import re; re.match('(a+)+$', 'a' * 50 + 'b')",
        "sum(range(10 ** 12))",
        "import time\nwhile True: time.sleep(1000)",
    ] {
        let result = python.run_within(code, "", short).await;
        assert!(matches!(result, Err(ToolError::Exhausted(_) | ToolError::TimedOut(1_000))), "{code}: {result:?}");
    }
    python.fails("def f(): return 1 + f()\nf()", "RecursionError").await;
    // Without its own limit a recursion takes all the memory that it may.
    let deep = "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return 1 + f()\nf()";
    let reply = python.run_within(deep, "", Limits { memory: 64 << 20, ..python.limits }).await;
    let told = reply.map_or_else(|error| error.to_string(), |reply| reply.text);
    assert!(told.contains("64 MiB of memory") && told.len() < 5_000, "{told}");
}

#[tokio::test]
async fn memory_and_output_are_bounded() {
    let python = python().await;
    let limits = Limits { memory: 64 << 20, bytes: 10_000, ..python.limits };
    for code in ["a = []\nwhile True: a.append([7] * 1000)", "s = 'x'\nwhile True: s += s", "bytearray(1 << 30)"] {
        match python.run_within(code, "", limits).await {
            Ok(reply) => assert!(reply.failed && reply.text.contains("64 MiB of memory"), "{code}: {reply:?}"),
            Err(ToolError::Exhausted(why)) => assert!(why.contains("64 MiB"), "{code}: {why}"),
            other => panic!("{code}: {other:?}"),
        }
    }
    for code in ["while True: print('x' * 1000)", "print('y' * 10 ** 7)", "'z' * 10 ** 7"] {
        let reply = python.run_within(code, "", limits).await.unwrap();
        assert!(reply.failed && reply.text.len() <= 10_000, "{code}");
        assert!(reply.text.contains("it wrote more than 10000 bytes"), "{code}: {}", reply.text);
    }
}

#[tokio::test]
async fn the_same_code_says_the_same() {
    let python = python().await;
    let code = "import random, time, os, uuid, datetime\n\
        (random.random(), time.time(), os.urandom(8), uuid.uuid4(), datetime.date.today(), hash('a'), {'a', 'b', 'c'}, id(object()))";
    let first = python.run(code).await.unwrap();
    assert!(first.text.contains("datetime.date(2000, 1, 1)") && !first.failed, "{}", first.text);
    for _ in 0..3 {
        assert_eq!(python.run(code).await.unwrap(), first);
    }
}
