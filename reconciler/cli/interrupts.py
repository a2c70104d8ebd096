"""Ctrl-C and SIGTERM: the first finishes what is in flight, the second leaves at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_EXIT = 130


class Interrupts:
    """Decides what a signal does: while nothing is being changed, it ends the command.

    From `begin_changes` on, the first sets `stop`: nothing new is begun, what is in flight is
    finished and recorded. The second leaves at once; the journal knows what was in flight.
    `received` is the first signal's number.
    """

    def __init__(self) -> None:
        """Start in the reading phase."""
        self.stop = threading.Event()
        self.received: int | None = None
        self._changing = False

    def begin_changes(self) -> None:
        """From now on, finish what is in flight before leaving."""
        self._changing = True

    def end_changes(self) -> None:
        """Nothing is being changed any more: a signal ends the command at once again."""
        self._changing = False

    @contextmanager
    def installed(self) -> Iterator["Interrupts"]:
        """Take the signals over, and give them back at the end."""
        former = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        for each in former:
            signal.signal(each, self._on_signal)
        try:
            yield self
        finally:
            for each, handler in former.items():
                signal.signal(each, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self.received = self.received or number
        if not self._changing:
            self.stop.set()
            raise KeyboardInterrupt
        if self.stop.is_set():
            os.write(sys.stderr.fileno(), b"\nLeft at once; `reconciler apply` picks it up.\n")
            os._exit(_EXIT)
        self.stop.set()
        os.write(
            sys.stderr.fileno(),
            b"\nInterrupted: finishing what is in flight. Again to leave at once.\n",
        )
