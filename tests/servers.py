"""Servers that the tests start, each in a folder of its own, and stop when they are done."""

import atexit
import contextlib
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

REQUIRED = "RECONCILER_TEST_SERVERS"
"""With the value `required`, a server that cannot be started is a failure; else a loud skip."""


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def unavailable(what: str) -> None:
    """End the test: failed where the servers are required, else skipped with a loud reason."""
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{what}; it is required here ({REQUIRED}=required)")
    pytest.skip(f"NOT TESTED: {what}")


class PostgresServer:
    """A PostgreSQL server with one database, `state`, on a port of 127.0.0.1."""

    def __init__(self, binaries: Path, *, is_durable: bool = False) -> None:
        """Make the cluster and start it; the binaries are those of one PostgreSQL version.

        A durable one flushes what it commits, as servers do; the others spare the time.
        """
        self._binaries = binaries
        self._is_durable = is_durable
        self._user = unprivileged_user()
        self.folder = Path(tempfile.mkdtemp(prefix="reconciler-pg-"))
        if self._user:
            os.chown(self.folder, self._user, -1)
        self.port = free_port()
        data = str(self.folder / "data")
        self._run(["initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync"])
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self.execute("CREATE DATABASE state", database="postgres")

    def url(self, *, database: str = "state", user: str = "tester", port: int = 0) -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "on" if self._is_durable else "off",
            "shared_buffers": "16MB",
            "authentication_timeout": "5s",  # a silent connection would hold up a shutdown
        }
        options = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.execute("SELECT 1", database="postgres")
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT cuts all sessions and shuts down, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """Stop the server and remove all that it kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str, *, database: str = "state") -> None:
        """Run one statement as the owner; `OSError` while the server does not answer."""
        import psycopg

        try:
            with psycopg.connect(self.url(database=database), autocommit=True) as connection:
                connection.execute(statement.encode())
        except psycopg.OperationalError as error:
            raise ConnectionError(str(error)) from error

    def _run(self, command: Sequence[str]) -> None:
        name, *arguments = command
        done = subprocess.run(
            [self._binaries / name, *arguments],
            capture_output=True,
            check=False,
            text=True,
            cwd=self.folder,
            user=self._user,
        )
        assert done.returncode == 0, done.stderr


def unprivileged_user() -> int | None:
    """Return the user that runs the server when we are root, since root must not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_uid
    return 65534


def _binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: each.parts)
    if found:
        return found[-1].parent
    path = shutil.which("initdb")
    return Path(path).resolve().parent if path else None


_NO_POSTGRES = "no PostgreSQL server is installed (Debian: apt-get install postgresql)"


@functools.cache
def start_postgres() -> PostgresServer | None:
    """Return this process's server, started once, or None where PostgreSQL is not installed."""
    if (binaries := _binaries()) is None:
        return None
    server = PostgresServer(binaries)
    atexit.register(server.remove)
    return server


@contextlib.contextmanager
def a_durable_postgres() -> Iterator[PostgresServer]:
    """Give a server of one's own that may be killed, or end the test loudly."""
    if (binaries := _binaries()) is None:
        unavailable(_NO_POSTGRES)
    assert binaries is not None
    server = PostgresServer(binaries, is_durable=True)
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the PostgreSQL server of this run, or end the test loudly."""
    server = start_postgres()
    if server is None:
        unavailable(_NO_POSTGRES)
    assert server is not None
    yield server
    server.remove()


BUCKET = "team"


class ObjectStore:
    """An S3 server with one bucket, on a port of 127.0.0.1.

    It keeps all in memory; with a log it is what the log tells after each start.
    """

    def __init__(self, log: Path | None = None) -> None:
        """Start the server, and wait until it answers."""
        self._log = log
        self.port = free_port()
        command = [sys.executable, "-m", "tests.object_store", str(self.port)]
        self._process = subprocess.Popen(
            [*command, str(log)] if log else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parent.parent,
            text=True,
        )
        self.start()
        self._make_bucket()

    def start(self) -> None:
        """Start to serve, and wait until it answers."""
        self._tell("start")
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert time.monotonic() < deadline, "the object store does not answer"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill what serves, with SIGKILL."""
        self._tell("kill")

    def renew(self) -> None:
        """Start anew without any objects."""
        self.kill()
        if self._log:
            self._log.unlink(missing_ok=True)
        self.start()
        self._make_bucket()

    def _tell(self, order: str) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n", "the object store did not start"

    def _make_bucket(self) -> None:
        request = urllib.request.Request(f"{self.endpoint()}/{BUCKET}", method="PUT")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def endpoint(self, port: int = 0) -> str:
        """Return where the server answers, or a relay in front of it."""
        return f"http://127.0.0.1:{port or self.port}"

    def url(self, prefix: str, *, port: int = 0) -> str:
        """Return the URL of a state below a prefix of the bucket."""
        return f"s3://{BUCKET}/{prefix}?endpoint={self.endpoint(port)}&region=test"

    def remove(self) -> None:
        """Stop the server."""
        with contextlib.suppress(ValueError, OSError):  # stopped already
            self._process.communicate(timeout=60)


@functools.cache
def start_object_store() -> ObjectStore:
    """Return this process's server, started once."""
    store = ObjectStore()
    atexit.register(store.remove)
    return store


CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "no-secret-at-all"}


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectStore]:
    """Give the S3 server of this run."""
    store = start_object_store()
    yield store
    store.remove()


@pytest.fixture
def object_store(object_server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Give the S3 server of this run, and the credentials for it."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return object_server
