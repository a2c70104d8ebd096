"""Who writes a state, and what a run did, for the history."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.backends.holder import this_process
from reconciler.model.state import (
    Change,
    Closed,
    Entry,
    Moved,
    Opened,
    Recorded,
    Removed,
    Run,
)

_FEW = 20
"""How many addresses of a kind a snapshot names."""


@dataclass(frozen=True, slots=True)
class Author:
    """Signs what a command writes. `commit` is asked when something is written, and not before."""

    commit: Callable[[], str | None] = lambda: None

    def run(self, command: str, entries: Iterable[Entry]) -> Run:
        """Return who we are and what the entries since the last snapshot say was done."""
        me = this_process(command)
        return Run(
            by=_printable(me.user),
            host=_printable(me.host),
            at=datetime.now(UTC),
            command=_printable(command),
            commit=self.commit(),
            changes=changes(entries),
        )


def changes(entries: Iterable[Entry]) -> tuple[Change, ...]:
    """Sum entries up by verb: what was done to which addresses, as far as it came to an end."""
    verbs: dict[str, str] = {}
    done: dict[str, dict[str, None]] = {}
    for entry in entries:
        match entry:
            case Opened(intent=intent):
                verbs[intent.address] = intent.kind
            case Closed(address=address):
                verbs.pop(address, None)
            case Removed(address=address):
                verbs[address] = "replace"
            case Recorded(address=address, record=record):
                verb = verbs.pop(address, "record")
                if record is None:
                    verb = "delete" if verb == "delete" else "forget"
                done.setdefault(verb, {})[address] = None
            case Moved(source=source, target=target):
                done.setdefault("move", {})[f"{source} → {target}"] = None
    return tuple(
        Change(verb=verb, count=len(done[verb]), addresses=tuple(done[verb])[:_FEW])
        for verb in ("create", "replace", "update", "delete", "record", "forget", "move")
        if verb in done
    )


def _printable(text: str) -> str:
    """Return text that UTF-8 can hold: an argument of a command line need not be any."""
    return text.encode(errors="replace").decode()
