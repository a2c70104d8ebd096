"""The platform's ways to write times and paths, in both API versions; pure."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_370_764_800_000
"""The year 9999, which not every time zone can show; in milliseconds since 1970."""


def to_time(milliseconds: int | None) -> datetime | None:
    """Return a time given in milliseconds since 1970, or None for one beyond all calendars."""
    if milliseconds is None:
        return None
    if not 0 <= milliseconds < _LAST:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)


def file(path: str | None) -> str | None:
    """Return an object storage path as `/bucket/key`; None for none."""
    bare = (path or "").removeprefix("obs:/").removeprefix("s3:/")
    parts = [part for part in bare.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts) if parts else None


def folder(path: str | None) -> str | None:
    """Return an object storage path as `/bucket/dir/`; None for none."""
    normal = file(path)
    return f"{normal}/" if normal else None
