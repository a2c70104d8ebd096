"""The suites: each prints its tables; those that check counts return what is wrong."""

import json
import math
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import scene
from benchmarks.scene import Run, megabytes, reconciler, repeated, run, spread, table

if TYPE_CHECKING:
    from reconciler.model.address import Address
    from reconciler.model.job import JobRecord

Counts = list[str] | None


def startup(_jobs: Sequence[int], repeat: int) -> Counts:
    """How long it takes until a command begins, beside a Python that imports the libraries."""
    rows = []
    with scene.folder() as folder:
        bare = [sys.executable, "-c", "pass"]
        libraries = [sys.executable, "-c", "import click, pydantic, yaml, requests"]
        commands = [reconciler("--version"), reconciler("--help"), reconciler("schema")]
        for command in (bare, libraries, *commands):
            runs = repeated(repeat, command, folder)
            rows.append(_timed(" ".join([Path(command[0]).name, *command[1:]])[:60], runs))
    table("Start-up", ("command", "wall", "cpu", "peak"), rows)
    return None


def plan(jobs: Sequence[int], repeat: int) -> Counts:
    """Plans without a change, with 1 % changed, and from nothing; requests for each."""
    for api in ("modelarts/v1", "modelarts/v2"):
        rows, costs = [], []
        for count in jobs:
            with scene.platform() as served, scene.folder() as folder:
                definition = folder / "jobs.yaml"
                definition.write_text(scene.definition(count, served.port, api=api))
                fresh = [run(reconciler("plan"), folder)]
                rows.append((f"{count:,}", "from nothing", *_timed("", fresh)[1:], ""))
                _require(run(reconciler("apply", "--auto-approve", "-q"), folder))
                before = served.requests()
                runs = repeated(repeat, reconciler("plan"), folder)
                asked = (served.requests() - before) / repeat
                rows.append((f"{count:,}", "no change", *_timed("", runs)[1:], f"{asked:.0f}"))
                costs.append((count, min(each.cpu for each in runs)))
                changed = scene.definition(
                    count, served.port, changed=max(1, count // 100), api=api
                )
                definition.write_text(changed)
                runs = repeated(repeat, reconciler("plan"), folder)
                rows.append((f"{count:,}", "1 % changed", *_timed("", runs)[1:], ""))
        table(f"Plan, {api}", ("jobs", "what", "wall", "cpu", "peak", "requests"), rows)
        _tell_growth(costs)
    return None


def apply(jobs: Sequence[int], _repeat: int) -> Counts:
    """Creations without latency, beside a script with `requests` in a thread pool."""
    rows, costs = [], []
    for count in jobs:
        with scene.platform() as served, scene.folder() as folder:
            (folder / "jobs.yaml").write_text(scene.definition(count, served.port))
            done = run(reconciler("apply", "--auto-approve", "-q"), folder)
            _require(done)
            per_job = f"{done.cpu / count * 1000:.2f} ms"
            rows.append((f"{count:,}", "reconciler", *_timed("", [done])[1:], per_job))
            costs.append((count, done.cpu))
        with scene.platform() as served:
            peer = _script(served.port, count, 10)
            rows.append(
                (
                    f"{count:,}",
                    "script, no record",
                    *_timed("", [peer])[1:],
                    f"{peer.cpu / count * 1000:.2f} ms",
                )
            )
            busy = served.figures()["cpu_s"]
            rows.append((f"{count:,}", "the platform itself", "", f"{busy:.3f} s", "", ""))
    table("Apply, all created", ("jobs", "who", "wall", "cpu", "peak", "cpu per job"), rows)
    _tell_growth(costs)
    return None


def _script(port: int, jobs: int, threads: int) -> Run:
    """Run the script that users write today, to its end."""
    script = [sys.executable, "-m", "benchmarks.peer", *map(str, (port, jobs, threads))]
    done = run(script, Path(__file__).parents[1])
    _require(done)
    return done


def latency(_jobs: Sequence[int], _repeat: int) -> Counts:
    """1,000 creations while each answer takes its time, against the ideal, and beside a script."""
    rows = []
    for milliseconds, widths in ((10, (1, 10, 32)), (50, (10, 32, 64)), (200, (32, 64))):
        for width in widths:
            count = 1_000 if width > 1 else 100
            with scene.platform(milliseconds) as served, scene.folder() as folder:
                (folder / "jobs.yaml").write_text(scene.definition(count, served.port))
                command = reconciler("apply", "--auto-approve", "-q", "--parallelism", str(width))
                done = run(command, folder)
                _require(done)
            with scene.platform(milliseconds) as served:
                peer = _script(served.port, count, width)
            ideal = count * milliseconds / 1000 / width
            rows.append(
                (
                    f"{milliseconds} ms",
                    str(width),
                    f"{count:,}",
                    f"{done.wall:.2f} s",
                    f"{ideal:.2f} s",
                    f"{done.wall / ideal:.2f}",
                    f"{peer.wall:.2f} s",
                    f"{peer.wall / ideal:.2f}",
                )
            )
    head = ("answer", "parallelism", "jobs", "wall", "ideal", "ratio", "script, no record", "ratio")
    table("Apply under latency", head, rows)
    return None


def reading(jobs: Sequence[int], repeat: int) -> Counts:
    """Reading a definition, beside the bare parser that it is read with."""
    import yaml

    from reconciler.definition.loader import load

    rows = []
    for count in jobs:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "jobs.yaml"
            path.write_text(scene.definition(count, 1))
            text = path.read_text()

            def parse(text: str = text) -> None:
                for _ in yaml.parse(text, Loader=yaml.CSafeLoader):
                    pass

            def whole(path: Path = path) -> None:
                load([path], variables={}, environment={})

            bare, ours = _cpu(parse, repeat), _cpu(whole, repeat)
            ratio = f"{min(ours) / min(bare):.1f}"
            rows.append(
                (f"{count:,}", f"{len(text) / 1e6:.1f} MB", spread(bare), spread(ours), ratio)
            )
    head = ("jobs", "size", "parser events alone", "definition resolved", "ratio")
    table("Reading (processor time)", head, rows)
    return None


def state(jobs: Sequence[int], repeat: int) -> Counts:
    """Loading and saving the state; appending, beside raw writes of the same bytes."""
    found = [_state_of(count, repeat) for count in jobs]
    rows = [row for row, _ in found]
    table("State", ("records", "size", "checkpoint", "load with journal"), rows)
    head = ("records", "entries at once", "append, durable", "raw write and fdatasync")
    table("Journal", head, [row for _, appends in found for row in appends])
    return None


def _state_of(count: int, repeat: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from reconciler.backends.local import LocalBackend
    from reconciler.model.state import Recorded, State

    records = dict(_records(count))
    kept = State(stack="s", lineage="l", salt="00", records=records)
    address, record = next(iter(records.items()))
    entry, times = Recorded(address=address, record=record), 50
    appends: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backend = LocalBackend(folder, "s")
        with backend.lock(command="benchmark") as writer:
            saved = _wall(lambda: writer.checkpoint(kept), repeat)
            for group in (1, 100):
                before = _size(folder / "s.journal")
                took = _wall(partial(writer.append, [entry] * group), times)
                each = (_size(folder / "s.journal") - before) // times
                raw = _wall(partial(_raw, folder / "raw", each), times)
                appends.append((f"{count:,}", str(group), *map(_in_ms, (took, raw))))
        loaded = _wall(backend.read, repeat)
        size = f"{_size(folder / 's.json') / 1e6:.1f} MB"
    return (f"{count:,}", size, spread(saved), spread(loaded)), appends


def _records(count: int) -> "Iterator[tuple[Address, JobRecord]]":
    from reconciler.model.address import Address
    from reconciler.model.job import JobRecord
    from reconciler.model.spec import JobSpec

    for number in range(count):
        name = f"j{number:06}"
        spec = JobSpec(name=name, flavor="f", parameters={"lr": "1e-3", "n": str(number)})
        yield Address(name), JobRecord(job_id=str(number), name=name, spec=spec)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _in_ms(seconds: Sequence[float]) -> str:
    return spread([each * 1000 for each in seconds], "ms")


def http(_jobs: Sequence[int], _repeat: int) -> Counts:
    """Requests per second through the transport, beside bare clients at the same concurrency."""
    import requests
    import urllib3

    from reconciler.providers.exchange import Effect, Request, Verdict
    from reconciler.providers.modelarts import errors
    from reconciler.providers.transport import Transport

    total, rows = 3_000, []
    with scene.platform() as served:
        root = f"http://127.0.0.1:{served.port}/v1/benchmark"
        path = "/job/ai-engines"
        transport = Transport(parallelism=10)
        request = Request("GET", root + path, {"job_type": "train"}, None, Effect.READ)
        pool = urllib3.PoolManager(maxsize=10)
        session = threading.local()

        def ours() -> Verdict:
            return transport.exchange(request, lambda answer: errors.judge(answer, flagged=True))

        def bare() -> None:
            if not hasattr(session, "its"):
                session.its = requests.Session()
            session.its.get(root + path, params={"job_type": "train"}, timeout=60).json()

        def low() -> None:
            json.loads(pool.request("GET", f"{root}{path}?job_type=train").data)

        for name, call in (("transport", ours), ("requests", bare), ("urllib3", low)):
            begun, cpu = time.perf_counter(), scene.own_cpu()
            with ThreadPoolExecutor(10) as workers:
                list(workers.map(lambda _, call=call: call(), range(total)))
            wall, cpu = time.perf_counter() - begun, scene.own_cpu() - cpu
            rows.append((name, f"{total / wall:,.0f}", f"{cpu / total * 1000:.2f} ms"))
    table("HTTP, ten in flight", ("client", "requests per second", "cpu per request"), rows)
    return None


def counts(_jobs: Sequence[int], _repeat: int) -> Counts:
    """What never depends on the machine: requests, and bytes and flushes for each action."""
    wrong: list[str] = []
    rows = []

    def check(what: str, found: float, most: float) -> None:
        rows.append((what, f"{found:,.1f}", f"{most:,.1f}"))
        if found > most:
            wrong.append(what)

    for api, most in (("modelarts/v1", 1), ("modelarts/v2", 20)):
        with scene.platform() as served, scene.folder() as folder:
            (folder / "jobs.yaml").write_text(scene.definition(1_000, served.port, api=api))
            _require(run(reconciler("apply", "--auto-approve", "-q"), folder))
            before = served.requests()
            _require(run(reconciler("plan"), folder))
            check(f"{api}: requests of a plan without change", served.requests() - before, most)
            _require(run(reconciler("apply", "--auto-approve", "-q"), folder))
            sent = sum(n for kind, n in served.figures()["requests"].items() if _mutates(kind))
            check(f"{api}: changing requests of two applies of 1,000 jobs", sent, 1_000)
    written = {count: _written(count) for count in (100, 1_000)}
    check("bytes of state written for each creation, 1,000 jobs", written[1_000], 4_000)
    check("the same, against 100 jobs (ratio)", written[1_000] / written[100], 1.1)
    table("Counts", ("what", "found", "most"), rows)
    for each in wrong:
        print(f"  WRONG: {each}")
    return wrong


def _written(count: int) -> float:
    """Return how many bytes an apply writes to the state for each creation."""
    with scene.platform() as served, scene.folder() as folder:
        (folder / "jobs.yaml").write_text(scene.definition(count, served.port))
        trace = folder / "trace"
        code = (
            "import sys\n"
            "from reconciler.backends import durable\n"
            "real, written = durable.write_fully, [0]\n"
            "def counted(descriptor, data):\n"
            "    written[0] += len(data)\n"
            "    real(descriptor, data)\n"
            "durable.write_fully = counted\n"
            "from reconciler.cli.main import run\n"
            "code = run(['apply', '--auto-approve', '-q'])\n"
            f"open({str(trace)!r}, 'w').write(str(written[0]))\n"
            "sys.exit(code)\n"
        )
        _require(run([sys.executable, "-c", code], folder))
        return int(trace.read_text()) / count


def _mutates(kind: str) -> bool:
    return not kind.startswith("GET") and "search" not in kind


def _raw(path: Path, size: int) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(b"x" * size)
        os.fdatasync(file.fileno())


def _timed(name: str, runs: Sequence[Run]) -> tuple[str, str, str, str]:
    for each in runs:
        _require(each)
    return (
        name,
        spread([each.wall for each in runs]),
        spread([each.cpu for each in runs]),
        megabytes(max(each.peak for each in runs)),
    )


def _require(done: Run) -> None:
    if done.code:
        raise SystemExit(f"A measured command failed with {done.code}:\n{done.output[-2000:]}")


def _wall(action: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        found.append(time.perf_counter() - begun)
    return found


def _cpu(action: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        begun = time.process_time()
        action()
        found.append(time.process_time() - begun)
    return found


def _tell_growth(costs: Sequence[tuple[int, float]]) -> None:
    """Print the exponent with which processor time grows between the two largest sizes."""
    if len(costs) < 2:
        return
    (less, low), (more, high) = costs[-2:]
    exponent = math.log(high / low) / math.log(more / less)
    print(f"  grows with jobs to the power of {exponent:.2f} from {less:,} to {more:,}")
