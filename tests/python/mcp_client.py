"""What the conformance tests of the Model Context Protocol run as a client: `forethought tool`, against the server at the last argument.

It lists the server's tools, approves them, and calls each with what CALLS says.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from mcp_programs import over_http
from support import run, scripted

CALLS = {"add_numbers": {"a": 5, "b": 3}}


def main(url: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        server = {**over_http(url), "name": "tested"}
        config = {
            "version": 1, "data_dir": f"{folder}/data", "policy": f"{folder}/policy.yaml", "models": [scripted(answers=[{"text": "x"}])],
            "tools": {"servers": [server], "approvals": f"{folder}/tools.yaml"},
        }
        file = Path(folder, "config.yaml")
        file.write_text(json.dumps(config))

        def told(*args: str) -> dict:
            done = run("tool", *args, "--config", file)
            print(done.stdout, done.stderr)
            return done

        listed = json.loads(told("list", "--json").stdout)
        names = [tool["name"] for tool in listed["tools"] if tool["name"].startswith("tested.")]
        if not names:
            return 0
        approved = told("approve", "--server", "tested", "--by", "test").returncode
        calls = [told("call", name, json.dumps(CALLS.get(name.removeprefix("tested."), {}))).returncode for name in names]
        return max([approved, *calls])


if __name__ == "__main__":
    sys.exit(main(sys.argv[-1]))
