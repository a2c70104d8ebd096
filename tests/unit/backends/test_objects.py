"""The chain of objects: what damage in it does, and what is kept of it."""

from collections.abc import Callable

import obstore
import pytest
from obstore.store import MemoryStore

from reconciler.backends.leases import Terms
from reconciler.backends.objects import ObjectsBackend
from reconciler.backends.s3 import Bucket, Found
from reconciler.errors import StateDamagedError, StateError, UsageError
from reconciler.model.address import Address
from reconciler.model.state import Recorded, State
from tests.build import a_record, a_spec, a_state

STACK = "vision"
TERMS = Terms(lasting=600.0, renewal=600.0, margin=1.0)
BEFORE = a_state({"a": a_record(a_spec("a"))}, serial=3)
ENTRY = Recorded(address=Address("b"), record=a_record(a_spec("b"), job_id="11"))


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(MemoryStore(), "memory://")


@pytest.fixture
def backend(bucket: Bucket) -> ObjectsBackend:
    return ObjectsBackend(bucket, STACK, terms=TERMS)


def write(backend: ObjectsBackend, *entries: Recorded, state: State = BEFORE) -> State:
    """Store a snapshot and entries after it; return what is read then."""
    with backend.lock(command="reconciler apply") as writer:
        writer.checkpoint(state)
        for entry in entries:
            writer.append([entry])
    found = backend.read()
    assert found is not None
    return found


def key(number: int, place: int, stack: str = STACK) -> str:
    return f"{stack}/log/{number:012}/{place:012}"


def spoil(bucket: Bucket, at: str, change: Callable[[bytes], bytes]) -> None:
    """Change an object as nothing of ours would."""
    found = bucket.get(at)
    assert found is not None
    assert bucket.swap(at, change(found.data), found.tag)


def put_in_place(bucket: Bucket, place: int) -> None:
    """Put an object of the stack `other` where ours was."""
    there = bucket.get(key(1, place, "other"))
    assert there is not None
    spoil(bucket, key(1, place), lambda _: there.data)


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def test_entries_are_read_on_top_of_their_snapshot(backend: ObjectsBackend) -> None:
    found = write(backend, ENTRY)

    assert found.records.keys() == {"a", "b"}
    assert found.serial > BEFORE.serial


@pytest.mark.parametrize("entries", [0, 1, 2])
def test_a_run_that_died_within_a_checkpoint_left_the_new_snapshot(
    backend: ObjectsBackend, bucket: Bucket, entries: int
) -> None:
    before = write(backend, *[ENTRY] * entries)
    after = before.model_copy(update={"serial": before.serial + 1, "records": {}})
    with backend.lock(command="reconciler apply") as writer:
        writer.checkpoint(after)
    bucket.remove([key(2, 0)])

    assert backend.read() == after


class Pruned(Bucket):
    """A bucket whose objects, as others tidy up, are gone by the first times they are read."""

    looks = 0

    def get(self, key: str) -> Found | None:
        self.looks -= 1
        return super().get(key) if self.looks < 0 else None


def test_a_chain_that_is_tidied_up_meanwhile_is_looked_for_again() -> None:
    bucket = Pruned(MemoryStore(), "memory://")
    backend = ObjectsBackend(bucket, STACK, terms=TERMS)
    state = write(backend)

    bucket.looks = 4
    assert backend.read() == state

    bucket.looks = 100
    with pytest.raises(StateDamagedError):
        backend.read()


@pytest.mark.parametrize(
    ("at", "change"),
    [
        pytest.param(key(1, 0), half, id="snapshot cut"),
        pytest.param(key(1, 0), lambda _: b"", id="snapshot empty"),
        pytest.param(key(1, 1), half, id="segment cut"),
        pytest.param(key(1, 1), lambda data: data[:-2] + b"x\n", id="segment changed"),
        pytest.param(key(1, 1), lambda _: b"not a label\n", id="segment of somebody else"),
    ],
)
def test_damage_is_told_and_never_read_over(
    bucket: Bucket, backend: ObjectsBackend, at: str, change: Callable[[bytes], bytes]
) -> None:
    write(backend, ENTRY)
    spoil(bucket, at, change)

    with pytest.raises(StateDamagedError, match="damaged"):
        backend.read()
    with pytest.raises(StateDamagedError), backend.lock(command="reconciler apply") as writer:
        writer.append([ENTRY])


