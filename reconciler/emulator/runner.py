"""Runs versions as processes on this machine, as many at once as there are slots.

First come, first served: a job that needs more slots than are free waits, and later ones wait
behind it. One that needs more than there are at all runs alone.
"""

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from reconciler.emulator.errors import RefusedError
from reconciler.emulator.launching import plan_workers
from reconciler.emulator.logs import Logs, LogWriter
from reconciler.emulator.model import V2, Job, Status, Version
from reconciler.emulator.paths import local_path, writable_folder
from reconciler.emulator.workers import Worker

_SERVICE = "[ModelArts Service Log]"


@dataclass
class RunnerSettings:
    """How runs are carried out; `simulate` seconds stand for a run that does nothing at all."""

    capacity: int
    grace: float = 5.0
    simulate: float | None = None


class Listener(Protocol):
    """Whoever keeps the versions; told of every step of a run."""

    def waiting(self, version: Version) -> None:
        """The version is in the queue."""

    def started(self, version: Version, processes: list[list[object]]) -> None:
        """The version runs as these (process id, start mark) pairs."""

    def overdue(self, version: Version) -> None:
        """The version has run for as long as it may, and is to be stopped."""

    def ended(self, version: Version, status: Status) -> None:
        """The version came to its end."""

    def seconds(self, hours: int) -> float:
        """How long so many hours of a run last."""


class _Run:
    """One version on its way through the runner."""

    def __init__(self, job: Job, version: Version, root: Path) -> None:
        self.job = job
        self.version = version
        self.root = root
        self.stopped = False
        self.outcome = Status.KILLED
        self.workers: list[Worker] = []


