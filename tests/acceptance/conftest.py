"""What the stories of these tests stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.world import World, a_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a test a working folder and an emulator of its own."""
    with a_world(tmp_path) as found:
        yield found
