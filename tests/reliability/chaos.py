"""Runs of the engine that go wrong where a script says: calls, writes and events are its points."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeVar

from reconciler.backends.base import Backend, StateWriter
from reconciler.errors import (
    InvalidAnswerError,
    OutcomeUnknownError,
    ProviderError,
    StateError,
    UnreachableError,
)
from reconciler.model.events import Event
from reconciler.model.job import ActualJob
from reconciler.model.platform import EngineOffer, Flavor, Listing, LogChunk, PlatformIdentity
from reconciler.model.secrets import Vault
from reconciler.model.spec import JobSpec
from reconciler.model.state import Entry, SnapshotInfo, State
from reconciler.providers.memory import MemoryProvider
from reconciler.providers.memory_platform import MemoryPlatform
from tests.reliability.ledger import Ledger

T = TypeVar("T")
Kind = Literal[
    "die before",
    "die after",
    "torn",
    "lost before",
    "lost after",
    "late",
    "refused",
    "unreachable",
    "rival",
    "stop",
]
Script = Mapping[int, Kind]
"""What goes wrong at which point of a run, counted from 1."""
LATE = 3
"""After how many points at most a create whose answer was lost may still have its effect."""


class Died(BaseException):
    """The process was killed here; whatever it tries afterwards dies, too."""


class Inline(Executor):
    """A pool that does its work at once, so that the same script gives the same run."""

    def __init__(self, max_workers: int = 1) -> None:
        """Take what a pool of threads takes."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as failure:  # noqa: BLE001 - a future tells it to who asks
            done.set_exception(failure)
        return done


@dataclass(slots=True)
class Late:
    """Creates whose answer is lost already, and whose effect is still to come."""

    waiting: list[list[Any]] = field(default_factory=list)

    def add(self, effect: Callable[[], None]) -> None:
        self.waiting.append([LATE, effect])

    def advance(self, points: int = 1) -> None:
        for each in self.waiting:
            each[0] -= points
        due = [each[1] for each in self.waiting if each[0] <= 0]
        self.waiting = [each for each in self.waiting if each[0] > 0]
        for effect in due:
            effect()


@dataclass(slots=True)
class Gate:
    """Counts what leaves one process, and says what goes wrong with it."""

    script: Script
    late: Late
    stop: threading.Event = field(default_factory=threading.Event)
    points: int = 0
    dead: bool = False
    disturbed: bool = False
    told: list[Event] = field(default_factory=list)

    def next(self) -> Kind | None:
        """Pass a point; tell what goes wrong there."""
        if self.dead:
            raise Died
        self.points += 1
        self.late.advance()
        kind = self.script.get(self.points)
        self.disturbed = self.disturbed or kind is not None
        if kind == "stop":
            self.stop.set()
        if kind == "die before":
            self.die()
        return kind

    def die(self) -> None:
        self.dead = True
        raise Died

    def emit(self, event: Event) -> None:
        """Let an event be a point at which a run may be stopped or killed."""
        self.told.append(event)
        if self.next() in ("die after", "torn"):
            self.die()


