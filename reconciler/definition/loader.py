"""Loading a definition: files in, one resolved Definition out, or every problem at once."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.definition import reader
from reconciler.definition.assemble import assemble
from reconciler.definition.problems import EnoughError, Problems
from reconciler.definition.tree import MAX_FILES, MappingNode
from reconciler.errors import DefinitionError, UsageError
from reconciler.model.definition import Definition, SourceFile

DEFAULT_FILE = "jobs.yaml"
DEFAULT_FOLDER = "jobs"
SUFFIXES = (".yaml", ".yml", ".json")
"""What the files of a folder end in that make a definition."""


def load(
    paths: Sequence[Path],
    *,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    profile: str | None = None,
) -> Definition:
    """Read files and folders as one definition and resolve it.

    Of a folder, the `.yaml`, `.yml` and `.json` files directly in it count. `variables` are the
    values given on the command line, `environment` is what `${env.X}` looks into, `profile` is
    the one that is laid over the rest. Places and sources name the files as the paths were given.
    Raises DefinitionError with every problem of every file, in the order of their places, and
    UsageError for a profile that is not there.
    """
    return _load(paths, Given(variables, environment, profile))


@dataclass(frozen=True, slots=True)
class Given:
    """What a definition is read with, besides its files."""

    variables: Mapping[str, str]
    environment: Mapping[str, str]
    profile: str | None = None


def _load(paths: Sequence[Path], given: Given) -> Definition:
    problems = Problems()
    try:
        definition = _assembled(paths, given, problems)
    except EnoughError:
        definition = None
    if definition is None:
        raise DefinitionError("The definition is not valid", problems.sorted())
    return definition


def _assembled(paths: Sequence[Path], given: Given, problems: Problems) -> Definition | None:
    trees: list[MappingNode] = []
    sources: list[SourceFile] = []
    files = _limited(list(_files(paths, problems)), problems)
    complete = problems.count == 0
    for path in files:
        if (data := _read(path, problems)) is not None:
            name = shown(path)
            sources.append(SourceFile(path=name, sha256=hashlib.sha256(data).hexdigest()))
            tree = reader.read(data, problems.add_file(name, data), problems)
            trees += [] if tree is None else [tree]
    complete = complete and len(trees) == len(files)
    return assemble(
        trees,
        tuple(sources),
        variables=given.variables,
        environment=given.environment,
        profile=given.profile,
        problems=problems,
        complete=complete,
    )


def read_files(paths: Sequence[Path]) -> list[tuple[Path, bytes]]:
    """Return the files that `load` would read, each with its bytes, without looking into them.

    Raises DefinitionError with every path that leads to none and every file that cannot be read.
    """
    problems = Problems()
    found = [(path, _read(path, problems)) for path in _files(paths, problems)]
    if problems.count:
        raise DefinitionError("The definition cannot be read", problems.sorted())
    return [(path, data) for path, data in found if data is not None]


def profiles(paths: Sequence[Path]) -> list[str]:
    """Return the names of the profiles in these files, as far as they can be read."""
    problems = Problems()
    trees = [
        reader.read(data, problems.add_file(shown(path), data), problems)
        for path, data in read_files(paths)
    ]
    found = [tree.values.get("profiles") for tree in trees if tree is not None]
    return [name for each in found if isinstance(each, MappingNode) for name in each.values]


def default_paths(folder: Path) -> list[Path]:
    """Return what to load when no path was given: `jobs.yaml`, else the folder `jobs`.

    Raises UsageError when the folder has neither.
    """
    file, below = folder / DEFAULT_FILE, folder / DEFAULT_FOLDER
    try:
        if file.is_file():
            return [file]
        if below.is_dir() and any(each.suffix in SUFFIXES for each in below.iterdir()):
            return [below]
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            "Cannot look for the definition",
            f"{shown(Path(error.filename or folder))}: {reason}.",
            "Check that you may read it, or name your definition with -f PATH.",
        ) from error
    raise UsageError(
        "No definition found",
        f"There is neither {DEFAULT_FILE} nor a folder {DEFAULT_FOLDER} with YAML files here.",
        "Run `reconciler init` to write one, or name yours with -f PATH.",
    )


def shown(path: Path) -> str:
    """Return a path as text; bytes of its name that are no UTF-8 become question marks."""
    return str(path).encode(errors="replace").decode()


def _files(paths: Sequence[Path], problems: Problems) -> Iterator[Path]:
    """Yield the files to read, each once, and tell of paths that lead to none."""
    seen: set[Path] = set()
    for path in paths:
        for file in _files_of(path, problems):
            real = _resolved(file)
            if real not in seen:
                seen.add(real)
                yield file


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL; reading will tell
        return path.absolute()


def _files_of(path: Path, problems: Problems) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        found = sorted(
            each for each in path.iterdir() if each.suffix in SUFFIXES and not each.is_dir()
        )
    except (OSError, ValueError) as error:
        _cannot_read(path, error, problems)
        return []
    if not found:
        problems.add(
            None,
            "No definition found",
            f"The folder {shown(path)} has no .yaml, .yml or .json file directly in it.",
            "Run `reconciler init` to write one, or name yours with -f PATH.",
        )
    return found


def _limited(files: list[Path], problems: Problems) -> list[Path]:
    if len(files) > MAX_FILES:
        problems.add(
            None,
            "Too many files",
            f"The definition has {len(files)} files; {MAX_FILES} are allowed.",
            "Put several jobs into one file.",
        )
    return files[:MAX_FILES]


def _read(path: Path, problems: Problems) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(reader.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        _cannot_read(path, error, problems)
        return None
    if len(data) > reader.MAX_BYTES:
        megabytes = reader.MAX_BYTES // 10**6
        problems.add(
            None,
            "File is too large",
            f"{shown(path)} has more than {megabytes} MB.",
            "Split the definition into several files.",
        )
        return None
    return data


def _cannot_read(path: Path, error: OSError | ValueError, problems: Problems) -> None:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    problems.add(
        None,
        "Cannot read the definition",
        f"{shown(path)}: {reason}.",
        "Check the path given with -f, and that you may read it.",
    )
