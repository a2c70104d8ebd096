"""Time as the engine sees it: passed in, so that tests need not wait."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A steady clock, and a pause that a stopped run cuts short."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait so many seconds, or less when the run is stopped."""
        ...


class SystemClock:
    """The machine's clock; `stop` cuts pauses short."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Wait so many seconds, or less when the run is stopped."""
        self._stop.wait(seconds)
