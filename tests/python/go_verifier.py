"""Builds the verifier of audit logs in `tests/go/verify`, which is not ours where it matters, and runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "go" / "verify"
#: Where Debian keeps the sources of Go libraries.
DEBIAN = "/usr/share/gocode"
LIBRARY = "src/golang.org/x/mod/sumdb/tlog"
MEND = "install Go and its library x/mod (Debian: apt-get install golang-go golang-golang-x-mod-dev)"


def program(name: str) -> str:
    """`go` or `gofmt`; the tests cannot do without them."""
    found = shutil.which(name)
    assert found, f"there is no program `{name}` to build the verifier with: {MEND}"
    return found


def library() -> str:
    """The GOPATH that has golang.org/x/mod; FORETHOUGHT_GOPATH names another than Debian's."""
    path = os.environ.get("FORETHOUGHT_GOPATH", DEBIAN)
    assert (Path(path) / LIBRARY).is_dir(), f"{path} has no {LIBRARY}: {MEND}, or name another GOPATH in FORETHOUGHT_GOPATH"
    return path


def go(*args: str) -> None:
    """Runs `go` where the sources are, without modules, a network, C, or whatever else the environment asks of it."""
    own = {"GO111MODULE": "off", "GOPATH": library(), "GOFLAGS": "", "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    command = [program("go"), *args]
    done = subprocess.run(command, cwd=SOURCES, env={**os.environ, **own}, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"


@dataclass
class Outcome:
    """What one run of the verifier said."""

    status: int
    report: dict

    @property
    def error(self) -> str:
        return self.report.get("error", "")


@dataclass
class Verifier:
    """The built program."""

    path: Path

    def run(self, *args: object, timeout: float = 120) -> Outcome:
        command = [str(self.path), *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        assert done.stdout.count("\n") == 1, f"not one line: {command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        report = json.loads(done.stdout)
        assert report["ok"] is (done.returncode == 0), f"{command}: exit {done.returncode}, but {report}"
        return Outcome(done.returncode, report)

    def well(self, *args: object) -> dict:
        outcome = self.run(*args)
        assert outcome.status == 0, f"{args}: {outcome.report}"
        return outcome.report


def build(folder: Path) -> Verifier:
    target = folder / "verify"
    go("build", "-o", str(target), ".")
    return Verifier(target)


def refused(outcome: Outcome, *expected: str) -> None:
    """The log does not hold, and the error says so."""
    assert outcome.status == 1, outcome
    for text in expected:
        assert text in outcome.error, outcome
