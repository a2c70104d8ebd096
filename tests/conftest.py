"""The options that the tests take, and what every test may ask for."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.reliability.figures import FIGURES
from tests.servers import object_server, object_store, postgres_server

__all__ = ["object_server", "object_store", "postgres_server"]

SCALE = float(os.environ.get("RECONCILER_TEST_SCALE", "1"))
"""How many times as many cases the heavy suites run; 1 takes minutes, 1000 a night."""

settings.register_profile(
    "scaled",
    max_examples=max(10, int(100 * SCALE)),
    # The everyday run says the same about the same code each time; longer ones look further.
    derandomize=SCALE <= 1,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("scaled")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`: write what is shown instead of comparing it."""
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden/ from what is shown now"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a check that a text equals the file of that name below `tests/golden/`."""

    def check(name: str, text: str) -> None:
        file = GOLDEN / name
        if request.config.getoption("--update-golden"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        assert file.is_file(), f"no golden file {name}; write it with --update-golden"
        assert text == file.read_bytes().decode(), f"{name} differs; see --update-golden"

    return check


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker process counted to the process that prints the table."""
    if (found := getattr(session.config, "workeroutput", None)) is not None:
        found["figures"] = FIGURES.rows


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker process counted."""
    for suite, row in getattr(node, "workeroutput", {}).get("figures", {}).items():
        FIGURES.add(suite, **row)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the reliability suites counted; everything but the cases must be 0."""
    if FIGURES.rows:
        terminalreporter.section("reliability")
        for line in FIGURES.lines():
            terminalreporter.write_line(line)
