"""Deletions take their time: what waits for them, and how they go wrong."""

import pytest

from reconciler.errors import (
    NameTakenError,
    OutcomeUnknownError,
    ProviderError,
    UnreachableError,
)
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.support import World, a_request, after, job, other, outcome_of

LOST = OutcomeUnknownError("The answer was lost")


def world_with(*names: str, delete_lag: int | None = 0) -> World:
    world = World()
    world.apply(*(job(name) for name in names))
    world.platform.delete_lag = delete_lag
    return world


def test_a_replacement_waits_until_the_old_job_is_gone() -> None:
    world = world_with("a", delete_lag=3)

    world.apply(other())

    assert world.tape[:7] == ["opened replace a", "delete a", *["list"] * 4, "get a"]
    assert world.tape[7:] == [
        "removed a",
        "opened create a",
        "create a",
        "recorded a",
        "checkpoint",
    ]
    world.check_settled(other())


def test_one_poll_serves_all_deletions_at_growing_intervals() -> None:
    world = world_with("a", "b", "c", delete_lag=4)

    world.apply()

    assert world.tape.count("list") == 5
    assert world.clock.pauses[:4] == pytest.approx([0.2, 0.3, 0.45, 0.675])
    world.check_settled()


def test_a_name_may_be_held_after_its_job_left_the_list() -> None:
    world = world_with("a")
    for nth in range(1, 7):
        world.platform.fail("create", NameTakenError("The name is taken"), nth=nth)

    result = world.apply(other())

    assert outcome_of(result) == {"a": "done"}
    assert world.mutations() == ["delete a", *["create a"] * 7]
    world.check_settled(other())


def test_a_name_that_stays_held_fails_and_is_tried_again_by_the_next_run() -> None:
    world = world_with("a")
    world.platform.chaos = lambda method, _: (
        NameTakenError("The name is taken") if method == "create" else None
    )

    result = world.apply(other())

    assert outcome_of(result) == {"a": "failed"}
    assert "refuses the name" in result.results[0].error
    assert (world.record("a").job_id, world.intents("a")) == (None, ())
    world.platform.chaos = None
    assert [a.reason for a in world.plan(other()).plan.actions] == ["interrupted"]
    world.apply(other())
    world.check_settled(other())


def test_a_job_that_left_the_list_but_has_details_is_not_gone() -> None:
    world = world_with("a", delete_lag=2)
    listed = world.platform.listed
    world.platform.listed = lambda: tuple(  # type: ignore[method-assign]
        row for row in listed() if row.status is not Status.STOPPING
    )

    world.apply()

    assert world.tape[2:] == [*["list", "get a"] * 3, "forgot a", "checkpoint"]


@pytest.mark.parametrize("failure", [ProviderError("no"), UnreachableError("no network")])
def test_a_poll_that_fails_is_repeated(failure: ProviderError) -> None:
    world = world_with("a", delete_lag=1)
    world.platform.fail("list", failure, nth=2)
    world.platform.fail("get", failure, nth=1)

    assert outcome_of(world.apply()) == {"a": "done"}
    world.check_settled()


def test_a_deletion_that_fails_is_an_error_for_that_job_alone() -> None:
    world = world_with("a", "b")
    world.platform.refuses_deletes.add("a")

    result = world.apply()

    assert outcome_of(result) == {"a": "failed", "b": "done"}
    assert "could not delete" in result.results[0].error
    assert "closed a" in world.tape
    assert (world.record("a").name, world.intents("a")) == ("a", ())
    world.platform.refuses_deletes.clear()
    world.apply()
    world.check_settled()


def test_a_deletion_that_failed_before_is_not_believed_to_fail_at_once() -> None:
    world = world_with("a", delete_lag=2)
    world.platform.set_status("a", Status.DELETE_FAILED)

    assert outcome_of(world.apply()) == {"a": "done"}


