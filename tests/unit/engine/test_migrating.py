"""A state moves to another place, with its history, and back."""

import pytest

from reconciler.backends.memory import MemoryBackend
from reconciler.engine.records import Records
from reconciler.errors import StateError
from reconciler.model.state import State
from tests.unit.engine.support import World, job


def world_with(*names: str) -> World:
    world = World()
    for number in range(1, len(names) + 1):
        world.apply(*(job(name) for name in names[:number]))
    return world


def migrate(source: MemoryBackend, target: MemoryBackend) -> State:
    return Records(source, "reconciler state migrate").migrate(target)


def test_the_copy_is_the_state_with_its_history_and_who_made_it() -> None:
    world, target = world_with("a", "b"), MemoryBackend()
    source = world.store

    migrate(source, target)

    assert target.read() == source.read() == world.state
    kept = [(each.serial, each.jobs, each.run) for each in source.history()]
    assert [(each.serial, each.jobs, each.run) for each in target.history()] == kept
    assert [change.addresses for change in target.history()[0].run.changes] == [("b",)]


def test_entries_since_the_last_snapshot_are_copied_too() -> None:
    world, target = world_with("a"), MemoryBackend()
    source = world.store
    Records(source, "state").remove(["a"])
    source.fail_checkpoint(at=source.checkpoints + 1, after=False, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.apply(job("c"))

    migrate(source, target)

    assert target.read() == source.read()


def test_the_way_back_is_the_same_way() -> None:
    world, target = world_with("a"), MemoryBackend()
    source = world.store
    migrate(source, target)
    Records(target, "state").move("a", "b")

    migrate(target, source)

    assert source.read() == target.read()
    assert list(source.read().records) == ["b"]


def test_a_newer_state_is_not_written_over() -> None:
    world, target = world_with("a"), MemoryBackend()
    source = world.store
    migrate(source, target)
    Records(target, "state").move("a", "b")
    newer = target.read()

    with pytest.raises(StateError, match="newer state"):
        migrate(source, target)

    assert target.read() == newer


def test_another_state_is_not_written_over() -> None:
    source, target = world_with("a").store, world_with("b").store
    there = target.read()

    with pytest.raises(StateError, match="Another state"):
        migrate(source, target)

    assert target.read() == there


def test_there_must_be_something_to_copy() -> None:
    target = MemoryBackend()

    with pytest.raises(StateError, match="no state"):
        migrate(MemoryBackend(), target)

    assert target.read() is None
