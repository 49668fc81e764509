"""Starts the service, speaks HTTP to it, and reads its audit log."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "smollm2-135m"
MODEL_FILE = "SmolLM2-135M-Instruct.Q8_0.gguf"
START_LIMIT = 120
#: Room for everything: tests of limits add tenants with less.
GENEROUS = {
    "requests_per_minute": 1_000_000,
    "tokens_per_minute": 1_000_000_000,
    "concurrent_requests": 1000,
    "max_samples": 64,
    "total_tokens": 1_000_000,
    "deadline_ms": 600_000,
    "effort": "xhigh",
}


def from_environment(name: str, mend: str) -> Path:
    """A file or folder that the environment names; the tests cannot do without it."""
    path = os.environ.get(name)
    assert path, f"{name} is not set: {mend}"
    assert Path(path).exists(), f"{name} is {path}, which is not there: {mend}"
    return Path(path)


def binary() -> Path:
    return from_environment("FORETHOUGHT_BIN", "run the tests with `cargo xtask test`, or name the built program")


def model_path() -> Path:
    path = from_environment("FORETHOUGHT_MODELS", "make the test model with `cargo xtask model`") / MODEL_FILE
    assert path.is_file(), f"{path} is not there: make it with `cargo xtask model`"
    return path


def real_model() -> dict:
    return {"id": MODEL, "path": str(model_path())}


def scripted(model_id: str = "scripted", **script: object) -> dict:
    """A model that plays a script."""
    return {"id": model_id, "scripted": script}


def words(count: int) -> str:
    """A text of so many tokens of the scripted engine."""
    return " ".join(f"w{number}" for number in range(count))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_listening(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def run(*args: object, timeout: float = 60) -> subprocess.CompletedProcess:
    """Runs the program to its end."""
    command = [str(binary()), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def run_well(*args: object) -> str:
    done = run(*args)
    assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def snapshot(folder: Path, index: bool = True) -> dict[str, str]:
    """Every file below a folder with the hash of its bytes.

    The lock names whoever tried last, and is left out; a running service writes its index behind, so there it is too.
    """
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    kept = (file for file in files if file.name != "LOCK" and (index or file.parts[0] != "index"))
    return {str(file): hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in kept}


def until(what: str, check: Callable[[], Any], limit: float = 20, every: float = 0.05) -> Any:
    """Waits until `check` gives something true, and gives that."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"{what}: not within {limit} s")


@dataclass
class Answer:
    """A whole HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.json["choices"][0]["message"]["content"]

    @property
    def deliberation(self) -> dict:
        return self.json["usage"]["deliberation"]

    @property
    def error(self) -> dict:
        return self.json["error"]

    @property
    def record(self) -> str:
        return self.headers["x-audit-record"]


class Stream:
    """A response that is read event by event."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse):
        self.connection, self.response = connection, response
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.done = False

    def __iter__(self) -> Iterator[dict]:
        # A line without an end was cut off with its server.
        while (line := self.response.readline()).endswith(b"\n"):
            if line.startswith(b"data: [DONE]"):
                self.done = True
                return
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    @property
    def record(self) -> str:
        return self.headers["x-audit-record"]

    def leave(self) -> None:
        """Goes away in the middle, as a client that is closed does."""
        self.response.close()
        self.connection.close()


def texts(events: list[dict]) -> list[str]:
    """The pieces of text of a stream's events."""
    pieces = (choice["delta"].get("content") for event in events for choice in event["choices"])
    return [piece for piece in pieces if piece]


class Service:
    """One installation in a folder of its own: configuration, policy, data and, while it runs, a process."""

    def __init__(self, folder: Path, *models: dict, data: Path | None = None, **config: object):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.data = folder, data or folder / "data"
        self.policy, self.config_file, self.log = folder / "policy.yaml", folder / "config.yaml", folder / "serve.log"
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self.keys: dict[str, str] = {}
        self.model = models[0]["id"] if models else MODEL
        self.config = {
            "version": 1,
            "listen": f"127.0.0.1:{self.port}",
            "data_dir": str(self.data),
            "policy": str(self.policy),
            "models": list(models),
            **config,
        }
        self.add_tenant("default")

    @property
    def key(self) -> str:
        return self.keys["default"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_tenant(self, tenant: str, models: str = "*", **limits: object) -> str:
        """Adds a tenant, with the generous limits where no others are given, and returns its key."""
        options = [f"--{name.replace('_', '-')}={value}" for name, value in {**GENEROUS, **limits}.items()]
        run_well("tenant", "add", tenant, "--name", tenant, "--models", models, *options, "--policy", self.policy)
        key = run_well("key", "create", tenant, "--policy", self.policy, "--quiet").strip()
        self.keys[tenant] = key
        return key

    def write_config(self) -> None:
        # JSON is YAML too.
        self.config_file.write_text(json.dumps(self.config, indent=2))

    def spawn(self, **options: object) -> subprocess.Popen:
        self.write_config()
        with self.log.open("ab") as log:
            command = [str(binary()), "serve", "--config", str(self.config_file)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        return self.process

    def start(self, **options: object) -> Service:
        process = self.spawn(**options)

        def ready() -> bool:
            assert process.poll() is None, f"ended with {process.returncode} before it was ready:\n{self.log_text()}"
            return self.is_ready()

        until(f"ready (log: {self.log})", ready, START_LIMIT, 0.02)
        return self

    def start_and_fail(self, limit: float = 60) -> tuple[int, str]:
        """Starts where a start must fail; gives the exit code and what was printed."""
        self.log.unlink(missing_ok=True)
        process = self.spawn()
        try:
            return process.wait(limit), self.log_text()
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"still running:\n{self.log_text()}") from error
        finally:
            self.kill()

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz", timeout=5).status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """As a crash: no time to tidy up."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, limit: float = 30) -> int:
        """As an operator stops it; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(limit)
        self.process = None
        return code

    def restart(self) -> None:
        assert self.stop() == 0, self.log_text()
        self.start()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")[-5000:]

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str, timeout: float = 30) -> Answer:
        return self.send("GET", path, None, timeout=timeout)

    def send(self, method: str, path: str, body: bytes | None, key: str | None = None, timeout: float = 120) -> Answer:
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, self.headers(key))
            return read_answer(connection)
        finally:
            connection.close()

    def headers(self, key: str | None = None) -> dict[str, str]:
        key = self.key if key is None else key
        return {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}

    def body(self, question: str = "What is 6 times 7?", **fields: object) -> bytes:
        messages = [{"role": "user", "content": question}]
        return json.dumps({"model": self.model, "messages": messages, **fields}).encode()

    def chat(self, question: str = "What is 6 times 7?", key: str | None = None, **fields: object) -> Answer:
        return self.send("POST", "/v1/chat/completions", self.body(question, **fields), key)

    def stream(self, question: str = "What is 6 times 7?", key: str | None = None, **fields: object) -> Stream:
        connection = self.connect(120)
        body = self.body(question, stream=True, **fields)
        connection.request("POST", "/v1/chat/completions", body, self.headers(key))
        response = connection.getresponse()
        assert response.status == 200, response.read()
        return Stream(connection, response)

    def audit(self, *args: object) -> subprocess.CompletedProcess:
        return run("audit", *args, "--data-dir", self.data)

    def audit_json(self, *args: object) -> dict | list:
        done = self.audit(*args, "--json")
        assert done.returncode == 0, f"audit {args}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def journal(self) -> list[Path]:
        return sorted(self.data.glob("journal-*.seg"))


def read_answer(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())
