"""Requests signed with an access key: SDK-HMAC-SHA256, in both forms that clients use.

After the ModelArts API Reference, "Authentication Using AK/SK" (the scoped form, `Credential=`)
and the vendor's published signers (`Access=`). Nothing of this is shared with whoever signs.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote

ALGORITHM = "SDK-HMAC-SHA256"
_CLOCK_SECONDS = 900.0
_MOST_FAILURES = 5
_LOCK_SECONDS = 300.0
_UNRESERVED = "-_.~"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_TERMINATOR = "sdk_request"


class SignatureError(Exception):
    """The signature is not accepted; the text is what the gateway says."""


@dataclass(frozen=True)
class KeyPair:
    """An access key with its secret; a temporary one comes with a security token."""

    access: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Signed:
    """What of a request is signed; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Authorization:
    """The parts of the header; `scope` is empty in the form without one."""

    access: str
    scope: tuple[str, ...]
    names: tuple[str, ...]
    signature: str


class Keys:
    """The key pairs of a store. One that fails too often in a row is locked for a while."""

    def __init__(self, pairs: Sequence[KeyPair]) -> None:
        self._pairs = {pair.access: pair for pair in pairs}
        self._failures: dict[str, int] = {}
        self._locked: dict[str, float] = {}

    def check(self, request: Signed, now: float) -> None:
        """Refuse a request that none of the pairs has signed; `now` in epoch seconds."""
        given = parse_authorization(request.headers.get("authorization", ""))
        pair = self._pairs.get(given.access)
        if pair is None:
            raise SignatureError("Get secretKey failed")
        if self._locked.get(pair.access, 0.0) > now:
            raise SignatureError("AK access failed to reach the limit,forbidden")
        try:
            _check(request, given, pair, now)
        except SignatureError:
            self._count_failure(pair.access, now)
            raise
        self._failures.pop(pair.access, None)

    def _count_failure(self, access: str, now: float) -> None:
        self._failures[access] = self._failures.get(access, 0) + 1
        if self._failures[access] > _MOST_FAILURES:
            self._failures.pop(access)
            self._locked[access] = now + _LOCK_SECONDS


def parse_authorization(text: str) -> Authorization:
    """The parts of an `Authorization` header of either form. SignatureError."""
    scheme, _, rest = text.partition(" ")
    parts = dict(re.findall(r"(\w+)=([^,\s]*)", rest))
    who = parts.get("Access") or parts.get("Credential", "")
    if scheme != ALGORITHM or not who or "Signature" not in parts:
        raise SignatureError("verify aksk signature fail")
    access, *scope = who.split("/") if "Credential" in parts else [who]
    names = tuple(parts.get("SignedHeaders", "").lower().split(";"))
    return Authorization(access, tuple(scope), names, parts["Signature"])


def canonical_request(request: Signed, names: Sequence[str]) -> str:
    """The text whose hash is signed."""
    segments = [quote(unquote(part), safe=_UNRESERVED) for part in request.path.split("/")]
    path = "/".join(segments)
    pairs = sorted(parse_qsl(request.query, keep_blank_values=True))
    query = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs)
    lines = "".join(f"{name}:{request.headers.get(name, '').strip()}\n" for name in names)
    return "\n".join(
        (
            request.method.upper(),
            path if path.endswith("/") else path + "/",
            query,
            lines,
            ";".join(names),
            _payload_hash(request),
        )
    )


def sign(request: Signed, names: Sequence[str], secret: str, scope: Sequence[str] = ()) -> str:
    """The signature that the secret makes, in hex."""
    hashed = hashlib.sha256(canonical_request(request, names).encode()).hexdigest()
    stamp = request.headers.get("x-sdk-date", "")
    text = "\n".join((ALGORITHM, stamp, *(["/".join(scope)] if scope else []), hashed))
    key = secret.encode()
    if scope:
        key = b"SDK" + key
        for part in scope:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _check(request: Signed, given: Authorization, pair: KeyPair, now: float) -> None:
    stamp = request.headers.get("x-sdk-date", "")
    complete = {"host", "x-sdk-date"} <= set(given.names)
    if not complete or abs(_seconds(stamp) - now) > _CLOCK_SECONDS:
        raise SignatureError("verify aksk signature fail")
    if given.scope and (given.scope[0] != stamp[:8] or given.scope[-1] != _TERMINATOR):
        raise SignatureError("verify aksk signature fail")
    token = request.headers.get("x-security-token", "")
    if not hmac.compare_digest(token.encode(), pair.token.encode()):
        raise SignatureError("verify aksk signature fail")
    right = sign(request, given.names, pair.secret, given.scope)
    if not hmac.compare_digest(right.encode(), given.signature.encode()):
        raise SignatureError("verify aksk signature fail")


def _payload_hash(request: Signed) -> str:
    told = request.headers.get("x-sdk-content-sha256", "")
    return _UNSIGNED if told == _UNSIGNED else hashlib.sha256(request.body).hexdigest()


def _encode(text: str) -> str:
    return quote(text, safe=_UNRESERVED)


def _seconds(stamp: str) -> float:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise SignatureError("verify aksk signature fail") from error
