"""Servers of tools that nobody here wrote, over stdio and HTTP, and the official conformance tests of clients."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_programs import NODE, over_http, over_stdio, program, reference_server
from support import Service, real_model, run, run_well, until
from test_tools import SAMPLES, acting, acts, ask, tools

SUM = {"a": 2.5, "b": 40}


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest):
    """The reference server, over either transport."""
    if request.param == "stdio":
        yield over_stdio()
        return
    with reference_server() as url:
        yield over_http(url)


def serving(install, tmp_path: Path, model: dict, server: dict) -> Service:
    service = tools(install(model, tools={"servers": [server], "approvals": str(tmp_path / "tools.yaml")}), allow=["everything.*"])
    service.write_config()
    run_well("tool", "approve", "--server", "everything", "--by", "test", "--config", service.config_file)
    return service.start()


def test_the_reference_server_is_used_by_a_model(install, tmp_path: Path, server: dict):
    service = serving(install, tmp_path, acting("everything.get-sum", **SUM), server)
    answer = ask(service, names=["everything.get-sum"], deliberation=SAMPLES)
    (act,) = acts(answer)
    assert (act["tool"], act["state"], answer.text) == ("everything.get-sum", "done", "It is done.")
    shown = service.audit("show", answer.record, "--contents").stdout
    assert "The sum of 2.5 and 40 is 42.5" in shown, shown
    # It reports how far it is, for two seconds.
    slow = acting("everything.trigger-long-running-operation", duration=2, steps=4)
    assert service.stop() == 0
    service.config["models"] = [slow]
    service.start()
    (act,) = acts(ask(service, names=["everything.trigger-long-running-operation"], deliberation=SAMPLES))
    assert act["state"] == "done" and act["wall_ms"] >= 1900, act
    assert service.stop() == 0


def test_the_real_model_uses_it_and_no_server_is_there_when_that_is_replayed(install, tmp_path: Path, server: dict):
    service = serving(install, tmp_path, real_model(), server)
    answer = ask(
        service, "What is 2 plus 3?", ["everything.get-sum"], tool_choice="required", seed=3, max_completion_tokens=60,
        deliberation={**SAMPLES, "strategy": "self_consistency", "max_samples": 3, "early_stop": False, "answer": "number"},
    )
    made = acts(answer)
    # Two of three decide.
    assert len(made) >= 2 and {act["state"] for act in made} <= {"done", "failed"}, made
    assert service.stop() == 0
    gone = {"name": "everything", "stdio": {"command": str(tmp_path / "not-there")}}
    service.config["tools"]["servers"] = [gone]
    service.write_config()
    done = run("audit", "replay", answer.record, "--config", service.config_file, timeout=300)
    assert done.returncode == 0 and "identical" in done.stdout + done.stderr, done.stdout + done.stderr


def test_it_is_in_the_log_what_is_approved_and_by_whom(install, tmp_path: Path):
    service = serving(install, tmp_path, acting("everything.echo", message="x"), over_stdio())

    def told() -> list[dict]:
        return [act["body"] for act in service.audit_json("acts", "--what", "tools.approved")]

    (first,) = told()
    assert any(line.startswith("everything.echo sha256:") and "approved by test" in line for line in first["changes"]), first
    service.restart()
    assert told() == [first], "nothing new"
    run_well("tool", "withdraw", "everything.echo", "--config", service.config_file)
    service.process.send_signal(signal.SIGHUP)
    now = until("the log tells", lambda: len(acts := told()) == 2 and acts[0])
    assert now["object"] != first["object"] and "everything.echo" not in str(now["changes"])
    assert ask(service, names=["everything.echo"]).error["code"] == "unknown_tool"
    assert service.stop() == 0


@pytest.mark.parametrize("scenario", ["initialize", "tools_call", "sse-retry"])
def test_the_official_conformance_tests_of_clients_pass(tmp_path: Path, scenario: str):
    client = f"{sys.executable} {Path(__file__).with_name('mcp_client.py')}"
    command = [NODE, program("conformance", "index.js"), "client", "--command", client, "--scenario", scenario, "--output-dir", tmp_path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    (checks,) = tmp_path.rglob("checks.json")
    states = [(check["id"], check["status"]) for check in json.loads(checks.read_text())]
    assert any(state == "SUCCESS" for _, state in states), states
    assert not [check for check in states if check[1] in ("FAILURE", "WARNING")], states
