"""A lock on an object store: an object that names its holder, who must go on renewing it.

    {"fence": 7, "beat": 3, "holder": {…}, "process": "…"}        taken
    {"fence": 7, "beat": 9}                                       given back

Every change is a swap of the version that was read, so that of two who try only one gets it. The
fencing number grows with each taking and is never reused: the object is never removed. A lease is
over when its holder has not renewed it for `Terms.lasting`, by the store's own clock; or at once,
when its process lived on this machine and is gone. The holder itself goes by the monotonic and
the wall clock of its machine, and stops earlier.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from reconciler.backends.holder import Holder, from_bytes, locked, this_process, to_bytes
from reconciler.errors import StateDamagedError, StateError
from reconciler.model.base import Model


class Found(Protocol):
    """An object as a bucket returns it."""

    @property
    def data(self) -> bytes: ...
    @property
    def tag(self) -> str: ...
    @property
    def modified(self) -> datetime: ...


class Bucket(Protocol):
    """What a lease needs of a bucket; see `s3.Bucket`."""

    where: str

    def get(self, key: str) -> Found | None: ...
    def create(self, key: str, data: bytes) -> str | None: ...
    def swap(self, key: str, data: bytes, tag: str) -> str | None: ...
    def touch(self, key: str) -> datetime: ...
    def check_conditions(self, key: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease lasts without renewal, how often it is renewed, and how long before its
    end the holder stops writing; all in seconds.
    """

    lasting: float = 30.0
    renewal: float = 8.0
    margin: float = 4.0


class _Text(Model):
    fence: int
    beat: int = 0
    holder: str | None = None
    process: str = ""


class Lease:
    """The lock of one stack. `take` and `give_back` are called once each, by one thread."""

    def __init__(self, bucket: Bucket, stack: str, terms: Terms) -> None:
        """Name the stack's place in the bucket; nothing is asked yet."""
        self._bucket = bucket
        self._key = f"{stack}/lock"
        self._clock = f"{stack}/clock"
        self._probe = f"{stack}/probe-"
        self._terms = terms
        self._text = _Text(fence=0)
        self._tag = ""
        self._valid = _Until(0.0, 0.0)
        self._refusal = ""
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def fence(self) -> int:
        """The number of this taking; 0 before it."""
        return self._text.fence

    def take(self, command: str, timeout: float) -> bool:
        """Take the lock and go on renewing it; tell whether the one before gave it back.

        Raises `StateLockedError` after `timeout` seconds, and `StateError`.
        """
        mine = to_bytes(this_process(command)).decode()
        deadline, pause = time.monotonic() + timeout, 0.1
        while True:
            sent = _Until.after(self._terms)
            found = self._bucket.get(self._key)
            known = _parse(found, self._bucket.where)
            if known is None or self._is_free(known, found):
                text = _Text(
                    fence=(known.fence if known else 0) + 1, holder=mine, process=this_life()
                )
                if self._won(text, found, sent):
                    self._thread = threading.Thread(target=self._renew, daemon=True)
                    self._thread.start()
                    return known is None or known.holder is None
            elif time.monotonic() >= deadline:
                holder = from_bytes((known.holder or "").encode())
                raise locked(self._bucket.where, holder, now=datetime.now(UTC), waited=timeout)
            time.sleep(min(pause, max(0.01, deadline - time.monotonic())))
            pause = min(1.0, pause * 1.5)

    def give_back(self, *, settled: bool = True) -> None:
        """Free the lock at once; when that fails it frees itself after a while.

        Unless all is `settled`, a write of ours may still arrive: whoever comes next is told to
        fence it off.
        """
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._tag and not self._refusal:
            free = _Text(fence=self.fence, beat=self._text.beat + 1)
            if not settled:
                free = self._text.model_copy(update={"beat": free.beat, "process": GONE})
            with suppress(StateError):
                self._bucket.swap(self._key, _bytes(free), self._tag)

    def check(self) -> None:
        """Raise `StateError` unless the lock is certainly ours at this moment."""
        if self._refusal or not self._valid.holds():
            raise lost(self._bucket.where, self._refusal)

    def holder(self) -> Holder | None:
        """Return who holds the lock, and whether it still lives; None when it is free."""
        found = self._bucket.get(self._key)
        known = _parse(found, self._bucket.where)
        if known is None or known.holder is None:
            return None
        holder = from_bytes(known.holder.encode())
        return replace(holder, alive=not self._is_free(known, found))

    def break_open(self) -> None:
        """Free the lock whoever holds it; a holder that still lives is fenced off."""
        found = self._bucket.get(self._key)
        known = _parse(found, self._bucket.where)
        if known is None or found is None or known.holder is None:
            return
        # The holder stays named, as one that is gone: whoever comes next must fence it off.
        gone = known.model_copy(update={"fence": known.fence + 1, "process": GONE})
        if self._bucket.swap(self._key, _bytes(gone), found.tag) is None:
            raise StateError("The lock changed meanwhile", self._bucket.where, "Look again.")

    def _is_free(self, known: _Text, found: Found | None) -> bool:
        if known.holder is None or is_gone(known.process):
            return True
        if found is None:
            return True
        age = self._bucket.touch(self._clock) - found.modified
        return age.total_seconds() > self._terms.lasting + 1  # the store counts whole seconds

    def _won(self, text: _Text, found: Found | None, sent: "_Until") -> bool:
        if found is None:
            self._bucket.check_conditions(self._probe + uuid.uuid4().hex)
            tag = self._bucket.create(self._key, _bytes(text))
        else:
            tag = self._bucket.swap(self._key, _bytes(text), found.tag)
        if tag is None:
            return False
        self._text, self._tag, self._valid = text, tag, sent
        return True

    def _renew(self) -> None:
        while not self._ended.wait(self._terms.renewal):
            sent = _Until.after(self._terms)
            text = self._text.model_copy(update={"beat": self._text.beat + 1})
            try:
                tag = self._bucket.swap(self._key, _bytes(text), self._tag)
            except StateError:
                continue  # `check` refuses once the lease may be over
            if tag is None:
                self._refusal = "Someone else took the lock."
                return
            self._text, self._tag, self._valid = text, tag, sent