@dataclass(slots=True)
class WatchedProvider:
    """A provider whose calls go wrong by the script, and are told to the ledger."""

    inner: MemoryProvider
    gate: Gate
    ledger: Ledger
    rival: Callable[[JobSpec], None]

    @property
    def platform(self) -> MemoryPlatform:
        return self.inner.platform

    @property
    def identity(self) -> PlatformIdentity:
        return self.inner.identity

    def _read(self, call: Callable[[], T]) -> T:
        kind = self.gate.next()
        if kind in ("lost before", "lost after", "late"):
            raise InvalidAnswerError("The answer makes no sense")
        if kind in ("refused", "unreachable"):
            raise UnreachableError("No connection")
        value = call()
        if kind in ("die after", "torn"):
            self.gate.die()
        return value

    def _change(self, call: Callable[[], T], late: Callable[[], None] | None = None) -> T:
        kind = self.gate.next()
        if kind == "late" and late:
            self.gate.late.add(late)
        if kind == "lost before" or (kind == "late" and late):
            raise OutcomeUnknownError("The answer was lost")
        if kind == "refused":
            raise ProviderError("Refused")
        if kind == "unreachable":
            raise UnreachableError("No connection")
        value = call()
        if kind in ("die after", "torn"):
            self.gate.die()
        if kind in ("lost after", "late"):
            raise OutcomeUnknownError("The answer was lost")
        return value

    def create(self, spec: JobSpec) -> ActualJob:
        self.ledger.about_to_create(spec)
        if self.gate.script.get(self.gate.points + 1) == "rival":
            self.rival(spec)

        def effect() -> ActualJob:
            job = self.inner.create(spec)
            self.ledger.created(job.job_id, spec)
            self.ledger.check_arrived(job.job_id, spec)
            return job

        def late() -> None:
            if not self.platform.is_taken(spec.name):
                effect()

        return self._change(effect, late)

    def create_version(self, job_id: str, version_id: str, spec: JobSpec) -> ActualJob:
        self.ledger.about_to_add_version(job_id, version_id)

        def effect() -> ActualJob:
            job = self.inner.create_version(job_id, version_id, spec)
            self.ledger.check_arrived(job_id, spec)
            return job

        return self._change(effect)

    def update_description(self, job_id: str, description: str) -> None:
        self.ledger.about_to_update(job_id, description)
        self._change(lambda: self.inner.update_description(job_id, description))

    def delete(self, job_id: str) -> None:
        self.ledger.about_to_delete(job_id)

        def effect() -> None:
            self.inner.delete(job_id)
            self.ledger.deleted(job_id)

        self._change(effect)

    def stop(self, job_id: str, version_id: str | None) -> None:
        self.ledger.about_to_stop(job_id)
        self._change(lambda: self.inner.stop(job_id, version_id))

    def keep_secrets(self, vault: Vault) -> None:
        self.inner.keep_secrets(vault)

    def list(self) -> Listing:
        return self._read(self.inner.list)

    def find(self, name: str) -> Sequence[ActualJob]:
        return self._read(lambda: self.inner.find(name))

    def get(self, job_id: str, version_id: str | None) -> ActualJob:
        return self._read(lambda: self.inner.get(job_id, version_id))

    def logs(
        self, job_id: str, version_id: str | None, *, lines: int = 50, cursor: str | None = None
    ) -> LogChunk:
        return self._read(lambda: self.inner.logs(job_id, version_id, lines=lines, cursor=cursor))

    def flavors(self) -> Sequence[Flavor]:
        return self._read(self.inner.flavors)

    def engines(self) -> Sequence[EngineOffer]:
        return self._read(self.inner.engines)

    def now(self) -> datetime:
        return self.inner.now()

    def close(self) -> None:
        self.inner.close()


@dataclass(slots=True)
class WatchedWriter:
    """A writer that tears, fails and dies by the script; after a failure it takes nothing more."""

    inner: StateWriter
    gate: Gate
    broken: bool = False

    def append(self, entries: Sequence[Entry]) -> None:
        kind = self._next()
        kept = len(entries) // 2 if kind in ("torn", "lost after") else len(entries)
        if kind not in ("lost before", "refused", "unreachable", "late"):
            self.inner.append(entries[:kept])
        self._end(kind)

    def checkpoint(self, state: State) -> None:
        kind = self._next()
        if kind not in ("lost before", "refused", "unreachable", "late", "torn"):
            self.inner.checkpoint(state)
        self._end(kind)

    def _next(self) -> Kind | None:
        if self.broken:
            raise StateError("A write failed before")
        return self.gate.next()

    def _end(self, kind: Kind | None) -> None:
        if kind in ("die after", "torn"):
            self.gate.die()
        if kind not in (None, "stop", "rival"):
            self.broken = True
            raise StateError("The disk is full")


@dataclass(slots=True)
class WatchedBackend:
    """A backend whose writes go wrong by the script."""

    inner: Backend
    gate: Gate

    def read(self) -> State | None:
        return self.inner.read()

    @contextmanager
    def lock(self, *, command: str, timeout: float = 0.0) -> Iterator[WatchedWriter]:
        with self.inner.lock(command=command, timeout=timeout) as writer:
            yield WatchedWriter(writer, self.gate)

    def history(self) -> Sequence[SnapshotInfo]:
        return self.inner.history()

    def restore(self, name: str) -> State:
        return self.inner.restore(name)
