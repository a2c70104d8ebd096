"""One request and what its answer means: values that transport, logins and clients share."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

_NOISE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # terminal control sequences
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # terminal titles and links
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    r"|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"  # text direction, half characters
)
_HALF = re.compile("[\ud800-\udfff]")
_HALF_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONGEST = 500


class Effect(Enum):
    """What repeating a request would do."""

    READ = "changes nothing"
    REPEATABLE = "twice is the same as once"
    ONCE = "must not happen twice"


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask. Its text names method and path alone: neither query nor body is for people."""

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    effect: Effect = Effect.READ

    @property
    def target(self) -> str:
        """The whole URL, with the query."""
        return f"{self.url}?{urlencode(self.query)}" if self.query else self.url

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return origin_of(self.url)

    def __str__(self) -> str:
        return f"{self.method} {urlsplit(self.url).path}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read to its end; header names in any case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class Kind(Enum):
    """What an answer, or its absence, means for the request."""

    ACCEPTED = "done"
    REFUSED = "not done, and asking again would not help"
    UNAUTHORISED = "not done: the login is no longer good"
    THROTTLED = "not done: too many requests"
    UNSENT = "not done: no connection"
    LOST = "perhaps done"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of an answer; `words` are the platform's own, fit to be shown.

    `status` is None when no answer came; `code` is the platform's name of an error; both it and
    the words are whole, to be cut when our secrets are out of them;
    `content` the JSON object that was answered.
    """

    kind: Kind
    status: int | None = None
    code: str = ""
    words: str = ""
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Judge = Callable[[Answer], Verdict]
"""Says what an answer means in one API; pure. Redirects never reach it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Headers that prove who asks; `generation` names the login they come from."""

    headers: Mapping[str, str] = field(repr=False)
    generation: int = 0


class Authenticator(Protocol):
    """Who we are to the platform. Safe to call from several threads at once."""

    @property
    def project_id(self) -> str:
        """The project whose jobs are meant; may log in to find it."""
        ...

    def sign(self, request: Request) -> Signature:
        """Return the headers for a request; may log in."""
        ...

    def renew(self, generation: int) -> bool:
        """Replace a login that was refused, once for all threads; False when it cannot be."""
        ...

    def redact(self, text: str) -> str:
        """Return a text without any of our secrets."""
        ...


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, and nothing else of it; empty when it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}" if parts.scheme and host else ""


def clean(text: str) -> str:
    """Return a server's text fit for a terminal: one line, bounded, no control characters."""
    text = line(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def line(text: str) -> str:
    """Return a server's text as one line of any length, without control characters."""
    return " ".join(_NOISE.sub("", text).split())


def without(text: str, secrets: Iterable[str]) -> str:
    """Return a text of one line with secrets blanked out, as they are and as `line` has them."""
    for secret in secrets:
        for form in (secret, line(secret)):
            text = text.replace(form, "***") if form else text
    return text


def json_object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object that a body holds; an empty one when it holds anything else.

    What is nested too deeply to be read through is none.
    """
    try:
        content = json.loads(body.decode("utf-8-sig", "replace")) if body else {}
        content = _whole(content) if _HALF_ESCAPE.search(body) else content
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _whole(value: Any) -> Any:
    """Return a JSON value without halves of characters, which no UTF-8 can hold."""
    match value:
        case str():
            return _HALF.sub("\ufffd", value)
        case list():
            return [_whole(each) for each in value]
        case dict():
            return {_whole(key): _whole(each) for key, each in value.items()}
        case _:
            return value


def words_of(content: Mapping[str, Any]) -> str:
    """Return the message in an error body as one line: the first of the names it goes by."""
    inner = content.get("error")
    inner = inner if isinstance(inner, dict) else {}
    names = (content.get("error_message"), content.get("error_msg"), inner.get("message"))
    return next((line(each) for each in names if isinstance(each, str) and each), "")


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for, given as seconds or as a date."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return float(value)
    date = parse_date(value)
    return None if date is None else max(0.0, (date - now).total_seconds())


def parse_date(value: str) -> datetime | None:
    """Return the time of an HTTP date, or None when it is none."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
