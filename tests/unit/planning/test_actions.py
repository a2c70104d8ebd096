"""What an action carries: the job it aims at, its condition, the record that it leaves."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.plan import ActionKind, Expectation
from reconciler.model.spec import JobSpec
from reconciler.planning.decide import decide
from tests.build import a_desired, a_record, a_spec, an_actual, an_outcome

ADDRESS = Address("resnet")
SPEC = a_spec()
CHANGED = a_spec(parameters={"lr": "0.2"})
DESCRIBED = a_spec(description="ours")
REDESCRIBED = a_spec(description="newer")
WANTED = a_desired()


def wanting(spec: JobSpec = SPEC, /, **lifecycle: Any) -> DesiredJob:
    return a_desired(spec, address="resnet", lifecycle=Lifecycle.model_validate(lifecycle))


def finished(**overrides: Any) -> JobRecord:
    return a_record(outcome=an_outcome(), **overrides)


def ended(status: Status = Status.FAILED, **overrides: Any) -> ActualJob:
    return an_actual(status=status, **overrides)


RETRYING = wanting(on_failure="retry", max_attempts=3)


class TestReplace:
    def test_says_what_is_there_what_comes_and_what_must_still_be_true(self) -> None:
        actual = an_actual(status=Status.RUNNING, duration_ms=90_000)

        action = decide(ADDRESS, wanting(CHANGED, protect=True), a_record(attempt=3), actual)

        assert (action.job_id, action.version_id) == ("10", "20")
        assert (action.before, action.after) == (SPEC.canonical, CHANGED.canonical)
        assert action.expects == Expectation(job_id="10", version_id="20")
        assert (action.interrupts, action.running_ms) == (True, 90_000)
        assert action.location == WANTED.location
        assert action.result == JobRecord(job_id=None, name="resnet", spec=CHANGED, protect=True)

    def test_of_another_job_aims_at_the_one_that_is_there(self) -> None:
        action = decide(ADDRESS, WANTED, a_record(), an_actual(job_id="99", version_id="77"))

        assert (action.job_id, action.version_id) == ("99", "77")
        assert action.expects == Expectation(job_id="99", version_id="77")

    def test_for_drift_shows_the_platforms_value_as_what_is_undone(self) -> None:
        action = decide(ADDRESS, wanting(DESCRIBED), a_record(), an_actual(CHANGED))

        assert [(c.path, c.before, c.after) for c in action.changes] == [
            ("parameters.lr", "0.2", "0.1"),
            ("description", None, "ours"),
        ]

    def test_counts_a_retry(self) -> None:
        action = decide(ADDRESS, RETRYING, a_record(attempt=2), ended())

        assert action.result is not None
        assert action.result.attempt == 3

    @pytest.mark.parametrize("status", Status)
    def test_interrupts_a_job_that_waits_or_runs(self, status: Status) -> None:
        action = decide(ADDRESS, wanting(CHANGED), a_record(), ended(status))

        live = status in (Status.PENDING, Status.RUNNING, Status.UNKNOWN)
        assert action.interrupts is live
        assert action.running_ms == (60_000 if live else None)


class TestCreate:
    def test_begins_a_record_at_the_first_attempt(self) -> None:
        action = decide(ADDRESS, wanting(retain=True), None, None)

        assert (action.before, action.after) == (None, SPEC.canonical)
        assert action.expects == Expectation()
        assert action.result == JobRecord(job_id=None, name="resnet", spec=SPEC, retain=True)

    @pytest.mark.parametrize(
        ("spec", "attempt"),
        [
            pytest.param(SPEC, 2, id="the same configuration keeps it"),
            pytest.param(DESCRIBED, 2, id="another description keeps it"),
            pytest.param(CHANGED, 1, id="another configuration starts over"),
        ],
    )
    def test_after_an_interruption_counts_the_attempt(self, spec: JobSpec, attempt: int) -> None:
        record = a_record(job_id=None, version_id=None, attempt=2)

        action = decide(ADDRESS, wanting(spec), record, None)

        assert action.result is not None
        assert action.result.attempt == attempt

    def test_of_a_vanished_job_starts_over(self) -> None:
        action = decide(ADDRESS, WANTED, a_record(attempt=3), None)

        assert action.before == SPEC.canonical
        assert action.result is not None
        assert (action.result.job_id, action.result.attempt) == (None, 1)


class TestUpdate:
    def test_keeps_the_record_but_for_what_changed(self) -> None:
        record = finished(attempt=2)

        action = decide(ADDRESS, wanting(DESCRIBED), record, ended(Status.SUCCEEDED))

        assert action.result == record.model_copy(update={"spec": DESCRIBED})
        assert action.expects == Expectation(job_id="10", version_id="20", description="")
        assert not action.interrupts

    def test_learns_a_version_that_was_not_recorded(self) -> None:
        record = a_record(version_id=None)

        action = decide(ADDRESS, wanting(DESCRIBED), record, an_actual())

        assert action.result is not None
        assert action.result.version_id == "20"

    def test_keeps_a_version_that_is_not_told(self) -> None:
        action = decide(ADDRESS, wanting(DESCRIBED), a_record(), an_actual(version_id=None))

        assert action.result is not None
        assert action.result.version_id == "20"

    def test_of_an_emptied_description_shows_it_as_not_written(self) -> None:
        action = decide(ADDRESS, wanting(DESCRIBED), a_record(DESCRIBED), an_actual(SPEC))

        assert [(c.before, c.after, c.forces_replace) for c in action.changes] == [
            (None, "ours", False)
        ]

    def test_of_both_protection_and_drifted_description_is_called_drift(self) -> None:
        desired = wanting(DESCRIBED, protect=True)

        action = decide(ADDRESS, desired, a_record(DESCRIBED), an_actual(REDESCRIBED))

        assert action.reason == "drifted"
        assert [c.path for c in action.changes] == ["description", "lifecycle.protect"]


class TestRemoval:
    def test_deletes_the_recorded_job_and_says_what_it_interrupts(self) -> None:
        action = decide(ADDRESS, None, a_record(), an_actual(duration_ms=None))

        assert (action.job_id, action.version_id) == ("10", "20")
        assert (action.before, action.after) == (SPEC.canonical, None)
        assert action.expects == Expectation(job_id="10", version_id="20")
        assert (action.interrupts, action.running_ms) == (True, None)
        assert action.result is None

    def test_of_a_finished_job_interrupts_nothing(self) -> None:
        action = decide(ADDRESS, None, a_record(), ended(Status.SUCCEEDED))

        assert (action.interrupts, action.running_ms) == (False, None)

    def test_by_forgetting_expects_the_job_as_it_is(self) -> None:
        kept = decide(ADDRESS, None, a_record(retain=True), an_actual())
        gone = decide(ADDRESS, None, a_record(), None)

        assert kept.expects == Expectation(job_id="10", version_id="20")
        assert gone.expects == Expectation()
        assert kept.result is gone.result is None


class TestAdopt:
    def test_takes_over_an_equal_job(self) -> None:
        found = an_actual(job_id="99", version_id="77")

        action = decide(ADDRESS, wanting(protect=True), None, found, adopt=True)

        assert (action.kind, action.reason) == (ActionKind.ADOPT, "adopted")
        assert (action.job_id, action.version_id) == ("99", "77")
        assert action.changes == ()
        assert action.expects == Expectation(job_id="99", version_id="77")
        assert action.result == a_record(job_id="99", version_id="77", protect=True)

    def test_sets_a_description_that_differs(self) -> None:
        action = decide(ADDRESS, wanting(DESCRIBED), None, an_actual(), adopt=True)

        assert action.kind is ActionKind.ADOPT
        assert [(c.path, c.before, c.after) for c in action.changes] == [
            ("description", None, "ours")
        ]

    def test_refuses_a_job_that_differs_and_shows_theirs_before_ours(self) -> None:
        action = decide(ADDRESS, WANTED, None, an_actual(CHANGED), adopt=True)

        assert (action.kind, action.reason) == (ActionKind.BLOCKED, "name_taken")
        assert [(c.path, c.before, c.after) for c in action.changes] == [
            ("parameters.lr", "0.2", "0.1")
        ]
        assert action.result is None

    def test_refuses_a_job_whose_configuration_was_not_read(self) -> None:
        action = decide(ADDRESS, WANTED, None, replace(an_actual(), spec=None), adopt=True)

        assert (action.kind, action.changes) == (ActionKind.BLOCKED, ())
