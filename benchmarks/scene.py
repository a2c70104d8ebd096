"""What the benchmarks share: definitions of any size, the stand-in platform, measured commands."""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.platform import FLAVOR

_JOB = """  job-{n:06}:
    description: training number {n} of the benchmark
    engine: {{name: TensorFlow, version: TF-1}}
    code_dir: /bucket/code/model-{n:06}/
    boot_file: train.py
    inputs: [/bucket/data/set-{n:06}/]
    output: /bucket/output/run-{n:06}/
    parameters:
      learning_rate: {rate}
      batch_size: "64"
      epochs: "20"
      optimizer: adam
      momentum: "0.9"
      seed: "{n}"
    labels: {{team: vision, owner: benchmark}}
"""


def definition(jobs: int, port: int, *, changed: int = 0, api: str = "modelarts/v1") -> str:
    """Return a definition of so many jobs (about 400 bytes each), the first of them changed."""
    head = (
        "version: 1\nstack: benchmark\nplatform:\n"
        f"  api: {api}\n  endpoint: http://127.0.0.1:{port}\n  auth_url: http://127.0.0.1:{port}/v3\n"
        f"  project_id: benchmark\ndefaults:\n  flavor: {FLAVOR}\n  workers: 1\njobs:\n"
    )
    rates = ("1e-4" if n < changed else "1e-3" for n in range(jobs))
    return head + "".join(_JOB.format(n=n, rate=rate) for n, rate in enumerate(rates))


@dataclass(frozen=True, slots=True)
class Run:
    """One finished command: seconds by the wall and of processor time, peak memory in bytes."""

    wall: float
    cpu: float
    peak: int
    code: int
    output: str


def run(command: Sequence[str], folder: Path, *, stdin: str | None = None) -> Run:
    """Run a command to its end and measure it."""
    before = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdin=subprocess.PIPE, stdout=out, stderr=out
        )
        assert process.stdin
        process.stdin.write((stdin or "").encode())
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    return Run(
        wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, process.returncode, text
    )


def reconciler(*args: str) -> list[str]:
    """Return the command line of the product in this environment."""
    return [str(Path(sys.executable).with_name("reconciler")), *args]


def _environment() -> dict[str, str]:
    """Ours without what would change a command; compiled code is kept, as an installer keeps it."""
    ours = ("OS_", "RECONCILER_", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return kept | {
        "OS_USERNAME": "u",
        "OS_PASSWORD": "benchmark",
        "OS_USER_DOMAIN_NAME": "d",
        "NO_COLOR": "1",
    }


@dataclass(frozen=True, slots=True)
class Served:
    """The stand-in platform in a process of its own."""

    port: int

    def requests(self) -> int:
        """Return how many requests there were, logins aside."""
        return sum(self.figures()["requests"].values())

    def figures(self) -> dict[str, Any]:
        """Return how many jobs there are, what was asked for, and the processor time spent."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/figures") as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextmanager
def platform(latency_ms: float = 0.0) -> Iterator[Served]:
    """Serve the stand-in platform, each answer after so many milliseconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.platform", str(latency_ms)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdin
    assert process.stdout
    try:
        yield Served(json.loads(process.stdout.readline())["port"])
    finally:
        process.stdin.close()
        process.wait()


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder to work in; below the working folder's disk, not in memory."""
    with tempfile.TemporaryDirectory(prefix="reconciler-benchmark-") as name:
        yield Path(name)


def repeated(times: int, command: Sequence[str], folder: Path) -> list[Run]:
    """Run a command several times."""
    return [run(command, folder) for _ in range(times)]


def spread(values: Sequence[float], unit: str = "s") -> str:
    """Return median and range: `0.41 (0.39..0.44) s`."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.3f} ({low:.3f}..{high:.3f}) {unit}"


def megabytes(size: int) -> str:
    """Return a size in megabytes."""
    return f"{size / 1e6:.0f} MB"


def own_cpu() -> float:
    """Return the processor seconds that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose columns are as wide as what is in them."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(f"\n{title}")
    for line in lines:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))
    sys.stdout.flush()
