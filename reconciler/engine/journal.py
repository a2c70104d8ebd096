"""Group commit: many workers' journal entries share one durable append."""

import threading

from reconciler.backends.base import StateWriter
from reconciler.errors import StateError
from reconciler.model.state import Entry, State, fold


class _Batch:
    """Entries that become durable together, and those who wait for that."""

    def __init__(self, lock: threading.Lock) -> None:
        self.entries: list[Entry] = []
        self.is_durable = False
        self.turn = threading.Condition(lock)


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
        self._lock = threading.Lock()
        self._gathering = _Batch(self._lock)
        self._writing = False
        self._failure: BaseException | None = None

    def append(self, *entries: Entry) -> None:
        """Return when the entries are durable, in order; `StateError` when they are not."""
        with self._lock:
            self._refuse_after_failure()
            batch = self._gathering
            batch.entries += entries
            while entries and not batch.is_durable:
                if self._writing:
                    batch.turn.wait()
                else:
                    self._write(batch)
                self._refuse_after_failure()

    @property
    def is_broken(self) -> bool:
        """Whether an append failed, so that nothing more can be recorded."""
        return self._failure is not None

    @property
    def state(self) -> State:
        """The state with every durable entry folded in; costs as much as there are records."""
        with self._lock:
            entries = list(self._entries)
        return fold(self._base, entries)

    def _write(self, batch: _Batch) -> None:
        """Write what was gathered, while others gather; wake those who waited, and who is next."""
        self._gathering = following = _Batch(self._lock)
        self._writing = True
        self._lock.release()
        failure: BaseException | None = None
        try:
            self._writer.append(batch.entries)
        except BaseException as caught:  # noqa: BLE001 - told to every caller that waits
            failure = caught
        finally:
            self._lock.acquire()
            self._writing = False
            if failure is None:
                self._entries += batch.entries
                batch.is_durable = True
                following.turn.notify()
            else:
                self._failure = failure
                following.turn.notify_all()
            batch.turn.notify_all()

    def _refuse_after_failure(self) -> None:
        if self._failure is None:
            return
        if isinstance(self._failure, StateError):
            raise StateError(
                self._failure.summary, self._failure.detail, self._failure.hint
            ) from self._failure
        raise self._failure
