"""With the disk full the service refuses requests and keeps what it has."""

from __future__ import annotations

import errno
import resource
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import Answer, Service, scripted, until


class SmallDisk:
    """A file system of a few megabytes."""

    def __init__(self, folder: Path):
        self.folder, self.filler = folder, folder / "filler"

    def fill(self, _service: Service) -> None:
        for size in (4096, 1):
            with self.filler.open("ab", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def free(self, _service: Service) -> None:
        self.filler.unlink()


class LimitedFiles:
    """Where no file system may be mounted: a limit on the size of files, which fails writes in the same place."""

    def __init__(self, folder: Path):
        self.folder = folder

    def fill(self, service: Service) -> None:
        self._limit(service, service.journal()[-1].stat().st_size)

    def free(self, service: Service) -> None:
        self._limit(service, resource.RLIM_INFINITY)

    def _limit(self, service: Service, size: int) -> None:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk | LimitedFiles]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield LimitedFiles(folder)
        return
    yield SmallDisk(folder)
    # A process that was killed a moment ago may still hold it.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def ignore_size_signal() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@pytest.fixture
def service(tmp_path: Path, disk: SmallDisk | LimitedFiles) -> Iterator[Service]:
    """A service with its data on the small disk; an answer takes a second, and no record fits into a page's rest."""
    model = scripted(answers=[{"text": ("x" * 500 + " ") * 20}], token_ms=50)
    made = Service(tmp_path / "service", model, data=disk.folder / "data")
    try:
        yield made.start(preexec_fn=ignore_size_signal)
    finally:
        made.kill()


ASK = {"question": "why? " * 1000, "deliberation": {"strategy": "single"}}


def answered(service: Service) -> Answer | None:
    answer = service.chat(**ASK)
    return answer if answer.status == 200 else None


def check_refusal(answer: Answer) -> None:
    assert answer.status == 503, answer.body
    assert (answer.error["type"], answer.error["code"]) == ("server_error", "audit_unavailable")
    assert "make room" in answer.error["message"]
    assert int(answer.headers["retry-after"]) >= 1


def statuses(service: Service) -> dict[str, str]:
    return {each["admission"]["record_id"]: each["status"] for each in service.audit_json("list")}


def test_a_full_disk_refuses_requests_and_loses_nothing(service: Service, disk: SmallDisk | LimitedFiles):
    kept = [service.chat(**ASK).record for _ in range(2)]
    disk.fill(service)
    for _ in range(3):
        check_refusal(service.chat(**ASK))
    assert service.get("/healthz").status == 200
    assert service.audit_json("verify")["passed"]
    disk.free(service)
    kept.append(until("an answer once there is space", lambda: answered(service)).record)
    service.restart()
    assert {record: statuses(service).get(record) for record in kept} == dict.fromkeys(kept, "answered")
    assert service.audit_json("verify")["passed"]


def test_an_answer_whose_record_finds_no_space_is_not_given(service: Service, disk: SmallDisk | LimitedFiles):
    with ThreadPoolExecutor(1) as pool:
        whole = pool.submit(service.chat, **ASK)
        stream = service.stream(**ASK)
        until("two requests", lambda: len(statuses(service)) == 2)
        disk.fill(service)
        events = list(stream)
        check_refusal(whole.result())
    assert events[-1]["error"]["code"] == "audit_unavailable", events[-1]
    assert not any(choice["finish_reason"] for event in events[:-1] for choice in event["choices"])
    disk.free(service)
    until("both failed", lambda: set(statuses(service).values()) == {"failed"})
    assert service.audit_json("verify")["passed"]
