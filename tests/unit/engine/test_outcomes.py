"""How runs end: who records it, who only looks, and how waiting for it ends."""

from collections.abc import Sequence

import pytest

from reconciler.engine.outcomes import WaitResult, read_status, record_outcomes, wait
from reconciler.errors import InterruptedRunError, ProviderError
from reconciler.model.address import Address
from reconciler.model.job import Lifecycle, Status
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.support import World, a_request, after, job, other
from tests.unit.engine.tape import Died

ENDS = [Status.SUCCEEDED, Status.FAILED, Status.STOPPED]


def world_with(*names: str) -> World:
    world = World()
    world.apply(*(job(name) for name in names))
    return world


def waited(world: World, *addresses: str, timeout: float | None = None) -> WaitResult:
    chosen = [Address(each) for each in addresses] or None
    return wait(world.context(), chosen, timeout)


def statuses(result: WaitResult) -> dict[str, str]:
    return {row.address: str(row.status) for row in result.rows}


@pytest.mark.parametrize("status", ENDS)
def test_apply_records_how_a_run_ended_and_when(status: Status) -> None:
    world = world_with("a")
    world.platform.set_status("a", status, 1234)
    serial = world.state.serial

    world.apply(job())

    outcome = world.record("a").outcome
    assert outcome is not None
    assert (outcome.status, outcome.duration_ms) == (status, 1234)
    assert outcome.seen_at == world.platform.time
    assert world.tape == ["observed a"]
    assert world.state.serial == serial
    world.apply(job())
    assert world.tape == []


@pytest.mark.parametrize(
    "status", [Status.PENDING, Status.RUNNING, Status.STOPPING, Status.UNKNOWN]
)
def test_what_has_not_ended_is_not_recorded(status: Status) -> None:
    world = world_with("a")
    world.platform.set_status("a", status)

    world.apply(job())
    waited(world, timeout=0)

    assert world.record("a").outcome is None


def test_another_end_of_the_same_run_is_recorded_again() -> None:
    world = world_with("a")
    for status in (Status.FAILED, Status.SUCCEEDED):
        world.platform.set_status("a", status)
        world.apply(job())

    outcome = world.record("a").outcome
    assert outcome is not None
    assert outcome.status is Status.SUCCEEDED


def test_the_end_of_somebody_elses_version_is_not_ours() -> None:
    world = world_with("a")
    world.platform.add_version("a")
    world.platform.set_status("a", Status.SUCCEEDED)

    record_outcomes(world.context())

    assert world.record("a").outcome is None


def test_plan_and_status_record_nothing() -> None:
    world = world_with("a")
    world.platform.set_status("a", Status.SUCCEEDED)

    world.plan(job())
    rows = read_status(world.context())

    assert [row.status for row in rows] == [Status.SUCCEEDED]
    assert world.record("a").outcome is None


def test_without_a_state_there_is_nothing_to_show_or_to_wait_for() -> None:
    world = World()

    assert read_status(world.context()) == []
    assert waited(world) == WaitResult(())
    assert world.store.read() is None


@pytest.mark.parametrize(
    ("on_missing", "kinds"),
    [("accept_finished", []), ("recreate", ["create"]), ("error", [])],
)
def test_what_finished_and_is_gone_is_paid_for_again_only_when_asked(
    on_missing: str, kinds: list[str]
) -> None:
    world = world_with("a")
    world.platform.set_status("a", Status.SUCCEEDED)
    waited(world)
    world.platform.remove("a")
    wanted = job(lifecycle=Lifecycle.model_validate({"on_missing": on_missing}))

    result = world.apply(wanted)

    assert [each.action.kind.value for each in result.results] == kinds
    assert len(world.created) == 1 + len(kinds)


def test_the_status_table_shows_what_is_live_and_what_is_known() -> None:
    world = world_with("done", "gone", "live")
    world.platform.set_status("done", Status.SUCCEEDED, 50)
    world.apply(job("done"), job("gone"), job("live"))
    world.platform.remove("done")
    world.platform.remove("gone")
    world.platform.set_status("live", Status.RUNNING, 70)

    rows = read_status(world.context())

    assert [(r.address, str(r.status), r.is_gone, r.duration_ms) for r in rows] == [
        ("done", "succeeded", True, 50),
        ("gone", "unknown", True, None),
        ("live", "running", False, 70),
    ]
    assert [r.address for r in read_status(world.context(), [Address("live")])] == ["live"]


