"""State in an object store: a chain of objects, each of which is created once.

    STACK/lock                              who may write (leases.py)
    STACK/log/NUMBER/000000000000           snapshot NUMBER
    STACK/log/NUMBER/000000000001 …         what followed it: a segment of the journal, a fence,
                                            or, as the last one, the snapshot that comes next

Each object is written on the condition that its key is free, and its first line holds the
writer's fencing number. Whoever takes over the lock of a holder that did not give it back writes
a fence at the next place before it reads: from then on the old holder's next write finds its
place taken, however late it arrives. The snapshot that comes next stands in the chain first, for
the same reason, and is then copied to where it begins a chain of its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, Protocol
from urllib.parse import quote

from pydantic import ValidationError

from reconciler.backends import codec, leases
from reconciler.backends.holder import Holder
from reconciler.backends.sealing import NoSeal, Seal
from reconciler.backends.segments import (
    KEPT,
    Contents,
    SegmentWriter,
    snapshot_name,
    snapshot_number,
    understood,
    unknown_snapshot,
)
from reconciler.backends.signing import Author
from reconciler.errors import StateError, UsageError
from reconciler.model.base import Model
from reconciler.model.state import SnapshotInfo, State

_WIDTH = 12
_KEY = re.compile(rf".*/log/(\d{{{_WIDTH}}})/(\d{{{_WIDTH}}})")
_READERS = 16
_LOOKS = 5
_MISSING = b"missing\n"
"""Stands for an object that is not there: no reader takes it for anything but damage."""

YOUNG = timedelta(hours=1)
"""What is younger than this is never removed, so that a late writer finds its place taken."""


class Bucket(leases.Bucket, Protocol):
    """What the chain needs of a bucket; see `s3.Bucket`."""

    def keys(self, prefix: str) -> dict[str, datetime]: ...
    def remove(self, keys: Sequence[str]) -> None: ...


class _Label(Model):
    """The first line of an object."""

    fence: int
    kind: Literal["snapshot", "entries", "fence", "next"]


@dataclass(frozen=True, slots=True)
class _Chain:
    """The newest chain, by its keys alone: its number, and how many places after its snapshot."""

    number: int = 0
    places: int = 0


class ObjectsBackend:
    """One stack's state in a bucket. Reading takes no lock and changes nothing."""

    def __init__(
        self,
        bucket: Bucket,
        stack: str,
        author: Author | None = None,
        seal: Seal | None = None,
        *,
        terms: leases.Terms | None = None,
    ) -> None:
        """Take the bucket; `UsageError` for a stack that is no part of a key."""
        if stack in ("", ".", "..") or re.search(r"[/\\\0]", stack):
            raise UsageError("Not a stack name", f"{stack!r} cannot be part of a key.")
        self._log = _Log(bucket, stack)
        self._author = author or Author()
        self._seal = seal or NoSeal()
        self._terms = terms or leases.Terms()

    @property
    def where(self) -> str:
        """Where the objects are, for messages."""
        return self._log.where

    def read(self) -> State | None:
        """Return the snapshot with the journal folded in, or None when there is none yet."""
        contents = self._log.load()
        if contents is None:
            return None
        return understood(contents, self._log.stack, self._log.where, self._seal).state

    @contextmanager
    def lock(self, *, command: str, timeout: float = 0.0) -> Iterator[SegmentWriter]:
        """Hold the right to write, waiting up to `timeout` seconds for another holder.

        When the holder dies, the lock is free within `Terms.lasting` and two seconds.
        """
        lease = self._lease()
        was_given_back = lease.take(command, timeout)
        session = ObjectsSession(self._log, lease)
        try:
            session.begin(fencing=not was_given_back)
            sign, log = partial(self._author.run, command), self._log
            writer = SegmentWriter(session, log.stack, log.where, sign, self._seal)
            try:
                yield writer
            finally:
                writer.close()
        finally:
            lease.give_back(settled=session.is_settled)

    def holder(self) -> Holder | None:
        """Return who holds the lock and whether it lives, or None when it is free."""
        return self._lease().holder()

    def break_lock(self) -> None:
        """Free the lock whoever holds it. A holder that still lives can write no more."""
        self._lease().break_open()

    def history(self) -> Sequence[SnapshotInfo]:
        """Return the kept snapshots that are intact, newest first, the present one included."""
        found = []
        for number, (data, saved_at) in sorted(self._log.snapshots().items(), reverse=True):
            with suppress(StateError):
                name = snapshot_name(self._log.stack, number)
                opened = self._seal.open(data, "snapshot", name)
                found.append(codec.info(opened, name, saved_at.astimezone(UTC), name))
        return tuple(found)

    def restore(self, name: str) -> State:
        """Return a kept snapshot as it was, by the name that `history` gives."""
        number = snapshot_number(self._log.stack, name)
        if (kept := self._log.snapshots().get(number)) is None:
            raise unknown_snapshot(name)
        where = f"{self._log.where}, snapshot {number}"
        return codec.decode(self._seal.open(kept[0], "snapshot", where), where)

    def _lease(self) -> leases.Lease:
        return leases.Lease(self._log.bucket, self._log.folder, self._terms)


