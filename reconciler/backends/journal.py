"""The journal as bytes: one checksummed JSON line per entry since the snapshot.

    {"crc32":"5d1f…","entry":{"entry":"header","format_version":"1.0","follows":12,…}}
    {"crc32":"9ae0…","entry":{"entry":"opened",…}}

Each checksum continues the line before it, so that a line that is missing, repeated or out of
order is seen as well as one that is changed. What a crash can leave behind is left out, since it
was never acknowledged: a last line that is not whole, or NUL bytes where data never reached the
disk. Anything else that does not fit is damage, and is told with its line.
"""

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic_core import from_json, to_json

from reconciler.backends.codec import (
    MIGRATIONS,
    Migration,
    damaged,
    encoding,
    older,
    parsing,
    path_from,
)
from reconciler.model.base import Model
from reconciler.model.state import ENTRY, FORMAT_VERSION, Entry, Observed, State, fold


class Header(Model):
    """The first line: which snapshot the entries follow, by lineage and serial.

    `salt` stands here only when that is serial 0, the empty state; with it the entries alone are
    the state.
    """

    entry: Literal["header"] = "header"
    format_version: str = FORMAT_VERSION
    stack: str
    lineage: str
    follows: int
    salt: str | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal says. `size` counts its intact bytes; `crc` is that of its last line."""

    header: Header | None = None
    entries: tuple[Entry, ...] = ()
    size: int = 0
    crc: int = 0


def header_for(state: State) -> Header:
    """Return the header of a journal that follows the snapshot of this state."""
    return Header(
        stack=state.stack,
        lineage=state.lineage,
        follows=state.serial,
        salt=state.salt if state.serial == 0 else None,
    )


def encode(entries: Iterable[Header | Entry], crc: int) -> tuple[bytes, int]:
    """Return the lines of some entries that follow a line with this checksum, and the last's."""
    lines = []
    with encoding():
        for entry in entries:
            body = to_json(entry)
            crc = zlib.crc32(body, crc)
            lines.append(b'{"crc32":"%08x","entry":%b}\n' % (crc, body))
    return b"".join(lines), crc


def decode(data: bytes, where: str, migrations: Mapping[str, Migration] = MIGRATIONS) -> Journal:
    """Return the intact part of a journal; `where` names the file in messages.

    Raises `StateDamagedError` for a line that no crash explains, and `StateVersionError` for a
    journal of a newer program.
    """
    *lines, torn = data.rstrip(b"\0").split(b"\n")
    bodies: list[bytes] = []
    size = crc = 0
    for number, line in enumerate(lines, 1):
        body = _body(line, crc)
        if body is None:
            if number < len(lines) or torn:
                raise damaged(f"{where}:{number}", "the line's checksum is wrong")
            torn = line
            break
        bodies.append(body)
        size, crc = size + len(line) + 1, zlib.crc32(body, crc)
    if _runs_on(torn, crc):
        raise damaged(f"{where}:{len(bodies) + 1}", "an intact entry runs into damaged bytes")
    if not bodies:
        return Journal()
    header = _header(bodies[0], f"{where}:1", migrations)
    entries = _entries(bodies[1:], header.format_version, where, migrations)
    return Journal(header, entries, size, crc)


_FRAME = re.compile(rb'\{"crc32":"([0-9a-f]{8})","entry":')


def _body(line: bytes, crc: int) -> bytes | None:
    """Return the entry in a whole line, or None when its checksum does not fit."""
    frame = _FRAME.match(line)
    if frame is None or not line.endswith(b"}"):
        return None
    body = line[frame.end() : -1]
    return body if b"%08x" % zlib.crc32(body, crc) == frame[1] else None


def _runs_on(line: bytes, crc: int) -> bool:
    """Tell whether a line that is not whole begins with a whole entry and goes on after it.

    No torn write leaves that behind: the entry was acknowledged, and its line end is damaged.
    """
    if (frame := _FRAME.match(line)) is None:
        return False
    start = frame.end()
    for brace in re.finditer(rb"\}", line[:-1]):
        if brace.start() >= start:
            crc = zlib.crc32(line[start : brace.start()], crc)
            if b"%08x" % crc == frame[1]:
                return True
            start = brace.start()
    return False


def _header(body: bytes, where: str, migrations: Mapping[str, Migration]) -> Header:
    with parsing(where):
        document = from_json(body)
        version = str(document.get("format_version")) if isinstance(document, dict) else ""
        if older(version, where):
            for migration in path_from(version, where, migrations):
                document = migration.entry(document)
            # The version stays as written: a writer must not add to an older file.
            document = {**document, "format_version": version}
        return Header.model_validate(document)


def _entries(
    bodies: Iterable[bytes], version: str, where: str, migrations: Mapping[str, Migration]
) -> tuple[Entry, ...]:
    path = tuple(path_from(version, where, migrations))
    entries = []
    for number, body in enumerate(bodies, 2):
        with parsing(f"{where}:{number}"):
            entries.append(_migrated(body, path) if path else ENTRY.validate_json(body))
    return tuple(entries)


def _migrated(body: bytes, path: Iterable[Migration]) -> Entry:
    document = from_json(body)
    for migration in path:
        document = migration.entry(document)
    return ENTRY.validate_python(document)


def folded(snapshot: State | None, journal: Journal, where: str) -> State | None:
    """Return the snapshot with the journal folded in, or None when neither says anything.

    A journal that follows an earlier serial is what a crash between writing a snapshot and
    clearing the journal leaves: its entries are in the snapshot already. One that follows the
    same serial is folded even if it is in there too (a checkpoint after nothing but `Observed`
    entries): folding those again changes nothing.
    """
    header = journal.header
    if header is None:
        return snapshot
    base = snapshot or _start(header)
    if base is None:
        raise damaged(where, f"the snapshot that it follows (serial {header.follows}) is missing")
    if (header.stack, header.lineage) != (base.stack, base.lineage):
        raise damaged(where, f"it belongs to another state, lineage {header.lineage}")
    if header.follows > base.serial:
        why = f"it follows serial {header.follows}, but the snapshot has serial {base.serial}"
        raise damaged(where, why)
    return base if header.follows < base.serial else fold(base, journal.entries)


def serial_after(serial: int, entries: Iterable[Entry]) -> int:
    """Return the serial after some entries, by the rule that `fold` follows."""
    return serial + sum(not isinstance(entry, Observed) for entry in entries)


def _start(header: Header) -> State | None:
    """Return the empty state that a first journal follows, if it can be known."""
    if header.follows != 0 or header.salt is None:
        return None
    return State(stack=header.stack, lineage=header.lineage, salt=header.salt)
