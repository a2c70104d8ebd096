"""Operations on the state alone: no job is touched."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from reconciler.backends.base import Backend, StateWriter
from reconciler.errors import StateDamagedError, StateError, UsageError
from reconciler.model.address import Address
from reconciler.model.state import Entry, Moved, Recorded, State, fold
from reconciler.planning.moves import along

_SKIP_AFTER_DAMAGE = 1000
"""How far the serial jumps when the damaged state's own cannot be read, so that no plan that was
made from it fits the restored one."""


@dataclass(frozen=True, slots=True)
class Records:
    """Edits one state under its lock; `lock_timeout` is in seconds."""

    backend: Backend
    command: str
    lock_timeout: float = 0.0

    def move(self, source: Address, target: Address) -> State:
        """Give a record another address; `UsageError` if it is none, or the target has one."""
        with self._lock() as writer:
            state = _require(self.backend.read())
            _require_record(state, source)
            if target in state.records or target in state.intents:
                raise UsageError(
                    "Address is recorded already",
                    f'The state has a record at "{target}" already.',
                    f"Forget that one first with `reconciler state rm {target}`, if it is meant.",
                )
            moved = [Moved(source=source, target=target), *along(state.records, source, target)]
            return _commit(writer, state, moved)

    def remove(self, addresses: Sequence[Address]) -> State:
        """Forget records; their jobs stay as they are. `UsageError` if one is not recorded."""
        with self._lock() as writer:
            state = _require(self.backend.read())
            for address in addresses:
                _require_record(state, address)
            return _commit(writer, state, [Recorded(address=a, record=None) for a in addresses])

    def restore(self, name: str) -> State:
        """Make a kept snapshot the state again, under a higher serial than any before it.

        Works on a damaged state, too. Jobs that were created since the snapshot are not lost: a
        plan shows that their names are taken, and `--adopt` takes them back.
        """
        with self._lock() as writer:
            kept = self.backend.restore(name)
            known = [kept.serial, *(each.serial for each in self.backend.history())]
            try:
                current = self.backend.read()
            except StateDamagedError:
                serial = max(known) + _SKIP_AFTER_DAMAGE
            else:
                serial = max([*known, current.serial if current else 0]) + 1
            state = kept.model_copy(update={"serial": serial})
            writer.checkpoint(state)
            return state

    def migrate(self, target: Backend) -> State:
        """Copy the state with its history to another place, and verify it; return it.

        The old place stays as it is, so that the way back is the same command the other way
        round. Raises `StateError` when the target holds another state, or a newer one.
        """
        with (
            self._lock() as _,
            target.lock(command=self.command, timeout=self.lock_timeout) as writer,
        ):
            state = _require(self.backend.read())
            there = target.read()
            _check_target(state, there)
            for info in reversed(self.backend.history()):
                kept = self.backend.restore(info.name)
                if kept.lineage == state.lineage and (not there or kept.serial > there.serial):
                    writer.checkpoint(kept, info.run)
                    there = kept
            if there != state:
                writer.checkpoint(state)
            if target.read() != state:
                raise StateError(
                    "The copy differs from the state",
                    "What was written there does not read back as it was.",
                    "Go on with the old place; it is unchanged.",
                )
            return state

    def rewrite(self) -> State:
        """Write the state anew as it is: under another key, say."""
        with self._lock() as writer:
            state = _require(self.backend.read())
            writer.checkpoint(state)
            return state

    def _lock(self) -> AbstractContextManager[StateWriter]:
        return self.backend.lock(command=self.command, timeout=self.lock_timeout)


def _check_target(state: State, there: State | None) -> None:
    """Refuse to write over a state that is another one, or newer."""
    if there is None:
        return
    if there.lineage != state.lineage:
        raise StateError(
            "Another state is there already",
            f"Its lineage is {there.lineage}, not {state.lineage}.",
            "Name an empty place, or another stack.",
        )
    if there.serial > state.serial:
        raise StateError(
            "A newer state is there already",
            f"It is at serial {there.serial}, this one at {state.serial}.",
            "Nothing was copied: that place is where the work went on.",
        )


def _commit(writer: StateWriter, state: State, entries: Sequence[Entry]) -> State:
    writer.append(entries)
    after = fold(state, entries)
    writer.checkpoint(after)
    return after


def _require(state: State | None) -> State:
    if state is None:
        raise StateError(
            "There is no state yet", "Nothing has been applied here.", "Run `reconciler apply`."
        )
    return state


def _require_record(state: State, address: Address) -> None:
    if address not in state.records:
        raise UsageError(
            "No such job is recorded",
            f'The state records no job at "{address}".',
            "`reconciler state list` shows the addresses there are.",
        )
