"""Training code as an input: one digest of a local folder, and one of each file in it."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.definition.problems import Problems
from reconciler.definition.shapes import ANY_TEXT, Scope
from reconciler.definition.tree import Mark, Value, file_of, kind_of, quote
from reconciler.model.base import digest
from reconciler.model.job import CodeDigest

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

BUCKETS: Final = "buckets"
MAX_FILES: Final = 10_000
MAX_BYTES: Final = 1 << 30
_IGNORE_FILE: Final = ".gitignore"
_NEVER: Final = frozenset({".git", "__pycache__", _IGNORE_FILE})
_BLOCK: Final = 1 << 20


class CodeError(ValueError):
    """A folder of code that cannot be digested: what is wrong, and what to do."""

    def __init__(self, detail: str, hint: str = "") -> None:
        """Take both; `detail` goes on after the folder's name."""
        super().__init__(detail)
        self.hint = hint


class CodeShape:
    """`true`, `false`, or the path of a local folder."""

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the truth value, or the text of the path."""
        if type(value) is not str:
            said = f"{quote(name)} must be true, false or a path, not {kind_of(value)}."
            return scope.tell(mark, "Wrong type", said)
        text = ANY_TEXT.read(value, mark, scope, name)
        if text == "":
            return scope.tell(mark, "Invalid value", f"{quote(name)} is empty.", "Write true.")
        return {"true": True, "false": False}.get(text, text)

    def json(self) -> dict[str, Any]:
        """Return the schema."""
        return {
            "description": "Replace the job when its code changes: `true`, or the local folder.",
            "anyOf": [{"type": "boolean"}, {"type": "string"}],
        }


def buckets_folder(folder: Path) -> Path:
    """Return the folder that stands for object storage: `buckets/` beside the definition.

    A definition in a folder of its own (`jobs/`) may have it one level up, beside that folder.
    """
    beside, above = folder / BUCKETS, folder.parent / BUCKETS
    return above if not beside.is_dir() and above.is_dir() else beside


class CodeFolders:
    """The folders of code that jobs name, each read once."""

    def __init__(self, problems: Problems, *, is_local: bool) -> None:
        """Take whether object storage is a folder here, as it is for `endpoint: local`."""
        self._problems = problems
        self._is_local = is_local
        self._known: dict[Path, CodeDigest | CodeError] = {}

    def digest(
        self, written: bool | str, mark: Mark, code_dir: str | None, scope: Scope
    ) -> CodeDigest | None:
        """Return the digest of a job's code, or None when it has none or a problem was told.

        A path counts from the file that it is written in (`mark`); `true` means the folder that
        `code_dir` names.
        """
        if written is False:
            return None
        if isinstance(written, str):
            folder = Path(self._problems.files[file_of(mark)]).parent / written
        elif code_dir is None:
            scope.tell(mark, "Missing key", '"code_digest: true" needs "code_dir".', _PATH_HINT)
            return None
        elif not self._is_local:
            scope.tell(
                mark,
                "Code is elsewhere",
                f"the code in {code_dir} cannot be read here: the platform is not `local`.",
                _PATH_HINT,
            )
            return None
        else:
            buckets = buckets_folder(Path(self._problems.files[0]).parent)
            folder = buckets / code_dir.strip("/")
        found = self._digest(folder)
        if isinstance(found, CodeDigest):
            return found
        scope.tell(mark, "Code cannot be read", f"{folder} {found}.", found.hint)
        return None

    def _digest(self, folder: Path) -> CodeDigest | CodeError:
        if folder not in self._known:
            try:
                self._known[folder] = digest_of(folder)
            except CodeError as error:
                self._known[folder] = error
        return self._known[folder]


_PATH_HINT = "Write the local folder that the code comes from, such as `code_digest: ./code`."


def digest_of(folder: Path) -> CodeDigest:
    """Return the digest of a folder: of the paths and contents of its files.

    What its `.gitignore` files ignore does not count, nor do these files themselves, `.git`,
    `__pycache__` and `*.pyc`. Of a link to a folder, or out of the folder, its text counts instead
    of what it leads to. Raises CodeError.
    """
    try:
        return _digest_of(folder)
    except (OSError, ValueError) as error:
        if isinstance(error, CodeError):
            raise
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise CodeError(f"cannot be read: {reason}") from error


def _digest_of(folder: Path) -> CodeDigest:
    if not folder.is_dir():
        raise CodeError("is no folder", "Check `code_digest` and `code_dir`.")
    root = folder.resolve()
    hashes: dict[str, str] = {}
    left = MAX_BYTES
    for path in _files(root, "", ()):
        hashed, size = _hash(root / path, root)
        left -= size
        hashes[os.fsencode(path).decode(errors="backslashreplace")] = hashed
        if left < 0 or len(hashes) > MAX_FILES:
            raise CodeError(
                f"holds more than {MAX_FILES:,} files or {MAX_BYTES >> 20:,} MB",
                f"List what is not code in a {_IGNORE_FILE}.",
            )
    if not hashes:
        raise CodeError("holds no code", f"Check the folder, and its {_IGNORE_FILE}.")
    files = {path: hashes[path] for path in sorted(hashes)}
    return CodeDigest(digest=digest(files), files={path: each[:16] for path, each in files.items()})


@dataclass(frozen=True, slots=True)
class _Ignored:
    """One file of patterns; `base` is its folder, with a slash unless it is the root."""

    base: str
    patterns: "GitIgnoreSpec"

    def verdict(self, path: str) -> bool | None:
        """Return whether the last pattern that fits a path ignores it; None if none fits."""
        return self.patterns.check_file(path.removeprefix(self.base)).include


def _files(root: Path, base: str, ignored: tuple[_Ignored, ...]) -> Iterator[str]:
    """Yield the paths of the files that count; `base` ends in a slash, or is empty."""
    folders = [(base, ignored)]
    while folders:
        base, ignored = folders.pop()
        if (own := _patterns(root, base)) is not None:
            ignored = (*ignored, own)
        with os.scandir(root / base) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                path = base + entry.name
                if entry.name in _NEVER or entry.name.endswith(".pyc"):
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                if _is_ignored(path + "/" if is_folder else path, ignored):
                    continue
                if is_folder:
                    folders.append((path + "/", ignored))
                elif entry.is_symlink() or entry.is_file():
                    yield path


def _is_ignored(path: str, ignored: tuple[_Ignored, ...]) -> bool:
    """Tell what the innermost file of patterns says that says anything."""
    for each in reversed(ignored):
        if (said := each.verdict(path)) is not None:
            return said
    return False


def _patterns(root: Path, base: str) -> _Ignored | None:
    file = root / base / _IGNORE_FILE
    if not file.is_file():
        return None
    from pathspec import GitIgnoreSpec

    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return _Ignored(base, GitIgnoreSpec.from_lines(lines))


def _hash(path: Path, root: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file in hex, and its size; of a link not followed, of its text."""
    if path.is_symlink():
        target = Path(os.path.realpath(path))
        if not (target.is_relative_to(root) and target.is_file()):
            return hashlib.sha256(b"link to " + os.fsencode(path.readlink())).hexdigest(), 0
    hashed, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise CodeError(f"holds {path.name}, which is no file")
        while block := file.read(_BLOCK):
            hashed.update(block)
            size += len(block)
            if size > MAX_BYTES:
                break
    return hashed.hexdigest(), size
