"""Servers for the emulator's tests: one per module for most, fresh ones where state matters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.app import Settings
from tests.unit.emulator.support import Client, Local


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A server that runs jobs, shared by the tests of a module."""
    settings = Settings(idle_timeout=0, grace=0.5, capacity=4)
    with Local(tmp_path_factory.mktemp("emulator"), settings) as server:
        yield server


@pytest.fixture
def client(local: Local) -> Iterator[Client]:
    """A logged-in client of the shared server, with no fault in force before or after."""
    client = local.new_client()
    yield client
    client.admin("DELETE", "faults")
    client.admin("PUT", "timing", {})
    client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a server of the test's own."""
    return tmp_path
