"""Break a copy of the code, one mutation at a time, and see whether the tests notice.

    python -m tests.reliability.mutations                 all of them
    python -m tests.reliability.mutations fold guard      those whose name holds one of the words
    python -m tests.reliability.mutations --list          what there is
    python -m tests.reliability.mutations --jobs 2        so many side by side

Prints one line each: killed, and by which test, or SURVIVED, which is a gap in the tests. Nothing
in the working tree is touched: the code is copied to a temporary folder and broken there.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.reliability.mutations.catalogue import MUTATIONS
from tests.reliability.mutations.mutation import Mutation

ROOT = Path(__file__).parents[3]
PARTS = ("reconciler", "tests", "pyproject.toml")
TIMEOUT = 300.0
"""Seconds after which a run counts as killed: the mutation made it hang."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class MisfitError(Exception):
    """A mutation's text does not stand in its file exactly once: the code has moved on."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutation; without a killer it survived."""

    mutation: Mutation
    killer: str | None

    def __str__(self) -> str:
        told = f"killed by {self.killer}" if self.killer else "SURVIVED"
        return f"{self.mutation.name:44}  {told}"


def mutate(source: str, mutation: Mutation) -> str:
    """Return a file's text with the mutation in it; `MisfitError` when it does not fit."""
    if source.count(mutation.old) != 1:
        raise MisfitError(f"{mutation.name}: its text stands in {mutation.file} not exactly once")
    return source.replace(mutation.old, mutation.new)


@contextmanager
def copy_of_the_tree() -> Iterator[Path]:
    """Yield a temporary copy of code and tests."""
    with tempfile.TemporaryDirectory(prefix="reconciler-mutations-") as folder:
        for part in PARTS:
            source, target = ROOT / part, Path(folder, part)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        yield Path(folder)


def judge(mutation: Mutation, tree: Path) -> Verdict:
    """Break the tree, run the mutation's tests until the first failure, and mend it again."""
    file = tree / mutation.file
    whole = file.read_text()
    file.write_text(mutate(whole, mutation))
    try:
        return Verdict(mutation, _killer(mutation.tests, tree))
    finally:
        file.write_text(whole)


def _killer(tests: Sequence[str], tree: Path) -> str | None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        *tests,
    ]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "a run that hangs"
    if done.returncode == 0:
        return None
    if done.returncode != 1 and not _FAILED.search(done.stdout):
        raise RuntimeError(f"pytest could not run:\n{done.stdout}{done.stderr}")
    found = _FAILED.search(done.stdout)
    return found[1] if found else "a failing run"


def judge_all(mutations: Sequence[Mutation], jobs: int) -> Iterator[Verdict]:
    """Judge mutations side by side, each worker on a copy of its own; in the given order."""
    with copy_of_the_tree() as pristine, ThreadPoolExecutor(jobs) as pool:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            trees.put(Path(shutil.copytree(pristine, pristine / f"copy{number}" / "tree")))

        def work(mutation: Mutation) -> Verdict:
            tree = trees.get()
            try:
                return judge(mutation, tree)
            finally:
                trees.put(tree)

        yield from pool.map(work, mutations)


def main() -> int:
    """Judge the chosen mutations; exit 1 when one survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.mutations")
    parser.add_argument("words", nargs="*", help="choose the mutations whose name holds one")
    parser.add_argument("--list", action="store_true", help="name the mutations and leave")
    parser.add_argument("--jobs", type=int, default=1, help="how many run side by side")
    options = parser.parse_args()
    chosen = [
        each
        for each in MUTATIONS
        if not options.words or any(word in each.name for word in options.words)
    ]
    if options.list:
        _say("\n".join(f"{each.name:44}  {each.file}" for each in chosen))
        return 0
    survived = 0
    for verdict in judge_all(chosen, options.jobs):
        survived += verdict.killer is None
        _say(str(verdict))
    _say(f"{len(chosen)} mutations, {survived} survived")
    return 1 if survived else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
