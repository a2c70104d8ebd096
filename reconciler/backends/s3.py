"""A bucket of an S3-compatible store: the home of obstore.

What the rest needs of it: read, list, delete, and write on a condition, each with its failure
told as a `StateError`. A conditional write whose answer is lost is resolved by looking.
"""

import itertools
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union
from urllib.parse import urlsplit

import obstore
from obstore import exceptions as failures
from obstore.store import ObjectStore, S3Store

from reconciler.errors import StateError, UsageError

if TYPE_CHECKING:
    from obstore import UpdateVersion

Result = TypeVar("Result")

PATIENCE = 25.0
"""Seconds for which a failing request is tried again; shorter than a lease lasts."""

_PAUSE = 0.1
_LONGEST = 2.0
_LONGEST_TEXT = 300
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_OPTIONS = {"endpoint", "region", "style", "sse", "kms_key_id"}
_SSE = {"AES256", "aws:kms", "aws:kms:dsse", "sse-c"}
_CUSTOMER_KEY = "AWS_SSE_CUSTOMER_KEY_BASE64"
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", _CUSTOMER_KEY)


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its bytes, the tag of this version, and when the store says it was written."""

    data: bytes
    tag: str
    modified: datetime


_TAKEN = (FileExistsError, failures.AlreadyExistsError, failures.PreconditionError)
_GONE = (FileNotFoundError, failures.NotFoundError)
_REFUSED = (
    PermissionError,
    failures.PermissionDeniedError,
    failures.UnauthenticatedError,
    NotImplementedError,
    failures.NotSupportedError,
    failures.InvalidPathError,
)
_FAILED = (failures.BaseError, OSError, NotImplementedError)

Mode = Union[Literal["create", "overwrite"], "UpdateVersion"]


class Bucket:
    """A place below a prefix of a bucket. Keys are relative to it. For any number of threads."""

    def __init__(self, store: ObjectStore, where: str, *, patience: float | None = None) -> None:
        """Take the store, which must not repeat requests itself, and its name for messages."""
        self._store = store
        self.where = where
        self._patience = PATIENCE if patience is None else patience

    def get(self, key: str) -> Found | None:
        """Return an object, or None when there is none."""
        return self._retried("read", lambda: self._get(key))

    def keys(self, prefix: str) -> dict[str, datetime]:
        """Return the keys below a prefix, with the time when each was written."""
        return self._retried("read", lambda: self._keys(prefix))

    def create(self, key: str, data: bytes) -> str | None:
        """Write an object that is not there yet, and return its tag; None when one is there.

        One with these very bytes is taken for ours: callers write what nobody else writes.
        """
        return self._put(key, data, "create", lambda found: found is not None)

    def swap(self, key: str, data: bytes, tag: str) -> str | None:
        """Replace the version of an object that has this tag; None when it has another by now."""
        mode: UpdateVersion = {"e_tag": tag}
        return self._put(key, data, mode, lambda found: found is None or found.tag != tag)

    def touch(self, key: str) -> datetime:
        """Write an empty object, whatever is there; return the store's time when it did so."""

        def step() -> datetime:
            self._send(key, b"", "overwrite")
            modified: datetime = obstore.head(self._store, key)["last_modified"]
            return modified

        return self._retried("write", step)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no error."""
        for key in keys:
            self._retried("write", lambda key=key: self._remove(key))  # type: ignore[misc]

    def check_conditions(self, key: str) -> None:
        """Raise `StateError` when the store does not keep to the conditions of writes.

        Many compatible stores accept the headers and ignore them; this tries both on a key that
        nobody else uses.
        """
        try:
            tag = self.create(key, b"1")
            again = self._refuses(key, "create")
            changed = self._refuses(key, {"e_tag": '"00000000000000000000000000000000"'})
            is_sound = bool(tag and again and changed and self.swap(key, b"2", tag))
        finally:
            self.remove([key])
        if not is_sound:
            raise unconditional(self.where)

    def _refuses(self, key: str, mode: Mode) -> bool:
        def step() -> bool:
            try:
                self._send(key, b"0", mode)
            except _TAKEN:
                return True
            return False

        return self._retried("write", step)

    def _put(
        self, key: str, data: bytes, mode: Mode, is_lost: Callable[[Found | None], bool]
    ) -> str | None:
        """Write on a condition; look before any repetition. None when the condition failed."""
        attempts = itertools.count()

        def step() -> str | None:
            if next(attempts) == 0:
                with suppress(*_TAKEN):
                    return self._send(key, data, mode)
            found = self._get(key)
            if found and found.data == data:
                return found.tag
            return None if is_lost(found) else self._send(key, data, mode)

        return self._retried("write", step)

    def _send(self, key: str, data: bytes, mode: Mode) -> str:
        # One request, whatever the size: the condition must hold for all of it.
        return obstore.put(self._store, key, data, mode=mode, use_multipart=False)["e_tag"] or ""

    def _get(self, key: str) -> Found | None:
        try:
            found = obstore.get(self._store, key)
            return Found(
                bytes(found.bytes()), found.meta["e_tag"] or "", found.meta["last_modified"]
            )
        except _GONE:
            return None

    def _keys(self, prefix: str) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for chunk in obstore.list(self._store, prefix, chunk_size=1000):
            found |= {each["path"]: each["last_modified"] for each in chunk}
        return found

    def _remove(self, key: str) -> None:
        with suppress(*_GONE):
            obstore.delete(self._store, key)

    def _retried(self, verb: str, step: Callable[[], Result]) -> Result:
        """Take a step again while it fails for reasons that may pass; then `StateError`."""
        deadline, pause = time.monotonic() + self._patience, _PAUSE
        while True:
            try:
                return step()
            except (failures.NotSupportedError, NotImplementedError) as error:
                raise unconditional(self.where) from error
            except _FAILED as error:
                is_final = isinstance(error, (*_REFUSED, *_GONE))
                if is_final or time.monotonic() + pause >= deadline:
                    raise failed(verb, self.where, error) from error
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST)


def failed(verb: str, where: str, error: Exception) -> StateError:
    """Return our error for one of the library, whose text may go on for pages."""
    said = str(error).strip().partition("\n")[0][:_LONGEST_TEXT]
    for name in _CREDENTIALS:
        if secret := os.environ.get(name):
            said = said.replace(secret, "…")
    hint = "What was recorded is kept. Check the store, then run the command again."
    if isinstance(error, (PermissionError, *_REFUSED)):
        hint = "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights that they give."
    elif isinstance(error, _GONE):
        hint = "Check the bucket's name, the endpoint and the region."
    return StateError(f"Cannot {verb} the state", f"{where}: {said}", hint)


def unconditional(where: str) -> StateError:
    """Return the error for a store on which two writers could not be told apart."""
    return StateError(
        "The store cannot keep state safely",
        f"{where} does not keep to the conditions of a write (If-None-Match, If-Match).",
        "Keep the state in PostgreSQL, in a file, or in a store with conditional writes.",
    )


def open_bucket(name: str, prefix: str, options: Mapping[str, str], shape: str) -> Bucket:
    """Return the bucket that a URL names; credentials come from the environment.

    Connects to nothing yet. Raises `UsageError`, which shows the shape that a URL must have.
    """
    if unknown := options.keys() - _OPTIONS:
        raise _wrong(f"The URL has the unknown part {', '.join(sorted(unknown))}.", shape)
    endpoint = options.get("endpoint")
    config: Any = {"conditional_put": "etag"}
    if endpoint:
        config |= {"endpoint": endpoint}
    if region := options.get("region") or (endpoint and _without_region()):
        config |= {"region": region}
    style = options.get("style", "path" if endpoint else "virtual")
    if style not in ("path", "virtual"):
        raise _wrong("The style of requests is path or virtual.", shape)
    config |= {"virtual_hosted_style_request": style == "virtual"} | _encryption(options, shape)
    try:
        store = S3Store(
            name,
            prefix=prefix or None,
            config=config,
            client_options={
                "allow_http": _is_loopback(endpoint, shape),
                "connect_timeout": timedelta(seconds=5),
                "timeout": timedelta(seconds=20),
                "user_agent": "reconciler",
            },
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=20)},
        )
    except _FAILED as error:
        detail = str(error).partition("\n")[0][:_LONGEST_TEXT]
        raise _wrong(f"The URL is broken: {detail}.", shape) from error
    return Bucket(store, f"s3://{name}/{prefix}" + (f" at {endpoint}" if endpoint else ""))


def _without_region() -> str | None:
    return None if os.environ.get("AWS_REGION") else os.environ.get("AWS_DEFAULT_REGION", "auto")


def _is_loopback(endpoint: str | None, shape: str) -> bool:
    """Tell whether plain http may be spoken, which is never right over a network."""
    if not endpoint:
        return False
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise _wrong("The endpoint is https:// and a host, no more.", shape)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise _wrong("Plain http is spoken to this machine only.", shape)
    return parts.scheme == "http"


def _encryption(options: Mapping[str, str], shape: str) -> dict[str, Any]:
    """Return the store's settings for encryption at its side."""
    kind, key = options.get("sse"), options.get("kms_key_id")
    if kind is None and key is None:
        return {}
    if kind not in _SSE:
        raise _wrong(f"sse is one of {', '.join(sorted(_SSE))}.", shape)
    if key is not None and not kind.startswith("aws:kms"):
        raise _wrong("kms_key_id goes with sse=aws:kms or sse=aws:kms:dsse.", shape)
    config = {"server_side_encryption": kind}
    if kind == "sse-c":
        if not (customer := os.environ.get(_CUSTOMER_KEY)):
            raise _wrong(f"sse=sse-c takes the key from {_CUSTOMER_KEY}.", shape)
        config |= {"sse_customer_key_base64": customer}
    return config | ({"sse_kms_key_id": key} if key else {})


def _wrong(detail: str, shape: str) -> UsageError:
    return UsageError("Not a place for state", detail, f"Write {shape}.")
