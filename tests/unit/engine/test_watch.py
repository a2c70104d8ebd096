"""The loop: what a round does unasked, what it leaves, and how the loop goes on."""

from collections.abc import Collection
from typing import Any

import pytest

from reconciler.engine.watch import End, Round, pause_after, run_round, watch
from reconciler.errors import ProviderError, UnreachableError
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.model.report import ApplyResult
from reconciler.planning.guards import Consent
from reconciler.planning.permissions import USUAL, Permission
from tests.unit.engine.support import World, a_request, job, other

ALL = frozenset(Permission)
RETRY = Lifecycle(on_failure="retry")


def a_round(
    world: World,
    *jobs: DesiredJob,
    allowed: Collection[Permission] = USUAL,
    settled: bool = True,
    **overrides: Any,
) -> Round:
    world.tape.clear()
    request = a_request(*jobs, consent=Consent())
    return run_round(world.context(**overrides), request, allowed, settled=settled)


def ended(world: World, name: str, status: Status) -> World:
    world.platform.set_status(name, status)
    return world


def test_what_is_new_is_created_once() -> None:
    world = World()

    assert a_round(world, job("a"), job("b")).end is End.DONE
    assert world.mutations() == ["create a", "create b"]
    assert a_round(world, job("a"), job("b")).end is End.IDLE
    assert world.mutations() == []


def test_without_anything_to_do_the_state_is_neither_locked_nor_written() -> None:
    world = World()
    a_round(world, job("a"))
    with world.store.lock(command="somebody else"):
        made = a_round(world, job("a"))

    assert made.end is End.IDLE
    assert made.statuses == {Status.PENDING: 1}


def test_a_failed_job_is_tried_again_as_its_lifecycle_says_and_not_more() -> None:
    world = World()
    wanted = job("a", RETRY)
    a_round(world, wanted)
    ends = [a_round(ended(world, "a", Status.FAILED), wanted).end for _ in range(4)]

    assert ends == [End.DONE, End.DONE, End.DONE, End.IDLE], "two retries, and the last outcome"
    assert len(world.created) == 3
    outcome = world.record("a").outcome
    assert outcome is not None
    assert outcome.status is Status.FAILED


def test_how_runs_end_is_recorded() -> None:
    world = World()
    a_round(world, job("a"))

    assert a_round(ended(world, "a", Status.SUCCEEDED), job("a")).end is End.DONE
    assert world.record("a").has_succeeded
    assert a_round(world, job("a")).end is End.IDLE


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize(
    ("jobs", "status", "word"),
    [
        pytest.param([], Status.SUCCEEDED, "delete", id="removed"),
        pytest.param([other()], Status.SUCCEEDED, "replace", id="changed"),
        pytest.param([], Status.RUNNING, "delete", id="removed while it runs"),
        pytest.param([other()], Status.RUNNING, "replace", id="changed while it runs"),
    ],
)
def test_nothing_is_taken_away_without_its_word(
    jobs: list[DesiredJob], status: Status, word: str, settled: bool
) -> None:
    world = World()
    a_round(world, job("a"))
    ended(world, "a", status)

    unasked = a_round(world, *jobs, settled=settled)
    assert world.mutations() == []
    assert [(a.address, why) for a, why in unasked.held] == [("a", f"needs --allow {word}")]

    asked = a_round(world, *jobs, allowed=ALL, settled=settled)
    runs = status is Status.RUNNING
    assert bool(world.mutations()) is (settled and not runs)
    assert bool(asked.held) is not (settled and not runs)


def test_what_somebody_took_away_is_not_paid_for_again_unasked() -> None:
    world = World()
    a_round(world, job("a"))
    world.platform.remove("a")

    assert [why for _, why in a_round(world, job("a")).held] == ["needs --allow recreate"]
    assert a_round(world, job("a"), allowed=ALL).end is End.DONE
    assert len(world.created) == 2