def test_a_segment_that_went_away_is_damage(bucket: Bucket, backend: ObjectsBackend) -> None:
    write(backend, ENTRY, ENTRY)
    bucket.remove([key(1, 1)])

    with pytest.raises(StateDamagedError):
        backend.read()


def test_a_journal_of_another_snapshot_is_damage(bucket: Bucket, backend: ObjectsBackend) -> None:
    other = ObjectsBackend(bucket, "other", terms=TERMS)
    write(backend, ENTRY)
    write(other, ENTRY, state=BEFORE.model_copy(update={"stack": "other", "serial": 9}))
    put_in_place(bucket, 1)

    with pytest.raises(StateDamagedError, match="damaged") as told:
        backend.read()

    assert "it follows serial 9, not 3" in told.value.detail


def test_the_state_of_another_stack_is_refused(bucket: Bucket, backend: ObjectsBackend) -> None:
    other = ObjectsBackend(bucket, "other", terms=TERMS)
    write(backend)
    write(other, state=BEFORE.model_copy(update={"stack": "other"}))
    put_in_place(bucket, 0)

    with pytest.raises(StateError, match="belongs to another stack") as told:
        backend.read()

    assert "'other', not to 'vision'" in told.value.detail


@pytest.mark.parametrize("place", [0, 1], ids=["snapshot", "journal"])
def test_damage_is_mended_by_a_snapshot_of_the_same_lineage(
    bucket: Bucket, backend: ObjectsBackend, place: int
) -> None:
    state = write(backend, ENTRY)
    spoil(bucket, key(1, place), half)
    mended = state.model_copy(update={"serial": state.serial + 1})

    with backend.lock(command="reconciler state restore") as writer:
        writer.checkpoint(mended)

    assert backend.read() == mended
    assert backend.history()[0].serial == mended.serial


def test_a_damaged_journal_still_tells_the_lineage(bucket: Bucket, backend: ObjectsBackend) -> None:
    write(backend, ENTRY)
    spoil(bucket, key(1, 1), half)
    stranger = BEFORE.model_copy(update={"lineage": "another", "serial": 99})

    with (
        pytest.raises(StateError, match="lineage"),
        backend.lock(command="reconciler state restore") as writer,
    ):
        writer.checkpoint(stranger)

    with pytest.raises(StateDamagedError):
        backend.read()


def test_entries_need_a_snapshot(backend: ObjectsBackend) -> None:
    with (
        pytest.raises(StateError, match="no state to add to"),
        backend.lock(command="reconciler apply") as writer,
    ):
        writer.append([ENTRY])

    assert backend.read() is None


def test_a_writer_takes_nothing_after_its_lock(backend: ObjectsBackend) -> None:
    with backend.lock(command="reconciler apply") as writer:
        writer.checkpoint(BEFORE)

    with pytest.raises(StateError, match="released"):
        writer.append([ENTRY])

    assert backend.read() == BEFORE


def test_a_holder_that_did_not_give_back_is_fenced_off(backend: ObjectsBackend) -> None:
    write(backend, ENTRY)
    with backend.lock(command="reconciler apply") as late:
        late.append([ENTRY])
        backend.break_lock()

        with backend.lock(command="reconciler plan") as next_one:
            next_one.append([replaced(ENTRY, "c")])
        with pytest.raises(StateError, match="lost"):
            late.append([replaced(ENTRY, "d")])

    found = backend.read()
    assert found is not None
    assert found.records.keys() == {"a", "b", "c"}


def replaced(entry: Recorded, address: str) -> Recorded:
    record = a_record(a_spec(address), job_id="12")
    return entry.model_copy(update={"address": Address(address), "record": record})


@pytest.mark.parametrize("stack", ["", ".", "..", "a/b", "a\\b", "a\0b"])
def test_a_stack_must_be_part_of_a_key(bucket: Bucket, stack: str) -> None:
    with pytest.raises(UsageError, match="Not a stack name"):
        ObjectsBackend(bucket, stack)


def test_a_write_that_meets_no_trouble_is_one_request(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the object was read")

    monkeypatch.setattr(obstore, "get", fail)

    tag = bucket.create("vision/a", b"1")
    assert tag
    assert bucket.swap("vision/a", b"2", tag)
