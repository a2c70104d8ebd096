"""Durability: shared appends, and what happens when one fails."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from reconciler.engine.journal import Journal
from reconciler.errors import StateError
from reconciler.model.address import Address
from reconciler.model.state import Closed, Entry, Opened, State
from tests.build import a_state, an_intent
from tests.unit.engine.scene import a_scene
from tests.unit.engine.support import World, job, outcome_of
from tests.waiting import eventually

FULL = StateError("Cannot write the state", "test.journal: No space left on device", "Make room.")


def count_appends() -> int:
    scene = a_scene()
    before = scene.world.memory.appends
    scene.apply()
    return scene.world.memory.appends - before


@pytest.mark.parametrize("is_durable", [False, True], ids=["lost", "durable"])
@pytest.mark.parametrize("parallelism", [1, 6])
def test_after_an_append_that_failed_nothing_more_is_sent(
    parallelism: int, is_durable: bool
) -> None:
    for nth in range(1, count_appends() + 1):
        scene = a_scene()
        world = scene.world
        at = world.memory.appends + nth
        world.memory.fail_append(at, is_durable, FULL)

        with pytest.raises(StateError) if parallelism == 1 else suppress(StateError):
            scene.apply(parallelism=parallelism)
        assert world.memory.appends <= at
        if parallelism == 1:
            check_nothing_sent_unrecorded(world)
        scene.apply()
        scene.check_finished()


def check_nothing_sent_unrecorded(world: World) -> None:
    """After the last durable entry at most the one request that it allowed was sent."""
    durable = [n for n, line in enumerate(world.tape) if line.split()[0] in WRITES]
    sent = world.tape[durable[-1] + 1 :] if durable else world.tape
    assert len([line for line in sent if line.split()[0] in ("create", "delete", "update")]) <= 1


WRITES = {"opened", "recorded", "removed", "forgot", "closed", "observed", "checkpoint"}


@pytest.mark.parametrize("is_durable", [False, True], ids=["lost", "durable"])
def test_without_a_durable_intent_no_request_leaves(is_durable: bool) -> None:
    world = World()
    world.memory.fail_append(2, is_durable, FULL)

    with pytest.raises(StateError, match="Cannot write"):
        world.apply(job("a"), job("b"))

    assert world.mutations() == []
    assert world.tape == ["checkpoint", "bound"]
    assert [each.address for each in world.events if each.type == "started"] == ["a"]
    assert len(world.intents("a")) == int(is_durable)
    world.apply(job("a"), job("b"))
    world.check_settled(job("a"), job("b"))


def test_an_outcome_that_could_not_be_recorded_is_found_by_the_next_run() -> None:
    world = World()
    world.memory.fail_append(3, False, FULL)

    with pytest.raises(StateError, match="Cannot write"):
        world.apply(job("a"), job("b"))
    assert world.mutations() == ["create a"]

    result = world.apply(job("a"), job("b"))

    assert (result.recovered, outcome_of(result)) == (("a",), {"b": "done"})
    world.check_settled(job("a"), job("b"))
    assert len(world.created) == 2


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("is_durable", [False, True], ids=["lost", "durable"])
def test_a_checkpoint_that_failed_loses_nothing(nth: int, is_durable: bool) -> None:
    world = World()
    world.memory.fail_checkpoint(nth, is_durable, FULL)

    with pytest.raises(StateError, match="Cannot write"):
        world.apply(job())

    assert world.mutations() == (["create a"] if nth == 2 else [])
    world.apply(job())
    world.check_settled(job())
    assert len(world.created) == 1


def test_a_failure_that_is_no_state_error_keeps_its_kind() -> None:
    world = World()
    world.memory.fail_append(2, False, MemoryError("out of memory"))

    with pytest.raises(MemoryError, match="out of memory"):
        world.apply(job())


@dataclass
class Slow:
    """A writer whose first append takes until the test lets it go on."""

    batches: list[int] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    def append(self, entries: Sequence[Entry]) -> None:
        self.batches.append(len(entries))
        if len(self.batches) == 1:
            self.begun.set()
            assert self.may_end.wait(30)
        elif self.failure:
            raise self.failure

    def checkpoint(self, state: State) -> None:
        raise AssertionError("not asked for")


def crowd(writer: Slow, many: int) -> tuple[Journal, list[object]]:
    """Append from many threads while the first append is under way; return how each ended."""
    journal, ends = Journal(writer, a_state()), list[object]()

    def work(number: int) -> None:
        try:
            journal.append(Opened(intent=an_intent(address=Address(f"j{number}"))))
            ends.append(None)
        except StateError as failure:
            ends.append(failure)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(many)]
    threads[0].start()
    assert writer.begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    eventually(lambda: len(journal._gathering.entries), lambda waiting: waiting == many - 1)
    writer.may_end.set()
    eventually(lambda: [each for each in threads if each.is_alive()], lambda alive: not alive)
    return journal, ends


def test_those_who_wait_share_one_append() -> None:
    writer = Slow()

    journal, ends = crowd(writer, 40)

    assert writer.batches == [1, 39]
    assert ends == [None] * 40
    assert len(journal.state.intents) == 40
    assert journal.state.serial == a_state().serial + 40


def test_all_who_wait_for_an_append_learn_of_its_failure() -> None:
    writer = Slow(failure=FULL)

    journal, ends = crowd(writer, 8)

    assert [type(end) for end in ends].count(StateError) == 7
    assert journal.is_broken
    assert list(journal.state.intents) == ["j0"]
    with pytest.raises(StateError, match="Cannot write"):
        journal.append(Closed(address=Address("j0")))
    assert writer.batches == [1, 7]
