"""How many requests may be in flight: fewer after "too many requests", slowly more again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Limiter:
    """A number of slots, shared by all threads, that follows what the platform bears.

    Each "too many requests" halves it, once for all the requests that were under way at the
    time; as many successes as there are slots add one, up to the number it began with.
    """

    def __init__(self, most: int) -> None:
        """Begin with the most slots there will ever be."""
        self._most = max(1, most)
        self._slots = float(self._most)
        self._taken = 0
        self._shrunk = 0
        self._free = threading.Condition()

    @property
    def slots(self) -> int:
        """How many requests may be in flight now."""
        return int(self._slots)

    @contextmanager
    def slot(self) -> Iterator[int]:
        """Wait for a slot and hold it; gives the mark that `throttled` asks for."""
        with self._free:
            while self._taken >= int(self._slots):
                self._free.wait()
            self._taken += 1
            mark = self._shrunk
        try:
            yield mark
        finally:
            with self._free:
                self._taken -= 1
                self._free.notify()

    def throttled(self, mark: int) -> None:
        """Halve the slots, unless another request that began as early did so already."""
        with self._free:
            if mark == self._shrunk:
                self._shrunk += 1
                self._slots = max(1.0, int(self._slots) / 2)

    def succeeded(self) -> None:
        """Count a success towards one more slot."""
        if self._slots >= self._most:
            return
        with self._free:
            self._slots = min(float(self._most), self._slots + 1 / self._slots)
            self._free.notify()
