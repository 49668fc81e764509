"""What a service serves of its audit log, and who may read it."""

from __future__ import annotations

from support import Service, run_well
from tile_log import WIDTH, place

Files = dict[str, bytes]


def prepare(service: Service) -> str:
    """Gives the key of an auditor of the whole installation."""
    service.add_tenant("house")
    text = service.policy.read_text()
    service.policy.write_text(text.replace("    name: house\n", "    name: house\n    scope: installation\n"))
    return run_well("key", "create", "house", "--role", "auditor", "--policy", service.policy, "--quiet").strip()


class Log:
    """What the service serves of its log."""

    def __init__(self, service: Service, auditor: str):
        self.service, self.auditor = service, auditor
        about = self.json("/v1/audit/log")
        self.origin, (self.vkey,) = about["origin"], about["keys"]

    def fetch(self, path: str, key: str | None = None):
        return self.service.send("GET", path, None, self.auditor if key is None else key)

    def json(self, path: str) -> dict:
        answer = self.fetch(path)
        assert answer.status == 200, answer.body
        return answer.json

    def options(self) -> tuple:
        return ("-token", self.auditor)

    @property
    def url(self) -> str:
        return f"{self.service.url}/audit/log"

    def files(self) -> Files:
        """A copy of the whole log."""
        checkpoint = self.fetch("/audit/log/checkpoint").body
        size = int(checkpoint.split(b"\n")[1])
        wanted, level, count = [], 0, size
        for index in range(0, size, WIDTH):
            wanted.append(place("entries", index // WIDTH, min(WIDTH, size - index)))
        while count > 0:
            wanted += [place(str(level), at // WIDTH, min(WIDTH, count - at)) for at in range(0, count, WIDTH)]
            level, count = level + 1, count // WIDTH
        found = {"checkpoint": checkpoint}
        for path in wanted:
            answer = self.fetch(f"/audit/log/{path}")
            assert answer.status == 200, (path, answer.body)
            found[path] = answer.body
        return found