class ObjectsSession:
    """The right to write to the chain, as long as the lease lasts."""

    def __init__(self, log: "_Log", lease: leases.Lease) -> None:
        """Take the chain and the lease that was taken.

        `is_settled` tells whether every write is known to have taken place or not.
        """
        self._log = log
        self._lease = lease
        self.is_settled = True

    def begin(self, *, fencing: bool) -> None:
        """Fence off a holder that did not give the lock back, and finish what it began."""
        while fencing:
            chain, contents = self._log.look()
            if contents is None:
                return
            if contents.number > chain.number:
                self._settle(chain, contents)
                continue
            if self._create(chain.number, chain.places + 1, "fence", b"") is not None:
                return

    def load(self) -> Contents | None:
        """Return what is stored; what a holder before us began to put in force is finished."""
        chain, contents = self._log.look()
        if contents and contents.number > chain.number:
            self._settle(chain, contents)
        return contents

    def add(self, number: int, place: int, segment: bytes) -> None:
        """Create the segment's object, unless its place is taken."""
        self._written(self._create(number, place, "entries", segment))

    def replace(self, number: int, places: int, snapshot: bytes) -> None:
        """Create the next snapshot, first as the end of the chain before it."""
        if number:
            self._written(self._create(number, places + 1, "next", snapshot))
        self._written(self._create(number + 1, 0, "snapshot", snapshot))
        if number > KEPT:
            with suppress(StateError):  # the next checkpoint prunes as well
                self._log.prune(number)

    def _settle(self, chain: _Chain, contents: Contents) -> None:
        """Copy the snapshot that ends a chain to where it begins the next one."""
        self._lease.check()
        self._create(chain.number + 1, 0, "snapshot", contents.snapshot)

    def _create(
        self,
        number: int,
        place: int,
        kind: Literal["snapshot", "entries", "fence", "next"],
        data: bytes,
    ) -> str | None:
        self._lease.check()
        label = _Label(fence=self._lease.fence, kind=kind).model_dump_json().encode()
        self.is_settled = False  # until it is known, a late request may still create it
        tag = self._log.bucket.create(self._log.key(number, place), label + b"\n" + data)
        self.is_settled = True
        # A machine that slept meanwhile may have written where everything was pruned since.
        self._lease.check()
        return tag

    def _written(self, tag: str | None) -> None:
        if tag is None:
            raise leases.lost(self._log.where, "Someone else took the lock, and has written.")


class _Log:
    """The objects of one stack's chains."""

    def __init__(self, bucket: Bucket, stack: str) -> None:
        self.bucket = bucket
        self.stack = stack
        self.folder = quote(stack, safe="")
        self.where = f"{bucket.where}, stack {stack}"

    def key(self, number: int, place: int) -> str:
        return f"{self.folder}/log/{number:0{_WIDTH}}/{place:0{_WIDTH}}"

    def load(self) -> Contents | None:
        """Return the snapshot in force and its segments."""
        return self.look()[1]

    def look(self) -> tuple[_Chain, Contents | None]:
        """Return the newest chain and what it means; looks again when it is pruned meanwhile."""
        for look in range(_LOOKS):
            chain = _newest(self._places())
            if chain.number == 0:
                return chain, None
            keys = [self.key(chain.number, place) for place in range(chain.places + 1)]
            found = self._get(keys)
            if None not in found or look == _LOOKS - 1:
                return chain, self._contents(chain.number, found)
        raise AssertionError("the last look returns")

    def snapshots(self) -> dict[int, tuple[bytes, datetime]]:
        """Return every kept snapshot and when it was written, by number."""
        written = {number: at for (number, place), at in self._places().items() if place == 0}
        found = self._get([self.key(number, 0) for number in written])
        kept = {
            number: (_body(data)[1], at)
            for (number, at), data in zip(written.items(), found, strict=True)
            if data is not None
        }
        contents = self.load()
        if contents and contents.number not in kept:
            kept[contents.number] = (contents.snapshot, datetime.now(UTC))
        return kept

    def prune(self, number: int) -> None:
        """Remove the chains before the last `KEPT` ones, unless they are young."""
        places = self._places()
        newest = max(places.values(), default=datetime.min.replace(tzinfo=UTC))
        old = [each for each in places if each[0] <= number - KEPT]
        self.bucket.remove(
            [self.key(*each) for each in sorted(old) if newest - places[each] > YOUNG]
        )

    def _places(self) -> Mapping[tuple[int, int], datetime]:
        found = self.bucket.keys(f"{self.folder}/log")
        return {
            (int(match[1]), int(match[2])): at
            for key, at in found.items()
            if (match := _KEY.fullmatch(key))
        }

    def _get(self, keys: Sequence[str]) -> list[bytes | None]:
        def one(key: str) -> bytes | None:
            found = self.bucket.get(key)
            return found.data if found else None

        if len(keys) < 2:
            return [one(key) for key in keys]
        with ThreadPoolExecutor(min(_READERS, len(keys))) as pool:
            return list(pool.map(one, keys))

    def _contents(self, number: int, found: Sequence[bytes | None]) -> Contents:
        bodies = [_body(data) for data in found]
        if len(bodies) > 1 and bodies[-1][0] == "next":
            return Contents(number + 1, bodies[-1][1])
        return Contents(number, bodies[0][1], tuple(body for _, body in bodies[1:]))


def _newest(places: Mapping[tuple[int, int], datetime]) -> _Chain:
    number = max((number for number, _ in places), default=0)
    return _Chain(number, max((place for each, place in places if each == number), default=0))


def _body(data: bytes | None) -> tuple[str, bytes]:
    """Return an object's kind and what follows its first line; damage reads as damage later."""
    line, _, body = (data or b"").partition(b"\n")
    try:
        return _Label.model_validate_json(line).kind, body
    except ValidationError:
        return "", _MISSING
