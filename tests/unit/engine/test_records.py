"""Edits of the state alone: records move, are forgotten, come back; no job is touched."""

from pathlib import Path

import pytest

from reconciler.backends.local import LocalBackend
from reconciler.engine.records import Records
from reconciler.errors import (
    DefinitionError,
    StateDamagedError,
    StateError,
    StateLockedError,
    UsageError,
)
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob
from tests.unit.engine.support import World, a_request, job

A, B, C = Address("a"), Address("b"), Address("c")


def world_with(*names: str, folder: Path | None = None) -> World:
    world = World(store=LocalBackend(folder, "test")) if folder else World()
    world.apply(*(job(name) for name in names))
    return world


def records(world: World) -> Records:
    return Records(world.context().backend, "state")


def test_a_moved_record_keeps_its_job() -> None:
    world = world_with("a")
    known = world.state

    after = records(world).move(A, C)

    assert after == world.state
    assert world.state.records == {C: known.records[A]}
    assert (world.state.serial, world.state.lineage) == (known.serial + 1, known.lineage)
    world.check_settled(DesiredJob(C, job("a").spec))


def test_a_removed_record_leaves_its_job() -> None:
    world = world_with("a", "b", "c")

    after = records(world).remove([A, C])

    assert list(after.records) == [B] == list(world.state.records)
    world.check_settled(job("b"), strangers=["a", "c"])
    assert world.mutations() == ["create a", "create b", "create c"]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [(C, A, 'no job at "c"'), (A, B, 'at "b" already')],
    ids=["from nowhere", "onto another"],
)
def test_a_record_that_cannot_move_stays(source: Address, target: Address, message: str) -> None:
    world = world_with("a", "b")
    known = world.state

    with pytest.raises(UsageError, match=message):
        records(world).move(source, target)

    assert world.state == known


def test_all_records_are_forgotten_or_none() -> None:
    world = world_with("a", "b")
    known = world.state

    with pytest.raises(UsageError, match='no job at "c"'):
        records(world).remove([A, C])

    assert world.state == known


def test_without_a_state_there_is_nothing_to_edit() -> None:
    world = World()

    with pytest.raises(StateError, match="no state yet"):
        records(world).move(A, B)
    with pytest.raises(StateError, match="no state yet"):
        records(world).remove([A])


def test_nobody_edits_while_someone_else_writes() -> None:
    world = world_with("a")

    with world.store.lock(command="apply"):
        with pytest.raises(StateLockedError):
            records(world).move(A, B)
        with pytest.raises(StateLockedError):
            records(world).restore("any")


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_restored_snapshot_comes_back_under_a_higher_serial(
    on_disk: bool, tmp_path: Path
) -> None:
    world = world_with("a", folder=tmp_path if on_disk else None)
    kept, name = world.state, world.store.history()[0].name
    world.apply(job("a"), job("b"))
    newest = world.state

    after = records(world).restore(name)

    assert world.state == after == kept.model_copy(update={"serial": newest.serial + 1})


def test_a_job_created_since_the_snapshot_is_taken_back_by_adoption() -> None:
    world = world_with("a")
    name = world.store.history()[0].name
    world.apply(job("a"), job("b"))
    records(world).restore(name)

    with pytest.raises(DefinitionError, match="not ours"):
        world.apply(job("a"), job("b"))
    world.apply(request=a_request(job("a"), job("b"), adopt=True))

    world.check_settled(job("a"), job("b"))
    assert len(world.created) == 2


def test_a_plan_made_before_a_restore_fits_no_longer() -> None:
    world = world_with("a")
    saved = world.plan(job("a"), job("b")).plan
    records(world).restore(world.store.history()[0].name)

    with pytest.raises(Exception, match="moved on"):
        world.apply_saved(saved)


@pytest.mark.parametrize("damaged", ["test.journal", "test.json"])
def test_a_damaged_state_is_restored(damaged: str, tmp_path: Path) -> None:
    world = world_with("a", folder=tmp_path)
    world.apply(job("a"), job("b"))
    newest = world.state
    name = world.store.history()[-1].name
    kept = world.store.restore(name)
    (tmp_path / damaged).write_bytes(b"not what we wrote\nnor this\n")
    with pytest.raises(StateDamagedError):
        world.store.read()

    after = records(world).restore(name)

    assert world.state == after
    assert (after.records, after.lineage) == (kept.records, kept.lineage)
    assert after.serial > newest.serial


def test_an_unknown_snapshot_changes_nothing() -> None:
    world = world_with("a")
    known = world.state

    with pytest.raises(StateError, match="not in the history"):
        records(world).restore("test.99")

    assert world.state == known
