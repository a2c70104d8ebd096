"""Diagnostics and errors as people, and tools that look for `file:line:column`, see them."""

import pytest

from reconciler.diagnostics import Diagnostic
from reconciler.errors import DefinitionError, ReconcilerError, RefusedError, UsageError
from reconciler.render.messages import render_diagnostics, render_error
from tests.build import a_diagnostic, a_location

LONG = a_diagnostic(detail="word " * 40 + "\n    indented " + "more " * 30, hint="")


@pytest.mark.parametrize(
    ("diagnostic", "text"),
    [
        pytest.param(
            a_diagnostic(),
            "jobs.yaml:14:3: error: Unknown flavor\n"
            '  Job "resnet" asks for flavor "npu.9", which this platform does not offer.\n'
            '  Did you mean "npu.8"?\n',
            id="with everything",
        ),
        pytest.param(
            a_diagnostic("warning", "Sold out", detail="", hint="", location=None),
            "warning: Sold out\n",
            id="summary alone",
        ),
        pytest.param(
            a_diagnostic(detail="first\n\n  nested\n", hint="", location=a_location(2, 1)),
            "jobs.yaml:2:1: error: Unknown flavor\n  first\n\n    nested\n",
            id="detail of several lines",
        ),
        pytest.param(
            a_diagnostic(summary="a\nb", detail="c\x1b[2J", hint="", location=None),
            "error: a\\nb\n  c\\x1b[2J\n",
            id="hostile",
        ),
    ],
)
def test_diagnostic(diagnostic: Diagnostic, text: str) -> None:
    assert render_diagnostics([diagnostic]) == text


def test_without_a_width_a_line_stays_a_line() -> None:
    assert len(render_diagnostics([LONG]).splitlines()) == 3


def test_with_a_width_nothing_is_wider_and_indentation_stays() -> None:
    lines = render_diagnostics([LONG], width=40).splitlines()

    assert max(map(len, lines)) <= 40
    assert lines[-1].startswith("      more")


def test_colour_marks_the_severity_alone() -> None:
    text = render_diagnostics([a_diagnostic(detail="", hint="")], color=True)

    assert text == "jobs.yaml:14:3: \x1b[1;31merror:\x1b[0m Unknown flavor\n"


PROBLEM = a_diagnostic(detail="", hint="")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(
            UsageError("No terminal to ask on", "apply asks first.", "Add `--auto-approve`."),
            "error: No terminal to ask on\n  apply asks first.\n  Add `--auto-approve`.\n",
            id="with detail and hint",
        ),
        pytest.param(ReconcilerError("Short"), "error: Short\n", id="summary alone"),
        pytest.param(
            DefinitionError("The definition has 2 problems", [PROBLEM, PROBLEM]),
            "jobs.yaml:14:3: error: Unknown flavor\n" * 2
            + "error: The definition has 2 problems\n",
            id="every diagnostic once, then the sum",
        ),
        pytest.param(
            RefusedError("Refused", [PROBLEM], "Look above."),
            "jobs.yaml:14:3: error: Unknown flavor\nerror: Refused\n  Look above.\n",
            id="refused by a guard",
        ),
        pytest.param(
            ReconcilerError("x\x1b[2J", "y\rz"), "error: x\\x1b[2J\n  y\\rz\n", id="hostile"
        ),
    ],
)
def test_error(error: ReconcilerError, text: str) -> None:
    assert render_error(error) == text


def test_error_in_colour() -> None:
    assert render_error(ReconcilerError("Short"), color=True) == "\x1b[1;31merror:\x1b[0m Short\n"
