"""File operations that survive a loss of power, each with its failure told as a `StateError`.

The rule behind all of them: bytes are durable after the file is flushed, names after their folder
is. Files are 0600 and folders 0700 whatever the umask says, and no descriptor outlives an `exec`.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler.errors import StateError

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_NO_HARD_LINKS = {
    errno.EPERM,
    errno.EACCES,
    errno.EXDEV,
    errno.EMLINK,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
}


_WAYS_OUT = {
    errno.ENOSPC: "Free some space on that disk",
    errno.EDQUOT: "Free some space, or have the quota raised",
    errno.EACCES: "See to it that you may read and write there",
    errno.EPERM: "See to it that you may read and write there",
    errno.EROFS: "Make that disk writable",
}


@contextmanager
def explained(verb: str, path: Path) -> Iterator[None]:
    """Turn an error of the operating system into a `StateError`: the file, why, the way out."""
    try:
        yield
    except OSError as error:
        way_out = _WAYS_OUT.get(error.errno or 0, "Check the path and the disk")
        raise StateError(
            f"Cannot {verb} the state",
            f"{path}: {reason(error)}",
            f"What was recorded is kept. {way_out}, then run the command again.",
        ) from error


def reason(error: OSError) -> str:
    """Return the operating system's words for an error, without a path."""
    return error.strerror or str(error) or type(error).__name__


def read_bytes(path: Path) -> bytes | None:
    """Return a file's bytes, or None when there is no such file."""
    with explained("read", path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def create_folder(folder: Path) -> None:
    """Make a folder and its missing parents, for the owner alone, durably."""
    with explained("create the folder of", folder):
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(each, FOLDER_MODE)  # noqa: PTH102 - one system call, as the tests count them
                if each.stat().st_mode & 0o777 != FOLDER_MODE:
                    each.chmod(FOLDER_MODE)
                flush_folder(each.parent)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable: what was created, renamed or removed there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Give a file new contents: after a crash at any instant it has the former or these."""
    with explained("write", path):
        temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}.tmp"
        try:
            _write_new(temporary, data)
            os.replace(temporary, path)  # noqa: PTH105
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise
        flush_folder(path.parent)


def remove_temporaries(path: Path) -> None:
    """Remove what writers of this file left behind when they died. Call it as the only writer."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{16}\.tmp")
    with explained("tidy the folder of", path):
        for name in os.listdir(path.parent):  # noqa: PTH208
            if pattern.fullmatch(name):
                os.unlink(path.parent / name)  # noqa: PTH108


def keep_copy(path: Path, copy: Path) -> None:
    """Keep a file under a second name, durably; a name that exists is a copy already kept."""
    with explained("keep a copy of", path):
        try:
            os.link(path, copy)
        except FileExistsError:
            return
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            replace(copy, path.read_bytes())
        flush_folder(copy.parent)


def remove(path: Path) -> None:
    """Remove a file durably; one that is gone already is fine."""
    with explained("tidy", path):
        try:
            os.unlink(path)  # noqa: PTH108
        except FileNotFoundError:
            return
        flush_folder(path.parent)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
        write_fully(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_fully(descriptor: int, data: bytes) -> None:
    """Write all the bytes or raise `OSError`: a disk that takes only a part is full."""
    if (written := os.write(descriptor, data)) != len(data):
        message = f"only {written} of {len(data)} bytes were written"
        raise OSError(errno.ENOSPC, message)


class AppendFile:
    """A file that grows by whole pieces, each durable before `append` returns.

    After a failure nothing more is taken: once a flush has failed, the kernel may forget the
    dirty pages, and a second flush would report a success that never was.
    """

    def __init__(self, path: Path, size: int) -> None:
        """Open the file, or create it, cut to `size` bytes: what follows them is a torn write."""
        self._path = path
        self._size = size
        with explained("write", path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        try:
            with explained("write", path):
                self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        os.fchmod(self._descriptor, FILE_MODE)
        if os.fstat(self._descriptor).st_size != self._size:
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)
        flush_folder(self._path.parent)

    def append(self, data: bytes) -> None:
        """Write one piece and flush it; on failure cut it off again, as far as possible."""
        with explained("write", self._path):
            try:
                write_fully(self._descriptor, data)
                os.fdatasync(self._descriptor)
            except OSError:
                self._cut_back()
                raise
        self._size += len(data)

    def _cut_back(self) -> None:
        with suppress(OSError):
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Release the descriptor; what was appended is durable already."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with suppress(OSError):
                os.close(descriptor)
