"""State in a folder: `<stack>.json`, `<stack>.journal`, `<stack>.lock` and `backups/`.

The journal's header names the serial of the snapshot that it follows. That one fact makes every
gap safe: between writing a snapshot and clearing the journal, the journal follows an earlier
serial and is ignored; and a reader that takes no lock reads the journal first, so that a snapshot
written meanwhile can only be newer than the journal it saw.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from reconciler.backends import codec, durable, journal, lockfile
from reconciler.backends.holder import Holder
from reconciler.backends.sealing import NoSeal, Seal, opened_lines
from reconciler.backends.signing import Author
from reconciler.errors import StateDamagedError, StateError, UsageError
from reconciler.model.state import FORMAT_VERSION, Entry, Run, SnapshotInfo, State

KEPT_BACKUPS = 10
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_Decode = Callable[[bytes, str], State]
_KEPT = re.compile(r"(\d+)\.(\d{8}T\d{6}\.\d{6}Z)\.json")


@dataclass(frozen=True, slots=True)
class _Files:
    """The paths of one state, and how what is in them is encrypted."""

    folder: Path
    stack: str
    seal: Seal

    @property
    def snapshot(self) -> Path:
        return self.folder / f"{self.stack}.json"

    @property
    def journal(self) -> Path:
        return self.folder / f"{self.stack}.journal"

    @property
    def lock(self) -> Path:
        return self.folder / f"{self.stack}.lock"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    def kept_name(self, serial: int) -> str:
        """Return the name that the present snapshot has in the history.

        It carries the time when the file was written, so that keeping a snapshot twice (after a
        crash in between) is keeping it once.
        """
        return f"{self.stack}.{serial}.{self.saved_at():{_STAMP}}.json"

    def saved_at(self) -> datetime:
        with durable.explained("read", self.snapshot):
            return datetime.fromtimestamp(self.snapshot.stat().st_mtime, UTC)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is on the disk: the snapshot, the journal's intact part, and both folded."""

    snapshot: State | None
    journal: journal.Journal
    state: State | None


class LocalBackend:
    """One stack's state in a folder of this machine.

    Reading takes no lock and changes nothing.
    """

    def __init__(
        self,
        folder: Path,
        stack: str,
        author: Author | None = None,
        seal: Seal | None = None,
    ) -> None:
        """Name the folder and the stack; `UsageError` for a stack that is no file name."""
        if stack in ("", ".", "..") or re.search(r"[/\\\0]", stack):
            raise UsageError("Not a stack name", f"{stack!r} cannot be part of a file's name.")
        self._files = _Files(folder, stack, seal or NoSeal())
        self._author = author or Author()

    @property
    def folder(self) -> Path:
        """Where the files are; made when the lock is first taken."""
        return self._files.folder

    def read(self) -> State | None:
        """Return the snapshot with the journal folded in, or None when there is none yet."""
        return _read(self._files).state

    @contextmanager
    def lock(self, *, command: str, timeout: float = 0.0) -> Iterator["LocalWriter"]:
        """Hold the right to write, waiting up to `timeout` seconds for another holder."""
        durable.create_folder(self._files.folder)
        with lockfile.hold(self._files.lock, command=command, timeout=timeout):
            durable.remove_temporaries(self._files.snapshot)
            writer = LocalWriter(self._files, partial(self._author.run, command))
            try:
                yield writer
            finally:
                writer.close()

    def holder(self) -> Holder | None:
        """Return who holds the lock, or None when it is free; a holder found is alive."""
        return lockfile.holder(self._files.lock)

    def break_lock(self) -> None:
        """Refuse: the kernel frees this lock the moment its holder ends."""
        raise StateError(
            "The holder is alive",
            str(self.holder() or "It has just ended."),
            "A lock on a local file ends with its process; wait for it, or end that process.",
        )

    def history(self) -> Sequence[SnapshotInfo]:
        """Return the snapshots that can be restored, newest first.

        The present snapshot comes first, since going back to it is the way out of a damaged
        journal; a kept one that is damaged itself is left out.
        """
        found = []
        for name in self._names():
            try:
                data, where = self._kept_bytes(name)
                saved_at = datetime.strptime(_age(name)[0], _STAMP).replace(tzinfo=UTC)
                found.append(codec.info(data, name, saved_at, where))
            except StateError:
                continue
        return tuple(found)

    def restore(self, name: str) -> State:
        """Return a kept snapshot as it was, by the name that `history` gives.

        A `checkpoint` puts it in force; give it a serial above the present one first.
        """
        if name not in self._names():
            raise StateError("No such snapshot", f"{name!r} is not in the history.", codec.WAY_BACK)
        return codec.decode(*self._kept_bytes(name))

    def _kept_bytes(self, name: str) -> tuple[bytes, str]:
        """Return a snapshot of the history, and where it is."""
        kept = self._files.backups / name
        where = kept if kept.exists() else self._files.snapshot
        data = durable.read_bytes(where) or b""
        return self._files.seal.open(data, "snapshot", str(where)), str(where)

    def _names(self) -> list[str]:
        """Return the names in the history, newest first, each once."""
        names = set(_kept(self._files))
        try:
            snapshot = _read_snapshot(self._files)
        except StateError:
            snapshot = None
        if snapshot:
            names.add(self._files.kept_name(snapshot.serial))
        return sorted(names, key=_age, reverse=True)


