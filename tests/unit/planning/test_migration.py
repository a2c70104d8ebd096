"""Which records move to another API version, and what stands against it."""

import pytest

from reconciler.model.address import Address
from reconciler.model.job import JobRecord, Status
from reconciler.model.migration import Fate
from reconciler.model.platform import PlatformIdentity
from reconciler.model.state import fold
from reconciler.planning.migration import check_migration, make_migration, migration_entries
from tests.build import a_listing, a_platform, a_record, a_spec, a_state, an_actual, an_intent
from tests.build import an_outcome as outcome

HERE = a_platform().identity
THERE = HERE.model_copy(update={"api": "modelarts/v2"})


@pytest.mark.parametrize(
    ("record", "live", "fate", "status"),
    [
        pytest.param(
            a_record(outcome=outcome()), Status.SUCCEEDED, Fate.KEPT, "succeeded", id="succeeded"
        ),
        pytest.param(a_record(outcome=outcome()), None, Fate.KEPT, "succeeded", id="cleaned up"),
        pytest.param(
            a_record(outcome=outcome(Status.FAILED)),
            Status.FAILED,
            Fate.DROPPED,
            "failed",
            id="failed",
        ),
        pytest.param(
            a_record(outcome=outcome(Status.STOPPED)),
            Status.STOPPED,
            Fate.DROPPED,
            "stopped",
            id="stopped",
        ),
        pytest.param(a_record(), None, Fate.DROPPED, "gone", id="vanished"),
        pytest.param(a_record(job_id=None), None, Fate.DROPPED, "gone", id="between two jobs"),
        pytest.param(
            a_record(), Status.SUCCEEDED, Fate.DROPPED, "changed outside", id="another run"
        ),
    ],
)
def test_what_becomes_of_a_record(
    record: JobRecord, live: Status | None, fate: Fate, status: str
) -> None:
    state = a_state({"resnet": record})
    listing = a_listing(*([an_actual(status=live)] if live else []))

    migration = make_migration(state, listing, THERE)
    moved = fold(state, migration_entries(migration))

    (each,) = migration.records
    assert (each.fate, each.status) == (fate, status)
    assert check_migration(state, migration, listing, a_listing()) == ()
    assert moved.platform == THERE
    assert moved.records == ({"resnet": record} if fate is Fate.KEPT else {})
    assert moved.serial > state.serial


@pytest.mark.parametrize(
    "status", [Status.PENDING, Status.RUNNING, Status.STOPPING, Status.UNKNOWN]
)
def test_a_job_under_way_stands_against_it(status: Status) -> None:
    state, listing = a_state({"resnet": a_record()}), a_listing(an_actual(status=status))
    migration = make_migration(state, listing, THERE)

    (problem,) = check_migration(state, migration, listing, a_listing())

    assert problem.summary == "Job is under way"
    assert problem.address == "resnet"
    assert "reconciler stop resnet" in problem.hint


def test_a_job_of_the_same_name_on_the_other_side_stands_against_it() -> None:
    state = a_state({"resnet": a_record(outcome=outcome())})
    migration = make_migration(state, a_listing(), THERE)
    there = a_listing(an_actual(job_id="uuid"))

    (problem,) = check_migration(state, migration, a_listing(), there)

    assert problem.summary == "Name is taken"
    assert "uuid" in problem.detail


def test_an_apply_that_was_cut_off_stands_against_it() -> None:
    intent = an_intent(spec=a_spec("other"))
    state = a_state(intents={Address("other"): (intent,)})
    migration = make_migration(state, a_listing(), THERE)

    (problem,) = check_migration(state, migration, a_listing(), a_listing())

    assert problem.summary == "An apply was cut off"
    assert problem.address == "other"


@pytest.mark.parametrize(
    "changes", [{"project_id": "p2"}, {"workspace_id": "7"}, {"endpoint": "https://x"}]
)
def test_nothing_but_the_version_may_change(changes: dict[str, str]) -> None:
    target = PlatformIdentity(**(THERE.model_dump() | changes))
    state = a_state()
    migration = make_migration(state, a_listing(), target)

    (problem,) = check_migration(state, migration, a_listing(), a_listing())

    assert problem.code == "identity"
