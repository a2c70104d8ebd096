"""Choose a backend by URL, as `--state` gives it."""

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reconciler.backends.base import Backend
from reconciler.backends.local import LocalBackend
from reconciler.errors import UsageError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def open_backend(url: str | None, stack: str, default_folder: Path) -> Backend:
    """Return the backend that keeps a stack's state; without a URL, the default folder.

    Knows `file:///absolute/folder`, `file:relative/folder` and a plain path. Opens nothing yet.
    Raises `UsageError` for a scheme that is not known; the message repeats the scheme alone,
    since the rest may hold a password.
    """
    if url is None:
        return LocalBackend(default_folder, stack)
    if not url or "\0" in url:
        raise UsageError("Not a place for state", "--state needs a folder or a URL.")
    scheme = _SCHEME.match(url)
    if scheme is None:
        return LocalBackend(Path(url), stack)
    name = scheme[1].lower()
    if name not in _BACKENDS:
        raise _unknown(name)
    return _BACKENDS[name](url, stack)


def _file(url: str, stack: str) -> LocalBackend:
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
    return LocalBackend(Path(folder), stack)


_BACKENDS: Mapping[str, Callable[[str, str], Backend]] = {"file": _file}


def _unknown(name: str) -> UsageError:
    known = sorted(_BACKENDS)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f'Did you mean "{close[0]}:"? ' if close else ""
    listed = ", ".join(f"{each}:" for each in known)
    return UsageError(
        "Unknown kind of state", f'No backend is called "{name}:".', f"{hint}Known: {listed}."
    )
