"""HTTP: pooled connections, time limits, retries; the one home of `requests` for providers."""

import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.client import HTTPException
from ipaddress import ip_address
from os import environ
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidURL, ProxyError, RequestException
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.util import parse_url

from reconciler import __version__
from reconciler.errors import (
    UnreachableError,
)
from reconciler.providers.exchange import (
    Answer,
    Authenticator,
    Judge,
    Kind,
    Request,
    Signature,
    Verdict,
    clean,
    parse_date,
    retry_after,
)
from reconciler.providers.limiter import Limiter
from reconciler.providers.patience import Patience
from reconciler.providers.refusals import (
    given_up,
    not_a_url,
    oversized,
    refuse_redirect,
    require_authorities,
)

_CHUNK = 1 << 18
_CLOCK_STEP = timedelta(seconds=2)
_PLAIN_URL = re.compile(r"[!-\[\]^-~]+")
"""No spaces, no control characters, no back slash, nothing beyond ASCII."""
_BASE_HEADERS = {
    "User-Agent": f"reconciler/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
}


class _Connection(HTTPSConnection):
    """Makes a failing handshake tell that it came before the request."""

    def connect(self) -> None:
        try:
            super().connect()
        except OSError as failure:
            raise NewConnectionError(self, "no secure connection") from failure


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, **settings)
        self.poolmanager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _Pool}


