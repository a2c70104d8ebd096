"""What a faulty world is put together from: the emulator's admin side, a watched login, a clock."""

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.emulator.launch import Running
from reconciler.engine.clock import SystemClock
from reconciler.providers.auth import PasswordAuthenticator
from reconciler.providers.exchange import Request, Signature


@dataclass(slots=True)
class Admin:
    """The emulator's admin interface on one kept connection."""

    running: Running
    store: Path
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    @property
    def port(self) -> int:
        """The emulator's own port."""
        return int(self.running.url.rpartition(":")[2])

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        """Return what is answered."""
        headers = {"X-Admin-Token": self.running.admin_token}
        data = None if body is None else json.dumps(body)
        self._connection.request(method, f"/_emulator/{path}", data, headers)
        answer = self._connection.getresponse()
        content = json.loads(answer.read())
        assert answer.status == 200, content
        return content

    def close(self) -> None:
        """Drop the connection."""
        self._connection.close()


@dataclass(slots=True)
class Announcing:
    """An authenticator that tells of each request just before it is sent."""

    inner: PasswordAuthenticator
    before: Callable[[Request], None]
    secrets: set[str]

    @property
    def project_id(self) -> str:
        return self.inner.project_id

    def sign(self, request: Request) -> Signature:
        signature = self.inner.sign(request)
        self.secrets.update(signature.headers.values())
        self.before(request)
        return signature

    def renew(self, generation: int) -> bool:
        return self.inner.renew(generation)

    def redact(self, text: str) -> str:
        return self.inner.redact(text)


class Clock(SystemClock):
    """Real time, with something to do at the first pause."""

    def __init__(self, stop: threading.Event, at_first_pause: Callable[[], object]) -> None:
        super().__init__(stop)
        self._work: Callable[[], object] | None = at_first_pause

    def pause(self, seconds: float) -> None:
        work, self._work = self._work, None
        if work:
            work()
        super().pause(seconds)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: without an error, or with these errors' texts and exit code."""

    errors: tuple[str, ...] = ()
    exit_code: int = 0
