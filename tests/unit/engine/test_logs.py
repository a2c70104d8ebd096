"""Logs of recorded jobs: one, several, and what comes while they run."""

from collections.abc import Callable

import pytest

from reconciler.engine.logs import follow_logs
from reconciler.errors import InterruptedRunError, JobNotFoundError, UsageError
from reconciler.model.address import Address
from reconciler.model.job import Status
from tests.unit.engine.support import World, after, job


def world_with(*names: str) -> World:
    world = World()
    world.apply(*(job(name) for name in names))
    world.tape.clear()
    return world


def read_logs(
    world: World, *names: str, lines: int = 50, follow: bool = False
) -> list[tuple[str, str]]:
    addresses = [Address(name) for name in names]
    return [
        (str(address), text)
        for address, text in follow_logs(world.context(), addresses, lines=lines, follow=follow)
    ]


def read_log(world: World, *, lines: int = 50, follow: bool = False) -> list[str]:
    return [text for _, text in read_logs(world, "a", lines=lines, follow=follow)]


def test_the_last_lines_of_a_log_are_shown() -> None:
    world = world_with("a")
    world.platform.append_log("a", "one\ntwo\nthree\n")

    assert read_log(world, lines=2) == ["two\nthree\n"]


def test_an_empty_log_shows_nothing() -> None:
    assert read_log(world_with("a")) == []


@pytest.mark.parametrize("before", ["", "one\n"], ids=["from its beginning", "from its middle"])
def test_a_followed_log_goes_on_until_the_run_ends(before: str) -> None:
    world = world_with("a")
    world.platform.append_log("a", before)
    pauses = 0

    def run_on() -> None:
        nonlocal pauses
        pauses += 1
        if pauses in (2, 3, 6):
            world.platform.append_log("a", f"line {pauses}\n")
        if pauses == 6:
            world.platform.set_status("a", Status.SUCCEEDED)

    world.clock.on_pause = run_on

    assert "".join(read_log(world, follow=True)) == before + "line 2\nline 3\nline 6\n"
    assert world.clock.pauses == pytest.approx([0.2, 0.3, 0.2, 0.2, 0.3, 0.45])


@pytest.mark.parametrize(
    "ending",
    [lambda w: w.platform.remove("a"), lambda w: w.platform.set_status("a", Status.FAILED)],
    ids=["gone", "failed"],
)
def test_following_ends_with_the_job(ending: Callable[[World], None]) -> None:
    world = world_with("a")
    world.platform.append_log("a", "one\n")
    world.clock.on_pause = after(lambda: ending(world))

    assert read_log(world, follow=True) == ["one\n"]


def test_a_stop_ends_the_following() -> None:
    world = world_with("a")
    world.clock.on_pause = after(lambda: world.stop.set())

    with pytest.raises(InterruptedRunError, match="runs on"):
        read_log(world, follow=True)


@pytest.mark.parametrize("has_state", [True, False])
def test_an_unrecorded_job_has_no_log(has_state: bool) -> None:
    world = world_with("b") if has_state else World()

    with pytest.raises(UsageError, match="No such job is recorded"):
        read_log(world)


def test_a_job_that_is_gone_has_no_log() -> None:
    world = world_with("a")
    world.platform.remove("a")

    with pytest.raises(JobNotFoundError):
        read_log(world)


def test_a_job_that_is_gone_keeps_no_other_log_back() -> None:
    world = world_with("a", "b")
    world.platform.append_log("b", "one\n")
    world.platform.remove("a")
    pieces = follow_logs(world.context(), [Address("a"), Address("b")], lines=5, follow=False)

    assert next(pieces) == ("b", "one\n")
    with pytest.raises(JobNotFoundError, match='"a"'):
        next(pieces)


def test_several_logs_are_followed_until_the_last_run_ends() -> None:
    world = world_with("a", "b")
    world.platform.append_log("a", "a1\n")
    pauses = 0

    def run_on() -> None:
        nonlocal pauses
        pauses += 1
        world.platform.append_log("b", f"b{pauses}\n")
        if pauses == 1:
            world.platform.append_log("a", "a2\n")
            world.platform.set_status("a", Status.SUCCEEDED)
        if pauses == 3:
            world.platform.set_status("b", Status.FAILED)

    world.clock.on_pause = run_on

    assert read_logs(world, "a", "b", follow=True) == [
        ("a", "a1\n"),
        ("a", "a2\n"),
        ("b", "b1\n"),
        ("b", "b2\n"),
        ("b", "b3\n"),
    ]
