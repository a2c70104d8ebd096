"""The house's order: which folder may import which, and where each library has its home."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "reconciler"

MAY_IMPORT = {
    "diagnostics": set(),
    "errors": {"diagnostics"},
    "model": {"errors", "diagnostics"},
    "planning": {"model", "errors", "diagnostics"},
    "render": {"model", "errors", "diagnostics"},
    "definition": {"model", "errors", "diagnostics"},
    "providers": {"model", "errors", "diagnostics"},
    "backends": {"model", "errors", "diagnostics"},
    "engine": {"planning", "providers.base", "backends.base", "model", "errors", "diagnostics"},
    "emulator": set(),
    "cli": {
        "engine",
        "planning",
        "render",
        "definition",
        "providers",
        "backends",
        "emulator",
        "model",
        "errors",
        "diagnostics",
    },
}
"""What each part may import of the others; the table is the whole truth."""

HOMES = {
    "click": {"cli"},
    "deepdiff": {"planning/diff.py"},
    "cel_expr_python": {"planning/expressions.py"},
    "requests": {"providers/transport.py"},
    "urllib3": {"providers/transport.py"},
    "yaml": {"definition", "providers/auth/clouds.py"},
    "ruamel": {"definition"},
    "pathspec": {"definition/code.py"},
    "psycopg": {"backends/postgres.py", "backends/sessions.py", "backends/database.py"},
    "cryptography": {"backends/ciphers.py"},
    "obstore": {"backends/s3.py"},
    "rich": {"cli/progress.py"},
    "prometheus_client": {"cli/metrics.py"},
    "starlette": {"emulator"},
    "uvicorn": {"emulator"},
    "h11": {"emulator"},
}
"""Where a library may be imported: a folder or a file below `reconciler/`."""

FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of every import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            assert node.module is not None
            yield node.lineno, node.module
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def part(path: Path) -> str:
    """The part of the house that a file belongs to."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def allowed(own: str, name: str) -> bool:
    """Whether a part may import a name below `reconciler`."""
    inner = name.removeprefix("reconciler").removeprefix(".")
    if inner in ("", "__version__") or inner.split(".")[0] == own:
        return True
    return any(inner == each or inner.startswith(f"{each}.") for each in MAY_IMPORT[own])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [f for f in FILES if f.parent != ROOT], ids=named)
def test_imports_point_down(path: Path):
    wrong = [
        f"{named(path)}:{line} imports {name}"
        for line, name in imports(path)
        if name.split(".")[0] == "reconciler"
        and name.count(".") != 0
        and name not in ("reconciler.providers", "reconciler.backends")
        and not allowed(part(path), name)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_each_library_has_one_home(path: Path):
    inside = path.relative_to(ROOT).as_posix()
    wrong = [
        f"{inside}:{line} imports {name}"
        for line, name in imports(path)
        if (library := name.split(".")[0]) in HOMES
        and not any(inside == home or inside.startswith(f"{home}/") for home in HOMES[library])
    ]
    assert wrong == []


def test_the_table_speaks_of_every_part():
    assert {part(path) for path in FILES} - {"__init__"} == set(MAY_IMPORT)


def test_the_engine_names_no_concrete_platform_or_backend():
    named_there = {name for path in (ROOT / "engine").rglob("*.py") for _, name in imports(path)}
    assert not any("modelarts" in name or "local" in name for name in named_there)
