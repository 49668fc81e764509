"""A running server takes up a changed policy when it is told to."""

from __future__ import annotations

import json
import signal

from support import Service, run_well, scripted, until


def hang_up(service: Service, says: str) -> None:
    """Tells the server to read its policy again, and waits until it says what came of it."""
    before = service.log.read_text().count(says)
    service.process.send_signal(signal.SIGHUP)
    until(says, lambda: service.log.read_text().count(says) > before)


def test_a_revoked_key_is_refused_once_the_server_is_told(install):
    service = install(scripted())
    key = service.add_tenant("leaving", requests_per_minute=2)
    service.start()
    assert service.chat(key=key).status == 200
    listed = json.loads(run_well("tenant", "list", "--policy", service.policy, "--json"))
    key_id = next(tenant["keys"][0]["id"] for tenant in listed if tenant["id"] == "leaving")
    said = run_well("key", "revoke", key_id, "--policy", service.policy)
    assert "kill -HUP" in said
    other = run_well("key", "create", "leaving", "--policy", service.policy, "--quiet").strip()
    assert service.chat(key=other).status == 401, "it was not told yet"
    hang_up(service, "is in force")
    assert service.chat(key=key).status == 401
    # What the tenant used before stays counted.
    assert [service.chat(key=other).status for _ in range(2)] == [200, 429]
    assert service.chat().status == 200


def test_a_wrong_policy_changes_nothing(install):
    service = install(scripted()).start()
    good = service.policy.read_text()
    service.policy.write_text(good + "zebra: 1\n")
    hang_up(service, "stays in force")
    assert service.chat().status == 200
    assert "zebra" in service.log_text()
    service.policy.unlink()
    hang_up(service, "stays in force")
    assert service.chat().status == 200
    service.policy.write_text(good)
    hang_up(service, "says what it said before")
    assert service.chat().status == 200
    metrics = service.get("/metrics").body.decode()
    assert 'forethought_policy_reads_total{outcome="refused"} 2' in metrics
    assert 'forethought_policy_reads_total{outcome="unchanged"} 1' in metrics
    assert "forethought_policy_version 1" in metrics
    assert service.stop() == 0
