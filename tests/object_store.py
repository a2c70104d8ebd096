"""An object store that can be killed: moto's S3 server, forked from a process that imported it.

A line `start` or `kill` on the standard input is answered by `done`; at its end all is over.
moto keeps its objects in memory. With a log, each request that changed something is written to
it and flushed before its answer leaves, and a start takes all of them again, in their order and
with the times that the objects had. So a kill loses nothing that was answered, and what was not
answered is there whole or not at all, as with a real store.

    python -m tests.object_store PORT [LOG]
"""

import base64
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client

Start = Callable[..., Any]


def main() -> None:
    """Obey the orders."""
    port, log = int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    child = 0
    for line in sys.stdin:
        if line == "start\n":
            child = os.fork() or _serve(port, log)
        else:
            _kill(child)
            child = 0
        sys.stdout.write("done\n")
        sys.stdout.flush()
    _kill(child)


def _kill(child: int) -> None:
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(port: int, log: Path | None) -> NoReturn:
    app = DomainDispatcherApplication(create_backend_app)
    logged = Logged(app, log) if log else app
    # One request at a time: the emulator looks at a condition and writes in two steps.
    run_simple("127.0.0.1", port, logged, threaded=False)
    os._exit(0)


class Logged:
    """An application whose changes are flushed to a file before they are answered."""

    def __init__(self, app: Any, log: Path) -> None:
        """Take again what the file holds."""
        self._app = app
        if log.exists():
            # A torn last line was never answered.
            whole = log.read_text().rpartition("\n")[0]
            for line in whole.splitlines():
                self._repeat(json.loads(line))
            log.write_text(whole + "\n" if whole else "")
        self._file = log.open("a")

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._app(environ, start)  # type: ignore[no-any-return]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        texts = {name: value for name, value in environ.items() if isinstance(value, str)}
        answer = list(self._app(environ, start))
        entry = {"environ": texts, "body": base64.b64encode(body).decode()}
        if version := _version(environ["PATH_INFO"]):
            entry["modified"] = version.last_modified.isoformat()
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        return answer

    def _repeat(self, entry: dict[str, Any]) -> None:
        environ = entry["environ"] | {"wsgi.input": BytesIO(base64.b64decode(entry["body"]))}
        Client(self._app).run_wsgi_app(environ)
        if version := _version(environ["PATH_INFO"]):
            version.last_modified = datetime.fromisoformat(entry["modified"])


def _version(path: str) -> Any:
    """Return the version of the object that a path names, if there is one."""
    name, _, key = path.lstrip("/").partition("/")
    for account in list(s3_backends.values()):
        for backend in account.values():
            if key and (bucket := backend.buckets.get(name)):
                return bucket.keys.get(key)
    return None


if __name__ == "__main__":
    main()
