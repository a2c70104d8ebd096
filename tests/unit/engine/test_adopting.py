"""Adopting in bulk: who is a stranger, whose definition fits, and what is recorded."""

import pytest

from reconciler.engine.adopting import adopt_all, strangers, unfit
from reconciler.engine.context import Timing
from reconciler.errors import RefusedError
from reconciler.model.address import Address
from reconciler.model.job import Status
from reconciler.providers.memory import MemoryProvider
from tests.build import a_spec
from tests.unit.engine.support import World, a_request, after, job, other, outcome_of, renamed


def test_strangers_are_the_jobs_that_nobody_records_or_names() -> None:
    world = World()
    world.apply(job("ours"))
    for name in ("theirs", "named", "another"):
        world.platform.add(a_spec(name))

    found = strangers(world.context(parallelism=2), names={"named"})

    assert sorted(each.name for each in found) == ["another", "theirs"]
    assert {each.name: each.spec for each in found} == {
        name: a_spec(name) for name in ("another", "theirs")
    }


def test_without_a_state_every_job_is_a_stranger() -> None:
    world = World()
    world.platform.add(a_spec("theirs"))

    assert [each.name for each in strangers(world.context(), names=())] == ["theirs"]


def test_where_every_job_is_recorded_nothing_is_read() -> None:
    world = World()
    world.apply(job("ours"))
    before = len(world.platform.calls)

    assert strangers(world.context(), names=()) == []
    assert [call.method for call in world.platform.calls[before:]] == ["list"]


def test_a_definition_that_says_something_else_is_unfit_and_told_where() -> None:
    world = World()
    for name in ("same", "changed", "renamed"):
        world.platform.add(a_spec(name))
    jobs = {Address(each.name): each for each in strangers(world.context(), names=())}
    desired = {
        each.address: each
        for each in (
            job("same"),
            other("changed", workers=2),
            renamed(job("renamed"), "new-name"),
        )
    }

    wrong = unfit(jobs, desired)

    assert wrong.keys() == {"changed", "renamed"}
    assert sorted(wrong[Address("changed")].split(", ")) == ["parameters.lr", "workers"]
    assert "name" in wrong[Address("renamed")]


def test_adopting_records_what_fits_and_creates_nothing() -> None:
    world = World()
    world.platform.add(a_spec("theirs"))

    result = adopt_all(world.context(), a_request(job("theirs"), job("missing")))

    assert outcome_of(result) == {"theirs": "done"}
    assert world.state.records.keys() == {"theirs"}
    assert world.mutations() == []


def test_adopting_into_a_state_of_another_platform_is_refused() -> None:
    world = World()
    world.apply(job("ours"))
    world.platform.add(a_spec("theirs"))
    elsewhere = a_request(job("ours"), job("theirs")).platform.model_copy(
        update={"project_id": "another"}
    )

    with pytest.raises(RefusedError):
        adopt_all(world.context(), a_request(job("ours"), job("theirs"), platform=elsewhere))

    assert world.state.records.keys() == {"ours"}


def stopping(world: World) -> str:
    """Let a job with the wanted configuration run, and somebody else delete or stop it."""
    job_id = world.platform.add(a_spec("theirs")).job_id
    world.platform.set_status("theirs", Status.STOPPING)
    return job_id


def test_a_job_that_somebody_deletes_is_not_adopted_but_created_when_it_is_gone() -> None:
    world = World()
    world.platform.delete_lag = 3
    going = stopping(world)
    MemoryProvider(world.platform).delete(going)

    result = world.apply(request=a_request(job("theirs"), adopt=True))

    assert outcome_of(result) == {"theirs": "done"}
    assert world.record("theirs").job_id != going
    world.check_settled(job("theirs"))


def test_a_job_that_somebody_stops_is_adopted_when_it_has_stopped() -> None:
    world = World()
    stopped = stopping(world)
    world.clock.on_pause = after(lambda: world.platform.set_status("theirs", Status.STOPPED), nth=2)

    world.apply(request=a_request(job("theirs"), adopt=True))

    assert world.record("theirs").job_id == stopped
    assert world.mutations() == []


def test_a_job_that_takes_long_to_stop_is_adopted_as_it_is() -> None:
    world = World()
    going = stopping(world)
    begun = world.clock.now

    world.apply(request=a_request(job("theirs"), adopt=True))

    assert world.record("theirs").job_id == going
    assert Timing().grace <= world.clock.now - begun < 3 * Timing().grace


def test_without_adopting_a_stopping_job_is_not_waited_for() -> None:
    world = World()
    stopping(world)

    assert world.plan(job("theirs")).plan.errors
    assert world.clock.pauses == []
