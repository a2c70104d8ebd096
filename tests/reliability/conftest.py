"""What the reliability suites share."""

import pytest

from tests.reliability.figures import FIGURES, Figures


@pytest.fixture
def figures() -> Figures:
    """Give a suite the place where it counts its cases; the table ends every run."""
    return FIGURES
