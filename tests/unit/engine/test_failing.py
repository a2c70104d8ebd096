"""What a failure stops, and what goes on."""

import pytest

from reconciler.errors import (
    OutcomeUnknownError,
    ProviderError,
    QuotaExceededError,
)
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.support import World, a_request, job, outcome_of
from tests.unit.engine.tape import When

REFUSED = ProviderError("The platform says no")


def test_independent_actions_go_on_after_a_failure() -> None:
    world = World()
    world.platform.fail("create", REFUSED, nth=2)

    result = world.apply(job("a"), job("b"), job("c"))

    assert outcome_of(result) == {"a": "done", "b": "failed", "c": "done"}
    assert "closed b" in world.tape
    assert [each.error for each in result.results if each.error] == ["The platform says no"]
    assert result.verified
    world.apply(job("a"), job("b"), job("c"))
    world.check_settled(job("a"), job("b"), job("c"))


@pytest.mark.parametrize(
    ("failure", "is_settled"),
    [(REFUSED, True), (OutcomeUnknownError("The answer was lost"), False)],
    ids=["refused", "answer lost"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_update_that_fails_is_finished_by_the_next_run(
    failure: ProviderError, is_settled: bool, when: When
) -> None:
    world, wanted = World(), job(description="ours")
    world.apply(job())
    world.platform.fail("update_description", failure, when=when)  # type: ignore[arg-type]

    result = world.apply(wanted)

    assert outcome_of(result) == {"a": "failed"}
    assert (world.intents("a") == ()) == is_settled
    world.apply(wanted)
    world.check_settled(wanted)


def test_with_fail_fast_nothing_more_is_begun_after_a_failure() -> None:
    world = World()
    world.platform.fail("create", REFUSED, nth=2)

    result = world.apply(job("a"), job("b"), job("c"), fail_fast=True)

    assert outcome_of(result) == {"a": "done", "b": "failed", "c": "skipped"}
    assert result.results[2].error == "not begun"
    assert world.mutations() == ["create a", "create b"]
    assert not result.interrupted
    world.apply(job("a"), job("b"), job("c"))
    world.check_settled(job("a"), job("b"), job("c"))


@pytest.mark.parametrize("fail_fast", [False, True], ids=["going on", "fail fast"])
def test_what_depends_on_a_failed_action_is_not_begun(fail_fast: bool) -> None:
    world = World()
    world.apply(job())
    moved = DesiredJob(Address("new"), job().spec)
    world.platform.fail("delete", REFUSED)

    result = world.apply(request=a_request(moved), fail_fast=fail_fast)

    assert outcome_of(result) == {"a": "failed", "new": "skipped"}
    assert result.results[1].error == '"a" was not done'
    assert "create a" not in world.tape
    assert (world.intents("a"), world.intents("new")) == ((), ())


def test_what_depends_on_an_unawaited_deletion_is_not_begun() -> None:
    world = World(MemoryPlatform(delete_lag=None))
    world.apply(job(), job("b"))
    moved = DesiredJob(Address("new"), job().spec)
    world.clock.on_pause = lambda: world.stop.set()

    result = world.apply(request=a_request(moved, job("b")))

    assert outcome_of(result) == {"a": "skipped", "new": "skipped"}
    assert [each.error for each in result.results] == [
        "its deletion was accepted, and not awaited",
        "not begun",
    ]
    world.platform.finish_deletions()
    world.clock.on_pause = lambda: None
    world.apply(request=a_request(moved, job("b")))
    world.check_settled(moved, job("b"))


def test_a_quota_that_shrank_meanwhile_fails_only_what_found_no_room() -> None:
    world = World()
    world.platform.fail("create", QuotaExceededError("The platform takes no more jobs"), nth=2)

    result = world.apply(job("a"), job("b"))

    assert outcome_of(result) == {"a": "done", "b": "failed"}
    assert world.intents("b") == ()


def test_a_bug_in_a_step_keeps_its_traceback_and_its_intent() -> None:
    world = World()
    world.platform.fail("create", KeyError("a bug"), when="after")

    with pytest.raises(KeyError, match="a bug"):
        world.apply(job())

    assert [intent.kind for intent in world.intents("a")] == ["create"]
    world.apply(job())
    world.check_settled(job())
    assert len(world.created) == 1