def test_status_knows_of_a_deletion_that_a_killed_run_left() -> None:
    world = world_with("a", "b")
    world.platform.fail("delete", Died(), when="after")
    with pytest.raises(Died):
        world.apply(job("b"))

    assert [row.address for row in read_status(world.context())] == ["b"]


def test_waiting_ends_when_every_run_has_ended() -> None:
    world = world_with("a", "b", "c")
    world.platform.set_status("a", Status.SUCCEEDED)
    world.clock.on_pause = after(lambda: world.platform.set_status("b", Status.FAILED), nth=3)
    world.platform.remove("c")

    result = waited(world)

    assert statuses(result) == {"a": "succeeded", "b": "failed", "c": "unknown"}
    assert not result.timed_out
    assert [row.address for row in result.unsuccessful] == ["b", "c"]
    assert world.clock.pauses == pytest.approx([0.2, 0.3, 0.45])
    ends = {a: r.outcome and r.outcome.status for a, r in world.state.records.items()}
    assert ends == {"a": Status.SUCCEEDED, "b": Status.FAILED, "c": None}


def test_a_job_that_is_not_listed_yet_is_waited_for() -> None:
    world = World(MemoryPlatform(list_lag=3))
    world.apply(job())
    world.clock.on_pause = after(lambda: world.platform.set_status("a", Status.SUCCEEDED), nth=2)

    assert statuses(waited(world)) == {"a": "succeeded"}
    assert len(world.clock.pauses) == 2


def test_waiting_looks_only_at_the_chosen_jobs() -> None:
    world = world_with("a", "b")
    world.platform.set_status("b", Status.SUCCEEDED)

    assert statuses(waited(world, "b")) == {"b": "succeeded"}


def test_waiting_gives_up_when_the_time_is_over() -> None:
    world = world_with("a", "b")
    world.platform.set_status("b", Status.SUCCEEDED)

    result = waited(world, timeout=30)

    assert result.timed_out
    assert statuses(result) == {"a": "pending", "b": "succeeded"}
    assert 30 <= sum(world.clock.pauses) < 50
    assert world.record("b").outcome is not None


def test_waiting_polls_less_and_less_often() -> None:
    world = world_with("a")

    waited(world, timeout=120)

    assert world.clock.pauses[-1] == 10.0
    assert world.clock.pauses == sorted(world.clock.pauses)


def test_a_stop_ends_the_waiting() -> None:
    world = world_with("a")
    world.clock.on_pause = after(lambda: world.stop.set(), nth=2)

    with pytest.raises(InterruptedRunError, match="run on"):
        waited(world)

    assert world.mutations() == ["create a"]


def test_outcomes_stay_unrecorded_while_someone_else_writes() -> None:
    world = world_with("a")
    world.platform.set_status("a", Status.SUCCEEDED)

    with world.store.lock(command="apply"):
        result = waited(world)

    assert statuses(result) == {"a": "succeeded"}
    assert world.record("a").outcome is None
    assert "locked" in world.events[-1].message


def test_changes_of_status_are_told_once() -> None:
    world = world_with("a")
    world.events.clear()
    world.clock.on_pause = after(lambda: world.platform.set_status("a", Status.SUCCEEDED), nth=2)

    waited(world)

    told = [(e.type, e.message or f"{e.done}/{e.total}") for e in world.events]
    assert told == [
        ("status", "pending"),
        ("waiting", "0/1"),
        ("waiting", "0/1"),
        ("status", "succeeded"),
        ("waiting", "1/1"),
    ]


def test_a_platform_that_fails_ends_the_waiting() -> None:
    world = world_with("a")
    world.platform.fail("list", ProviderError("Out of order"), nth=2)

    with pytest.raises(ProviderError, match="Out of order"):
        waited(world)


@pytest.mark.parametrize("statuses_", [ENDS, [Status.DELETE_FAILED]])
def test_ends_and_failed_deletions_are_not_waited_for(statuses_: Sequence[Status]) -> None:
    names = [f"j{n}" for n, _ in enumerate(statuses_)]
    world = world_with(*names)
    for name, status in zip(names, statuses_, strict=True):
        world.platform.set_status(name, status)

    assert len(waited(world).rows) == len(names)
    assert world.clock.pauses == []


def test_an_outcome_does_not_outlive_its_job() -> None:
    world = world_with("a")
    world.platform.set_status("a", Status.SUCCEEDED)
    waited(world)

    world.apply(request=a_request(other()))

    assert world.record("a").outcome is None
