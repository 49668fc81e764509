"""`forethought ask` against a running server: what reaches the terminal, and what a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess

import pytest

from support import Service, binary, run, scripted, words

STEERING = "red \x1b[31m is \x1b]0;owned\x07 42"


def command(service: Service, *args: object) -> list[str]:
    return [str(binary()), "ask", "How much?", "--url", service.url, "--key", service.key, *map(str, args)]


@pytest.fixture
def steering(install) -> Service:
    """A model whose answers would steer a terminal."""
    return install(scripted(answers=[{"text": STEERING}])).start()


def on_a_terminal(command: list[str]) -> bytes:
    """What a person sees whose terminal has both outputs."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass  # So a pty tells its end.
    os.close(ours)
    assert process.wait(30) == 0, seen
    return seen


@pytest.mark.parametrize("how", [["--strategy", "single"], ["--samples", 3, "--answer", "text"]])
def test_an_answer_cannot_steer_the_terminal(steering: Service, how: list):
    seen = on_a_terminal(command(steering, *how))
    assert b"\x1b[31m" not in seen and b"\x1b]0;" not in seen, seen
    assert b"red \\u{1b}[31m is \\u{1b}]0;owned\\u{7} 42\r\n" in seen, seen


def test_a_pipe_gets_what_the_model_said(steering: Service):
    done = run(*command(steering, "--samples", 3, "--answer", "text")[1:])
    assert (done.returncode, done.stdout) == (0, STEERING + "\n")
    assert "\x1b" not in done.stderr, done.stderr
    whole = run(*command(steering, "--json")[1:])
    assert json.loads(whole.stdout)["content"] == STEERING


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_reader_that_has_seen_enough_is_no_failure(steering: Service, how: list):
    process = subprocess.Popen(command(steering, *how), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(30) == 0, said
    assert "panicked" not in said


def test_a_sample_that_is_cancelled_shows_what_it_spent(install):
    faults = [{"call": 1, "after_tokens": 3, "kind": "hang"}]
    service = install(scripted(answers=[{"text": words(5)}], faults=faults)).start()
    done = run(*command(service, "--samples", 3, "--answer", "text", "--deadline-ms", 500)[1:])
    assert done.returncode == 0, done.stderr
    assert re.search(r"^sample \d: 3 tokens: not needed any more$", done.stderr, re.MULTILINE), done.stderr
