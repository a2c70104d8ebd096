"""The two ports of the engine with a tape of all that leaves through them, and deaths on demand."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from reconciler.backends.base import Backend, StateWriter
from reconciler.model.job import ActualJob
from reconciler.model.platform import EngineOffer, Flavor, Listing, LogChunk, PlatformIdentity
from reconciler.model.secrets import Vault
from reconciler.model.spec import JobSpec
from reconciler.model.state import (
    Bound,
    Closed,
    Entry,
    Moved,
    Observed,
    Opened,
    Recorded,
    Removed,
    SnapshotInfo,
    State,
)
from reconciler.providers.memory import MemoryProvider

When = Literal["before", "after", "torn"]
Around = dict[str, Callable[[], AbstractContextManager[None]]]


class Died(BaseException):
    """The process was killed here; everything that it tries afterwards dies, too."""


@dataclass(slots=True)
class Reaper:
    """Counts what leaves the process, and ends it at the chosen one (counted from 1)."""

    at: int | None = None
    when: When = "before"
    count: int = 0
    dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> bool:
        """Count one; tell whether it is the last. Raise when it must not happen at all."""
        with self._lock:
            if self.dead:
                raise Died
            self.count += 1
            self.dead = self.count == self.at
            if self.dead and self.when == "before":
                raise Died
            return self.dead


@dataclass(slots=True)
class Taped:
    """A provider that writes down every call when it leaves."""

    inner: MemoryProvider
    tape: list[str]
    reaper: Reaper
    names: dict[str, str]
    created: list[str]
    around: Around

    @property
    def identity(self) -> PlatformIdentity:
        return self.inner.identity

    @contextmanager
    def _call(self, method: str, what: str = "") -> Iterator[None]:
        self._learn()
        is_last = self.reaper.begin()
        self.tape.append(f"{method} {self.names.get(what, what)}".strip())
        try:
            with self.around.get(method, nullcontext)():
                yield
        finally:
            self._learn()
            if is_last:
                raise Died

    def _learn(self) -> None:
        self.names.update({job.job_id: job.name for job in self.inner.platform.jobs})

    def keep_secrets(self, vault: Vault) -> None:
        self.inner.keep_secrets(vault)

    def list(self) -> Listing:
        with self._call("list"):
            return self.inner.list()

    def find(self, name: str) -> Sequence[ActualJob]:
        with self._call("find", name):
            return self.inner.find(name)

    def get(self, job_id: str, version_id: str | None) -> ActualJob:
        with self._call("get", job_id):
            return self.inner.get(job_id, version_id)

    def create(self, spec: JobSpec) -> ActualJob:
        with self._call("create", spec.name):
            platform = self.inner.platform
            before = {job.job_id for job in platform.jobs}
            try:
                return self.inner.create(spec)
            finally:
                self.created += sorted(
                    job.job_id
                    for job in platform.jobs
                    if job.job_id not in before and job.name == spec.name
                )

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:
        with self._call("version", job_id):
            return self.inner.create_version(job_id, version_id, spec)

    def update_description(self, job_id: str, description: str) -> None:
        with self._call("update", job_id):
            self.inner.update_description(job_id, description)

    def delete(self, job_id: str) -> None:
        with self._call("delete", job_id):
            self.inner.delete(job_id)

    def stop(self, job_id: str, version_id: str | None) -> None:
        with self._call("stop", job_id):
            self.inner.stop(job_id, version_id)

    def logs(
        self, job_id: str, version_id: str | None, *, lines: int = 50, cursor: str | None = None
    ) -> LogChunk:
        with self._call("logs", job_id):
            return self.inner.logs(job_id, version_id, lines=lines, cursor=cursor)

    def flavors(self) -> Sequence[Flavor]:
        with self._call("flavors"):
            return self.inner.flavors()

    def engines(self) -> Sequence[EngineOffer]:
        with self._call("engines"):
            return self.inner.engines()

    def now(self) -> datetime:
        return self.inner.now()

    def close(self) -> None:
        self.inner.close()


@dataclass(slots=True)
class TapedWriter:
    """A writer that writes down every entry when it is durable."""

    inner: StateWriter
    tape: list[str]
    reaper: Reaper

    def append(self, entries: Sequence[Entry]) -> None:
        is_last = self.reaper.begin()
        if is_last and self.reaper.when == "torn":
            entries = entries[: len(entries) // 2]
        self.inner.append(entries)
        self.tape += [words(entry) for entry in entries]
        if is_last:
            raise Died

    def checkpoint(self, state: State) -> None:
        is_last = self.reaper.begin()
        self.inner.checkpoint(state)
        self.tape.append("checkpoint")
        if is_last:
            raise Died


@dataclass(slots=True)
class TapedBackend:
    """A backend whose writers are taped."""

    inner: Backend
    tape: list[str]
    reaper: Reaper

    def read(self) -> State | None:
        return self.inner.read()

    @contextmanager
    def lock(self, *, command: str, timeout: float = 0.0) -> Iterator[TapedWriter]:
        with self.inner.lock(command=command, timeout=timeout) as writer:
            yield TapedWriter(writer, self.tape, self.reaper)

    def history(self) -> Sequence[SnapshotInfo]:
        return self.inner.history()

    def restore(self, name: str) -> State:
        return self.inner.restore(name)


def words(entry: Entry) -> str:
    """Return a journal entry in two or three words."""
    match entry:
        case Opened(intent=intent):
            return f"opened {intent.kind} {intent.address}"
        case Recorded(address=address, record=None):
            return f"forgot {address}"
        case Recorded(address=address) | Removed(address=address) | Closed(address=address):
            return f"{entry.entry} {address}"
        case Observed(address=address):
            return f"observed {address}"
        case Moved(source=source, target=target):
            return f"moved {source} {target}"
        case Bound():
            return "bound"
