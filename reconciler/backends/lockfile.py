"""A lock between processes on one file: `flock`, which the kernel frees when its holder dies.

The file stays when the lock is free; removing it would let two processes lock two files of the
same name. On network file systems `flock` is as good as the mount: NFS since Linux 2.6.12 and
SMB forward it to the server, but mounts with `nolock` or `local_lock` keep it on one host.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from reconciler.backends.durable import FILE_MODE, explained, read_bytes, write_fully
from reconciler.backends.holder import Holder, from_bytes, locked, this_process, to_bytes

POLL = 0.1
"""Seconds between two looks at a lock that someone else holds."""


@contextmanager
def hold(
    path: Path,
    *,
    command: str,
    timeout: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock, waiting up to `timeout` seconds; `StateLockedError` names who has it.

    Looks at least twice, since `holder` takes the lock for an instant to see whether it is free.
    The folder must exist.
    """
    deadline = monotonic() + max(timeout, POLL)
    while (descriptor := _try_lock(path)) is None:
        if monotonic() >= deadline:
            who = from_bytes(read_bytes(path) or b"")
            raise locked(str(path), who, now=datetime.now(UTC), waited=timeout)
        sleep(POLL)
    try:
        with suppress(OSError):  # the name is for people; the lock holds without it
            os.fchmod(descriptor, FILE_MODE)
            os.ftruncate(descriptor, 0)
            write_fully(descriptor, to_bytes(this_process(command)))
        yield
    finally:
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
        with suppress(OSError):  # whatever it reports, the descriptor and the lock are gone
            os.close(descriptor)


def holder(path: Path) -> Holder | None:
    """Return who holds the lock now, or None when it is free."""
    if not path.exists():
        return None
    descriptor = _try_lock(path)
    if descriptor is None:
        return from_bytes(read_bytes(path) or b"")
    os.close(descriptor)
    return None


def _try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock, or None when someone else does."""
    with explained("lock", path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):  # noqa: PTH116
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(descriptor)
            raise
    os.close(descriptor)
    return None
