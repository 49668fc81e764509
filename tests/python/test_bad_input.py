"""Wrong input gets one clear error that names the thing and the mend, and changes nothing."""

from __future__ import annotations

import json
import re
import socket
import struct
import zlib
from collections.abc import Iterator

import pytest

from support import Answer, Service, model_path, read_answer, real_model, run_well, scripted, snapshot, words

CONFIG, RUNTIME = 2, 3
#: An error says what to do about it, or which values there are.
MEND = re.compile(
    r"\d+ to \d+|\b(add|ask|check|create|did you mean|end with|fetch|give|join|leave|list|make|move|put|restore|run|see"
    r"|send|set|shorten|stop|use)\b"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("bad-input"), scripted())
    made.add_tenant("capped", max_samples=4, total_tokens=1000, deadline_ms=60_000, effort="low")
    try:
        made.start()
        assert made.chat().status == 200
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def before(service: Service) -> dict[str, str]:
    """The data folder before wrong requests."""
    return snapshot(service.data, index=False)


def check(service: Service, before: dict, answer: Answer, status: int, param: str | None, says: str) -> None:
    assert answer.status == status, answer.body[:500]
    error = answer.error
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param, error
    assert says in error["message"], error
    assert MEND.search(error["message"]), error
    assert error["type"] and error["code"]
    assert answer.headers["x-request-id"]
    assert service.get("/readyz").status == 200
    assert snapshot(service.data, index=False) == before, "a refused request has changed the data folder"


USER = {"role": "user", "content": "hi"}
ASSISTANT = {"role": "assistant", "content": "hello"}
SYSTEM = {"role": "system", "content": "be brief"}


@pytest.mark.parametrize(
    ("fields", "status", "param", "says"),
    [
        ({"model": "gpt-5"}, 404, "model", "`gpt-5`"),
        ({"model": 7}, 400, "model", "an integer"),
        ({"model": None}, 400, "model", "`model`"),
        ({"messages": None}, 400, "messages", "`messages`"),
        ({"messages": "hi"}, 400, "messages", "a text"),
        ({"messages": []}, 400, "messages", "empty"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "messages", "empty"),
        ({"messages": [{"role": "user"}]}, 400, "messages[0].content", "missing"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, 400, "messages[0].role", "`robot`"),
        ({"messages": [ASSISTANT, USER]}, 400, "messages[0].role", "before the user"),
        ({"messages": [USER, SYSTEM, USER]}, 400, "messages[1].role", "start"),
        ({"messages": [USER, ASSISTANT, ASSISTANT, USER]}, 400, "messages[2].role", "twice"),
        ({"messages": [USER, ASSISTANT]}, 400, "messages[1].role", "last message"),
        ({"messages": [USER] * 10_000}, 400, "messages", "10000"),
        ({"temperature": "hot"}, 400, "temperature", "a text"),
        ({"temperature": -1}, 400, "temperature", "0 to 2"),
        ({"n": 0}, 400, "n", "1 to 128"),
        ({"stream": "yes"}, 400, "stream", "a text"),
        ({"max_completion_tokens": -5}, 400, "max_completion_tokens", "-5"),
        ({"reasoning_effort": "extreme"}, 400, "reasoning_effort", "`extreme`"),
        ({"deliberation": "deep"}, 400, "deliberation", "a text"),
        ({"deliberation": {"strategy": "guess"}}, 400, "deliberation.strategy", "`guess`"),
        ({"deliberation": {"max_samples": 0}}, 400, "deliberation.max_samples", "0"),
        ({"deliberation": {"sampels": 8}}, 400, "deliberation.sampels", "spelling"),
    ],
)
def test_a_wrong_request_is_refused(service: Service, before: dict, fields: dict, status: int, param: str, says: str):
    wrong = {name: value for name, value in fields.items() if value is not None}
    body = {name: value for name, value in json.loads(service.body()).items() if name not in fields}
    answer = service.send("POST", "/v1/chat/completions", json.dumps({**body, **wrong}).encode())
    check(service, before, answer, status, param, says)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"hello", "not JSON"),
        (b'{"model": "scripted", ', "not JSON"),
        (b"[1, 2]", "a list"),
        (b"[" * 100_000, "not JSON"),
        (b'{"model": "scripted", "messages": [{"role": "user", "content": "\xff\xfe"}]}', "UTF-8"),
    ],
)
def test_what_is_no_json_object_is_refused(service: Service, before: dict, body: bytes, says: str):
    answer = service.send("POST", "/v1/chat/completions", body)
    check(service, before, answer, 400, None, says)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(service: Service, before: dict, chunked: bool):
    piece = b"x" * 65536
    length = {} if chunked else {"Content-Length": str(len(piece) * 1024)}
    connection = service.connect(60)
    pieces = (piece for _ in range(1024))
    try:
        connection.request("POST", "/v1/chat/completions", pieces, {**service.headers(), **length})
    except (BrokenPipeError, ConnectionResetError):
        pass  # It need not read all of it.
    answer = read_answer(connection)
    connection.close()
    check(service, before, answer, 413, None, "larger")


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"deliberation": {"strategy": "best_of_n", "max_samples": 5}}, "deliberation.max_samples", "4"),
        ({"deliberation": {"strategy": "single", "total_tokens": 1001}}, "deliberation.total_tokens", "1000"),
        ({"deliberation": {"strategy": "single", "deadline_ms": 60_001}}, "deliberation.deadline_ms", "60000"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "`low`"),
    ],
)
def test_a_budget_above_the_tenants_cap_is_refused(service: Service, before: dict, fields: dict, param: str, says: str):
    answer = service.chat(key=service.keys["capped"], **fields)
    check(service, before, answer, 403, param, says)
    assert "`capped`" in answer.error["message"]


