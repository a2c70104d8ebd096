"""The truth table: what is decided for one job, row by row."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.plan import ActionKind
from reconciler.model.spec import JobSpec
from reconciler.planning.decide import decide
from tests.build import a_desired, a_record, a_spec, an_actual, an_outcome

ADDRESS = Address("resnet")
SPEC = a_spec()
CHANGED = a_spec(parameters={"lr": "0.2"})
DESCRIBED = a_spec(description="ours")
REDESCRIBED = a_spec(description="newer")
WANTED = a_desired()
GONE = None
NOT_WANTED = None
NOT_RECORDED = None


def wanting(spec: JobSpec = SPEC, /, **lifecycle: Any) -> DesiredJob:
    return a_desired(spec, address="resnet", lifecycle=Lifecycle.model_validate(lifecycle))


def finished(**overrides: Any) -> JobRecord:
    return a_record(outcome=an_outcome(), **overrides)


def ended(status: Status = Status.FAILED, **overrides: Any) -> ActualJob:
    return an_actual(status=status, **overrides)


RETRYING = wanting(on_failure="retry", max_attempts=3)

TABLE = [
    # desired, record, actual, kind, reason
    pytest.param(WANTED, NOT_RECORDED, GONE, "create", "new", id="wanted and unknown"),
    pytest.param(
        WANTED, NOT_RECORDED, an_actual(), "blocked", "name_taken", id="somebody bears the name"
    ),
    pytest.param(WANTED, a_record(), an_actual(), "noop", "unchanged", id="all as it should be"),
    pytest.param(
        WANTED, a_record(), ended(Status.SUCCEEDED), "noop", "unchanged", id="done and still there"
    ),
    pytest.param(
        WANTED,
        a_record(),
        an_actual(None, name="resnet"),
        "noop",
        "unchanged",
        id="the listed row alone proves nothing changed",
    ),
    pytest.param(
        wanting(CHANGED), a_record(), an_actual(), "replace", "definition_changed", id="edited"
    ),
    pytest.param(
        wanting(a_spec("other")),
        a_record(),
        an_actual(),
        "replace",
        "definition_changed",
        id="renamed",
    ),
    pytest.param(
        WANTED, a_record(), an_actual(CHANGED), "replace", "drifted", id="configured by others"
    ),
    pytest.param(
        WANTED, a_record(), an_actual(job_id="99"), "replace", "drifted", id="another job's id"
    ),
    pytest.param(
        WANTED,
        a_record(),
        an_actual(None, name="resnet", version_id="21"),
        "replace",
        "drifted",
        id="another version, even unread",
    ),
    pytest.param(
        WANTED,
        a_record(version_id=None),
        an_actual(),
        "noop",
        "unchanged",
        id="no version recorded, none compared",
    ),
    pytest.param(
        WANTED,
        a_record(),
        an_actual(version_id=None),
        "noop",
        "unchanged",
        id="no version told, none compared",
    ),
    pytest.param(RETRYING, a_record(), ended(), "replace", "retry 2/3", id="failed once"),
    pytest.param(RETRYING, a_record(attempt=2), ended(), "replace", "retry 3/3", id="failed twice"),
    pytest.param(
        RETRYING, a_record(attempt=3), ended(), "noop", "unchanged", id="attempts exhausted"
    ),
    pytest.param(
        RETRYING, a_record(), ended(Status.STOPPED), "noop", "unchanged", id="stopped is no failure"
    ),
    pytest.param(WANTED, a_record(), ended(), "noop", "unchanged", id="failures are kept"),
    pytest.param(
        wanting(DESCRIBED), a_record(), an_actual(), "update", "definition_changed", id="described"
    ),
    pytest.param(
        wanting(SPEC),
        a_record(DESCRIBED),
        an_actual(DESCRIBED),
        "update",
        "definition_changed",
        id="description taken out of the definition",
    ),
    pytest.param(
        wanting(DESCRIBED),
        a_record(DESCRIBED),
        an_actual(REDESCRIBED),
        "update",
        "drifted",
        id="description edited by others",
    ),
    pytest.param(
        wanting(DESCRIBED),
        a_record(DESCRIBED),
        an_actual(SPEC),
        "update",
        "drifted",
        id="description emptied by others",
    ),
    pytest.param(
        WANTED,
        a_record(),
        an_actual(DESCRIBED),
        "noop",
        "unchanged",
        id="a description that nobody wrote never drifts",
    ),
    pytest.param(
        wanting(REDESCRIBED),
        a_record(DESCRIBED),
        an_actual(REDESCRIBED),
        "update",
        "definition_changed",
        id="description edited here and there alike",
    ),
    pytest.param(WANTED, finished(), GONE, "noop", "finished", id="gone after success"),
    pytest.param(WANTED, a_record(), GONE, "create", "vanished", id="gone before its end"),
    pytest.param(
        WANTED,
        a_record(outcome=an_outcome(Status.FAILED)),
        GONE,
        "create",
        "vanished",
        id="gone after a failure",
    ),
    pytest.param(
        wanting(CHANGED),
        finished(),
        GONE,
        "create",
        "definition_changed",
        id="gone after success, and edited since",
    ),
    pytest.param(
        wanting(DESCRIBED),
        finished(),
        GONE,
        "noop",
        "finished",
        id="gone after success, and only described anew",
    ),
    pytest.param(
        wanting(CHANGED, on_missing="error"),
        a_record(),
        GONE,
        "create",
        "definition_changed",
        id="gone and edited is not merely missing",
    ),
    pytest.param(
        WANTED, a_record(job_id=None), GONE, "create", "interrupted", id="half a replacement"
    ),
    pytest.param(
        wanting(CHANGED),
        a_record(job_id=None),
        GONE,
        "create",
        "interrupted",
        id="half a replacement, by a new definition",
    ),
    pytest.param(
        wanting(on_missing="error"),
        a_record(job_id=None),
        GONE,
        "create",
        "interrupted",
        id="half a replacement is not missing",
    ),
    pytest.param(NOT_WANTED, a_record(), GONE, "forget", "gone", id="dropped and already gone"),
    pytest.param(
        NOT_WANTED,
        a_record(retain=True),
        GONE,
        "forget",
        "gone",
        id="dropped, retained, and already gone",
    ),
    pytest.param(NOT_WANTED, a_record(), an_actual(), "delete", "removed", id="dropped"),
    pytest.param(
        NOT_WANTED, a_record(retain=True), an_actual(), "forget", "retained", id="dropped, retained"
    ),
    pytest.param(
        NOT_WANTED,
        a_record(protect=True),
        an_actual(),
        "delete",
        "removed",
        id="dropped, protected: the guard speaks",
    ),
    # The first case that fits wins.
    pytest.param(
        wanting(CHANGED),
        a_record(),
        an_actual(job_id="99"),
        "replace",
        "definition_changed",
        id="an edit goes before drift",
    ),
    pytest.param(
        wanting(CHANGED, on_failure="retry"),
        a_record(),
        ended(),
        "replace",
        "definition_changed",
        id="an edit goes before a retry",
    ),
    pytest.param(
        RETRYING,
        a_record(),
        ended(version_id="21"),
        "replace",
        "drifted",
        id="drift before a retry",
    ),
    pytest.param(
        wanting(DESCRIBED),
        a_record(),
        an_actual(CHANGED),
        "replace",
        "drifted",
        id="drift goes before an update",
    ),
    pytest.param(
        wanting(DESCRIBED, on_failure="retry"),
        a_record(),
        ended(),
        "replace",
        "retry 2/3",
        id="a retry goes before an update",
    ),
    pytest.param(
        wanting(on_failure="retry", retain=True),
        a_record(attempt=3),
        ended(),
        "update",
        "definition_changed",
        id="an update goes before nothing",
    ),
]


@pytest.mark.parametrize(("desired", "record", "actual", "kind", "reason"), TABLE)
def test_decide(
    desired: DesiredJob | None,
    record: JobRecord | None,
    actual: ActualJob | None,
    kind: str,
    reason: str,
) -> None:
    action = decide(ADDRESS, desired, record, actual)

    assert (action.kind, action.reason) == (ActionKind(kind), reason)
    assert action.address == ADDRESS


def test_nothing_known_is_nothing_to_decide() -> None:
    with pytest.raises(ValueError, match="resnet"):
        decide(ADDRESS, None, None, an_actual())


@pytest.mark.parametrize("status", Status)
def test_a_status_alone_never_makes_a_plan(status: Status) -> None:
    assert decide(ADDRESS, WANTED, a_record(), ended(status)).kind is ActionKind.NOOP


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.FAILED])
def test_only_a_failure_is_retried(status: Status) -> None:
    assert decide(ADDRESS, RETRYING, a_record(), ended(status)).kind is ActionKind.NOOP


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(None, {"accept_finished": "create", "error": "blocked"}, id="never seen"),
        pytest.param(
            Status.SUCCEEDED, {"accept_finished": "noop", "error": "noop"}, id="succeeded"
        ),
        pytest.param(Status.FAILED, {"accept_finished": "create", "error": "blocked"}, id="failed"),
        pytest.param(
            Status.STOPPED, {"accept_finished": "create", "error": "blocked"}, id="stopped"
        ),
    ],
)
@pytest.mark.parametrize("on_missing", ["accept_finished", "recreate", "error"])
def test_a_missing_job_is_treated_as_its_lifecycle_says(
    outcome: Status | None, expected: dict[str, str], on_missing: str
) -> None:
    record = a_record(outcome=an_outcome(outcome) if outcome else None)

    action = decide(ADDRESS, wanting(on_missing=on_missing), record, GONE)

    assert action.kind == expected.get(on_missing, "create")
    if action.kind is not ActionKind.NOOP:
        assert action.reason == "vanished"


@pytest.mark.parametrize(
    ("now", "before", "kind"),
    [
        pytest.param(False, False, "replace", id="never protected"),
        pytest.param(True, True, "noop", id="protected all along"),
        pytest.param(True, False, "update", id="newly protected"),
        pytest.param(False, True, "update", id="protection lifted first"),
    ],
)
def test_a_protected_job_is_not_retried(now: bool, before: bool, kind: str) -> None:
    desired = wanting(on_failure="retry", protect=now)

    assert decide(ADDRESS, desired, a_record(protect=before), ended()).kind == kind


@pytest.mark.parametrize("name", ["protect", "retain"])
@pytest.mark.parametrize("value", [True, False])
def test_a_lifecycle_that_the_state_stores_is_updated_there(name: str, value: bool) -> None:
    record = a_record().model_copy(update={name: not value})

    action = decide(ADDRESS, wanting(**{name: value}), record, an_actual())

    assert (action.kind, action.reason) == (ActionKind.UPDATE, "definition_changed")
    assert [(c.path, c.before, c.after, c.forces_replace) for c in action.changes] == [
        (f"lifecycle.{name}", not value, value, False)
    ]
    assert action.result == record.model_copy(update={name: value})


@pytest.mark.parametrize(
    "lifecycle", [{"on_failure": "retry"}, {"max_attempts": 9}, {"on_missing": "error"}]
)
def test_a_lifecycle_that_only_the_definition_knows_changes_nothing(
    lifecycle: dict[str, Any],
) -> None:
    assert decide(ADDRESS, wanting(**lifecycle), a_record(), an_actual()).kind is ActionKind.NOOP


def test_lifting_protection_is_recorded_before_the_drift_that_it_held_back_is_mended() -> None:
    record = a_record(protect=True)
    drifted = replace(ended(Status.SUCCEEDED), version_id="another")

    first = decide(ADDRESS, wanting(protect=False), record, drifted)

    assert (first.kind, [change.path for change in first.changes]) == (
        ActionKind.UPDATE,
        ["lifecycle.protect"],
    )
    assert first.result == record.model_copy(update={"protect": False})
    then = decide(ADDRESS, wanting(protect=False), first.result, drifted)
    assert (then.kind, then.reason) == (ActionKind.REPLACE, "drifted")
