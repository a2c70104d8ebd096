"""Drift: what others did to the recorded jobs, and what does not count as such."""

from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, JobRecord, Status
from reconciler.model.plan import DriftKind
from reconciler.planning.drift import find_drift
from tests.build import a_listing, a_location, a_record, a_spec, an_actual, an_outcome

ADDRESS = Address("resnet")
CHANGED = a_spec(parameters={"lr": "0.2"})
DESCRIBED = a_spec(description="ours")


@pytest.mark.parametrize(
    ("record", "actual", "kind", "changes"),
    [
        pytest.param(a_record(), an_actual(), None, [], id="equal"),
        pytest.param(
            a_record(), an_actual(CHANGED), "changed", ["parameters.lr"], id="another parameter"
        ),
        pytest.param(
            a_record(DESCRIBED),
            an_actual(a_spec(description="theirs", workers=2)),
            "changed",
            ["workers", "description"],
            id="fixed fields before the description",
        ),
        pytest.param(
            a_record(DESCRIBED), an_actual(), "changed", ["description"], id="description emptied"
        ),
        pytest.param(
            a_record(), an_actual(DESCRIBED), None, [], id="a description that nobody wrote"
        ),
        pytest.param(
            a_record(),
            an_actual(version_id="21"),
            "replaced",
            ["version_id"],
            id="another version",
        ),
        pytest.param(
            a_record(),
            an_actual(CHANGED, job_id="99", version_id="98"),
            "replaced",
            ["job_id", "version_id", "parameters.lr"],
            id="another job of the name",
        ),
        pytest.param(
            a_record(version_id=None), an_actual(), None, [], id="a version that is not recorded"
        ),
        pytest.param(a_record(), None, "vanished", [], id="deleted by others"),
        pytest.param(
            a_record(outcome=an_outcome(Status.FAILED)),
            None,
            "vanished",
            [],
            id="deleted after a failure",
        ),
        pytest.param(a_record(outcome=an_outcome()), None, None, [], id="cleaned up after success"),
        pytest.param(a_record(job_id=None), None, None, [], id="deleted by ourselves"),
        pytest.param(
            a_record(job_id=None),
            an_actual(),
            None,
            [],
            id="deleted by ourselves, and the name taken",
        ),
    ],
)
def test_find_drift(
    record: JobRecord, actual: ActualJob | None, kind: str | None, changes: list[str]
) -> None:
    listing = a_listing(*([actual] if actual else []))
    place = a_location()

    found = find_drift([ADDRESS], {ADDRESS: record}, listing, {ADDRESS: place})

    assert [(d.address, d.name, d.kind, d.location) for d in found] == (
        [(ADDRESS, "resnet", DriftKind(kind), place)] if kind else []
    )
    assert [change.path for d in found for change in d.changes] == changes


def test_drift_shows_the_record_before_and_the_platform_after() -> None:
    listing = a_listing(an_actual(a_spec(workers=2), job_id="99"))

    (drift,) = find_drift([ADDRESS], {ADDRESS: a_record()}, listing, {})

    shown: list[tuple[str, Any, Any]] = [(c.path, c.before, c.after) for c in drift.changes]
    assert shown == [("job_id", "10", "99"), ("workers", None, 2)]
    assert drift.location is None


@pytest.mark.parametrize("status", Status)
def test_a_status_is_no_drift(status: Status) -> None:
    listing = a_listing(an_actual(status=status))

    assert find_drift([ADDRESS], {ADDRESS: a_record()}, listing, {}) == ()


def test_only_the_addresses_asked_for_are_looked_at() -> None:
    records = {Address(name): a_record(a_spec(name), job_id=name) for name in "abc"}

    found = find_drift([Address("b"), Address("x")], records, a_listing(), {})

    assert [drift.address for drift in found] == ["b"]


def test_a_job_that_another_record_speaks_of_took_nobodys_place() -> None:
    records = {Address("a"): a_record(job_id="1"), Address("b"): a_record(job_id="2")}

    (drift,) = find_drift([Address("a")], records, a_listing(an_actual(job_id="2")), {})

    assert drift.kind is DriftKind.VANISHED