def _read(files: _Files, decode: _Decode = codec.decode) -> _Stored:
    """Read both files, the journal first; `decode` may leave out what its caller does not need."""
    entries = _read_journal(files)
    snapshot = _read_snapshot(files, decode)
    return _Stored(snapshot, entries, journal.folded(snapshot, entries, str(files.journal)))


def _read_journal(files: _Files) -> journal.Journal:
    """Read the journal; its `size` is that of the file's intact part, encrypted or not."""
    where = str(files.journal)
    opened = opened_lines(durable.read_bytes(files.journal) or b"", files.seal, where)
    entries = journal.decode(opened.data, where)
    intact = next((at for at, size in opened.ends if size == entries.size), None)
    if intact is None or entries.size < opened.least:
        raise codec.damaged(where, "what is encrypted there does not follow what stands before")
    return replace(entries, size=intact)


def _read_snapshot(files: _Files, decode: _Decode = codec.decode_head) -> State | None:
    data = durable.read_bytes(files.snapshot)
    if data is None:
        return None
    where = str(files.snapshot)
    state = decode(files.seal.open(data, "snapshot", where), where)
    if state.stack != files.stack:
        detail = f"{files.snapshot} belongs to stack {state.stack!r}, not to {files.stack!r}."
        raise StateError("The state belongs to another stack", detail)
    return state


def _kept(files: _Files) -> list[str]:
    """Return the names of the kept snapshots, newest first."""
    prefix = f"{files.stack}."
    with durable.explained("read", files.backups):
        found = [each.name for each in files.backups.iterdir()] if files.backups.is_dir() else []
    names = [each for each in found if each.startswith(prefix) and _kept_match(each, prefix)]
    return sorted(names, key=_age, reverse=True)


def _kept_match(name: str, prefix: str) -> bool:
    return _KEPT.fullmatch(name.removeprefix(prefix)) is not None


def _age(name: str) -> tuple[str, int]:
    """Return what sorts snapshots by the time they were written, then by serial."""
    *_, serial, seconds, fraction, _suffix = name.split(".")
    return f"{seconds}.{fraction}", int(serial)


@dataclass(frozen=True, slots=True)
class _Position:
    """Where the next entry goes.

    `header` is that of a journal that follows the present snapshot, `serial` the state's with
    the journal folded in; `size` and `crc` are the journal's, both 0 when it must be begun.
    """

    header: journal.Header
    serial: int
    size: int = 0
    crc: int = 0