def test_what_is_held_back_does_not_keep_the_rest() -> None:
    world = World()
    a_round(world, job("a"))
    ended(world, "a", Status.RUNNING)

    made = a_round(world, other("a"), job("b"), allowed=ALL)

    assert (made.end, [a.address for a, _ in made.held]) == (End.DONE, ["a"])
    assert world.mutations() == ["create b"]


def test_a_guard_refuses_the_round_and_nothing_is_changed() -> None:
    world = World()
    jobs = [job(f"j{n:02}") for n in range(12)]
    a_round(world, *jobs)
    for each in jobs:
        ended(world, each.address, Status.SUCCEEDED)

    made = a_round(world, job("j00"), allowed=ALL)

    assert (made.end, made.error is not None) == (End.REFUSED, True)
    assert world.mutations() == []


def test_somebody_elses_name_is_an_error_and_no_create() -> None:
    world = World()
    world.platform.add(job("a").spec)

    assert a_round(world, job("a")).end is End.REFUSED
    assert world.mutations() == []


def test_while_somebody_else_applies_the_round_waits() -> None:
    world = World()
    a_round(world, job("a"))
    with world.store.lock(command="somebody else"):
        assert a_round(world, job("a"), job("b")).end is End.LOCKED
    assert world.mutations() == []


def test_a_platform_that_cannot_be_reached_is_a_failure_and_no_end() -> None:
    world = World()
    world.platform.fail("list", UnreachableError("No connection"))

    made = a_round(world, job("a"))
    assert (made.end, made.has_failed) == (End.FAILED, True)
    assert a_round(world, job("a")).end is End.DONE


def test_an_action_that_fails_is_a_failure() -> None:
    world = World()
    world.platform.fail("create", ProviderError("Refused"))

    assert a_round(world, job("a")).end is End.FAILED
    assert a_round(world, job("a")).end is End.DONE


@pytest.mark.parametrize(
    ("failures", "interval", "chance", "seconds"),
    [
        (0, 30, 0.5, 30),
        (0, 30, 0.0, 27),
        (0, 30, 1.0, 33),
        (1, 30, 0.5, 60),
        (3, 30, 0.5, 240),
        (5, 30, 0.5, 900),
        (10_000, 30, 1.0, 990),
        (4, 3600, 0.5, 3600),
    ],
)
def test_pauses(failures: int, interval: float, chance: float, seconds: float) -> None:
    assert pause_after(failures, interval, chance) == pytest.approx(seconds)


def looped(world: World, ends: list[End], **overrides: Any) -> tuple[Round, list[float]]:
    left, pauses = iter(ends), []

    def attempt() -> Round:
        return Round(next(left), ApplyResult())

    fields: dict[str, Any] = {"interval": 10, "rounds": len(ends), "chance": lambda: 0.5}
    last = watch(
        world.clock, attempt, lambda _, pause: pauses.append(pause), **(fields | overrides)
    )
    return last, pauses


def test_failures_in_a_row_stretch_the_pauses_and_a_good_round_ends_that() -> None:
    ends = [End.IDLE, End.FAILED, End.FAILED, End.LOCKED, End.FAILED, End.REFUSED]

    last, pauses = looped(World(), ends)

    assert pauses == [10, 20, 40, 10, 20, 10]
    assert last.end is End.REFUSED


def test_an_interrupted_round_is_the_last_one() -> None:
    world = World()

    last, pauses = looped(world, [End.IDLE, End.INTERRUPTED, End.IDLE])

    assert (last.end, len(pauses)) == (End.INTERRUPTED, 2)


def test_a_stop_during_a_pause_begins_no_further_round() -> None:
    world = World()
    stopped = []
    world.clock.on_pause = lambda: stopped.append(True)

    _, pauses = looped(world, [End.IDLE, End.IDLE], stop=lambda: bool(stopped))

    assert len(pauses) == 1
