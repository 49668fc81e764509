"""Services that tests share, and services of their own; all of them end with the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import go_verifier
from support import Service, real_model


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real model, with a tenant that may hardly ask."""
    service = Service(tmp_path_factory.mktemp("real"), real_model())
    service.add_tenant("hurried", requests_per_minute=2)
    try:
        yield service.start()
    finally:
        service.kill()


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Makes services that the test starts itself."""
    services: list[Service] = []

    def make(*models: dict, **config: object) -> Service:
        service = Service(tmp_path / f"service-{len(services)}", *models, **config)
        services.append(service)
        return service

    yield make
    for service in services:
        service.kill()


@pytest.fixture(scope="session")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> go_verifier.Verifier:
    """The auditor's verifier in Go, built once."""
    return go_verifier.build(tmp_path_factory.mktemp("verifier"))
