"""What the reliability suites share."""

from pathlib import Path

import pytest

from tests.reliability.figures import FIGURES, Figures

PATIENCE = 1200.0
"""Seconds that a test may take if it says nothing else: a busy machine is no finding."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of many processes more time than the others have."""
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(PATIENCE))


@pytest.fixture
def figures() -> Figures:
    """Give a suite the place where it counts its cases; the table ends every run."""
    return FIGURES
