"""Object storage paths in their one written form: `/bucket/folder/`."""

import re

_SCHEME = re.compile(r"(?:obs|s3):/*")
_CANONICAL = re.compile(r"(?:/[^/.][^/]*)+/")


class PathError(ValueError):
    """A path that is none; `str()` says why, to be put after the path's name."""


def folder(text: str) -> str:
    """Return a folder as `/bucket/folder/`.

    Takes `/bucket/folder`, `obs://bucket/folder` and `s3://bucket/folder`; repeated slashes and
    `.` segments go. Raises PathError for a path that names no bucket, or contains `..`.
    """
    if _CANONICAL.fullmatch(text):
        return text
    return "/" + "/".join(_segments(text)) + "/"


def file_below(text: str, parent: str) -> str:
    """Return a file as a whole path; `text` is relative to a folder, or a path inside it.

    `parent` is in the form that `folder` returns. Raises PathError for a file elsewhere, and
    for a folder.
    """
    if text.endswith("/"):
        raise PathError("must be a file, not a folder")
    if text.startswith("/") or _SCHEME.match(text):
        whole = "/" + "/".join(_segments(text))
    else:
        whole = parent + "/".join(_parts(text))
    if not whole.startswith(parent) or whole == parent:
        raise PathError(f"must be inside {parent}")
    return whole


def _segments(text: str) -> list[str]:
    if scheme := _SCHEME.match(text):
        text = "/" + text[scheme.end() :]
    elif "://" in text:
        raise PathError("must be an object storage path such as /bucket/folder/")
    elif not text.startswith("/"):
        raise PathError(f"must start with a slash and the bucket; is it /{text.rstrip('/')}/?")
    parts = _parts(text)
    if not parts:
        raise PathError("must name a bucket, as in /bucket/folder/")
    return parts


def _parts(text: str) -> list[str]:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise PathError("must not contain `..`")
    return parts
