"""What every backend does: one class of tests, which each backend subclasses with its fixture."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.backends.base import Backend
from reconciler.backends.local import LocalBackend
from reconciler.backends.memory import MemoryBackend
from reconciler.backends.sealing import Seal, Secret, make_seal
from reconciler.backends.url import open_backend
from reconciler.errors import StateError, StateLockedError
from reconciler.model.address import Address
from reconciler.model.job import Status
from reconciler.model.state import (
    Bound,
    Closed,
    Entry,
    Moved,
    Observed,
    Opened,
    Recorded,
    Removed,
    State,
    fold,
)
from tests.build import LINEAGE, a_platform, a_record, a_spec, a_state, an_intent, an_outcome

STACK = "vision"
EMPTY = State(stack=STACK, lineage=LINEAGE, salt="5a" * 16)
RESNET, BERT = Address("resnet"), Address("bert")
RECORDED = Recorded(address=RESNET, record=a_record())
SEEN = Observed(address=RESNET, job_id="10", outcome=an_outcome())
FAILED = Observed(address=RESNET, job_id="10", outcome=an_outcome(Status.FAILED))
EVERY_KIND: tuple[Entry, ...] = (
    Bound(platform=a_platform().identity),
    Opened(intent=an_intent("create")),
    RECORDED,
    SEEN,
    Opened(intent=an_intent("replace", job_id="10", version_id="20")),
    Removed(address=RESNET, job_id="10"),
    Recorded(address=RESNET, record=a_record(a_spec(description="naïve ☃ \U0001f9ea \x00\n\"'"))),
    Moved(source=RESNET, target=Address("resnet[lr=0.1]")),
    Opened(intent=an_intent("create", a_spec("bert"))),
    Closed(address=BERT),
    Recorded(address=BERT, record=None),
    Opened(intent=an_intent("delete", result=None)),
)


class BackendContract:
    """Subclass it and give a `backend` fixture: an empty backend for stack `vision`."""

    @pytest.fixture
    def backend(self) -> Iterator[Backend]:
        raise NotImplementedError

    def reopened(self, backend: Backend) -> Backend:
        """Return the same state as another process would open it."""
        return backend

    @pytest.fixture
    def begun(self, backend: Backend) -> Backend:
        with backend.lock(command="apply") as writer:
            writer.checkpoint(EMPTY)
        return backend

    def test_nothing_is_there_at_first(self, backend):
        assert backend.read() is None
        assert list(backend.history()) == []

    def test_a_lock_alone_makes_no_state(self, backend):
        with backend.lock(command="apply"):
            pass

        assert backend.read() is None

    @pytest.mark.parametrize(
        "state",
        [
            pytest.param(EMPTY, id="empty"),
            pytest.param(a_state({"resnet": a_record()}), id="one record"),
            pytest.param(
                a_state(
                    {"intents": a_record(), "records": a_record(a_spec("b"))},
                    intents={RESNET: (an_intent("create"), an_intent("update", job_id="1"))},
                    serial=10**12,
                ),
                id="records, intents and a large serial",
            ),
        ],
    )
    def test_a_checkpoint_reads_back(self, backend, state):
        with backend.lock(command="apply") as writer:
            writer.checkpoint(state)

        assert self.reopened(backend).read() == state

    def test_the_first_write_must_be_a_checkpoint(self, backend):
        with backend.lock(command="apply") as writer:
            with pytest.raises(StateError, match="no state to add to"):
                writer.append([RECORDED])
            writer.checkpoint(EMPTY)
            writer.append([RECORDED])

        assert backend.read() == fold(EMPTY, [RECORDED])

    @pytest.mark.parametrize(
        "groups",
        [
            pytest.param([[each] for each in EVERY_KIND], id="one by one"),
            pytest.param([EVERY_KIND], id="all at once"),
            pytest.param([EVERY_KIND[:5], [], EVERY_KIND[5:]], id="in groups, one empty"),
        ],
    )
    def test_appended_entries_are_folded_in(self, begun, groups):
        expected = EMPTY
        with begun.lock(command="apply") as writer:
            for group in groups:
                writer.append(group)
                expected = fold(expected, group)
                assert self.reopened(begun).read() == expected

        assert self.reopened(begun).read() == fold(EMPTY, EVERY_KIND)

    def test_every_run_goes_on_where_the_last_one_ended(self, begun):
        for entry in EVERY_KIND:
            with self.reopened(begun).lock(command="apply") as writer:
                writer.append([entry])

        assert begun.read() == fold(EMPTY, EVERY_KIND)

    def test_a_checkpoint_takes_the_place_of_the_entries(self, begun):
        state = fold(EMPTY, EVERY_KIND)
        with begun.lock(command="apply") as writer:
            writer.append(EVERY_KIND)
            writer.checkpoint(state)
            assert self.reopened(begun).read() == state
            writer.append([RECORDED])

        assert self.reopened(begun).read() == fold(state, [RECORDED])

    def test_a_checkpoint_at_the_same_serial_keeps_what_was_observed(self, begun):
        known = fold(EMPTY, [RECORDED])
        with begun.lock(command="wait") as writer:
            writer.checkpoint(known)
            writer.append([SEEN, FAILED])
            writer.checkpoint(fold(known, [SEEN, FAILED]))
            writer.append([SEEN])

        assert self.reopened(begun).read() == fold(known, [SEEN])

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            pytest.param({"stack": "speech"}, "another stack", id="another stack"),
            pytest.param({"lineage": "another"}, "another lineage", id="another lineage"),
            pytest.param({"serial": 4}, "go back", id="an earlier serial"),
        ],
    )
    def test_a_state_that_does_not_succeed_is_refused(self, begun, change, words):
        state = EMPTY.model_copy(update={"serial": 5})
        with begun.lock(command="apply") as writer:
            writer.checkpoint(state)

        with begun.lock(command="apply") as writer:
            with pytest.raises(StateError, match=words):
                writer.checkpoint(state.model_copy(update=change))
            writer.append([RECORDED])

        assert begun.read() == fold(state, [RECORDED])

    def test_entries_count_when_a_serial_would_go_back(self, begun):
        with begun.lock(command="apply") as writer:
            writer.append([RECORDED, RECORDED])
            with pytest.raises(StateError, match="go back"):
                writer.checkpoint(fold(EMPTY, [RECORDED]))

        assert begun.read() == fold(EMPTY, [RECORDED, RECORDED])

    def test_a_writer_ends_with_its_lock(self, begun):
        with begun.lock(command="apply") as writer:
            pass

        with pytest.raises(StateError, match="lock was released"):
            writer.append([RECORDED])
        with pytest.raises(StateError, match="lock was released"):
            writer.checkpoint(EMPTY)
        assert begun.read() == EMPTY

    def test_a_second_lock_is_refused_and_told_who_has_it(self, begun):
        with begun.lock(command="reconciler apply --wait"):
            with (
                pytest.raises(StateLockedError, match="reconciler apply --wait") as caught,
                self.reopened(begun).lock(command="destroy"),
            ):
                pytest.fail("two writers at once")
            assert begun.read() == EMPTY
        assert "process" in caught.value.detail
        assert "since" in caught.value.detail

        with begun.lock(command="destroy"):
            pass

    def test_a_failed_run_frees_the_lock(self, begun):
        def interrupted_run() -> None:
            with begun.lock(command="apply") as writer:
                writer.append([RECORDED])
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted_run()

        with begun.lock(command="apply") as writer:
            writer.append([SEEN])
        assert begun.read() == fold(EMPTY, [RECORDED, SEEN])

    def test_waiting_for_the_lock_pays_off(self, begun):
        held, release = threading.Event(), threading.Event()

        def other_run() -> None:
            with self.reopened(begun).lock(command="apply"):
                held.set()
                assert release.wait(30)

        thread = threading.Thread(target=other_run)
        thread.start()
        assert held.wait(30)
        threading.Timer(0.2, release.set).start()
        with begun.lock(command="destroy", timeout=30) as writer:
            assert release.is_set()
            writer.append([RECORDED])
        thread.join(30)

        assert begun.read() == fold(EMPTY, [RECORDED])

    def test_the_history_lists_snapshots_newest_first(self, begun):
        states = [EMPTY]
        with begun.lock(command="apply") as writer:
            for _ in range(3):
                states.append(fold(states[-1], [RECORDED]))
                writer.checkpoint(states[-1])

        found = self.reopened(begun).history()

        assert [each.serial for each in found] == [3, 2, 1, 0]
        assert [each.jobs for each in found] == [1, 1, 1, 0]
        assert [begun.restore(each.name) for each in found] == states[::-1]
        assert [each.saved_at for each in found] == sorted(
            (each.saved_at for each in found), reverse=True
        )

    def test_the_history_tells_who_did_what(self, begun):
        with begun.lock(command="reconciler apply") as writer:
            writer.append([Opened(intent=an_intent("create")), RECORDED])
        with self.reopened(begun).lock(command="reconciler state rm") as writer:
            writer.append([Recorded(address=RESNET, record=None), SEEN])
            writer.checkpoint(fold(EMPTY, [Opened(intent=an_intent("create")), RECORDED, RECORDED]))

        found = self.reopened(begun).history()[0].run

        assert found.command == "reconciler state rm"
        assert found.by
        assert found.host
        assert [(each.verb, each.addresses) for each in found.changes] == [
            ("create", ("resnet",)),
            ("forget", ("resnet",)),
        ]
        assert begun.history()[-1].run.changes == ()

    def test_the_last_ten_snapshots_are_kept_at_least(self, begun):
        with begun.lock(command="apply") as writer:
            for serial in range(1, 15):
                writer.checkpoint(EMPTY.model_copy(update={"serial": serial}))

        assert [each.serial for each in begun.history()][:11] == [*range(14, 3, -1)]

    @pytest.mark.parametrize("name", ["", "nonsense", "../vision.json", "vision.json"])
    def test_an_unknown_snapshot_is_an_error(self, begun, name):
        with pytest.raises(StateError, match="No such snapshot"):
            begun.restore(name)

    def test_a_restored_snapshot_can_be_put_in_force(self, begun):
        with begun.lock(command="apply") as writer:
            writer.checkpoint(fold(EMPTY, EVERY_KIND))
            writer.append([RECORDED])

        with begun.lock(command="state restore") as writer:
            serial = begun.read().serial
            old = begun.restore(begun.history()[-1].name)
            writer.checkpoint(old.model_copy(update={"serial": serial + 1}))

        assert begun.read() == EMPTY.model_copy(update={"serial": serial + 1})


class TestLocal(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> LocalBackend:
        return LocalBackend(tmp_path / "deep" / "state", STACK)

    def reopened(self, backend: Backend) -> LocalBackend:
        assert isinstance(backend, LocalBackend)
        return LocalBackend(backend.folder, STACK)


class TestMemory(BackendContract):
    @pytest.fixture
    def backend(self) -> MemoryBackend:
        return MemoryBackend(STACK)


class TestPostgres(BackendContract):
    @pytest.fixture
    def backend(self, postgres_server, tmp_path: Path) -> Backend:
        self.url = f"{postgres_server.url()}?schema=s{uuid.uuid4().hex}"
        return open_backend(self.url, STACK, tmp_path)

    def reopened(self, backend: Backend) -> Backend:
        return open_backend(self.url, STACK, Path())


class TestObjects(BackendContract):
    @pytest.fixture
    def backend(self, object_store, tmp_path: Path) -> Backend:
        self.url = object_store.url(f"p{uuid.uuid4().hex}/deep")
        return open_backend(self.url, STACK, tmp_path)

    def reopened(self, backend: Backend) -> Backend:
        return open_backend(self.url, STACK, Path())


def a_seal(passphrase: str = "correct horse battery staple") -> Seal:
    return make_seal(STACK, Secret(passphrase.encode(), is_passphrase=False))


class TestSealedLocal(TestLocal):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> LocalBackend:
        return LocalBackend(tmp_path / "deep" / "state", STACK, seal=a_seal())

    def reopened(self, backend: Backend) -> LocalBackend:
        assert isinstance(backend, LocalBackend)
        return LocalBackend(backend.folder, STACK, seal=a_seal())


class TestSealedPostgres(TestPostgres):
    @pytest.fixture
    def backend(self, postgres_server, tmp_path: Path) -> Backend:
        self.url = f"{postgres_server.url()}?schema=s{uuid.uuid4().hex}"
        return open_backend(self.url, STACK, tmp_path, seal=a_seal())

    def reopened(self, backend: Backend) -> Backend:
        return open_backend(self.url, STACK, Path(), seal=a_seal())


class TestSealedObjects(TestObjects):
    @pytest.fixture
    def backend(self, object_store, tmp_path: Path) -> Backend:
        self.url = object_store.url(f"p{uuid.uuid4().hex}/deep")
        return open_backend(self.url, STACK, tmp_path, seal=a_seal())

    def reopened(self, backend: Backend) -> Backend:
        return open_backend(self.url, STACK, Path(), seal=a_seal())
