"""Object storage paths (`/bucket/key`) as folders and files, never outside the buckets folder."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from reconciler.emulator.errors import InvalidPathError


def check_syntax(path: str) -> list[str]:
    """Split `/bucket/key/` into its segments without touching the disk.

    Refuses what could name something else than it seems to: relative steps (also
    percent-encoded), empty segments, back slashes, control characters and text that is
    not valid Unicode. Raises InvalidPathError.
    """
    segments = path.removeprefix("/").removesuffix("/").split("/")
    if not path.startswith("/") or not all(_is_plain(segment) for segment in segments):
        raise InvalidPathError(path)
    return segments


def local_path(root: Path, path: str) -> Path:
    """Where `path` lies below the buckets folder `root`, with every symbolic link followed.

    The result need not exist. Raises InvalidPathError when it would lie outside.
    """
    segments = check_syntax(path)
    try:
        base = root.resolve()
        target = base.joinpath(*segments).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidPathError(path) from error
    if not target.is_relative_to(base) or target == base:
        raise InvalidPathError(path)
    return target


def existing_folder(root: Path, path: str) -> Path:
    """The folder that `path` names; InvalidPathError if there is none."""
    target = local_path(root, path)
    if not _test(Path.is_dir, target):
        raise InvalidPathError(path)
    return target


def existing_file(root: Path, path: str) -> Path:
    """The file that `path` names; InvalidPathError if there is none."""
    target = local_path(root, path)
    if path.endswith("/") or not _test(Path.is_file, target):
        raise InvalidPathError(path)
    return target


def existing_object(root: Path, path: str) -> Path:
    """The file or folder that `path` names; InvalidPathError if there is none."""
    target = local_path(root, path)
    if not _test(Path.exists, target):
        raise InvalidPathError(path)
    return target


def writable_folder(root: Path, path: str, *, create: bool) -> Path:
    """A folder to write into: its bucket must exist, the rest is made when `create` is set."""
    target = local_path(root, path)
    bucket = local_path(root, "/" + check_syntax(path)[0])
    if not _test(Path.is_dir, bucket) or _test(Path.is_file, target):
        raise InvalidPathError(path)
    if not create:
        return target
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidPathError(path) from error
    return local_path(root, path)


def _test(question: Callable[[Path], bool], target: Path) -> bool:
    try:
        return question(target)
    except (OSError, ValueError):
        return False


def _is_plain(segment: str) -> bool:
    decoded = unquote(segment)
    return (
        segment.isprintable()
        and segment != ""
        and decoded not in {".", ".."}
        and not any(sign in decoded for sign in "/\\\0")
    )
