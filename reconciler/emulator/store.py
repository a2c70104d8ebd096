"""What survives a restart: credentials, projects and jobs, in a folder that only its owner reads.

Everything lives in memory and is written through to SQLite; a write reaches the operating
system before the answer leaves, so that killing the server loses nothing (a power cut may).
"""

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.emulator.launch import private_folder
from reconciler.emulator.model import Channel, Job, Project, Status, Version, Work
from reconciler.emulator.signing import KeyPair

FORMAT = 2
"""1: before jobs knew their API version; read and written on as 2."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY, name TEXT UNIQUE, folder TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, data TEXT);
CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER, data TEXT);
CREATE INDEX IF NOT EXISTS versions_of_job ON versions (job_id);
CREATE TABLE IF NOT EXISTS configurations (
    project TEXT, name TEXT, data TEXT, PRIMARY KEY (project, name));
"""


class StoreError(Exception):
    """The store cannot be used; the text says why, for a person."""


@dataclass(frozen=True)
class Credentials:
    """The one user of a store and the token that opens the admin interface."""

    username: str
    password: str = field(repr=False)
    domain: str
    admin_token: str = field(repr=False)
    access_key: str
    secret_key: str = field(repr=False)
    temporary_access_key: str
    temporary_secret_key: str = field(repr=False)
    security_token: str = field(repr=False)

    def pairs(self) -> list[KeyPair]:
        """The key pairs that sign requests: a lasting one and a temporary one."""
        return [
            KeyPair(self.access_key, self.secret_key),
            KeyPair(self.temporary_access_key, self.temporary_secret_key, self.security_token),
        ]


class Store:
    """One folder on disk, held by one server at a time.

    Raises StoreError when another server holds it or when a newer version wrote it.
    """

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        folder.chmod(0o700)
        self.folder = folder.resolve()
        self._lock = _hold(self.folder / "lock")
        try:
            self.credentials = _credentials(self.folder / "credentials.json")
            self._database = _open_database(self.folder / "jobs.db")
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Write everything out and let another server in."""
        self._database.close()
        os.close(self._lock)

    # -- projects

    def projects(self) -> list[Project]:
        """Every project, oldest first."""
        rows = self._database.execute("SELECT id, name, folder FROM projects ORDER BY rowid")
        return [Project(*row) for row in rows]

    def register(self, buckets: Path) -> Project:
        """The project of a buckets folder, made when it is seen for the first time."""
        key = os.path.relpath(buckets.resolve(), self.folder)
        known = self.projects()
        for project in known:
            if project.folder == key:
                return project
        name = "local" if not known else f"local_{len(known) + 1}"
        project = Project(secrets.token_hex(16), name, key)
        self._database.execute(
            "INSERT INTO projects VALUES (?, ?, ?)", (project.id, project.name, project.folder)
        )
        return project

    def buckets(self, project: Project) -> Path:
        """The absolute buckets folder of a project."""
        return (self.folder / project.folder).resolve()

    # -- jobs

    def jobs(self) -> Iterator[Job]:
        """Every job with its versions, oldest first."""
        versions: dict[int, list[Version]] = {}
        for (text,) in self._database.execute("SELECT data FROM versions ORDER BY id"):
            version = _load_version(text)
            versions.setdefault(version.job_id, []).append(version)
        for (text,) in self._database.execute("SELECT data FROM jobs ORDER BY id"):
            job = Job(**json.loads(text))
            job.versions = versions.get(job.id, [])
            yield job

    def last_ids(self) -> tuple[int, int]:
        """The highest job and version number ever used, so that none is used twice."""
        rows = dict(self._database.execute("SELECT name, seq FROM sqlite_sequence"))
        return rows.get("jobs", 0), rows.get("versions", 0)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all of the block's changes at once; blocks may be nested."""
        if self._database.in_transaction:
            yield
            return
        self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.execute("COMMIT")

    def save_job(self, job: Job) -> None:
        """Record a job, without its versions."""
        plain = {key: value for key, value in vars(job).items() if key != "versions"}
        self._database.execute(
            "INSERT OR REPLACE INTO jobs VALUES (?, ?)", (job.id, json.dumps(plain))
        )

    def save_version(self, version: Version) -> None:
        """Record one version."""
        self._database.execute(
            "INSERT OR REPLACE INTO versions VALUES (?, ?, ?)",
            (version.id, version.job_id, json.dumps(vars(version), default=vars)),
        )

    def remove_job(self, job: Job) -> None:
        """Forget a job with all its versions."""
        with self.together():
            self._database.execute("DELETE FROM versions WHERE job_id = ?", (job.id,))
            self._database.execute("DELETE FROM jobs WHERE id = ?", (job.id,))

    def remove_version(self, version: Version) -> None:
        """Forget one version."""
        self._database.execute("DELETE FROM versions WHERE id = ?", (version.id,))

    # -- saved configurations

    def configurations(self, project_id: str) -> dict[str, dict[str, Any]]:
        """The saved configurations of a project by name, oldest first."""
        rows = self._database.execute(
            "SELECT name, data FROM configurations WHERE project = ? ORDER BY rowid", (project_id,)
        )
        return {name: json.loads(data) for name, data in rows}

    def save_configuration(self, project_id: str, name: str, data: dict[str, Any]) -> None:
        """Record a saved configuration, in place of an older one of that name."""
        self._database.execute(
            "INSERT INTO configurations VALUES (?, ?, ?)"
            " ON CONFLICT (project, name) DO UPDATE SET data = excluded.data",
            (project_id, name, json.dumps(data)),
        )

    def remove_configuration(self, project_id: str, name: str) -> None:
        """Forget a saved configuration."""
        self._database.execute(
            "DELETE FROM configurations WHERE project = ? AND name = ?", (project_id, name)
        )