class Runner:
    """The queue, the slots and the processes. Lives on one event loop."""

    def __init__(self, settings: RunnerSettings, logs: Logs, listener: Listener) -> None:
        self.settings = settings
        self._logs = logs
        self._listener = listener
        self._queue: deque[_Run] = deque()
        self._runs: dict[int, _Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._used = 0
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether anything runs or waits for a slot."""
        return bool(self._runs)

    def submit(self, job: Job, version: Version, root: Path) -> None:
        """Queue a version whose paths lie below the buckets folder `root`."""
        run = _Run(job, version, root)
        if version.work.held:
            self._listener.waiting(version)
            return
        self._runs[version.id] = run
        if self.settings.simulate is not None:
            self._begin(self._simulate(run, self.settings.simulate))
            return
        self._listener.waiting(version)
        self._queue.append(run)
        asyncio.get_running_loop().call_soon(self._pump)

    def stop(self, version: Version) -> None:
        """End a version: at once when it waits, by SIGTERM and later SIGKILL when it runs."""
        run = self._runs.get(version.id)
        if run is None:
            self._listener.ended(version, Status.KILLED)
            return
        run.stopped = True
        if run in self._queue:
            self._queue.remove(run)
            self._finish(run, Status.KILLED)
            self._pump()
        elif self.settings.simulate is not None:
            self._finish(run, Status.KILLED)
        else:
            self._signal(run)

    async def close(self) -> None:
        """Kill what runs and call it lost; what waits stays waiting for the next start."""
        self._closed = True
        self._queue.clear()
        for run in self._runs.values():
            run.stopped, run.outcome = True, Status.LOST
            _end(run, signal.SIGKILL)
        if self.settings.simulate is not None:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- the queue

    def _pump(self) -> None:
        while self._queue and not self._closed and self._fits(self._queue[0]):
            run = self._queue.popleft()
            self._used += run.version.work.workers
            self._begin(self._carry_out(run))

    def _fits(self, run: _Run) -> bool:
        return self._used == 0 or self._used + run.version.work.workers <= self.settings.capacity

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _finish(self, run: _Run, status: Status) -> None:
        if self._runs.pop(run.version.id, None) is not None:
            self._listener.ended(run.version, status)

    # -- one run

    async def _simulate(self, run: _Run, seconds: float) -> None:
        self._begun(run, [])
        if seconds:
            await asyncio.sleep(seconds)
        self._finish(run, Status.COMPLETED)

    async def _carry_out(self, run: _Run) -> None:
        writers = [self._logs.open(run.version.id, i) for i in range(run.version.work.workers)]
        try:
            status = await self._run_workers(run, writers)
        finally:
            for writer in writers:
                writer.close()
            self._used -= run.version.work.workers
        self._export(run)
        self._finish(run, status)
        self._pump()

    async def _run_workers(self, run: _Run, writers: list[LogWriter]) -> Status:
        try:
            launches = plan_workers(run.job, run.version, run.root)
            for launch, writer in zip(launches, writers, strict=True):
                run.workers.append(await Worker.start(launch, writer))
        except (OSError, ValueError, RefusedError) as error:
            writers[0].say(f"{_SERVICE}The job could not be started: {error}")
            _end(run, signal.SIGKILL)
            await asyncio.gather(*(worker.finished() for worker in run.workers))
            return run.outcome if run.stopped else Status.SUBMIT_FAILED
        self._begun(run, [[w.pid, w.mark] for w in run.workers])
        if run.stopped:
            self._signal(run)
        codes = await asyncio.gather(
            *(self._follow(run, *pair) for pair in zip(run.workers, writers, strict=True))
        )
        run.version.exit_codes = codes
        return _judge(run, codes)

    def _begun(self, run: _Run, processes: list[list[object]]) -> None:
        self._listener.started(run.version, processes)
        if run.version.work.hours:
            allowed = self._listener.seconds(run.version.work.hours)
            asyncio.get_running_loop().call_later(allowed, self._overdue, run)

    def _overdue(self, run: _Run) -> None:
        if run.version.id in self._runs:
            self._listener.overdue(run.version)

    async def _follow(self, run: _Run, worker: Worker, writer: LogWriter) -> int:
        code = await worker.finished()
        writer.say(_closing_line(run, code))
        if code != 0 and not run.stopped:
            self._signal(run)
        return code

    def _signal(self, run: _Run) -> None:
        _end(run, signal.SIGTERM)
        loop = asyncio.get_running_loop()
        loop.call_later(self.settings.grace, self._kill, run)

    def _kill(self, run: _Run) -> None:
        if run.version.id in self._runs:
            _end(run, signal.SIGKILL)

    def _export(self, run: _Run) -> None:
        if not run.version.work.log_dir:
            return
        with contextlib.suppress(OSError, RefusedError):
            log_dir = run.version.work.log_dir
            writable_folder(run.root, log_dir, create=True)
            for worker in range(run.version.work.workers):
                name = _log_file(run.job, run.version, worker)
                target = local_path(run.root, f"{log_dir.removesuffix('/')}/{name}")
                self._logs.export(run.version.id, worker, target)


def free_slots(cpus: Callable[[], int | None]) -> int:
    """How many workers may run at once unless told: one per processor, at least two."""
    return max(2, cpus() or 1)


def _log_file(job: Job, version: Version, worker: int) -> str:
    if job.api == V2:
        return f"modelarts-job-{job.uid}-worker-{worker}.log"
    return f"{job.name}-{version.name}.{worker}.log"


def _end(run: _Run, sign: signal.Signals) -> None:
    for worker in run.workers:
        worker.end(sign)


def _judge(run: _Run, codes: list[int]) -> Status:
    if run.stopped:
        return run.outcome
    return Status.FAILED if any(codes) else Status.COMPLETED


def _closing_line(run: _Run, code: int) -> str:
    if run.stopped:
        return f"{_SERVICE}Training stopped."
    if code == 0:
        return f"{_SERVICE}Training completed."
    reason = f"exit code {code}" if code > 0 else f"signal {-code}"
    return f"{_SERVICE}Training failed: {reason}."
