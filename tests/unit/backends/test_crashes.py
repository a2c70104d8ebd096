"""Kill, break or unplug the local backend at every file operation; nothing known may be lost."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

from reconciler.backends import durable
from reconciler.backends.local import LocalBackend
from reconciler.errors import StateError
from reconciler.model.address import Address
from reconciler.model.state import Bound, Closed, Entry, Observed, Opened, Recorded, State, fold
from tests.build import LINEAGE, a_platform, a_record, an_intent, an_outcome
from tests.unit.backends.disk import (
    BROKEN,
    FULL,
    OVER_QUOTA,
    Died,
    Dying,
    Failing,
    Losing,
    Watched,
    write_out,
)

EMPTY = State(stack="vision", lineage=LINEAGE, salt="5a" * 16)
RESNET = Address("resnet")
BOUND = Bound(platform=a_platform().identity)
OPENED = Opened(intent=an_intent())
RECORDED = Recorded(address=RESNET, record=a_record())
SEEN = Observed(address=RESNET, job_id="10", outcome=an_outcome())
CLOSED = Closed(address=RESNET)
RUNS: tuple[tuple[Sequence[Entry] | None, ...], ...] = (
    ([BOUND, OPENED], [RECORDED], None, [SEEN], None),
    ([OPENED, CLOSED],),
    ([RECORDED], [OPENED], None, [CLOSED], None, None),
)
"""Three runs; each appends groups of entries, and checkpoints where None stands."""

HARMLESS = ("write",)
"""What may fail without failing the run: writing down who holds the lock."""


@dataclass
class Ledger:
    """What may be read: every state from the last acknowledged one to the last attempted."""

    allowed: list[State | None] = field(default_factory=lambda: [None])

    @property
    def state(self) -> State:
        known = self.allowed[-1]
        assert known is not None
        return known

    def attempt(self, states: Sequence[State]) -> None:
        self.allowed += states

    def acknowledge(self) -> None:
        del self.allowed[:-1]


def live(backend: LocalBackend, ledger: Ledger) -> None:
    """Go through all the runs, noting what is attempted and what is acknowledged."""
    for number, run in enumerate(RUNS):
        with backend.lock(command="apply") as writer:
            if number == 0:
                ledger.attempt([EMPTY])
                writer.checkpoint(EMPTY)
                ledger.acknowledge()
            for entries in run:
                if entries is None:
                    writer.checkpoint(ledger.state)
                else:
                    before = ledger.state
                    ledger.attempt(
                        [fold(before, entries[: end + 1]) for end in range(len(entries))]
                    )
                    writer.append(entries)
                ledger.acknowledge()


def count_operations(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    watched = Watched()
    with monkeypatch.context() as patch:
        patch.setattr(durable, "os", watched)
        live(LocalBackend(folder, "vision"), Ledger())
    assert set(watched.calls) >= {"write", "fsync", "fdatasync", "link", "replace", "unlink"}
    return len(watched.calls)


def assert_goes_on(folder: Path, ledger: Ledger) -> None:
    """The state reads as one of those allowed, and the next run can build on it."""
    backend = LocalBackend(folder, "vision")
    found = backend.read()
    assert found in ledger.allowed
    with mock.patch.object(durable, "os", Watched()), backend.lock(command="apply") as writer:
        if found is None:
            found = EMPTY
            writer.checkpoint(found)
        writer.append([OPENED])
        writer.append([RECORDED])
        assert backend.read() == fold(found, [OPENED, RECORDED])
        writer.checkpoint(fold(found, [OPENED, RECORDED, CLOSED]))
    assert backend.read() == fold(found, [OPENED, RECORDED, CLOSED])
    assert [*folder.glob(".*.tmp")] == []


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_process_that_dies_at_any_operation_loses_nothing(tmp_path, monkeypatch, when):
    total = count_operations(tmp_path / "whole", monkeypatch)
    deaths = 0
    for at in range(1, total + 1):
        ledger, folder = Ledger(), tmp_path / str(at)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", Dying(at, when))
            try:
                live(LocalBackend(folder, "vision"), ledger)
            except Died:
                deaths += 1

        assert_goes_on(folder, ledger)
    # Two snapshots of one serial within a tick of the clock are one in the history: a flush less.
    assert total - 4 <= deaths <= total


@pytest.mark.parametrize(
    ("number", "words", "forever"),
    [
        pytest.param(FULL, "No space left on device", True, id="disk full from then on"),
        pytest.param(BROKEN, "Input/output error", False, id="disk broken once"),
        pytest.param(None, "bytes were written", False, id="one short write"),
    ],
)
def test_a_disk_that_fails_at_any_operation_loses_nothing(
    tmp_path, monkeypatch, number, words, forever
):
    total = count_operations(tmp_path / "whole", monkeypatch)
    errors = []
    for at in range(1, total + 1):
        ledger, folder = Ledger(), tmp_path / str(at)
        failing = Failing(at, number, forever=forever)
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", failing)
            try:
                live(LocalBackend(folder, "vision"), ledger)
            except StateError as error:
                errors.append(error)
            else:
                assert failing.failed in ("", *HARMLESS)

        assert_goes_on(folder, ledger)
    assert len(errors) > 10
    assert all(words in error.detail and str(tmp_path) in error.detail for error in errors)


@pytest.mark.parametrize("name", ["write", "fdatasync"])
@pytest.mark.parametrize("error", [FULL, BROKEN, OVER_QUOTA])
def test_after_a_failed_append_nothing_more_is_taken(tmp_path, monkeypatch, name, error):
    backend = LocalBackend(tmp_path, "vision")
    with backend.lock(command="apply") as writer:
        writer.checkpoint(EMPTY)
        writer.append([BOUND])
        with monkeypatch.context() as patch:
            patch.setattr(durable, "os", _failing_at(name, error))
            with pytest.raises(StateError, match=r"vision\.journal"):
                writer.append([OPENED])
        with pytest.raises(StateError, match="takes nothing more"):
            writer.append([OPENED])
        with pytest.raises(StateError, match="takes nothing more"):
            writer.checkpoint(fold(EMPTY, [BOUND]))

    assert backend.read() == fold(EMPTY, [BOUND])


def _failing_at(name: str, error: int) -> Watched:
    class Once(Failing):
        def do(self, called, real, *args, **keywords):
            if called == name and not self.failed:
                self.at = len(self.calls)
            return super().do(called, real, *args, **keywords)

    return Once(0, error)


def test_power_that_goes_at_any_operation_loses_nothing(tmp_path, monkeypatch):
    folder, after = tmp_path / "state", tmp_path / "after"
    (folder / "backups").mkdir(parents=True)
    after.mkdir()
    ledger, seen = Ledger(), set()

    def check() -> None:
        for contents in losing.remains():
            picture = (tuple(sorted(contents.items())), len(ledger.allowed), id(ledger.allowed[-1]))
            if picture not in seen:
                seen.add(picture)
                write_out(contents, after)
                assert LocalBackend(after, "vision").read() in ledger.allowed

    losing = Losing(folder, check)
    with monkeypatch.context() as patch:
        patch.setattr(durable, "os", losing)
        live(LocalBackend(folder, "vision"), ledger)

    assert len(seen) > 50
    assert LocalBackend(folder, "vision").read() == ledger.state