class LocalWriter:
    """The right to write one stack's files, for one thread at a time, while the lock is held.

    After a write that failed it takes nothing more: what was durable is still read, and what was
    not must not be built upon.
    """

    def __init__(self, files: _Files, sign: Callable[[Sequence[Entry]], Run]) -> None:
        """Take the paths, and who signs; nothing is read or opened before it is needed."""
        self._files = files
        self._sign = sign
        self._entries: list[Entry] = []
        self._refusal = ""
        self._position: _Position | None = None
        self._file: durable.AppendFile | None = None

    def append(self, entries: Sequence[Entry]) -> None:
        """Make entries durable, in order, all or (on a crash) a prefix of them.

        Raises `StateError` when there is no snapshot yet: the first one is a `checkpoint`.
        """
        at = self._appendable()
        if not entries:
            return
        begun = at.size > 0
        lines, crc = journal.encode(entries if begun else (at.header, *entries), at.crc)
        lines = self._files.seal.seal(lines, "journal")
        with self._writing():
            if self._file is None:
                self._file = durable.AppendFile(self._files.journal, at.size)
            self._file.append(lines)
            self._entries += entries
            self._position = _Position(
                at.header, journal.serial_after(at.serial, entries), at.size + len(lines), crc
            )

    def checkpoint(self, state: State, run: Run | None = None) -> None:
        """Replace snapshot and journal by one snapshot of this state, atomically.

        The former snapshot goes to the history, which keeps the last ten. Damaged files are
        replaced too, and kept in `backups/` under names that the history does not list. Raises
        `StateError`, and changes nothing, for a state of another stack or lineage, or of a
        serial before the present one.
        """
        self._check_open()
        is_damaged = False
        try:
            at = self._position or self._positioned(_read(self._files, codec.decode_head))
        except StateDamagedError:
            at, is_damaged = _salvaged(self._files), True
        self._check_succession(state, at)
        snapshot = codec.encode(state, run or self._sign(self._entries))
        snapshot = self._files.seal.seal(snapshot, "snapshot")
        with self._writing():
            self._close_file()
            self._keep_former(at)
            durable.replace(self._files.snapshot, snapshot)
            self._clear_journal(keep=is_damaged)
            self._prune()
            self._entries.clear()
            self._position = _Position(journal.header_for(state), state.serial)

    def close(self) -> None:
        """Take nothing more: the lock is being released."""
        self._close_file()
        self._refusal = self._refusal or "The lock was released."

    def _appendable(self) -> _Position:
        """Return where the next entry goes, from the files when nothing was written yet."""
        self._check_open()
        if self._position is None:
            stored = _read(self._files, codec.decode_head)
            self._position = self._positioned(stored)
            header = stored.journal.header
            if header and header.format_version != FORMAT_VERSION and (state := self._whole()):
                self.checkpoint(state)  # never add to a journal of an older format
        if self._position is None:
            detail = f"{self._files.snapshot} must be written before {self._files.journal}."
            raise StateError("There is no state to add to", detail)
        return self._position

    def _positioned(self, stored: _Stored) -> _Position | None:
        self._entries = [*stored.journal.entries]
        return _position(stored)

    def _whole(self) -> State | None:
        return _read(self._files).state

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
            self._close_file()
            raise

    def _check_succession(self, state: State, at: _Position | None) -> None:
        if state.stack != self._files.stack:
            detail = f"Stack {state.stack!r} cannot be kept as {self._files.stack!r}."
            raise StateError("The state belongs to another stack", detail)
        if at and state.lineage != at.header.lineage:
            detail = f"{self._files.snapshot} has lineage {at.header.lineage}, not {state.lineage}."
            raise StateError("The state belongs to another lineage", detail)
        if at and state.serial < at.serial:
            detail = f"{self._files.snapshot} is at serial {at.serial}, past {state.serial}."
            raise StateError("The state's serial would go back", detail)

    def _keep_former(self, at: _Position | None) -> None:
        files = self._files
        if not files.snapshot.exists():
            return
        durable.create_folder(files.backups)
        name = files.kept_name(at.header.follows) if at else self._aside(files.snapshot)
        durable.keep_copy(files.snapshot, files.backups / name)

    def _clear_journal(self, *, keep: bool) -> None:
        path = self._files.journal
        if keep and path.exists():
            durable.create_folder(self._files.backups)
            durable.keep_copy(path, self._files.backups / self._aside(path))
        durable.remove(path)

    def _aside(self, path: Path) -> str:
        """Return a name for a damaged file that the history passes over."""
        return f"{self._files.stack}.damaged.{datetime.now(UTC):{_STAMP}}{path.suffix}"

    def _prune(self) -> None:
        for name in _kept(self._files)[KEPT_BACKUPS:]:
            durable.remove(self._files.backups / name)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _position(stored: _Stored) -> _Position | None:
    """Return where the next entry goes, or None when nothing is stored yet."""
    written = stored.journal.header
    if stored.state is None:
        return None
    if stored.snapshot is None and written is not None:
        return _Position(written, stored.state.serial, stored.journal.size, stored.journal.crc)
    base = stored.snapshot or stored.state
    header = journal.header_for(base)
    if written is None or written.follows < base.serial:
        return _Position(header, stored.state.serial)
    return _Position(header, stored.state.serial, stored.journal.size, stored.journal.crc)


def _salvaged(files: _Files) -> _Position | None:
    """Return what a damaged journal leaves to hold a restored state against: the lineage.

    The serial that the state had reached cannot be known. None when the snapshot is damaged too.
    """
    try:
        snapshot = _read_snapshot(files)
    except StateDamagedError:
        return None
    return _Position(journal.header_for(snapshot), serial=0) if snapshot else None
