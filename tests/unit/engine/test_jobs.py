"""Chosen jobs: which ones, their stopping, their adoption."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from reconciler.backends.base import Backend, StateWriter
from reconciler.engine.jobs import adopt, select, stop_jobs
from reconciler.errors import (
    JobNotFoundError,
    NameTakenError,
    ProviderError,
    RefusedError,
    UsageError,
)
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Status
from reconciler.model.plan import Action
from reconciler.model.state import SnapshotInfo, State
from tests.unit.engine.support import PLATFORM, World, a_request, after, job, other
from tests.unit.engine.tape import Died

A = Address("a")


@dataclass(slots=True)
class CountingReads:
    """A backend that counts how often it is read."""

    inner: Backend
    reads: int = 0

    def read(self) -> State | None:
        self.reads += 1
        return self.inner.read()

    def lock(self, *, command: str, timeout: float = 0.0) -> AbstractContextManager[StateWriter]:
        return self.inner.lock(command=command, timeout=timeout)

    def history(self) -> Sequence[SnapshotInfo]:
        return self.inner.history()

    def restore(self, name: str) -> State:
        return self.inner.restore(name)


def world_with(*names: str) -> World:
    world = World()
    world.apply(*(job(name) for name in names))
    world.tape.clear()
    return world


def stopped(world: World, *names: str, timeout: float = 60.0) -> dict[str, str]:
    rows = stop_jobs(world.context(), [Address(name) for name in names], timeout=timeout)
    return {row.address: str(row.status) for row in rows}


def adopted(world: World, wanted: DesiredJob, job_id: str | None = None, **fields: Any) -> Action:
    return adopt(world.context(), a_request(wanted, **fields), wanted.address, job_id)


@pytest.mark.parametrize(
    ("globs", "chosen"),
    [
        ([], ["a", "ab", "b", "s[x=1]", "s[x=2]"]),
        (["a*"], ["a", "ab"]),
        (["b", "a"], ["a", "b"]),
        (["s"], ["s[x=1]", "s[x=2]"]),
        (["?"], ["a", "b", "s[x=1]", "s[x=2]"]),
        (["s[x=2]"], ["s[x=2]"]),
        (["s[*]", "b"], ["b", "s[x=1]", "s[x=2]"]),
    ],
    ids=lambda value: " ".join(value) or "none",
)
def test_globs_choose_recorded_jobs(globs: list[str], chosen: list[str]) -> None:
    state = world_with("b", "ab", "a").state
    points = {Address(f"s[x={x}]"): state.records[A] for x in (1, 2)}
    state = state.model_copy(update={"records": {**state.records, **points}})

    assert select(state, globs) == chosen


def test_a_glob_that_fits_no_record_is_a_typing_error() -> None:
    with pytest.raises(UsageError, match='"c"'):
        select(world_with("a").state, ["a", "c"])
    with pytest.raises(UsageError, match='"a"'):
        select(None, ["a"])


def test_only_what_waits_or_runs_is_stopped() -> None:
    world = world_with("done", "gone", "live", "new", "other")
    world.platform.set_status("done", Status.SUCCEEDED)
    world.platform.remove("gone")
    world.platform.set_status("live", Status.RUNNING)

    ends = stopped(world, "done", "gone", "live", "new")

    assert world.mutations() == ["stop live", "stop new"]
    assert ends == {"done": "succeeded", "gone": "unknown", "live": "stopped", "new": "stopped"}
    outcome = world.record("live").outcome
    assert outcome is not None
    assert outcome.status is Status.STOPPED
    assert world.record("other").outcome is None


def stops_slowly(world: World, polls: int) -> None:
    """Let the platform accept a stop at once, and carry it out some polls later."""

    @contextmanager
    def accepted() -> Iterator[None]:
        yield
        world.platform.set_status("a", Status.STOPPING)

    world.around["stop"] = accepted
    world.clock.on_pause = after(lambda: world.platform.set_status("a", Status.STOPPED), nth=polls)


def test_stopping_waits_until_the_platform_has_stopped_the_job() -> None:
    world = world_with("a")
    stops_slowly(world, polls=4)

    assert stopped(world, "a") == {"a": "stopped"}
    assert world.clock.pauses == pytest.approx([0.2, 0.3, 0.45, 0.675])


def test_stopping_gives_up_when_the_time_is_over() -> None:
    world = world_with("a")
    stops_slowly(world, polls=1000)

    assert stopped(world, "a", timeout=20) == {"a": "stopping"}
    assert world.record("a").outcome is None


def test_a_stop_of_the_run_ends_the_waiting_for_stopped_jobs() -> None:
    world = world_with("a")
    stops_slowly(world, polls=1000)
    world.clock.on_pause = after(lambda: world.stop.set())

    assert stopped(world, "a") == {"a": "stopping"}


def test_a_refused_stop_keeps_no_other_job_from_being_stopped() -> None:
    world = world_with("a", "b", "c")
    world.platform.fail("stop", ProviderError("Not now"))

    with pytest.raises(ProviderError, match="a: Not now"):
        stopped(world, "a", "b", "c")

    assert world.mutations() == ["stop a", "stop b", "stop c"]
    known = {name: world.record(name).outcome for name in "abc"}
    assert {name for name, outcome in known.items() if outcome} == {"b", "c"}


def test_the_state_is_read_once_however_many_jobs_are_stopped() -> None:
    reads = {}
    for many in (1, 5):
        world = world_with(*(f"j{n}" for n in range(many)))
        context = world.context()
        counted = CountingReads(context.backend)
        stop_jobs(replace(context, backend=counted), list(world.state.records))
        reads[many] = counted.reads

    assert reads[5] == reads[1]


@pytest.mark.parametrize("by_id", [False, True], ids=["by name", "by id"])
@pytest.mark.parametrize("before", [(), ("b",)], ids=["without a state", "with a state"])
def test_adopting_records_an_existing_job(before: tuple[str, ...], by_id: bool) -> None:
    world = world_with(*before)
    theirs = world.platform.add(job().spec, Status.RUNNING)

    action = adopted(world, job(), theirs.job_id if by_id else None)

    assert (action.kind.value, action.job_id) == ("adopt", theirs.job_id)
    assert world.mutations() == []
    assert world.tape[-2:] == ["recorded a", "checkpoint"]
    assert world.state.platform == PLATFORM.identity
    assert world.record("a").created_at == theirs.created_at
    world.check_settled(job(), *(job(name) for name in before))


def test_adopting_sets_the_description() -> None:
    world = World()
    world.platform.add(job(description="theirs").spec)

    adopted(world, job(description="ours"))

    assert world.tape == [
        "list",
        "get a",
        "checkpoint",
        "bound",
        "opened update a",
        "update a",
        "recorded a",
        "checkpoint",
    ]
    world.check_settled(job(description="ours"))


@pytest.mark.parametrize("by_apply", [False, True], ids=["adopt", "apply"])
def test_a_finished_job_that_was_adopted_is_not_paid_for_again(by_apply: bool) -> None:
    world = World()
    world.platform.add(job().spec, Status.SUCCEEDED)
    if by_apply:
        world.apply(request=a_request(job(), adopt=True))
    else:
        adopted(world, job())
    world.platform.remove("a")

    world.apply(job())

    assert world.mutations() == []
    assert world.record("a").has_succeeded


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_adoption_that_died_at_the_description_is_settled(when: str) -> None:
    world, wanted = World(), job(description="ours")
    world.platform.add(job(description="theirs").spec)
    world.platform.fail("update_description", Died(), when=when)  # type: ignore[arg-type]
    with pytest.raises(Died):
        adopted(world, wanted)

    world.apply(request=a_request(wanted, adopt=True))

    world.check_settled(wanted)
    assert world.created == []


def test_an_adoption_whose_description_is_refused_leaves_nothing_behind() -> None:
    world, wanted = World(), job(description="ours")
    world.platform.add(job(description="theirs").spec)
    world.platform.fail("update_description", ProviderError("no"))

    with pytest.raises(ProviderError, match="no"):
        adopted(world, wanted)

    assert world.state.records == {}
    adopted(world, wanted)
    world.check_settled(wanted)


def unlike(world: World) -> DesiredJob:
    world.platform.add(other().spec)
    return job()


def recorded(world: World) -> DesiredJob:
    world.apply(job())
    return job()


def recorded_elsewhere(world: World) -> DesiredJob:
    world.apply(job())
    return DesiredJob(Address("new"), job().spec)


def missing(_: World) -> DesiredJob:
    return job()


@pytest.mark.parametrize(
    ("prepare", "error", "message"),
    [
        (unlike, NameTakenError, "parameters.lr: theirs '0.2', ours '0.1'"),
        (recorded, UsageError, "recorded already"),
        (recorded_elsewhere, UsageError, "reconciler state mv a new"),
        (missing, JobNotFoundError, 'no job with name "a"'),
    ],
)
def test_what_cannot_be_adopted_is_left_alone(
    prepare: Callable[[World], DesiredJob], error: type[Exception], message: str
) -> None:
    world = World()
    wanted = prepare(world)
    known, jobs = world.store.read(), world.platform.jobs

    with pytest.raises(error, match=re.escape(message)):
        adopted(world, wanted)

    assert (world.store.read(), world.platform.jobs) == (known, jobs)


def test_an_id_that_does_not_exist_is_not_adopted() -> None:
    world = World()
    world.platform.add(job().spec)

    with pytest.raises(JobNotFoundError, match="no job with id 1"):
        adopted(world, job(), "1")


def test_only_an_address_of_the_definition_adopts() -> None:
    with pytest.raises(UsageError, match='no job "a"'):
        adopt(World().context(), a_request(job("b")), A, None)


def test_a_job_of_another_platform_is_not_adopted() -> None:
    world = world_with("b")
    elsewhere = PLATFORM.model_copy(update={"project_id": "elsewhere"})

    with pytest.raises(RefusedError, match="another platform"):
        adopted(world, job(), platform=elsewhere)


def test_a_half_done_replacement_may_be_completed_by_an_adoption() -> None:
    world = world_with("a")
    world.platform.fail("create", ProviderError("no"))
    world.apply(other())
    assert world.record("a").job_id is None
    world.platform.add(other().spec)

    adopted(world, other())

    world.check_settled(other())
