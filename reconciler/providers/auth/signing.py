"""Signatures of requests with an access key (SDK-HMAC-SHA256); pure.

Two forms are documented: the current one, with the secret key itself, and an older one with a
key that is derived for a day, a region and a service. The gateway tells them apart by the
header.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote

ALGORITHM = "SDK-HMAC-SHA256"
DATE_HEADER = "X-Sdk-Date"
_TERMINATOR = "sdk_request"


@dataclass(frozen=True, slots=True)
class Key:
    """An access key. `scope` is region and service where the older form is wanted."""

    access: str = field(repr=False)
    secret: str = field(repr=False)
    scope: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Signable:
    """What is signed of a request: headers as they will be sent, the path as in the URL."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)


def format_date(moment: datetime) -> str:
    """Return the value of the date header."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def canonical_request(request: Signable) -> str:
    """Return the six parts that are hashed (ModelArts API Reference, "Authentication")."""
    headers = _canonical_headers(request.headers)
    return "\n".join(
        (
            request.method.upper(),
            _canonical_path(request.path),
            _canonical_query(request.query),
            "".join(f"{name}:{value}\n" for name, value in headers),
            ";".join(name for name, _ in headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def authorization(request: Signable, key: Key) -> str:
    """Return the value of the `Authorization` header; the date header is among the signed ones."""
    headers = dict(_canonical_headers(request.headers))
    date = headers[DATE_HEADER.lower()]
    digest = hashlib.sha256(canonical_request(request).encode()).hexdigest()
    names = ";".join(headers)
    if key.scope is None:
        signature = _sign(key.secret.encode(), "\n".join((ALGORITHM, date, digest))).hex()
        return f"{ALGORITHM} Access={key.access}, SignedHeaders={names}, Signature={signature}"
    parts = (date[:8], *key.scope, _TERMINATOR)
    scope = "/".join(parts)
    derived = f"SDK{key.secret}".encode()
    for part in parts:
        derived = _sign(derived, part)
    signature = _sign(derived, "\n".join((ALGORITHM, date, scope, digest))).hex()
    return (
        f"{ALGORITHM} Credential={key.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )


def _canonical_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted((name.lower(), value.strip()) for name, value in headers.items())


def _canonical_path(path: str) -> str:
    """Return each segment encoded once, with a trailing slash that is in the signature alone."""
    encoded = "/".join(_encoded(unquote(segment)) for segment in path.split("/")) or "/"
    return encoded if encoded.endswith("/") else f"{encoded}/"


def _canonical_query(query: Sequence[tuple[str, str]]) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(query))


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
