"""State in this process's memory, with faults that can be switched on: for tests of the engine."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from reconciler.backends.holder import Holder, locked, this_process
from reconciler.backends.signing import Author
from reconciler.errors import StateError
from reconciler.model.state import Entry, Run, SnapshotInfo, State, fold

_Operation = Literal["append", "checkpoint"]


@dataclass(frozen=True, slots=True)
class _Fault:
    operation: _Operation
    at: int
    after: bool
    error: BaseException


@dataclass(slots=True)
class _Store:
    """What outlives a writer: snapshots, the journal, call counts, and the faults to come."""

    stack: str
    snapshots: list[tuple[State, datetime, Run]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    faults: list[_Fault] = field(default_factory=list)
    calls: Counter[_Operation] = field(default_factory=Counter)

    def read(self) -> State | None:
        return fold(self.snapshots[-1][0], self.entries) if self.snapshots else None

    @contextmanager
    def counted(self, operation: _Operation) -> Iterator[None]:
        """Count one call, and raise what was asked for it, before it has its effect or after."""
        self.calls[operation] += 1
        at = (operation, self.calls[operation])
        due = [each for each in self.faults if (each.operation, each.at) == at]
        for fault in due:
            if not fault.after:
                raise fault.error
        yield
        for fault in due:
            raise fault.error


class MemoryBackend:
    """One stack's state in memory, under the contract of every backend.

    A run that "died" (any exception through the `lock` block) leaves behind what was durable,
    as a file would.
    """

    def __init__(self, stack: str = "test", author: Author | None = None) -> None:
        self._store = _Store(stack)
        self._author = author or Author()
        self._mutex = threading.Lock()
        self._holder: Holder | None = None

    def fail_append(self, at: int, after: bool, error: BaseException) -> None:
        """Raise an error in the `at`-th append, counted from 1 over the backend's life.

        With `after` its entries are durable nevertheless, as when a process dies between the
        flush and the next instruction.
        """
        self._store.faults.append(_Fault("append", at, after, error))

    def fail_checkpoint(self, at: int, after: bool, error: BaseException) -> None:
        """Raise an error in the `at`-th checkpoint, before it took place or `after`."""
        self._store.faults.append(_Fault("checkpoint", at, after, error))

    @property
    def appends(self) -> int:
        """How often `append` was called with something to keep."""
        return self._store.calls["append"]

    @property
    def checkpoints(self) -> int:
        """How often `checkpoint` was called with a state that it could take."""
        return self._store.calls["checkpoint"]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The journal: what was appended since the last checkpoint."""
        return tuple(self._store.entries)

    def read(self) -> State | None:
        """Return the snapshot with the journal folded in, or None when there is none yet."""
        return self._store.read()

    @contextmanager
    def lock(self, *, command: str, timeout: float = 0.0) -> Iterator["MemoryWriter"]:
        """Hold the right to write, waiting up to `timeout` seconds for another holder."""
        if not self._mutex.acquire(timeout=timeout):
            where, who = f"memory:{self._store.stack}", self._holder or Holder()
            raise locked(where, who, now=datetime.now(UTC), waited=timeout)
        self._holder = this_process(command)
        writer = MemoryWriter(self._store, partial(self._author.run, command))
        try:
            yield writer
        finally:
            writer.close()
            self._holder = None
            self._mutex.release()

    def holder(self) -> Holder | None:
        """Return who holds the lock, or None when it is free."""
        return self._holder

    def break_lock(self) -> None:
        """Refuse: the holder is this very process."""
        raise StateError("The holder is alive", f"It is this process: {self._holder}.")

    def history(self) -> Sequence[SnapshotInfo]:
        """Return the snapshots that can be restored, newest first, the present one included."""
        return tuple(
            SnapshotInfo(
                f"{self._store.stack}.{number}", state.serial, saved_at, len(state.records), run
            )
            for number, (state, saved_at, run) in reversed([*enumerate(self._store.snapshots)])
        )

    def restore(self, name: str) -> State:
        """Return a kept snapshot by the name that `history` gives; `StateError` if unknown."""
        for number, (state, *_) in enumerate(self._store.snapshots):
            if name == f"{self._store.stack}.{number}":
                return state
        raise StateError("No such snapshot", f"{name!r} is not in the history.")


class MemoryWriter:
    """The right to write a `MemoryBackend`; after a failure it takes nothing more."""

    def __init__(self, store: _Store, sign: Callable[[Sequence[Entry]], Run]) -> None:
        self._store = store
        self._sign = sign
        self._refusal = ""

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep entries, all or (when a fault says so) none."""
        self._check_open()
        if not self._store.snapshots:
            raise StateError("There is no state to add to", "The first write is a checkpoint.")
        if entries:
            with self._writing("append"):
                self._store.entries.extend(entries)

    def checkpoint(self, state: State, run: Run | None = None) -> None:
        """Replace snapshot and journal; refuse another stack, lineage, or an earlier serial."""
        self._check_open()
        present = self._store.read()
        if state.stack != self._store.stack:
            raise StateError("The state belongs to another stack", f"It is {state.stack!r}'s.")
        if present and state.lineage != present.lineage:
            raise StateError("The state belongs to another lineage", state.lineage)
        if present and state.serial < present.serial:
            detail = f"The present one is {present.serial}, past {state.serial}."
            raise StateError("The state's serial would go back", detail)
        with self._writing("checkpoint"):
            by = run or self._sign(self._store.entries)
            self._store.snapshots.append((state, by.at, by))
            self._store.entries.clear()

    def close(self) -> None:
        """Take nothing more: the lock is being released."""
        self._refusal = self._refusal or "The lock was released."

    def _check_open(self) -> None:
        if self._refusal:
            raise StateError("The state takes nothing more from this run", self._refusal)

    @contextmanager
    def _writing(self, operation: _Operation) -> Iterator[None]:
        try:
            with self._store.counted(operation):
                yield
        except BaseException as error:
            self._refusal = f"A write failed: {str(error) or type(error).__name__}"
            raise
