"""The reliability suites' table, printed at the end of every run that counted something."""

import pytest

from tests.reliability.figures import FIGURES, Figures


@pytest.fixture
def figures() -> Figures:
    """Give a suite the place where it counts its cases."""
    return FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was counted; everything but the cases must be 0."""
    if FIGURES.rows:
        terminalreporter.section("reliability")
        for line in FIGURES.lines():
            terminalreporter.write_line(line)
