"""The jobs of killed runs: found again, however late they appear, and nobody else's."""

from datetime import timedelta

import pytest

from reconciler.errors import (
    InterruptedRunError,
    NameTakenError,
    OutcomeUnknownError,
)
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.pipelines import finish, step
from tests.unit.engine.support import World, after, first, job, other, outcome_of, renamed
from tests.unit.engine.tape import Died, Reaper

LOST = OutcomeUnknownError("The answer was lost")
TAKEN = NameTakenError("The name is taken")


def killed(world: World, *jobs: DesiredJob, at_create: int = 1, effect: bool) -> None:
    """Kill an apply at its nth create, before or after it took effect."""
    when = "after" if effect else "before"
    world.platform.fail("create", Died(), nth=at_create, when=when)  # type: ignore[arg-type]
    with pytest.raises(Died):
        world.apply(*jobs)


def stopping(world: World, nth: int) -> None:
    world.clock.on_pause = after(lambda: world.stop.set(), nth=nth)


@pytest.mark.parametrize("lag", [1, 5])
@pytest.mark.parametrize("before", [(), (other(),)], ids=["create", "replace"])
def test_the_job_of_a_killed_run_is_claimed_when_it_appears_late(
    before: tuple[DesiredJob, ...], lag: int
) -> None:
    world = World()
    world.apply(*before)
    world.platform.list_lag = lag
    killed(world, job(), effect=True)

    result = world.apply(job())

    assert outcome_of(result) == {"a": "done"}
    assert len(world.created) == 1 + len(before)
    world.check_settled(job())


def test_a_create_that_a_killed_run_never_sent_is_sent() -> None:
    world = World()
    killed(world, job(), effect=False)
    assert [intent.kind for intent in world.intents("a")] == ["create"]

    assert outcome_of(world.apply(job())) == {"a": "done"}
    world.check_settled(job())


def test_a_late_job_of_an_older_definition_is_recorded_and_then_replaced() -> None:
    world = World(MemoryPlatform(list_lag=3))
    killed(world, job(), effect=True)

    result = world.apply(other())

    assert outcome_of(result) == {"a": "failed"}
    assert "appeared late" in result.results[0].error
    assert world.record("a").spec == job().spec
    assert world.intents("a") == ()
    world.platform.list_lag = 0
    world.apply(other())
    world.check_settled(other())
    assert len(world.created) == 2


def test_a_late_job_gets_the_lifecycle_of_today() -> None:
    world = World(MemoryPlatform(list_lag=3))
    killed(world, job(), effect=True)
    today = job(lifecycle=Lifecycle(protect=True))

    result = world.apply(today)

    assert (outcome_of(result), result.verified) == ({"a": "done"}, True)
    assert world.record("a").protect
    world.check_settled(today)


def test_the_job_of_a_killed_run_is_shown_as_recovered() -> None:
    world = World()
    killed(world, job(), effect=True)

    shown = world.plan(job())
    result = world.apply(job())

    assert (shown.report.recovered, shown.plan.summary.recovered) == (("a",), 1)
    assert shown.plan.is_empty
    assert (result.results, result.recovered) == ((), ("a",))
    assert world.tape == ["recorded a", "checkpoint"]
    world.check_settled(job())


def test_a_recovered_job_that_is_no_longer_wanted_is_deleted() -> None:
    world = World()
    killed(world, job(), effect=True)

    world.apply()

    world.check_settled()


def test_two_killed_runs_leave_two_intents_and_one_job() -> None:
    world = World()
    killed(world, job(), effect=False)
    killed(world, job(), effect=False)
    assert len(world.intents("a")) == 2

    world.apply(job())

    world.check_settled(job())
    assert len(world.created) == 1


@pytest.mark.parametrize("saved", [False, True], ids=["fresh plan", "saved plan"])
@pytest.mark.parametrize(
    "wanted", [(), (renamed(job(), "b"),)], ids=["no longer wanted", "renamed"]
)
@pytest.mark.parametrize("before", [(), (other(),)], ids=["create", "replace"])
def test_a_job_that_appears_late_is_not_lost_to_a_changed_definition(
    before: tuple[DesiredJob, ...], wanted: tuple[DesiredJob, ...], saved: bool
) -> None:
    world = World()
    world.apply(*before)
    world.platform.list_lag = 4
    killed(world, job(), effect=True)
    world.platform.list_lag = 0

    if saved:
        world.apply_saved(world.plan(*wanted).plan)
    else:
        world.apply(*wanted)

    world.check_settled(*wanted)


def test_after_a_killed_run_too_a_refusal_at_the_first_send_is_somebody_elses() -> None:
    world = World()
    killed(world, job(), effect=False)
    world.around["create"] = first(lambda: world.platform.add(other().spec))

    result = world.apply(other())

    assert "is not ours" in result.results[0].error
    assert world.state.records == {}


def test_a_job_that_never_appears_is_waited_for_only_so_long() -> None:
    world = World()
    killed(world, job(), effect=False)
    began = world.clock.now

    assert world.plan().plan.is_empty

    assert 10 <= world.clock.now - began < 20
    world.plan()
    assert world.clock.now - began < 20


def test_a_stop_ends_the_waiting_for_a_late_job() -> None:
    world = World()
    killed(world, job(), effect=False)
    stopping(world, nth=2)

    with pytest.raises(InterruptedRunError, match="Nothing was changed"):
        world.apply()


def test_an_equal_job_that_is_older_than_the_killed_run_is_not_claimed() -> None:
    world = World()
    killed(world, job(), effect=False)
    intent = world.intents("a")[0]
    world.platform.time = intent.at - timedelta(seconds=60)
    world.platform.add(job().spec)
    world.platform.time = intent.at + timedelta(seconds=60)

    with pytest.raises(Exception, match="not ours"):
        world.apply(job())

    assert world.state.records == {}


def test_a_fresh_process_dies_where_it_is_told_to() -> None:
    world = World()
    reaper = Reaper(at=3, when="after")

    with pytest.raises(Died):
        world.apply(job(), reaper=reaper)

    assert (reaper.dead, world.store.read()) == (True, None)


def test_a_create_that_was_sent_again_has_its_time_to_appear_from_then_on() -> None:
    """Killed after the second sending, with the job not listed yet; its block is gone then."""
    world = World()
    before, after_it = (step("a", lr=lr, on_change="keep") for lr in ("0.1", "0.2"))
    finish(world, (before,))
    world.platform.list_lag = 1
    world.platform.fail("create", LOST)
    killed(world, after_it, at_create=2, effect=True)

    world.apply()

    assert world.platform.jobs == ()
    assert world.state.records == {}


@pytest.mark.parametrize(
    ("status", "waits"),
    [(Status.FAILED, False), (Status.STOPPED, True), (Status.DELETE_FAILED, True)],
)
def test_all_but_a_failed_job_that_is_retried_are_given_the_time_to_go(
    status: Status, waits: bool
) -> None:
    """Killed once its deletion was accepted, and wanted again as it was."""
    world, wanted = World(), job(lifecycle=Lifecycle(on_failure="retry", max_attempts=2))
    world.apply(wanted)
    world.platform.set_status("a", status)
    world.platform.delete_lag = None
    world.platform.fail("delete", Died(), when="after")  # type: ignore[arg-type]
    with pytest.raises(Died):
        world.apply()
    world.clock.pauses.clear()

    world.plan(wanted)

    assert bool(world.clock.pauses) is waits
