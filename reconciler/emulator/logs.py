"""Job logs: one file per worker, every line stamped with a cursor that never repeats.

A line on disk is 19 digits of nanoseconds since 1970, a space, and the text. Stamps grow
strictly, so a place in the log is found by bisection, however long the log is.
"""

import os
import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_STAMP = 19
_BLOCK = 65536
MAX_LINE = 16384


@dataclass(frozen=True)
class LogPage:
    """Some consecutive lines; `start` and `end` are the cursors of the first and last one."""

    content: str
    lines: int
    start: str
    end: str


@dataclass(frozen=True)
class LogTail:
    """The end of a log as plain text; sizes in bytes, `size` of the text, `full` of the log."""

    text: str
    size: int
    full: int


class LogWriter:
    """Appends the output of one worker; keeps an unfinished last line until it is complete."""

    def __init__(self, path: Path, clock: Callable[[], int] = time.time_ns) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._clock = clock
        self._stamp = 0
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Add output as it comes; lines longer than 16 KiB are split."""
        *lines, rest = (self._rest + data).split(b"\n")
        while len(rest) > MAX_LINE:
            lines.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._rest = rest
        self._append(lines)

    def say(self, text: str) -> None:
        """Add a line of the platform's own, on a line for itself."""
        self.flush()
        self._append([text.encode("utf-8", "replace")])

    def flush(self) -> None:
        """Write the unfinished last line, if there is one."""
        if self._rest:
            self._append([self._rest])
            self._rest = b""

    def close(self) -> None:
        """Write what is left and release the file."""
        self.flush()
        self._file.close()

    def _append(self, lines: list[bytes]) -> None:
        out = bytearray()
        for line in lines:
            self._stamp = max(self._stamp + 1, self._clock())
            out += b"%019d %s\n" % (self._stamp, line.removesuffix(b"\r"))
        if out:
            self._file.write(out)


class Logs:
    """The folder that holds every log of a store, by version and worker index."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, version_id: int, worker: int) -> LogWriter:
        """Start (or go on with) the log of one worker."""
        path = self._path(version_id, worker)
        for folder in (self._folder, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        return LogWriter(path)

    def workers(self, version_id: int) -> list[int]:
        """The worker indexes that have a log, in order."""
        return sorted(int(path.stem) for path in (self._folder / str(version_id)).glob("*.log"))

    def read(
        self, version_id: int, worker: int, count: int, base: str = "", *, following: bool = True
    ) -> LogPage:
        """At most `count` lines after the cursor `base` (or before it); without one, the newest."""
        path = self._path(version_id, worker)
        if not path.exists():
            return LogPage("", 0, base or "0", base or "0")
        with path.open("rb") as file:
            if base and following:
                lines = _forward(file, _seek_after(file, int(base)), count)
            else:
                end = _seek_after(file, int(base) - 1) if base else _size(file)
                lines = _backward(file, end, count)
        return _page(lines, base)

    def tail(self, version_id: int, worker: int, most: int) -> LogTail:
        """The end of a log, whole lines of at most `most` bytes together; empty without a log."""
        path = self._path(version_id, worker)
        if not path.exists():
            return LogTail("", 0, 0)
        size, kept, room = 0, deque[bytes](), most
        with path.open("rb") as file:
            for stamped in file:
                if not stamped.endswith(b"\n"):
                    break
                line = stamped[_STAMP + 1 :]
                kept.append(line)
                size, room = size + len(line), room - len(line)
                while room < 0:
                    room += len(kept.popleft())
        return LogTail(b"".join(kept).decode("utf-8", "replace"), most - room, size)

    def export(self, version_id: int, worker: int, target: Path) -> None:
        """Write the plain text of a log, without cursors, to the file `target`."""
        with target.open("wb") as out:
            self.copy(version_id, worker, out)

    def copy(self, version_id: int, worker: int, out: BinaryIO) -> None:
        """Write the plain text of a log to an open file; nothing when there is no such log."""
        path = self._path(version_id, worker)
        if path.exists():
            with path.open("rb") as source:
                out.writelines(line[_STAMP + 1 :] for line in source)

    def remove(self, version_id: int) -> None:
        """Forget the logs of a version."""
        shutil.rmtree(self._folder / str(version_id), ignore_errors=True)

    def _path(self, version_id: int, worker: int) -> Path:
        return self._folder / str(version_id) / f"{worker}.log"


def _page(lines: list[bytes], base: str) -> LogPage:
    if not lines:
        return LogPage("", 0, base or "0", base or "0")
    text = b"".join(line[_STAMP + 1 :] for line in lines).decode("utf-8", "replace")
    return LogPage(text, len(lines), lines[0][:_STAMP].decode(), lines[-1][:_STAMP].decode())


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _seek_after(file: BinaryIO, stamp: int) -> int:
    """Offset of the first line whose stamp is greater than `stamp`."""
    low, high = 0, _size(file)
    while low < high:
        middle = (low + high) // 2
        start = _line_start(file, middle)
        file.seek(start)
        line = file.readline()
        if int(line[:_STAMP]) > stamp:
            high = start
        else:
            low = start + len(line)
    return low


def _line_start(file: BinaryIO, offset: int) -> int:
    while offset > 0:
        begin = max(0, offset - _BLOCK)
        file.seek(begin)
        found = file.read(offset - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        offset = begin
    return 0


def _forward(file: BinaryIO, start: int, count: int) -> list[bytes]:
    file.seek(start)
    lines = [file.readline() for _ in range(count)]
    return [line for line in lines if line.endswith(b"\n")]


def _backward(file: BinaryIO, end: int, count: int) -> list[bytes]:
    if count == 0:
        return []
    start, tail = end, b""
    while start > 0 and tail.count(b"\n") <= count:
        begin = max(0, start - _BLOCK)
        file.seek(begin)
        tail = file.read(start - begin) + tail
        start = begin
    return [line + b"\n" for line in tail.split(b"\n")[:-1]][-count:]