@dataclass(frozen=True, slots=True)
class _Until:
    """A moment by two clocks: one stands still while the machine sleeps, one may be set."""

    monotonic: float
    wall: float

    @classmethod
    def after(cls, terms: Terms) -> "_Until":
        lasts = terms.lasting - terms.margin
        return cls(time.monotonic() + lasts, time.time() + lasts)

    def holds(self) -> bool:
        return time.monotonic() < self.monotonic and time.time() < self.wall


def lost(where: str, why: str = "") -> StateError:
    """Return the error of a writer that is no longer sure of its lock."""
    return StateError(
        "The lock of the state was lost",
        f"{why or 'It could not be renewed in time.'} {where} took nothing more from this run.",
        "Run the command again: it begins with what was recorded.",
    )


def _parse(found: Found | None, where: str) -> _Text | None:
    if found is None:
        return None
    try:
        return _Text.model_validate_json(found.data)
    except ValidationError:
        raise StateDamagedError(
            "The lock of the state is damaged",
            f"The object `lock` in {where} is not one that reconciler wrote.",
            "Nobody may be writing now; then put back an earlier version of that object.",
        ) from None


def _bytes(text: _Text) -> bytes:
    return text.model_dump_json(exclude_defaults=True).encode()


GONE = "gone"
"""Stands for a process that does not live, whatever the machine."""

_PROC = Path("/proc")


def this_life(pid: int | None = None) -> str:
    """Name a process so that it can be found again on this machine: this one, if none is given.

    Boot, process namespace, process id, start time; empty where there is no /proc.
    """
    try:
        pid = os.getpid() if pid is None else pid
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        space = (_PROC / "self/ns/pid").readlink()
        status = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    if status[0] in "ZX":  # it has ended, and nobody has asked for its end yet
        return ""
    return f"{boot} {space} {pid} {status[19]}"


def is_gone(process: str, life: Callable[[int], str] = this_life) -> bool:
    """Tell whether a process that `this_life` named has certainly ended.

    One of another machine, boot or process namespace may live, for all that we know.
    """
    if process == GONE:
        return True
    here, there = this_life().split(), process.split()
    if not here or len(there) != len(here) or here[:2] != there[:2]:
        return False
    return life(int(there[2])) != process
