"""Run many random histories; what one of them breaks is told by the shortest that does so.

    python -m tests.reliability.histories --sequences 10000 --seed 1 --processes 2

Each thousand has a seed of its own, counted up from the given one, and a process of its own; the
same seed gives the same histories. Ends with 1 when an invariant was broken.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.reliability.histories.rules import Histories, Step
from tests.reliability.histories.shrink import column, replay, show, shrink

SHARD = 1000
"""How many histories one process runs: what Hypothesis keeps of them takes memory."""
STEPS = 28
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Told:
    """What a run came to: how many histories and steps, and what went wrong in the last."""

    sequences: int
    steps: int
    wrong: str = ""
    column: str = ""


def run_histories(sequences: int, number: int, platform: str = "v1") -> Told:
    """Run so many histories (at least), always the same for a number, until one goes wrong."""
    failed: list[list[Step]] = []

    class Seeded(Histories):
        api = platform

        def teardown(self) -> None:
            """Keep the program of a history that does not come to a good end."""
            is_wrong = isinstance(sys.exception(), Exception)
            try:
                super().teardown()
            except Exception:
                is_wrong = True
                raise
            finally:
                if is_wrong:
                    failed.append(self.program)

    Histories.sequences = Histories.steps = 0
    try:
        run_state_machine_as_test(
            seed(number)(Seeded),
            settings=settings(
                max_examples=sequences,
                stateful_step_count=STEPS,
                phases=[Phase.generate],
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as wrong:  # noqa: BLE001 - whatever it is, it is what was looked for
        return _told(failed[-1] if failed else [], wrong)
    return Told(Histories.sequences, Histories.steps)


def run_shards(
    sequences: int, number: int, processes: int, api: str = "v1"
) -> Iterator[tuple[int, Told]]:
    """Run the histories in processes, side by side; yield each one's seed and what it told."""
    sizes = [min(SHARD, sequences - done) for done in range(0, sequences, SHARD)]
    seeds = range(number, number + len(sizes))
    with ThreadPoolExecutor(processes) as pool:
        yield from zip(seeds, pool.map(_run_process, sizes, seeds, [api] * len(sizes)), strict=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return 1 when something was found."""
    options = _options(arguments)
    if options.json:
        told = run_histories(options.sequences, options.seed, options.api)
        _say(json.dumps([told.sequences, told.steps, told.wrong, told.column]))
        return 0
    begun, sequences, steps, found = time.monotonic(), 0, 0, 0
    for number, told in run_shards(options.sequences, options.seed, options.processes, options.api):
        sequences, steps = sequences + told.sequences, steps + told.steps
        found += bool(told.wrong)
        took = time.monotonic() - begun
        _say(f"seed {number}: {told.sequences} sequences; {sequences} in {took:.0f} s")
        if told.wrong:
            _say(told.wrong)
    _say(f"{sequences} sequences, {steps} steps, {found} findings")
    return 1 if found else 0


def _told(program: list[Step], wrong: Exception) -> Told:
    """Tell what went wrong by the shortest history that does it."""
    again = replay(program)
    if again is not None:
        program = shrink(program)
        wrong = replay(program) or wrong
    text = f"{type(wrong).__name__}: {wrong}\n{show(program)}"
    if again is None:
        text += "\nThis history went wrong once, and not again."
    return Told(Histories.sequences, Histories.steps, text, column(wrong))


def _run_process(sequences: int, number: int, api: str) -> Told:
    command = [sys.executable, "-m", "tests.reliability.histories", "--json"]
    command += ["--sequences", str(sequences), "--seed", str(number), "--api", api]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"seed {number} could not be run:\n{done.stderr}")
    return Told(*json.loads(done.stdout.splitlines()[-1]))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.histories")
    add = parser.add_argument
    add("--sequences", type=int, default=1000, help="how many at least")
    add("--seed", type=int, default=1, help="that of the first thousand")
    add("--processes", type=int, default=1, help="how many run side by side")
    add("--api", choices=("v1", "v2"), default="v1", help="v2: jobs are single runs")
    add("--json", action="store_true", help="run them in this process, and tell it as JSON")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
