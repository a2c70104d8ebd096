"""State in PostgreSQL, as a backend; `sessions` writes, `database` is the home of its errors."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from functools import partial
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from reconciler.backends import codec, tables
from reconciler.backends.database import Place, check_version, contents, execute, explained
from reconciler.backends.holder import Holder, from_bytes
from reconciler.backends.sealing import NoSeal, Seal
from reconciler.backends.segments import (
    SegmentWriter,
    snapshot_name,
    snapshot_number,
    understood,
    unknown_snapshot,
)
from reconciler.backends.sessions import PostgresSession
from reconciler.backends.signing import Author
from reconciler.errors import StateError, UsageError
from reconciler.model.state import SnapshotInfo, State

_NAME_SIZE = 63
"""Bytes that PostgreSQL keeps of a name; it would cut a longer one silently."""

RECOVERY = 30.0
"""Seconds for which a writer tries to get a broken connection and its lock back."""


def open_database(
    url: str, schema: str, stack: str, author: Author, seal: Seal, shape: str
) -> "PostgresBackend":
    """Return the backend that a URL names; what it leaves out comes from `PG*` variables.

    Connects to nothing yet. Raises `UsageError`, which shows the shape that a URL must have.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        # The library's message may repeat a part of the password.
        raise UsageError("Not a place for state", "The URL is broken.", f"Write {shape}.") from None
    if not schema or "\0" in schema or len(schema.encode()) > _NAME_SIZE:
        raise UsageError("Not a place for state", "The schema has no proper name.")
    parameters = {name: str(value) for name, value in given.items()}
    return PostgresBackend(
        Place(parameters, schema, stack, _shown(parameters, schema)), author, seal
    )


def _shown(parameters: dict[str, str], schema: str) -> str:
    """Name a database for messages: the server, the database, the schema; no user, no password."""
    host = parameters.get("host") or os.environ.get("PGHOST") or "the local server"
    port = parameters.get("port") or os.environ.get("PGPORT") or ""
    database = parameters.get("dbname") or os.environ.get("PGDATABASE") or "its default database"
    return f"PostgreSQL at {host}{':' if port else ''}{port}, {database}, schema {schema}"


class PostgresBackend:
    """One stack's state in a PostgreSQL database. Reading takes no lock and changes nothing."""

    def __init__(
        self,
        place: Place,
        author: Author | None = None,
        seal: Seal | None = None,
        *,
        recovery: float | None = None,
    ) -> None:
        """Take the place, and for how many seconds a broken connection is sought again."""
        self.place = place
        self._author = author or Author()
        self._seal = seal or NoSeal()
        self._recovery = RECOVERY if recovery is None else recovery

    def read(self) -> State | None:
        """Return the snapshot with the journal folded in, or None when there is none yet."""
        row = self._row(tables.READ)
        if row is None:
            return None
        return understood(contents(row), self.place.stack, self.place.shown, self._seal).state

    @contextmanager
    def lock(self, *, command: str, timeout: float = 0.0) -> Iterator[SegmentWriter]:
        """Hold the right to write, waiting up to `timeout` seconds for another holder."""
        session = PostgresSession(self.place, command, recovery=self._recovery)
        session.begin(timeout)
        writer = SegmentWriter(
            session,
            self.place.stack,
            self.place.shown,
            partial(self._author.run, command),
            self._seal,
        )
        try:
            yield writer
        finally:
            writer.close()
            session.end()

    def holder(self) -> Holder | None:
        """Return who holds the lock, or None when it is free; a holder found is connected."""
        row = self._row(tables.HOLDER)
        return from_bytes((row[0] or "").encode()) if row else None

    def break_lock(self) -> None:
        """End the session that holds the lock. It takes the right to signal that session."""
        self._row(tables.BREAK)

    def history(self) -> Sequence[SnapshotInfo]:
        """Return the kept snapshots that are intact, newest first, the present one included."""
        found = []
        for number, saved_at, body in self._rows(tables.HISTORY):
            with suppress(StateError):
                name = snapshot_name(self.place.stack, number)
                data = self._seal.open(bytes(body), "snapshot", name)
                found.append(codec.info(data, name, saved_at.astimezone(UTC), name))
        return tuple(found)

    def restore(self, name: str) -> State:
        """Return a kept snapshot as it was, by the name that `history` gives."""
        number = snapshot_number(self.place.stack, name)
        row = self._row(tables.KEPT, number=number)
        if row is None:
            raise unknown_snapshot(name)
        where = f"{self.place.shown}, snapshot {number}"
        return codec.decode(self._seal.open(bytes(row[0]), "snapshot", where), where)

    def _row(self, text: str, **values: Any) -> Any:
        rows = self._rows(text, **values)
        return rows[0] if rows else None

    def _rows(self, text: str, **values: Any) -> list[Any]:
        """Run one reading statement; without tables there are no rows."""
        with explained("read", self.place), self.place.connect() as connection:
            check_version(connection, self.place)
            try:
                return execute(connection, self.place, text, values).fetchall()
            except psycopg.errors.UndefinedTable:
                return []
