"""Weights that were registered and approved load, and no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support import MODEL, Service, model_path, run, run_well, until

SOURCE = ["--source", "https://example.com/models/small", "--revision", "v1", "--licence", "Apache-2.0"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the model that may be changed."""
    folder = tmp_path_factory.mktemp("weights")
    return Path(shutil.copyfile(model_path(), folder / "small.gguf"))


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, weights: Path):
    """A service with a registry in which its model stands, with its fingerprint, and is not approved yet."""
    folder = tmp_path_factory.mktemp("models")
    model = {"id": MODEL, "path": str(weights), "lanes": 2}
    service = Service(folder, model, registry="models.yaml")
    service.write_config()
    told = run("model", "register", MODEL, *SOURCE, "--config", service.config_file, timeout=300)
    assert told.returncode == 0, told.stderr
    assert "harmful requests" in told.stdout and "to approve" in told.stdout, told.stdout
    try:
        yield service
    finally:
        service.kill()


def model(service: Service, verb: str, *args: object, timeout: float = 300):
    return run("model", verb, *args, "--config", service.config_file, timeout=timeout)


def refused_load(service: Service) -> str:
    """Starts a service whose only model must not load, and gives what the log says."""
    service.log.unlink(missing_ok=True)
    service.spawn()
    marks = ["given up", "model.refused", "the engine cannot be loaded", "cannot load"]
    try:
        return until("a refusal", lambda: next((service.log_text() for mark in marks if mark in service.log_text()), None), 60)
    finally:
        assert not service.is_ready()
        service.kill()


def test_a_model_loads_once_it_is_approved(registered: Service):
    assert model(registered, "check").returncode == 1
    told = refused_load(registered)
    assert "nobody approved" in told, told
    approved = model(registered, "approve", MODEL, "--by", "Ada Example")
    assert approved.returncode == 0, approved.stderr
    assert "PASSED" in model(registered, "check").stdout
    assert "Ada Example" in model(registered, "list").stdout
    registered.start()
    answer = registered.chat(max_completion_tokens=4)
    assert answer.status == 200, answer.body
    assert registered.stop() == 0
    acts = registered.audit_json("acts")
    loaded = next(act for act in acts if act["body"]["what"] == "model.loaded")
    assert loaded["body"]["object"] == MODEL
    lines = "\n".join(loaded["body"]["changes"])
    assert "entry sha256:" in lines and "small.gguf sha256:" in lines and "fingerprint same" in lines, lines
    assert any(act["body"]["what"] == "model.refused" for act in acts)


def test_one_changed_byte_does_not_load(registered: Service, weights: Path):
    approve(registered)
    before = weights.read_bytes()
    try:
        changed = bytearray(before)
        changed[-1000] ^= 1
        weights.write_bytes(changed)
        done = model(registered, "check")
        assert done.returncode == 1 and "its digest is" in done.stdout, done.stdout
        assert run("check", "--config", registered.config_file).returncode == 2
        told = refused_load(registered)
        assert "its digest is" in told, told
    finally:
        weights.write_bytes(before)
    assert model(registered, "check", "--behaviour").returncode == 0


def approve(service: Service) -> None:
    if "PASSED" not in model(service, "check").stdout:
        assert model(service, "approve", MODEL, "--by", "Ada Example").returncode == 0


def test_cards_and_evaluations(registered: Service, tmp_path: Path):
    results = tmp_path / "results.jsonl"
    results.write_text("{}\n")
    done = model(registered, "evaluated", MODEL, "--set", "arithmetic1", "--results", results, "--figure", "accuracy=0.61:0.55:0.67")
    assert done.returncode == 0, done.stderr
    card = json.loads(model(registered, "card", MODEL, "--json").stdout)
    assert card["model"]["evaluations"][0]["set"] == "arithmetic1"
    text = model(registered, "card", MODEL).stdout
    assert "Apache-2.0" in text and "accuracy" in text
    assert model(registered, "evaluated", MODEL, "--set", "x", "--figure", "accuracy").returncode == 2
    assert model(registered, "card", "nobody").returncode == 2


def test_a_model_is_registered_once(registered: Service):
    done = model(registered, "register", MODEL, *SOURCE, "--no-fingerprint")
    assert done.returncode == 2 and "registered" in done.stderr, done.stderr
    done = model(registered, "register", "nobody", *SOURCE)
    assert done.returncode == 2 and "no model `nobody`" in done.stderr, done.stderr


def test_a_revoked_model_does_not_load(registered: Service):
    approve(registered)
    assert model(registered, "revoke", MODEL, "--by", "Ada", "--why", "superseded").returncode == 0
    told = refused_load(registered)
    assert "was revoked by Ada" in told and "superseded" in told, told
    assert "REVOKED" in run_well("model", "list", "--config", registered.config_file)
