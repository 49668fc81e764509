"""Reports for people, from the log of a service."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support import run, run_well, scripted, words

OLD = "2026-01-01"


def test_a_report_of_a_service_leads_from_each_number_to_its_entries(install, tmp_path: Path):
    service = install(scripted(answers=[{"text": words(3)}]))
    service.add_tenant("other")
    service.start()
    records = [service.chat(f"question {number}").record for number in range(30)]
    others = [service.chat(key=service.keys["other"]).record for _ in range(3)]
    assert service.stop() == 0
    folder = tmp_path / "report"
    command = ["report", "--data-dir", service.data, "--tenant", "default", "--from", OLD, "--out", folder]
    told = run_well(*command, "--pack", "eu-ai-act", "--pack", "eu-gdpr")
    assert "30 requests of default" in told and "eu-ai-act" in told, told
    page = (folder / "report.html").read_text()
    links = set(re.findall(r'href="(entries/[^"#]+)', page))
    assert links and all((folder / link).is_file() for link in links), links
    listed = "".join((folder / link).read_text() for link in links)
    assert all(record in listed for record in records)
    assert not any(record in listed + page for record in others), "another tenant's entries"
    assert json.loads((folder / "report.json").read_text())["scope"]["tenant"] == "default"
    assert "<script" not in page and not re.search(r'(src|url\()\s*=?\s*["\']?http', page), "it loads something"
    again = run(*command)
    assert again.returncode == 2 and "not empty" in again.stderr, again.stderr
    wrong = run("report", "--data-dir", service.data, "--from", OLD, "--pack", "atlantis", "--out", tmp_path / "x")
    assert wrong.returncode == 2 and "eu-ai-act" in wrong.stderr, wrong.stderr
    empty = run("report", "--data-dir", service.data, "--from", "2026-02-01", "--to", OLD, "--out", tmp_path / "y")
    assert empty.returncode == 2 and "swap" in empty.stderr, empty.stderr


def test_proofs_on_the_command_line(install, tmp_path: Path, verifier):
    service = install(scripted(answers=[{"text": words(3)}]))
    auditor = run_well("key", "create", "default", "--role", "auditor", "--policy", service.policy, "--quiet").strip()
    service.start()
    record = service.chat().record
    record = service.audit_json("show", record)["admission"]["record"]["body"]["request_id"]
    folder = tmp_path / "receipts"
    told = run_well("audit", "prove", record, "--url", service.url, "--key", auditor, "--out", folder)
    assert told.count("holds") == 2 and "outcome" in told, told
    key = re.search(r"key\s+(\S+\+[0-9a-f]{8}\+\S+)", told).group(1)
    receipts = sorted(folder.glob("*.receipt.txt"))
    assert len(receipts) == 2
    for receipt in receipts:
        entry = receipt.with_name(receipt.name.replace(".receipt.txt", ".json"))
        verifier.well("receipt", receipt, key, entry)
    assert service.stop() == 0
    offline = json.loads(run_well("audit", "prove", record, "--data-dir", service.data, "--log-key", key, "--json"))
    assert sorted(one["record_id"] for one in offline) == [receipt.name.split(".")[0] for receipt in receipts]
    wrong = run("audit", "prove", record, "--data-dir", service.data, "--log-key", key.replace("+", "+0", 1)[:-4] + "AAAA")
    assert wrong.returncode != 0
    nobody = run("audit", "prove", "req_1", "--data-dir", service.data)
    assert nobody.returncode == 2 and "req_1" in nobody.stderr, nobody.stderr
    denied = run("audit", "prove", record, "--url", service.url, "--key", auditor)
    assert denied.returncode != 0 and "cannot reach" in denied.stderr
