"""Choose a backend by URL, as `--state` gives it. Opens nothing, and repeats no password."""

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from reconciler.backends.base import Backend
from reconciler.backends.local import LocalBackend
from reconciler.backends.sealing import NoSeal, Seal
from reconciler.backends.signing import Author
from reconciler.errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PASSWORD = re.compile(r"(://[^:@/?#]*):[^/?#]*@|([?&]password=)[^&#]*")


def open_backend(
    url: str | None,
    stack: str,
    default_folder: Path,
    author: Author | None = None,
    seal: Seal | None = None,
) -> Backend:
    """Return the backend that keeps a stack's state; without a URL, the default folder.

    The author signs what is written, and the seal encrypts it.
    Knows `file:///absolute/folder`, `file:relative/folder`, a plain path,
    `postgresql://user@host/database?schema=…` and `s3://bucket/prefix?endpoint=…&region=…`.
    Raises `UsageError` for what it does not know, and when the library that a backend takes is
    not installed; no message repeats a password.
    """
    author, seal = author or Author(), seal or NoSeal()
    if url is None:
        return LocalBackend(default_folder, stack, author, seal)
    if not url or "\0" in url:
        raise UsageError("Not a place for state", "--state needs a folder or a URL.")
    scheme = _SCHEME.match(url)
    if scheme is None:
        return LocalBackend(Path(url), stack, author, seal)
    name = scheme[1].lower()
    if name not in _BACKENDS:
        raise _unknown(name)
    return _BACKENDS[name](url, stack, author, seal)


def without_password(url: str) -> str:
    """Return a URL as messages may show it; whoever uses it needs PGPASSWORD or the like."""
    return _PASSWORD.sub(lambda match: f"{match[1]}@" if match[1] else f"{match[2]}…", url)


def _file(url: str, stack: str, author: Author, seal: Seal) -> LocalBackend:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError("Not a place for state", f"The URL is broken: {error}.") from error
    folder = unquote(parts.path)
    if parts.netloc not in ("", "localhost"):
        detail = f"A file is on this machine, not on {parts.hostname or 'another host'}."
        hint = "Write file:///absolute/folder or file:relative/folder."
        raise UsageError("Not a place for state", detail, hint)
    if not folder or "\0" in folder or parts.query or parts.fragment:
        raise UsageError("Not a place for state", "A file URL is file: and a folder, no more.")
    return LocalBackend(Path(folder), stack, author, seal)


def _postgresql(url: str, stack: str, author: Author, seal: Seal) -> Backend:
    try:
        from reconciler.backends import postgres
    except ImportError as error:
        raise _missing("PostgreSQL", "postgres") from error
    shape = "postgresql://[USER@]HOST[:PORT]/DATABASE[?schema=NAME]"
    parts, query = _parts(url, shape)
    schema = query.pop("schema", "reconciler")
    rest = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
    plain = f"postgresql://{parts.netloc}{parts.path}{'?' if rest else ''}{rest}"
    return postgres.open_database(plain, schema, stack, author, seal, shape)


def _s3(url: str, stack: str, author: Author, seal: Seal) -> Backend:
    try:
        from reconciler.backends import s3
    except ImportError as error:
        raise _missing("object storage", "s3") from error
    from reconciler.backends.objects import ObjectsBackend

    shape = "s3://BUCKET/PREFIX[?endpoint=URL&region=NAME]"
    parts, query = _parts(url, shape)
    if "@" in parts.netloc or not parts.netloc:
        detail = "The URL names the bucket alone; credentials come from the environment."
        raise UsageError("Not a place for state", detail, f"Write {shape}.")
    prefix = unquote(parts.path).strip("/")
    return ObjectsBackend(s3.open_bucket(parts.netloc, prefix, query, shape), stack, author, seal)


def _parts(url: str, shape: str) -> tuple[SplitResult, dict[str, str]]:
    """Return a URL in parts, and its query by names; `UsageError` shows the shape it must have."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise UsageError("Not a place for state", "The URL is broken.", f"Write {shape}.") from None
    names = [name for name, _ in pairs]
    if repeated := {name for name in names if names.count(name) > 1}:
        detail = f"The URL says {', '.join(sorted(repeated))} twice."
        raise UsageError("Not a place for state", detail, f"Write {shape}.")
    if parts.fragment or not url.partition(":")[2].startswith("//"):
        raise UsageError("Not a place for state", "The URL is broken.", f"Write {shape}.")
    return parts, dict(pairs)


def _missing(what: str, extra: str) -> UsageError:
    return UsageError(
        f"State in {what} takes a library that is not installed",
        "",
        f"Install it: pip install 'reconciler[{extra}]'",
    )


_BACKENDS: Mapping[str, Callable[[str, str, Author, Seal], Backend]] = {
    "file": _file,
    "postgresql": _postgresql,
    "postgres": _postgresql,
    "s3": _s3,
}


def _unknown(name: str) -> UsageError:
    known = sorted(_BACKENDS)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f'Did you mean "{close[0]}:"? ' if close else ""
    listed = ", ".join(f"{each}:" for each in known)
    return UsageError(
        "Unknown kind of state", f'No backend is called "{name}:".', f"{hint}Known: {listed}."
    )
