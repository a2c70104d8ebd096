"""Projection: what apply must have recorded when a plan is done."""

from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import JobRecord, Status
from reconciler.planning.projection import mismatches, project
from tests.build import a_record, a_spec, an_action, an_outcome

PROJECTED = a_record(job_id=None, version_id=None, created_at=None)


@pytest.mark.parametrize("kind", ["create", "replace", "update", "adopt"])
def test_a_job_that_stays_leaves_its_record(kind: str) -> None:
    assert project(an_action(kind, result=PROJECTED)) == PROJECTED


@pytest.mark.parametrize("kind", ["delete", "forget"])
def test_a_job_that_goes_leaves_none(kind: str) -> None:
    assert project(an_action(kind, result=PROJECTED)) is None


@pytest.mark.parametrize(
    ("kind", "found", "fits"),
    [
        pytest.param("create", a_record(), True, id="with the ids filled in"),
        pytest.param(
            "create",
            a_record(outcome=an_outcome(Status.FAILED)),
            True,
            id="whatever its outcome",
        ),
        pytest.param("create", None, False, id="not recorded"),
        pytest.param("create", a_record(job_id=None), False, id="without an id"),
        pytest.param("create", a_record(name="other"), False, id="another name"),
        pytest.param("create", a_record(a_spec(workers=2)), False, id="another configuration"),
        pytest.param("create", a_record(protect=True), False, id="protected"),
        pytest.param("create", a_record(retain=True), False, id="retained"),
        pytest.param("create", a_record(attempt=2), False, id="another attempt"),
        pytest.param("delete", None, True, id="deleted and forgotten"),
        pytest.param("delete", a_record(), False, id="deleted and still recorded"),
        pytest.param("forget", a_record(), False, id="not forgotten"),
    ],
)
def test_mismatches(kind: str, found: JobRecord | None, fits: bool) -> None:
    records: dict[Any, JobRecord] = {"resnet": found} if found else {}

    wrong = mismatches([an_action(kind, result=PROJECTED)], records)

    assert wrong == (() if fits else ("resnet",))


def test_mismatches_are_in_the_order_of_the_actions() -> None:
    done = [an_action("create", name, result=PROJECTED) for name in ("b", "a", "c")]

    assert mismatches(done, {Address("a"): a_record()}) == ("b", "c")
