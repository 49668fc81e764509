"""A hundred deliberations at once that use tools, for as long as FORETHOUGHT_SOAK_S says (20 s by itself): nothing may be left behind.

Every few seconds the counts are printed (`pytest -s`): processes, descriptors, threads and memory of the service, and of what it has started.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from pathlib import Path

from support import Service, run_well, scripted
from test_tools import call_text, interpreter, tools

SECONDS = float(os.environ.get("FORETHOUGHT_SOAK_S", "20"))
AT_ONCE = 100
#: A tool each, of every kind; the script calls the one that the question names.
CALLS = {
    "sum": call_text("calculator", expression="37 * 45"),
    "date": call_text("dates", operation="describe", date="2026-11-26"),
    "query": call_text("json_query", json={"a": [1, 2]}, query="$.a[*]"),
    "time": call_text("time.convert_time", source_timezone="UTC", time="12:30", target_timezone="Asia/Tokyo"),
    "code": call_text("run_code", language="javascript", code="1 + 1"),
    "spin": call_text("run_code", language="javascript", code="while (true) {}"),
    "table": call_text("table_query", sql="select sum(n) from numbers"),
}

#: How a call may end.
ENDS = ("done", "error/timed_out", "error/unavailable", "error/exhausted")


def counts(pid: int) -> dict[str, int]:
    """The service, and all that it has started."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    family, new = [pid], [pid]
    while new:
        new = list(itertools.chain.from_iterable(children.get(parent, []) for parent in new))
        family += new
    status = Path(f"/proc/{pid}/status").read_text()
    of = lambda key: int(next(line for line in status.splitlines() if line.startswith(key)).split()[1])
    open_now = [target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return {
        "processes": len(family), "descriptors": len(open_now), "files": sum(name.startswith("/") for name in open_now),
        "threads": of("Threads:"), "rss_mib": of("VmRSS:") // 1024,
    }


def target(link: Path) -> str:
    """What a descriptor stands for: a path, or a kind such as `socket:[1]`; nothing where it has just been closed."""
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


def test_a_hundred_at_once_leave_nothing_behind(install, tmp_path: Path):
    when = [
        {"all_of": ["<tool_response>\n"], "answers": [{"text": "It is done."}]},
        *({"all_of": [f"Please do {name}."], "answers": [{"text": text}]} for name, text in CALLS.items()),
    ]
    model = scripted(answers=[{"text": "What?"}], when=when, parallel=128, token_ms=2)
    python = Path(sys.executable)
    server = {
        "name": "time", "stdio": {"command": str(python), "args": ["-m", "mcp_server_time", "--local-timezone", "UTC"]},
        "effects": {"convert_time": "pure", "get_current_time": "reads"},
    }
    config = {"servers": [server], "code": {"javascript": interpreter()}, "files": {}, "approvals": str(tmp_path / "tools.yaml")}
    service = tools(install(model, tools=config, max_deliberations=2 * AT_ONCE), allow=["*"], limits={"time_ms": 1500})
    service.write_config()
    run_well("tool", "approve", "--server", "time", "--by", "test", "--config", service.config_file)
    service.start()
    upload(service, "numbers.csv", "n\n" + "\n".join(map(str, range(1000))))
    names = sorted({json.loads(text.splitlines()[1])["name"] for text in CALLS.values()})
    end = time.monotonic() + SECONDS
    done, wrong, worked = itertools.count(), [], set()

    def client(number: int) -> None:
        for turn in itertools.count(number):
            if time.monotonic() >= end:
                return
            name = list(CALLS)[turn % len(CALLS)]
            answer = service.chat(f"Please do {name}.", deliberation={"tools": names, "include_samples": True}, reasoning_effort="none")
            states = [act["state"] for act in answer.json["deliberation"]["samples"][0]["tools"]] if answer.status == 200 else answer.body
            # Where all want the same at once, some are told that there is no room, or that time is over.
            if answer.status == 200 and (len(states) != 1 or states[0] not in ENDS) and len(wrong) < 10:
                wrong.append((name, states))
            if answer.status == 200 and states == ["done"]:
                worked.add(name)
            if answer.status != 200 and answer.status not in (429, 503) and len(wrong) < 10:
                wrong.append((name, answer.status, answer.body))
            next(done)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    seen: list[dict[str, int]] = []
    while any(thread.is_alive() for thread in threads):
        time.sleep(min(10, SECONDS / 6))
        seen.append(counts(service.process.pid))
        print(f"{len(seen):4} {seen[-1]}", flush=True)
    for thread in threads:
        thread.join()
    time.sleep(3)
    last = counts(service.process.pid)
    print(f"deliberations: {next(done)}; idle again: {last}", flush=True)
    assert not wrong, wrong
    assert worked == set(CALLS) - {"spin"}, worked
    early = seen[len(seen) // 3]
    assert last["processes"] <= early["processes"] + 1, (early, last)
    assert last["descriptors"] <= early["descriptors"] + 20, (early, last)
    # Connections come and go with the clients; the log's files do not, however much is written.
    assert last["files"] <= early["files"] + 10, (early, last)
    assert last["threads"] <= early["threads"] + 20, (early, last)
    assert last["rss_mib"] <= early["rss_mib"] * 1.5 + 200, (early, last)
    assert service.stop() == 0
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if b"mcp_server_time" in cmdline(pid)]


def cmdline(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def upload(service: Service, name: str, text: str, subject: str | None = None) -> dict:
    boundary = "0123456789boundary"
    parts = []
    if subject is not None:
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="subject"\r\n\r\n{subject}\r\n')
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{text}\r\n--{boundary}--\r\n')
    connection = service.connect(60)
    headers = {**service.headers(), "Content-Type": f"multipart/form-data; boundary={boundary}"}
    connection.request("POST", "/v1/files", "".join(parts).encode(), headers)
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, body
    return json.loads(body)
