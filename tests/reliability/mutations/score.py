"""The mutation score of engine, planning and backends: how many small changes the tests notice.

    pip install cosmic-ray
    python -m tests.reliability.mutations.score --sample 100 --seed 1
    python -m tests.reliability.mutations.score engine        every mutation of one part, a day

cosmic-ray makes the mutations (operators, constants, conditions …) in a copy of the tree and runs
the part's tests against each; the sample is drawn by the seed, the same for each part. What
survived is listed; some of it means the same as the original and cannot be noticed.
"""

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.reliability.mutations.run import copy_of_the_tree

PARTS = {
    "engine": ("tests/unit/engine", "tests/unit/planning/test_recovery.py"),
    "planning": ("tests/unit/planning", "tests/unit/engine/test_refusing.py"),
    "backends": ("tests/unit/backends", "tests/contract/test_backends.py"),
}
"""The tests that are to notice, per part."""
SECONDS = 600.0
_CONFIG = """[cosmic-ray]
module-path = "reconciler/{part}"
timeout = {seconds}
excluded-modules = []
test-command = "{python} -m pytest -x -q -n 0 -p no:cacheprovider {tests}"

[cosmic-ray.distributor]
name = "local"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the score of each chosen part."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.mutations.score")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all, if none")
    parser.add_argument("--sample", type=int, help="how many mutations of each part")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    program = shutil.which("cosmic-ray")
    if program is None or not set(options.parts) <= set(PARTS):
        parser.error("needs cosmic-ray on the PATH, and parts that there are")
    for part in options.parts or PARTS:
        with copy_of_the_tree() as tree:
            _say(score(program, part, tree, options.sample, options.seed))
    return 0


def score(program: str, part: str, tree: Path, sample: int | None, seed: int) -> str:
    """Judge a part's mutations in a copy of the tree; return its line, and what survived."""
    config, session = tree / "cosmic-ray.toml", tree / "session.sqlite"
    tests = " ".join(PARTS[part])
    settings = {"part": part, "seconds": SECONDS, "python": sys.executable, "tests": tests}
    config.write_text(_CONFIG.format_map(settings))
    _run(program, "init", config, session, tree=tree)
    every = _thin_out(session, sample, seed)
    _run(program, "exec", config, session, tree=tree)
    with sqlite3.connect(session) as database:
        judged = database.execute(
            "SELECT s.module_path, s.start_pos_row, s.operator_name, r.test_outcome"
            " FROM work_results r JOIN mutation_specs s ON s.job_id = r.job_id"
            " WHERE r.worker_outcome = 'NORMAL' OR r.worker_outcome = 'normal'"
            " ORDER BY 1, 2, 3"
        ).fetchall()
    survived = [row for row in judged if str(row[3]).lower() == "survived"]
    killed = len(judged) - len(survived)
    share = f"{100 * killed / len(judged):.0f} %" if judged else "-"
    lines = [f"{part}: {killed} of {len(judged)} killed ({share}), drawn from {every}"]
    lines += [f"  survived: {path}:{row} {name}" for path, row, name, _ in survived]
    return "\n".join(lines)


def _thin_out(session: Path, sample: int | None, seed: int) -> int:
    """Leave as many mutations as the sample has in the session; return how many there were."""
    with sqlite3.connect(session) as database:
        columns = "module_path, start_pos_row, start_pos_col, operator_name, occurrence"
        query = f"SELECT job_id FROM mutation_specs ORDER BY {columns}"
        jobs = [row[0] for row in database.execute(query)]
        kept = set(jobs) if sample is None else set(_draw(jobs, sample, seed))
        gone = [(job,) for job in jobs if job not in kept]
        for table in ("mutation_specs", "work_items"):
            database.executemany(f"DELETE FROM {table} WHERE job_id = ?", gone)
    return len(jobs)


def _draw(jobs: list[str], sample: int, seed: int) -> list[str]:
    return random.Random(seed).sample(jobs, min(sample, len(jobs)))


def _run(program: str, verb: str, *files: Path, tree: Path) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    subprocess.run([program, verb, *map(str, files)], cwd=tree, env=environment, check=True)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
