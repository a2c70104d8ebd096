"""Operations on the state alone: no job is touched."""

from collections.abc import Sequence

from reconciler.backends.base import StateWriter
from reconciler.engine.context import Context
from reconciler.errors import StateDamagedError, StateError, UsageError
from reconciler.model.address import Address
from reconciler.model.state import Entry, Moved, Recorded, State, fold

_SKIP_AFTER_DAMAGE = 1000
"""How far the serial jumps when the damaged state's own cannot be read, so that no plan that was
made from it fits the restored one."""


def move(context: Context, source: Address, target: Address) -> State:
    """Give a record another address. Raises `UsageError` if there is none, or one at the target."""
    with context.backend.lock(command=context.command, timeout=context.lock_timeout) as writer:
        state = _require(context.backend.read())
        _require_record(state, source)
        if target in state.records:
            raise UsageError(
                "Address is recorded already",
                f'The state has a record at "{target}" already.',
                f"Forget that one first with `reconciler state rm {target}`, if it is meant.",
            )
        return _commit(writer, state, [Moved(source=source, target=target)])


def remove(context: Context, addresses: Sequence[Address]) -> State:
    """Forget records; their jobs stay as they are. Raises `UsageError` if one is not recorded."""
    with context.backend.lock(command=context.command, timeout=context.lock_timeout) as writer:
        state = _require(context.backend.read())
        for address in addresses:
            _require_record(state, address)
        return _commit(writer, state, [Recorded(address=a, record=None) for a in addresses])


def restore(context: Context, name: str) -> State:
    """Make a kept snapshot the state again, under a higher serial than any before it.

    Works on a damaged state, too. Jobs that were created since the snapshot are not lost: a
    plan shows that their names are taken, and `--adopt` takes them back.
    """
    with context.backend.lock(command=context.command, timeout=context.lock_timeout) as writer:
        kept = context.backend.restore(name)
        known = [kept.serial, *(each.serial for each in context.backend.history())]
        try:
            current = context.backend.read()
        except StateDamagedError:
            serial = max(known) + _SKIP_AFTER_DAMAGE
        else:
            serial = max([*known, current.serial if current else 0]) + 1
        state = kept.model_copy(update={"serial": serial})
        writer.checkpoint(state)
        return state


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