class Transport:
    """Sends requests until their outcome is known, or cannot be known.

    A failure is either certain to have come before the request left (no connection, 401, 429:
    repeated for every request) or not (reset, read time-out, 5xx, unreadable answer: repeated
    for requests that bear it, `OutcomeUnknownError` for those that must not happen twice).
    Redirects are refused, so that a login never leaves its host; plain http is for loopback
    alone; proxies and the CA bundle are looked up once. Safe to use from several threads.
    """

    def __init__(
        self,
        *,
        parallelism: int = 10,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        largest_answer: int = 64 << 20,
        patience: Patience | None = None,
        stop: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a pool for so many threads; time-outs in seconds, sizes in bytes.

        Setting `stop` ends every wait between attempts: what failed so far is then raised.
        """
        self._adapter = _Adapter(pool_connections=4, pool_maxsize=parallelism + 2)
        self._timeout = (connect_timeout, read_timeout)
        self._largest = largest_answer
        self._patience = patience or Patience()
        self._stop = stop or threading.Event()
        self._sleep = sleep or self._stop.wait
        self._monotonic = monotonic
        self._limiter = Limiter(parallelism)
        self._offset: datetime | None = None
        self._last_date = ""
        self._proxies: dict[str, dict[str, str]] = {}
        self._verify = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or True

    @property
    def in_flight_limit(self) -> int:
        """How many requests the platform bears at a time, as far as is known."""
        return self._limiter.slots

    def cancel(self) -> None:
        """End every wait between attempts, now and from now on."""
        self._stop.set()

    def pause(self, seconds: float) -> bool:
        """Wait; False when the run was stopped meanwhile."""
        self._sleep(seconds)
        return not self._stop.is_set()

    def now(self) -> datetime:
        """Return the time by the clock of the server that answered last, else by our own.

        The `Date` header counts whole seconds, so this is up to a second late, never early.
        """
        if self._offset is None:
            return datetime.now(UTC)
        return self._offset + timedelta(seconds=self._monotonic())

    def close(self) -> None:
        """Drop the connections."""
        self._adapter.close()

    def exchange(
        self,
        request: Request,
        judge: Judge,
        authenticator: Authenticator | None = None,
        *,
        redact: Callable[[str], str] | None = None,
    ) -> Verdict:
        """Send a request and return its verdict, accepted or refused; anything else raises.

        The platform's words lose what `redact` (or the authenticator) knows as secret.
        `UnreachableError`, `AuthenticationError` and `ProviderError` mean that it was not done;
        `OutcomeUnknownError` that it may have been; `InvalidAnswerError` is for reads alone.
        """
        _refuse_bad_url(request)
        require_authorities(request, self._verify)
        begun = self._monotonic()
        failures = 0
        renewed = perhaps_done = False
        while True:
            signature = authenticator.sign(request) if authenticator else Signature({})
            verdict = self._attempt(request, judge, signature)
            hide = authenticator.redact if authenticator else redact
            verdict = _redacted(verdict, hide or str)
            if verdict.kind in (Kind.ACCEPTED, Kind.REFUSED):
                return verdict
            perhaps_done |= verdict.kind is Kind.LOST
            if verdict.kind is Kind.UNAUTHORISED and authenticator and not renewed:
                renewed = True
                if authenticator.renew(signature.generation):
                    continue
            failures += 1
            elapsed = self._monotonic() - begun
            if not self._patience.allows(
                verdict.kind, request.effect, failures, elapsed
            ) or not self.pause(self._wait(verdict, failures)):
                raise given_up(request, verdict, perhaps_done=perhaps_done)

    def _wait(self, verdict: Verdict, failures: int) -> float:
        asked = retry_after(verdict.headers.get("Retry-After"), self.now())
        chance = random.random()  # noqa: S311 - spreads retries, protects nothing
        return self._patience.wait(failures, asked, chance)

    def _attempt(self, request: Request, judge: Judge, signature: Signature) -> Verdict:
        with self._limiter.slot() as mark:
            try:
                answer = self._send(request, signature)
            except (RequestException, HTTPError, HTTPException, OSError, UnicodeError) as failure:
                return _failed(request, failure)
            self._note_date(answer)
            refuse_redirect(request, answer)
            verdict = judge(answer)
            if verdict.kind is Kind.THROTTLED:
                self._limiter.throttled(mark)
            elif verdict.kind is not Kind.LOST:
                self._limiter.succeeded()
            return verdict

    def _send(self, request: Request, signature: Signature) -> Answer:
        prepared = PreparedRequest()
        prepared.method = request.method
        prepared.url = request.target
        prepared.body = request.body
        prepared.hooks = default_hooks()
        prepared.headers = CaseInsensitiveDict(_BASE_HEADERS)
        if request.body is not None:
            prepared.headers["Content-Type"] = "application/json"
            prepared.headers["Content-Length"] = str(len(request.body))
        elif request.method in ("POST", "PUT"):
            prepared.headers["Content-Length"] = "0"
        prepared.headers.update(signature.headers)
        response = self._adapter.send(
            prepared,
            stream=True,
            timeout=self._timeout,
            verify=self._verify,
            proxies=self._proxies_for(request.origin),
        )
        with response:
            return Answer(response.status_code, response.headers, self._read(request, response))

    def _read(self, request: Request, response: Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._largest:
                raise oversized(request, self._largest)
        return bytes(body)

    def _proxies_for(self, origin: str) -> dict[str, str]:
        known = self._proxies.get(origin)
        if known is None:
            known = {} if _is_loopback(origin) else dict(get_environ_proxies(origin))
            self._proxies[origin] = known
        return known

    def _note_date(self, answer: Answer) -> None:
        text = answer.headers.get("Date", "")
        if text == self._last_date or (date := parse_date(text)) is None:
            return
        if not 1980 <= date.year < 9999:
            return
        self._last_date = text
        offset = date - timedelta(seconds=self._monotonic())
        known = self._offset
        if known is None or offset > known or known - offset > _CLOCK_STEP:
            self._offset = offset


def _is_loopback(url: str) -> bool:
    host = _host(url)
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    """Return the host that a URL leads to; empty when it might lead to more than one.

    Parsers differ over back slashes, users and odd characters. What one of them took for this
    machine would then be another's way to somewhere else.
    """
    return _host_of("/".join(url.split("/", 3)[:3])) if _PLAIN_URL.fullmatch(url) else ""


@lru_cache(maxsize=64)
def _host_of(start: str) -> str:
    try:
        host, parsed = urlsplit(start).hostname, parse_url(start)
    except (ValueError, HTTPError):
        return ""
    agreed = host is not None and host == (parsed.host or "").strip("[]")
    return host or "" if agreed and parsed.auth is None else ""


def _refuse_bad_url(request: Request) -> None:
    if not request.origin.startswith(("https://", "http://")) or not _host(request.url):
        raise not_a_url(request)
    if request.origin.startswith("http:") and not _is_loopback(request.url):
        raise UnreachableError(
            "Insecure platform URL",
            f"{request.origin} would receive our credentials unencrypted.",
            "Use https; plain http is for this machine alone.",
        )


def _redacted(verdict: Verdict, redact: Callable[[str], str]) -> Verdict:
    """Take our secrets out of what will be shown, and only then cut it: half a token tells, too."""
    words, code = clean(redact(verdict.words)), clean(redact(verdict.code))
    if (words, code) == (verdict.words, verdict.code):
        return verdict
    return replace(verdict, words=words, code=code)


def _failed(request: Request, failure: Exception) -> Verdict:
    """Tell a request that never left from one whose answer was lost.

    Only what certainly came before the request counts as never sent.
    """
    causes = tuple(_causes(failure))
    if any(isinstance(c, InvalidURL | LocationValueError | UnicodeError) for c in causes):
        raise not_a_url(request) from failure
    if untrusted := next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None):
        raise UnreachableError(
            "The platform's certificate is not trusted",
            f"{request.origin}: {clean(untrusted.verify_message or str(untrusted.reason))}.",
            "REQUESTS_CA_BUNDLE names a file with further authorities.",
        ) from failure
    unsent = any(
        isinstance(c, NewConnectionError | ConnectTimeoutError | ProxyError) for c in causes
    )
    return Verdict(Kind.UNSENT if unsent else Kind.LOST, words=_words(causes))


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it names as its reasons; never what merely was on its way."""
    seen: set[int] = set()
    todo: list[object] = [failure]
    while todo:
        each = todo.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            todo += [*each.args, getattr(each, "reason", None), each.__cause__]


def _words(causes: tuple[BaseException, ...]) -> str:
    """Say what went wrong in few words, none of them from a URL."""
    for cause in causes:
        match cause:
            case NameResolutionError():
                return "the host name is not known"
            case ConnectTimeoutError() if not isinstance(cause, NewConnectionError):
                return "no connection in time"
            case ProxyError():
                return "the proxy does not let us through"
            case ReadTimeoutError() | TimeoutError():
                return "no answer in time"
            case ssl.SSLError():
                return "the secure connection failed"
            case OSError(strerror=str(text)) if cause.errno is not None:
                return clean(text.lower())
    return "the connection broke before the answer was complete"
