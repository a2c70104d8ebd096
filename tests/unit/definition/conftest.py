"""Loading of definitions that tests write as text."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.definition.loader import load
from reconciler.diagnostics import Diagnostic
from reconciler.errors import DefinitionError
from reconciler.model.definition import Definition
from reconciler.model.job import DesiredJob

Load = Callable[..., Definition]
Refuse = Callable[..., list[Diagnostic]]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a text, or several as `name=text` pairs in a mapping; the paths are relative."""
    monkeypatch.chdir(tmp_path)

    def load_texts(
        texts: str | bytes | Mapping[str, str],
        *,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        profile: str | None = None,
    ) -> Definition:
        files = texts if isinstance(texts, Mapping) else {"jobs.yaml": texts}
        for name, text in files.items():
            Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(
            [Path(name) for name in files],
            variables=variables or {},
            environment=environment or {},
            profile=profile,
        )

    return load_texts


@pytest.fixture
def refused(loaded: Load) -> Refuse:
    """Load a text that must be refused, and return the problems that were told."""

    def load_broken(*arguments: object, **options: object) -> list[Diagnostic]:
        with pytest.raises(DefinitionError) as caught:
            loaded(*arguments, **options)
        assert caught.value.diagnostics
        return list(caught.value.diagnostics)

    return load_broken


@pytest.fixture
def job(loaded: Load) -> Callable[..., DesiredJob]:
    """Load a definition with one job `a`, given the lines of its block."""

    def load_job(lines: str, **options: object) -> DesiredJob:
        return next(iter(loaded(with_job(lines), **options).jobs.values()))

    return load_job


@pytest.fixture
def job_refused(refused: Refuse) -> Callable[..., list[str]]:
    """Return `line:column summary` of what is wrong with a job; its first line is number 1."""

    def load_broken(lines: str, **options: object) -> list[str]:
        return [told(problem, above=4) for problem in refused(with_job(lines), **options)]

    return load_broken


def with_job(lines: str) -> str:
    """Return a definition with one job, whose block begins in line 5, column 5."""
    block = "".join(f"    {line}\n" for line in lines.splitlines())
    return f"version: 1\nstack: s\njobs:\n  a:\n{block}"


def told(problem: Diagnostic, above: int = 0) -> str:
    """Return a problem as `line:column summary`, its line counted below `above` others."""
    place = problem.location
    where = f"{place.line - above}:{place.column} " if place else ""
    return where + problem.summary


MINIMAL = "flavor: f\nimage: i\ncommand: c"
"""The lines of a job that wants nothing but to run a command."""
