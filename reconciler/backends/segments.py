"""A state as a numbered snapshot and the segments of the journal that follow it.

This is what a database and an object store have in common: snapshot number N, and at each place
1, 2, 3 … after it one segment, the bytes of one durable append, which is written once and never
changed. A `Session` knows how to write those under its lock; here is what the entries mean.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from reconciler.backends import codec, journal
from reconciler.backends.sealing import Seal
from reconciler.errors import StateDamagedError, StateError
from reconciler.model.state import FORMAT_VERSION, Entry, Run, State

KEPT = 10
"""How many snapshots before the present one are kept."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is stored: the present snapshot, its number, and its segments in order."""

    number: int
    snapshot: bytes
    segments: tuple[bytes, ...] = ()


class Session(Protocol):
    """The right to write one state, as a store grants it.

    Both writes are durable when they return, checked by the store against the lock's fencing
    number, and raise `StateError` when they may not have happened. Where an answer is lost, the
    session looks whether the write is there; it never repeats one blindly.
    """

    def load(self) -> Contents | None:
        """Return what is stored, as no other session can change it any more."""
        ...

    def add(self, number: int, place: int, segment: bytes) -> None:
        """Store a segment at a free place (counted from 1) after snapshot `number`."""
        ...

    def replace(self, number: int, places: int, snapshot: bytes) -> None:
        """Put a snapshot in force as `number` + 1; the one before has `places` segments.

        `number` is 0 for the first one. Snapshots older than the last `KEPT` go.
        """
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """The contents, understood. `state` has the journal folded in."""

    contents: Contents
    snapshot: State
    journal: journal.Journal
    state: State


def understood(
    contents: Contents, stack: str, where: str, seal: Seal, *, head_only: bool = False
) -> Stored:
    """Return what contents mean; with `head_only` without the snapshot's records.

    Raises `StateDamagedError`, `StateVersionError`, and `StateError` for another stack's state.
    """
    snapshot_at, journal_at = f"{where}, snapshot {contents.number}", f"{where}, journal"
    decode = codec.decode_head if head_only else codec.decode
    snapshot = decode(seal.open(contents.snapshot, "snapshot", snapshot_at), snapshot_at)
    if snapshot.stack != stack:
        detail = f"{snapshot_at} belongs to stack {snapshot.stack!r}, not to {stack!r}."
        raise StateError("The state belongs to another stack", detail)
    data = b"".join(seal.open(each, "journal", journal_at) for each in contents.segments if each)
    entries = journal.decode(data, journal_at)
    if entries.size != len(data):  # a store keeps a segment whole or not at all
        raise codec.damaged(f"{journal_at} after entry {len(entries.entries)}", "it is cut short")
    if entries.header and entries.header.follows != snapshot.serial:
        why = f"it follows serial {entries.header.follows}, not {snapshot.serial}"
        raise codec.damaged(journal_at, why)
    state = journal.folded(snapshot, entries, journal_at)
    return Stored(contents, snapshot, entries, state or snapshot)


@dataclass(frozen=True, slots=True)
class _Base:
    """What the next write follows; `lineage` is None when damage hides it."""

    number: int = 0
    places: int = 0
    lineage: str | None = None
    serial: int = 0


@dataclass(frozen=True, slots=True)
class _Position:
    """Where the next segment goes, and the checksum of the journal before it."""

    base: _Base
    header: journal.Header
    is_begun: bool = False
    crc: int = 0
    is_current: bool = True


