"""Group commit: many workers' journal entries share one durable append."""

import threading

from reconciler.backends.base import StateWriter
from reconciler.errors import StateError
from reconciler.model.state import Entry, State, fold


class Journal:
    """Appends entries from many threads, each call durable before it returns.

    The first caller that finds no append under way writes everything that waits, its own and
    the others'; whoever arrives meanwhile waits for the next one. After a failed append nothing
    more is accepted: requests whose intent could not be kept are then never sent.
    """

    def __init__(self, writer: StateWriter, state: State) -> None:
        """Take the right to write and the state that the entries follow."""
        self._writer = writer
        self._base = state
        self._entries: list[Entry] = []
        self._waiting: list[Entry] = []
        self._queued = 0
        self._durable = 0
        self._writing = False
        self._failure: BaseException | None = None
        self._turn = threading.Condition()

    def append(self, *entries: Entry) -> None:
        """Return when the entries are durable, in order; `StateError` when they are not."""
        with self._turn:
            self._refuse_after_failure()
            self._waiting += entries
            self._queued += len(entries)
            ticket = self._queued
            while self._durable < ticket:
                if self._writing:
                    self._turn.wait()
                else:
                    self._write_waiting()
                self._refuse_after_failure()

    @property
    def is_broken(self) -> bool:
        """Whether an append failed, so that nothing more can be recorded."""
        return self._failure is not None

    @property
    def state(self) -> State:
        """The state with every durable entry folded in; costs as much as there are records."""
        with self._turn:
            entries = self._entries[: self._durable]
        return fold(self._base, entries)

    def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        self._writing = True
        self._turn.release()
        failure: BaseException | None = None
        try:
            self._writer.append(batch)
        except BaseException as caught:  # noqa: BLE001 - told to every caller that waits
            failure = caught
        finally:
            self._turn.acquire()
            self._writing = False
            if failure is None:
                self._entries += batch
                self._durable += len(batch)
            else:
                self._failure = failure
            self._turn.notify_all()

    def _refuse_after_failure(self) -> None:
        if self._failure is None:
            return
        if isinstance(self._failure, StateError):
            raise StateError(
                self._failure.summary, self._failure.detail, self._failure.hint
            ) from self._failure
        raise self._failure
