"""How people read of waiting, expiring, versions, kept jobs and moves."""

from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.plan import PlannedMove, Reason
from reconciler.render.documents import render_document
from reconciler.render.terminal import render_apply, render_plan
from reconciler.render.words import reason_words
from tests.build import a_change, a_plan, a_report, an_action, an_apply_result

MOVES = (PlannedMove(source=Address("old"), target=Address("new")),)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("blocked", {"reason": Reason.WAITS, "depends_on": ("a", "b")}, "waits for a, b"),
        (
            "blocked",
            {"reason": Reason.DEPENDENCY_REPLACED, "depends_on": ("a",)},
            "to be run again; waits for a",
        ),
        ("replace", {"reason": Reason.CODE_CHANGED}, "training code changed"),
        (
            "replace",
            {"strategy": "new_version"},
            "definition changed; as a new version of the job",
        ),
        (
            "create",
            {"reason": Reason.DEFINITION_CHANGED, "strategy": "keep"},
            "definition changed; beside the old job, which stays",
        ),
        ("delete", {"reason": Reason.EXPIRED}, "finished, and its time to be kept is over"),
        ("noop", {"reason": Reason.SUPERSEDED}, "superseded by a newer job"),
    ],
    ids=["waits", "waits to run again", "code", "version", "kept", "expired", "superseded"],
)
def test_reasons(kind: str, fields: dict[str, Any], words: str) -> None:
    assert reason_words(an_action(kind, **fields)) == words


def test_a_new_version_forces_no_new_job() -> None:
    plain = an_action("replace", changes=(a_change(),))
    versioned = an_action("replace", changes=(a_change(),), strategy="new_version")
    assert "forces replacement" in render_plan(a_report(a_plan(plain)))
    assert "forces replacement" not in render_plan(a_report(a_plan(versioned)))
    assert "forces replacement" not in render_document("markdown", a_report(a_plan(versioned)))


def test_moves_stand_before_the_actions() -> None:
    shown = render_plan(a_report(a_plan(an_action(), moved=MOVES)))
    assert "->   old → new  moved" in shown
    assert "Plan: 1 to create, 1 to move." in shown
    assert shown.index("old → new") < shown.index("resnet")


@pytest.mark.parametrize("format_", ["markdown", "html"])
def test_moves_alone_are_something_to_approve(format_: str) -> None:
    plan = a_plan(moved=MOVES, noop=1)
    shown = render_document(format_, a_report(plan))
    assert plan.digest in shown
    assert shown.count("new") >= 1
    assert "→" in shown


def test_an_apply_tells_of_moves() -> None:
    assert "Applied: 1 created, 1 moved." in render_apply(an_apply_result(moved=MOVES))