class SegmentWriter:
    """The right to write one state, for one thread at a time, as long as its session lasts.

    After a write that failed it takes nothing more: what was durable is still read, and what was
    not must not be built upon.
    """

    def __init__(
        self,
        session: Session,
        stack: str,
        where: str,
        sign: Callable[[Sequence[Entry]], Run],
        seal: Seal,
    ) -> None:
        """Take the session; `where` names the place in messages, `sign` tells who writes."""
        self._session = session
        self._stack = stack
        self._where = where
        self._sign = sign
        self._seal = seal
        self._entries: list[Entry] = []
        self._refusal = ""
        self._position: _Position | None = None

    def append(self, entries: Sequence[Entry]) -> None:
        """Make entries durable, in order and all at once.

        Raises `StateError` when there is no snapshot yet: the first one is a `checkpoint`.
        """
        at = self._appendable()
        if not entries:
            return
        base, place = at.base, at.base.places + 1
        lines, crc = journal.encode(entries if at.is_begun else (at.header, *entries), at.crc)
        with self._writing():
            self._session.add(base.number, place, self._seal.seal(lines, "journal"))
            self._entries += entries
            serial = journal.serial_after(base.serial, entries)
            self._position = _Position(
                replace(base, places=place, serial=serial), at.header, True, crc
            )

    def checkpoint(self, state: State, run: Run | None = None) -> None:
        """Replace snapshot and journal by one snapshot of this state, atomically.

        Raises `StateError`, and changes nothing, for a state of another stack or lineage, or of
        a serial before the present one. Damaged contents are replaced, and kept like any other.
        """
        self._check_open()
        base = self._position.base if self._position else self._salvaged()
        self._check_succession(state, base)
        snapshot = codec.encode(state, run or self._sign(self._entries))
        with self._writing():
            sealed = self._seal.seal(snapshot, "snapshot")
            self._session.replace(base.number, base.places, sealed)
            self._entries.clear()
            after = _Base(base.number + 1, 0, state.lineage, state.serial)
            self._position = _Position(after, journal.header_for(state))

    def close(self) -> None:
        """Take nothing more: the lock is being released."""
        self._refusal = self._refusal or "The lock was released."

    def _appendable(self) -> _Position:
        self._check_open()
        if self._position is None and (contents := self._session.load()):
            self._position = self._after(contents)
            if not self._position.is_current:  # never add to a journal of an older format
                self.checkpoint(understood(contents, self._stack, self._where, self._seal).state)
        if self._position is None:
            detail = f"{self._where} must have a snapshot before entries can follow it."
            raise StateError("There is no state to add to", detail)
        return self._position

    def _salvaged(self) -> _Base:
        """Return what a new snapshot must follow: of damaged contents, the lineage at most.

        The serial that a damaged journal had reached cannot be known.
        """
        contents = self._session.load()
        if contents is None:
            return _Base()
        try:
            return self._after(contents).base
        except StateDamagedError:
            pass
        base = _Base(contents.number, len(contents.segments))
        try:
            alone = self._after(Contents(contents.number, contents.snapshot))
        except StateDamagedError:
            return base
        return replace(base, lineage=alone.base.lineage)

    def _after(self, contents: Contents) -> _Position:
        stored = understood(contents, self._stack, self._where, self._seal, head_only=True)
        base = _Base(
            contents.number,
            len(contents.segments),
            stored.snapshot.lineage,
            stored.state.serial,
        )
        self._entries = [*stored.journal.entries]
        written = stored.journal
        header = journal.header_for(stored.snapshot)
        version = written.header.format_version if written.header else FORMAT_VERSION
        return _Position(base, header, written.size > 0, written.crc, version == FORMAT_VERSION)

    def _check_open(self) -> None:
        if self._refusal:
            raise StateError("The state takes nothing more from this run", self._refusal)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Refuse everything after a write that did not end well, for whatever reason."""
        try:
            yield
        except BaseException as error:
            self._refusal = f"A write failed: {str(error) or type(error).__name__}"
            raise

    def _check_succession(self, state: State, base: _Base) -> None:
        if state.stack != self._stack:
            detail = f"Stack {state.stack!r} cannot be kept as {self._stack!r}."
            raise StateError("The state belongs to another stack", detail)
        if base.lineage not in (None, state.lineage):
            detail = f"{self._where} has lineage {base.lineage}, not {state.lineage}."
            raise StateError("The state belongs to another lineage", detail)
        if state.serial < base.serial:
            detail = f"{self._where} is at serial {base.serial}, past {state.serial}."
            raise StateError("The state's serial would go back", detail)


def snapshot_name(stack: str, number: int) -> str:
    """Return the name of a snapshot in the history."""
    return f"{stack}.{number}"


def snapshot_number(stack: str, name: str) -> int:
    """Return the number of a snapshot by its name; `StateError` for what is no such name."""
    prefix, _, number = name.rpartition(".")
    if prefix != stack or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise unknown_snapshot(name)
    return int(number)


def unknown_snapshot(name: str) -> StateError:
    """Return the error for a snapshot that is not kept."""
    return StateError("No such snapshot", f"{name!r} is not in the history.", codec.WAY_BACK)