def test_whoever_is_refused_is_refused_before_the_prompt_is_counted(install):
    first, second = (scripted(name, context_tokens=50) for name in ("first", "second"))
    made = install(first, second)
    narrow = made.add_tenant("narrow", models="first", requests_per_minute=1)
    auditor = run_well("key", "create", "narrow", "--role", "auditor", "--policy", made.policy, "--quiet").strip()
    made.start()
    fields = {"max_completion_tokens": 10}

    def refused(key: str, model: str) -> tuple[int, str]:
        answer = made.chat(words(100), key=key, model=model, **fields)
        return answer.status, answer.error["code"]

    assert refused(narrow, "first") == (400, "context_length_exceeded")
    assert refused(narrow, "second") == (403, "model_not_allowed")
    assert refused(auditor, "first") == (403, "not_allowed")
    assert made.chat(key=narrow, model="first", **fields).status == 200
    assert refused(narrow, "first") == (429, "requests_per_minute")


def test_an_unknown_model_is_answered_with_those_that_the_key_may_use(install):
    made = install(scripted("first"), scripted("second"))
    narrow, barred = made.add_tenant("narrow", models="first"), made.add_tenant("barred", models="third")
    made.start()
    assert "first, second" in made.chat(model="frist").error["message"]
    message = made.chat(model="frist", key=narrow).error["message"]
    assert "first" in message and "second" not in message
    message = made.chat(model="frist", key=barred).error["message"]
    assert "may use none" in message and "first" not in message


@pytest.mark.parametrize("key", ["", "nonsense"])
def test_without_a_good_key_nothing_is_said(service: Service, before: dict, key: str):
    check(service, before, service.chat(key=key), 401, None, "key")


def test_an_unknown_path_is_not_found(service: Service, before: dict):
    check(service, before, service.send("POST", "/v1/completionz", b"{}"), 404, None, "/v1/completionz")


# From here on: starts that fail.


