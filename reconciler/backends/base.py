"""Where state is kept: what the reconciler needs of it, and what it may rely on."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.backends.holder import Holder
from reconciler.model.state import Entry, Run, SnapshotInfo, State


class StateWriter(Protocol):
    """The right to write one state, held as long as its lock."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Make entries durable, in order, all or (on a crash) a prefix of them.

        Returns only when they would survive a loss of power. After a failure (`StateError`)
        nothing further is accepted: what was durable before is still read.
        """
        ...

    def checkpoint(self, state: State, run: Run | None = None) -> None:
        """Replace snapshot and journal by one snapshot of this state, atomically.

        Keeps the former snapshot in the history; `run` is who made that state, if it was not
        this one. A crash at any instant leaves a state that reads as it did before or as given.
        """
        ...


class Backend(Protocol):
    """A place that keeps one state. Reading needs no lock."""

    def read(self) -> State | None:
        """Return the snapshot with the journal folded in, or None when there is none yet.

        Raises `StateDamagedError` (which names the place and the way back) rather than guess,
        and `StateVersionError` for a format that is newer than this program.
        """
        ...

    def lock(self, *, command: str, timeout: float = 0.0) -> AbstractContextManager[StateWriter]:
        """Hold the right to write, waiting up to `timeout` seconds for another holder.

        Raises `StateLockedError`, naming the holder, its host, process, command and since when.
        The lock is free the moment its holder dies, or (where a store cannot know) within a
        minute.
        """
        ...

    def holder(self) -> Holder | None:
        """Return who holds the lock and whether it still lives, or None when it is free."""
        ...

    def break_lock(self) -> None:
        """Take the lock from whoever holds it, who can then write no more.

        Raises `StateError` where a lock is only ever held by a living process, which must be
        ended instead.
        """
        ...

    def history(self) -> Sequence[SnapshotInfo]:
        """Return the kept snapshots, newest first."""
        ...

    def restore(self, name: str) -> State:
        """Return a kept snapshot by the name that `history` gives; `StateError` if unknown."""
        ...
