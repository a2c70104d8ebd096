"""The first Ctrl-C: nothing new begins, what is in flight is finished, the next run goes on."""

import pytest

from reconciler.engine.clock import SystemClock
from reconciler.errors import InterruptedRunError
from reconciler.model.events import Event
from reconciler.model.report import ApplyResult, Result
from tests.unit.engine.scene import Scene, a_scene
from tests.unit.engine.support import World, after, first, job, other, outcome_of


def run_until(scene: Scene, event: int) -> ApplyResult | None:
    """Apply, and stop at the nth event; None when the run ended before its plan was made."""
    world = scene.world
    world.events = Stopping(world, event)
    try:
        return scene.apply()
    except InterruptedRunError:
        return None


class Stopping(list[Event]):
    """Events, the nth of which stops the run."""

    def __init__(self, world: World, nth: int) -> None:
        super().__init__()
        self._stop = after(lambda: world.stop.set(), nth)

    def append(self, event: Event) -> None:
        super().append(event)
        self._stop()


def count_events() -> int:
    scene = a_scene(lag=1)
    scene.world.events.clear()
    scene.apply()
    return len(scene.world.events)


def test_a_stop_at_any_event_leaves_a_true_state_that_the_next_run_finishes() -> None:
    ends = set()
    for nth in range(1, count_events() + 1):
        scene = a_scene(lag=1)
        world = scene.world
        before = len(world.platform.mutating_calls())

        result = run_until(scene, nth)

        if result is None:
            assert len(world.platform.mutating_calls()) == before
            ends.add("planning")
        else:
            ends |= {str(each.result) for each in result.results}
            check_interrupted(world, result)
        world.events = []
        scene.apply()
        scene.check_finished()
    assert ends == {"planning", "done", "skipped"}


def check_interrupted(world: World, result: ApplyResult) -> None:
    """Every action is accounted for; what is done is recorded, and what is recorded is there."""
    assert result.interrupted
    assert result.verified
    assert result.of(Result.FAILED) == ()
    live = {each.job_id for each in world.platform.jobs}
    for each in result.of(Result.DONE):
        record = world.state.records.get(each.action.address)
        assert record is None or record.job_id in live
    assert set(world.created) & live <= {r.job_id for r in world.state.records.values()}


def test_a_stop_before_the_plan_changes_nothing() -> None:
    world = World()
    context = world.context()
    world.stop.set()

    with pytest.raises(InterruptedRunError, match="Nothing was changed"):
        context.check_stop()


def test_what_is_in_flight_is_finished_and_recorded() -> None:
    world = World()
    world.around["create"] = first(lambda: world.stop.set())

    result = world.apply(job("a"), job("b"))

    assert outcome_of(result) == {"a": "done", "b": "skipped"}
    assert result.interrupted
    assert world.tape[-3:] == ["create a", "recorded a", "checkpoint"]
    assert world.intents("b") == ()


def test_a_stop_while_the_user_is_asked_begins_nothing() -> None:
    world = World()

    def stop_and_agree(_: object) -> bool:
        world.stop.set()
        return True

    result = world.apply(job(), confirm=stop_and_agree)

    assert (result.interrupted, outcome_of(result)) == (True, {"a": "skipped"})
    assert world.mutations() == []


def test_between_the_halves_of_a_replacement_the_state_says_so() -> None:
    world = World()
    world.apply(job())

    def stop_once_it_is_gone(_: object) -> bool:
        world.around["get"] = first(lambda: world.stop.set())
        return True

    result = world.apply(other(), confirm=stop_once_it_is_gone)

    assert outcome_of(result) == {"a": "skipped"}
    assert "no new one created" in result.results[0].error
    assert world.mutations() == ["delete a"]
    assert world.record("a").job_id is None
    assert [a.reason for a in world.plan(other()).plan.actions] == ["interrupted"]
    world.apply(other())
    world.check_settled(other())


def test_the_clock_of_the_machine_goes_on_and_its_pauses_end_with_the_run() -> None:
    world = World()
    context = world.context(clock=None)
    clock = context.time
    assert isinstance(clock, SystemClock)

    began = clock.monotonic()
    clock.pause(0.001)
    assert clock.monotonic() > began

    world.stop.set()
    clock.pause(3600)
    assert clock.monotonic() < began + 600