@pytest.fixture
def stopped(install) -> Service:
    """A service that has answered once and was stopped."""
    made = install(scripted()).start()
    assert made.chat().status == 200
    assert made.stop() == 0
    return made


def check_start(service: Service, code: int, *says: str, in_use: bool = False) -> None:
    before = snapshot(service.data, index=not in_use), service.policy.read_bytes()
    found, printed = service.start_and_fail()
    assert found == code, printed
    for word in says:
        assert word in printed, printed
    assert MEND.search(printed), printed
    assert "panicked" not in printed and "backtrace" not in printed, printed
    assert sum("error" in line.lower() for line in printed.splitlines()) == 1, printed
    assert (snapshot(service.data, index=not in_use), service.policy.read_bytes()) == before, (
        "a failed start has changed something"
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lissen": "127.0.0.1:1"}, ["lissen", "listen"]),
        ({"grace_ms": "long"}, ["grace_ms"]),
        ({"models": []}, ["models"]),
        ({"policy": "/nowhere/policy.yaml"}, ["/nowhere/policy.yaml"]),
    ],
)
def test_a_wrong_configuration_stops_the_start(stopped: Service, change: dict, says: list[str]):
    stopped.config.update(change)
    check_start(stopped, CONFIG, "config.yaml" if "policy" not in change else "policy", *says)


def test_an_unknown_key_of_a_model_stops_the_start(stopped: Service):
    stopped.config["models"][0]["tempreature"] = 1
    check_start(stopped, CONFIG, "config.yaml", "tempreature")


def test_a_duplicate_tenant_stops_the_start(stopped: Service):
    text = stopped.policy.read_text()
    stopped.policy.write_text(text + text[text.index("  - id: default") :].split("    keys:")[0])
    check_start(stopped, CONFIG, "policy.yaml", "twice")


def test_a_negative_limit_stops_the_start(stopped: Service):
    text = stopped.policy.read_text()
    stopped.policy.write_text(text.replace("requests_per_minute: 1000000", "requests_per_minute: -5"))
    check_start(stopped, CONFIG, "policy.yaml", "requests_per_minute", "-5")


@pytest.mark.parametrize("damage", ["missing", "cut short", "not GGUF", "empty"])
def test_a_model_that_cannot_be_loaded_stops_the_start(stopped: Service, damage: str):
    model = stopped.folder / "model.gguf"
    if damage == "cut short":
        with model_path().open("rb") as whole, model.open("wb") as part:
            part.write(whole.read(20_000_000))
    elif damage != "missing":
        model.write_bytes(b"" if damage == "empty" else b"This is a text and no model.\n" * 100)
    stopped.config["models"] = [{**real_model(), "path": str(model)}]
    check_start(stopped, CONFIG, "model.gguf")


def test_a_port_in_use_stops_the_start(stopped: Service):
    with socket.create_server(("127.0.0.1", stopped.port)):
        check_start(stopped, RUNTIME, f"127.0.0.1:{stopped.port}", "listen")


def test_a_store_in_use_stops_the_start(install):
    first = install(scripted()).start()
    assert first.chat().status == 200
    second = install(scripted())
    second.data, second.config["data_dir"] = first.data, str(first.data)
    check_start(second, RUNTIME, str(first.data), f"pid {first.process.pid}", in_use=True)
    assert first.chat().status == 200


def test_a_store_of_a_newer_version_stops_the_start(stopped: Service):
    segment = stopped.journal()[-1]
    content = bytearray(segment.read_bytes())
    content[8:12] = struct.pack("<I", 2)
    content[20:24] = struct.pack("<I", zlib.crc32(content[:20]))
    segment.write_bytes(content)
    check_start(stopped, RUNTIME, segment.name, "version 2", "newer")


def test_a_command_on_a_missing_log_says_so(install):
    service = install(scripted())
    done = service.audit("list")
    assert done.returncode == CONFIG, done.stderr
    assert str(service.data) in done.stderr
    assert not service.data.exists()