def write_private(path: Path, data: dict[str, Any]) -> None:
    """Write JSON that only the owner reads, so that a reader sees all of it or nothing."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        json.dump(data, file, indent=1)
    fresh.replace(path)


def _hold(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"Another emulator serves {path.parent} already.") from error
    return descriptor


def _credentials(path: Path) -> Credentials:
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found = Credentials(**_new_credentials() | known)
    except (ValueError, TypeError) as error:
        raise StoreError(f"{path} is damaged; delete it to have new credentials made.") from error
    if len(known) < len(vars(found)):
        write_private(path, vars(found))
    return found


def _new_credentials() -> dict[str, str]:
    return {
        "username": f"user-{secrets.token_hex(4)}",
        "password": secrets.token_urlsafe(24),
        "domain": f"LOCAL-{secrets.randbelow(10**20):020d}",
        "admin_token": secrets.token_urlsafe(32),
        "access_key": secrets.token_hex(10).upper(),
        "secret_key": secrets.token_urlsafe(30),
        "temporary_access_key": secrets.token_hex(10).upper(),
        "temporary_secret_key": secrets.token_urlsafe(30),
        "security_token": secrets.token_urlsafe(60),
    }


def _open_database(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _check_format(path, *database.execute("PRAGMA user_version").fetchone())
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(_SCHEMA)
        database.execute(f"PRAGMA user_version = {FORMAT}")
    except sqlite3.DatabaseError as error:
        database.close()
        raise StoreError(f"{path} cannot be read: {error}.") from error
    except StoreError:
        database.close()
        raise
    return database


def _check_format(path: Path, found: int) -> None:
    if found > FORMAT:
        raise StoreError(f"{path} has format {found}; this version reads up to {FORMAT}.")


def _load_version(text: str) -> Version:
    plain = json.loads(text)
    work = _load_work(plain.pop("work"))
    return Version(**plain | {"work": work, "status": Status(plain["status"])})


def _load_work(plain: dict[str, Any]) -> Work:
    """The work of a version; format 1 knew one input and one output, each by a fixed name."""
    for key, name, old in (("inputs", "data_url", "data"), ("outputs", "train_url", "output")):
        path = plain.pop(old, "")
        channels = plain.get(key) or ([{"name": name, "path": path}] if path else [])
        plain[key] = [Channel(**channel) for channel in channels]
    return Work(**plain)
