"""Results in logs, and statuses looked at again and again."""

import pytest

from reconciler.engine.outcomes import read_status
from reconciler.engine.results import follow_status, with_metrics
from reconciler.errors import InterruptedRunError, ProviderError
from reconciler.model.job import Status
from tests.unit.engine.support import World, after, job


def world_with(*names: str) -> World:
    world = World()
    world.apply(*(job(name) for name in names))
    for name in names:
        world.platform.append_log(name, f"accuracy: 0.{ord(name)}\n")
        world.platform.set_status(name, Status.RUNNING)
    world.tape.clear()
    return world


def metrics(world: World, *names: str) -> dict[str, dict[str, str]]:
    context = world.context()
    rows = with_metrics(context, read_status(context), names)
    return {row.address: dict(row.metrics) for row in rows}


def test_each_job_tells_its_own_results() -> None:
    assert metrics(world_with("a", "b")) == {"a": {"accuracy": "0.97"}, "b": {"accuracy": "0.98"}}
    assert metrics(world_with("a"), "loss") == {"a": {}}


def test_no_log_is_asked_for_that_cannot_be_there() -> None:
    world = world_with("a", "b", "c")
    world.platform.remove("a")
    world.platform.set_status("b", Status.PENDING)
    world.platform.calls.clear()

    assert metrics(world) == {"a": {}, "b": {}, "c": {"accuracy": "0.99"}}
    assert [call.method for call in world.platform.calls].count("logs") == 1


def test_a_log_that_cannot_be_read_tells_nothing_and_breaks_nothing() -> None:
    world = world_with("a", "b")
    world.platform.fail("logs", ProviderError("Not now"))

    assert sorted(metrics(world).values(), key=len) == [{}, {"accuracy": "0.98"}]


def test_following_shows_every_look_until_all_have_ended() -> None:
    world = world_with("a")
    world.clock.on_pause = after(lambda: world.platform.set_status("a", Status.FAILED), nth=2)

    looks = list(follow_status(world.context(), ["a"], interval=5))

    assert [str(rows[0].status) for rows in looks] == ["running", "running", "failed"]
    assert world.clock.pauses == [5, 5]
    assert world.record("a").outcome is None, "looking writes nothing"


def test_a_stop_ends_the_following_of_statuses() -> None:
    world = world_with("a")
    looks = follow_status(world.context(), [], interval=5)
    next(looks)
    world.stop.set()

    with pytest.raises(InterruptedRunError, match="run on"):
        next(looks)
