"""Disks that fail, processes that die, and power that goes, at a chosen file operation.

`durable` is the one place that writes; these stand in for the `os` that it sees.
"""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

OPERATIONS = (
    "mkdir",
    "open",
    "fchmod",
    "write",
    "ftruncate",
    "fsync",
    "fdatasync",
    "link",
    "replace",
    "unlink",
    "close",
)


class Died(BaseException):
    """The process is no more."""


def _no_flush(descriptor: int) -> None:
    """Stand in for a flush: no test can pull the plug, and what it waits for is the disk."""


class Watched:
    """The `os` module, with every file operation counted and open to interference."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = _no_flush if name in ("fsync", "fdatasync") else getattr(os, name)
        if name not in OPERATIONS:
            return real

        def call(*args: Any, **keywords: Any) -> Any:
            self.calls.append(name)
            return self.do(name, real, *args, **keywords)

        return call

    def do(self, name: str, real: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        return real(*args, **keywords)


class Dying(Watched):
    """Dies at the nth operation: before it, in the middle of a write, or after it.

    A dead process does nothing more, so that no clean-up runs either; descriptors are closed.
    """

    def __init__(self, at: int, when: str) -> None:
        super().__init__()
        self.at = at
        self.when = when

    def do(self, name: str, real: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        count = len(self.calls)
        if count < self.at:
            return real(*args, **keywords)
        if name == "close":
            real(*args)
        elif count == self.at and self.when == "after":
            result = real(*args, **keywords)
            if name == "open":
                os.close(result)
        elif count == self.at and self.when == "within" and name == "write":
            real(args[0], args[1][: len(args[1]) // 2])
        raise Died


class Failing(Watched):
    """Fails the nth operation, once or from then on, with an error number or a short write."""

    def __init__(self, at: int, number: int | None, *, forever: bool = False) -> None:
        super().__init__()
        self.at = at
        self.number = number
        self.forever = forever
        self.failed = ""

    def do(self, name: str, real: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        count = len(self.calls)
        if count == self.at or (self.forever and count > self.at):
            if self.number is None and name == "write":
                self.failed = self.failed or name
                return real(args[0], args[1][: len(args[1]) // 2])
            if self.number is not None and name != "close":
                self.failed = self.failed or name
                raise OSError(self.number, os.strerror(self.number))
        return real(*args, **keywords)


class Losing(Watched):
    """Knows what would be left if the power went: only what was flushed is sure.

    Names change durably when their folder is flushed, and may have changed before, in order;
    bytes are durable when their file is flushed, and may be missing, half there or NUL before.
    """

    def __init__(self, root: Path, check: Callable[[], None]) -> None:
        super().__init__()
        self.root = root
        self.check = check
        self.open_files: dict[int, int] = {}
        self.open_folders: dict[int, Path] = {}
        self.present: dict[Path, int] = {}
        self.durable: dict[Path, int] = {}
        self.pending: list[tuple[Path, Path, int | None]] = []
        self.bytes: dict[int, bytes] = {}
        self.flushed: dict[int, bytes] = {}

    def do(self, name: str, real: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        existed = name != "open" or os.path.lexists(args[0])
        result = real(*args, **keywords)
        follow = getattr(self, f"_{name}", None)
        if follow:
            follow(result, existed, *args)
        self.check()
        return result

    def _open(self, descriptor: int, existed: bool, path: Path, *_: Any) -> None:
        path = Path(path)
        if path.is_dir():
            self.open_folders[descriptor] = path
            return
        if not existed:
            inode = len(self.bytes)
            self.bytes[inode] = self.flushed[inode] = b""
            self._name(path, inode)
        self.open_files[descriptor] = self.present[path]

    def _name(self, path: Path, inode: int | None) -> None:
        if inode is None:
            del self.present[path]
        else:
            self.present[path] = inode
        self.pending.append((path.parent, path, inode))

    def _write(self, size: int, _: bool, descriptor: int, data: bytes) -> None:
        if descriptor in self.open_files:
            self.bytes[self.open_files[descriptor]] += data[:size]

    def _ftruncate(self, _: None, __: bool, descriptor: int, size: int) -> None:
        inode = self.open_files[descriptor]
        self.bytes[inode] = self.bytes[inode][:size]

    def _fsync(self, _: None, __: bool, descriptor: int) -> None:
        if descriptor in self.open_folders:
            folder = self.open_folders[descriptor]
            for parent, path, inode in self.pending:
                if parent == folder:
                    _apply(self.durable, path, inode)
            self.pending = [each for each in self.pending if each[0] != folder]
        else:
            inode = self.open_files[descriptor]
            self.flushed[inode] = self.bytes[inode]

    _fdatasync = _fsync

    def _link(self, _: None, __: bool, path: Path, copy: Path) -> None:
        self._name(Path(copy), self.present[Path(path)])

    def _replace(self, _: None, __: bool, path: Path, target: Path) -> None:
        inode = self.present[Path(path)]
        self._name(Path(target), inode)
        self._name(Path(path), None)

    def _unlink(self, _: None, __: bool, path: Path) -> None:
        self._name(Path(path), None)

    def _close(self, _: None, __: bool, descriptor: int) -> None:
        self.open_files.pop(descriptor, None)
        self.open_folders.pop(descriptor, None)

    def remains(self) -> Iterator[dict[Path, bytes]]:
        """Yield what may be on the disk after a loss of power now: bytes by path from the root."""
        names = dict(self.durable)
        for number in range(len(self.pending) + 1):
            if number:
                _apply(names, *self.pending[number - 1][1:])
            for content in (_flushed, _half, _zeros, _all):
                yield {
                    path.relative_to(self.root): content(self.flushed[inode], self.bytes[inode])
                    for path, inode in names.items()
                }


def _apply(names: dict[Path, int], path: Path, inode: int | None) -> None:
    if inode is None:
        names.pop(path, None)
    else:
        names[path] = inode


def _flushed(flushed: bytes, _: bytes) -> bytes:
    return flushed


def _half(flushed: bytes, present: bytes) -> bytes:
    grown = max(0, len(present) - len(flushed))
    return flushed + present[len(flushed) : len(flushed) + grown // 2]


def _zeros(flushed: bytes, present: bytes) -> bytes:
    half = _half(flushed, present)
    return half + b"\0" * (len(present) - len(half))


def _all(_: bytes, present: bytes) -> bytes:
    return present


def write_out(contents: dict[Path, bytes], root: Path) -> None:
    """Make a folder hold exactly these files."""
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for path, data in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


FULL, BROKEN, OVER_QUOTA = errno.ENOSPC, errno.EIO, errno.EDQUOT