@pytest.mark.parametrize(
    ("wanted", "kind"), [([], "delete"), ([other()], "replace")], ids=["delete", "replace"]
)
def test_a_deletion_that_takes_too_long_leaves_its_intent_open(
    wanted: list[DesiredJob], kind: str
) -> None:
    world = world_with("a", delete_lag=None)

    result = world.apply(*wanted)

    assert outcome_of(result) == {"a": "failed"}
    assert "still there after 600 s" in result.results[0].error
    assert [intent.kind for intent in world.intents("a")] == [kind]
    world.platform.finish_deletions()
    world.apply(*wanted)
    world.check_settled(*wanted)
    assert len([call for call in world.platform.calls if call.method == "delete"]) == 1


def test_a_deletion_that_takes_too_long_says_why_the_list_could_not_tell() -> None:
    world = world_with("a", delete_lag=None)
    world.clock.on_pause = lambda: world.platform.fail("list", ProviderError("Out of order"))

    result = world.apply()

    assert "Out of order" in result.results[0].error


def test_a_deletion_that_takes_too_long_says_why_the_details_could_not_tell() -> None:
    world = world_with("a")
    world.platform.chaos = lambda method, _: (
        ProviderError("Out of order") if method == "get" else None
    )

    result = world.apply()

    assert "not known to be gone after 600 s.\nOut of order" in result.results[0].error


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deletion_whose_answer_was_lost_is_asked_for_again(when: str) -> None:
    world = world_with("a", delete_lag=None if when == "before" else 2)
    world.platform.fail("delete", LOST, when=when)  # type: ignore[arg-type]
    world.clock.on_pause = after(world.platform.finish_deletions, nth=9)

    result = world.apply(other())

    assert outcome_of(result) == {"a": "done"}
    assert world.mutations().count("delete a") == (2 if when == "before" else 1)
    world.check_settled(other())


def test_a_deletion_is_asked_for_again_until_an_answer_arrives() -> None:
    world = world_with("a", delete_lag=1)
    for nth, failure in enumerate((LOST, LOST, UnreachableError("no network"), LOST), 1):
        world.platform.fail("delete", failure, nth=nth)

    assert outcome_of(world.apply()) == {"a": "done"}
    assert world.mutations() == ["delete a"] * 5
    world.check_settled()


def test_a_deletion_that_is_refused_when_asked_for_again_has_failed() -> None:
    world = world_with("a", delete_lag=1)
    world.platform.fail("delete", LOST)
    world.platform.fail("delete", ProviderError("Not allowed"), nth=2)

    result = world.apply()

    assert outcome_of(result) == {"a": "failed"}
    assert result.results[0].error == "Not allowed"
    assert world.intents("a") == ()


def test_a_retry_whose_deletion_took_too_long_still_counts() -> None:
    world, wanted = World(), job(lifecycle=Lifecycle(on_failure="retry"))
    world.apply(wanted)
    world.platform.set_status("a", Status.FAILED)
    world.platform.delete_lag = None
    world.apply(wanted)

    world.platform.finish_deletions()
    world.apply(request=a_request(wanted))

    assert world.record("a").attempt == 2
    world.check_settled(wanted)


def test_work_goes_on_while_deletions_are_awaited() -> None:
    world = world_with("a", delete_lag=5)

    world.apply(job("b"), job("c"), parallelism=1)

    assert world.tape.index("recorded c") < world.tape.index("forgot a")


def test_a_stop_does_not_wait_for_deletions() -> None:
    world = World(MemoryPlatform(delete_lag=None))
    world.apply(job("a"), job("b"))
    world.clock.on_pause = after(lambda: world.stop.set(), nth=2)

    result = world.apply(other("a"))

    assert result.interrupted
    assert outcome_of(result) == {"a": "skipped", "b": "skipped"}
    assert world.clock.now < 1010
    world.platform.finish_deletions()
    world.apply(other("a"))
    world.check_settled(other("a"))
