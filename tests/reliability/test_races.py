"""Many at once: one writes at a time, a dead holder's lock is free, stacks leave each other be."""

import contextlib
import itertools
import json
import os
import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import pytest

from tests.acceptance.world import job, wait_for
from tests.conftest import SCALE
from tests.reliability.figures import Figures
from tests.reliability.forks import Batch, Ended, Forks, Run
from tests.reliability.interpose import Strike
from tests.reliability.invariants import Problem, Verdicts, finish, speech
from tests.reliability.scenarios import EVERY_KIND, FIRST, Scenario, document, in_v2
from tests.reliability.seen import Api, is_created, job_id, suite
from tests.reliability.stage import STATE, Crew, Stage, a_crew

SEED = 20260103
LOCK = f"{STATE}/vision.lock"

pytestmark = pytest.mark.timeout(max(600, int(600 * SCALE)))


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with a_crew(tmp_path_factory.mktemp("races")) as crew:
        yield crew


def held(ended: Ended) -> tuple[float, float] | None:
    """Return from when to when, at least, a run held the lock: it notes its name, it wipes it."""
    at = [
        moment
        for point, moment in zip(ended.points, ended.times, strict=True)
        if point.split()[1:] == ["ftruncate", LOCK]
    ]
    return (at[0], at[-1]) if len(at) > 1 else None


def overlaps(runs: Iterable[Ended]) -> Iterator[Problem]:
    """Look for two runs that held the lock at one time."""
    spans = sorted(span for ended in runs if (span := held(ended)))
    for (_, end), (begin, _) in itertools.pairwise(spans):
        if begin < end:
            yield "other", f"two held the lock for {end - begin:.6f} s"


def refusals(batch: Batch, runs: Sequence[Ended], *, waiting: bool) -> Iterator[Problem]:
    """Check how the applies ended: done, or told who holds the lock."""
    known = {f"process {pid}" for pid in batch.pids}
    for ended in runs:
        if ended.code not in ({0} if waiting else {0, 4}):
            yield "other", str(ended)
        if ended.code == 4 and not any(
            each in ended.stderr for each in (*known, "someone unknown")
        ):
            yield "other", f"the holder is not named: {ended}"
    if not any(ended.code == 0 for ended in runs):
        yield "other", "nobody got through"


def is_true(reader: Ended) -> bool:
    """Tell whether a command that takes no lock saw the state as it was before or after a write."""
    return reader.code == 0 or "There is no state yet" in reader.stderr


def crowd(stage: Stage, timeout: float) -> tuple[list[Problem], str]:
    """Let many apply at once, with readers among them."""
    setting = stage.reset()
    args = (*stage.scenario.args, "--lock-timeout", str(timeout))
    flags = ("--adopt", "--interrupt-running", "--state", STATE)
    readers = [Run(("plan", *flags)), Run(("state", "pull", "--state", STATE))]
    batch = stage.forks.start(*[Run(args)] * 4, *readers)
    runs = batch.wait()
    problems = [*overlaps(runs[:4]), *refusals(batch, runs[:4], waiting=timeout > 0)]
    problems += [("other", f"a reader: {ended}") for ended in runs[4:] if not is_true(ended)]
    return [*problems, *finish(stage, setting, runs)], "\n".join(map(str, runs))


@pytest.mark.parametrize(
    ("scenario", "timeout", "races"),
    [
        pytest.param(FIRST, 0.0, 60, id="the first apply, nobody waits"),
        pytest.param(FIRST, 60.0, 30, id="the first apply, all wait"),
        pytest.param(EVERY_KIND, 0.0, 10, id="a large apply, nobody waits"),
        pytest.param(EVERY_KIND, 60.0, 10, id="a large apply, all wait"),
        pytest.param(in_v2(FIRST), 0.0, 6, id="the first apply, nobody waits, v2"),
        pytest.param(in_v2(EVERY_KIND), 60.0, 2, id="a large apply, all wait, v2"),
    ],
)
def test_one_writes_at_a_time(
    crew: Crew, scenario: Scenario, timeout: float, races: int, figures: Figures
) -> None:
    crew.play(scenario)
    verdicts = Verdicts(suite("races", scenario.api))
    numbers = range(int(races * SCALE))
    found = crew.each(numbers, lambda stage, _: crowd(stage, timeout))
    for number, (problems, evidence) in zip(numbers, found, strict=True):
        verdicts.add(number, problems, evidence)
    verdicts.report(figures)


def inherit(stage: Stage, other: Forks, at: int) -> tuple[list[Problem], float]:
    """Halt a holder, be refused, wait for it, kill it; tell how long the lock stayed taken."""
    setting = stage.reset()
    holder = other.start(Run(stage.scenario.args, Strike(at, "stop")))
    wait_for(lambda: len(holder.passed(holder.files[0])) >= at)
    refused = stage.forks.run(*stage.scenario.args)
    waiter = stage.forks.start(Run((*stage.scenario.args, "--lock-timeout", "60")))
    wait_for(lambda: len(waiter.passed(waiter.files[0])) >= 6)
    killed_at = time.monotonic()
    os.kill(holder.pids[0], signal.SIGKILL)
    (died,), (done,) = holder.wait(), waiter.wait()
    problems = []
    if died.code != -signal.SIGKILL or done.code:
        problems.append(("other", f"{died}\n{done}"))
    if refused.code != 4 or f"process {holder.pids[0]}" not in refused.stderr:
        problems.append(("other", f"not refused with the holder's name: {refused}"))
    problems += finish(stage, setting, [refused, died, done])
    span = held(done)
    return problems, span[0] - killed_at if span else float("inf")


def test_the_lock_is_free_the_moment_its_holder_dies(crew: Crew, figures: Figures) -> None:
    crew.play(EVERY_KIND)
    stage = crew.stages[0]
    stage.reset()
    passed = stage.forks.run(*EVERY_KIND.args).points
    named = next(n for n, point in enumerate(passed, 1) if point.endswith(f"write {LOCK}"))
    dice = random.Random(SEED)
    halts = [dice.randint(named, len(passed) - 2) for _ in range(int(20 * SCALE))]
    verdicts, waits = Verdicts("races"), []
    with contextlib.ExitStack() as stack:
        others = {stage.folder: stack.enter_context(stage.other_forks()) for stage in crew.stages}
        found = crew.each(halts, lambda stage, at: inherit(stage, others[stage.folder], at))
    for at, (problems, waited) in zip(halts, found, strict=True):
        verdicts.add(f"halted at {passed[at - 1]}", problems)
        waits.append(waited)
    print(f"the lock was taken {statistics.median(waits):.3f} s after its holder's death,")  # noqa: T201
    print(f"at the latest {max(waits):.3f} s")  # noqa: T201
    verdicts.report(figures)
    assert max(waits) < 10


STACKS = ("alpha", "beta")


def stack_args(stage: Stage, command: str, stack: str, *flags: str) -> tuple[str, ...]:
    return (command, *flags, "-f", f"{stack}.yaml", "--state", stage.state)


def apply_stacks(stage: Stage, jobs: dict[str, str]) -> list[Ended]:
    """Apply both stacks at once."""
    for stack, blocks in jobs.items():
        stage.world.write(document(blocks, stage.scenario.api, stack), f"{stack}.yaml")
    flags = ("--auto-approve", "--interrupt-running")
    args = [stack_args(stage, "apply", stack, *flags) for stack in jobs]
    return stage.forks.start(*map(Run, args)).wait()


def owned(stage: Stage, stack: str) -> dict[str, str]:
    """Return the ids of the jobs that a stack records, by name."""
    pulled = stage.forks.run("state", *stack_args(stage, "pull", stack))
    if "There is no state yet" in pulled.stderr:
        return {}
    assert pulled.code == 0, pulled
    records = json.loads(pulled.stdout)["records"].values()
    return {record["name"]: record["job_id"] for record in records}


def live(stage: Stage) -> dict[str, str]:
    return {job_id(each): each["name"] for each in stage.world.jobs()}


def apart(stage: Stage) -> list[Problem]:
    """Let two stacks with jobs of their own create, then replace and destroy, at one time."""
    setting = stage.reset()
    blocks = {stack: job(f"{stack}-1") + job(f"{stack}-2") for stack in STACKS}
    runs = apply_stacks(stage, blocks)
    first = {stack: owned(stage, stack) for stack in STACKS}
    stage.world.edit("boot_file: train.py", "boot_file: fail.py", "beta.yaml")
    runs += stage.forks.start(
        Run(stack_args(stage, "destroy", "alpha", "--auto-approve", "--interrupt-running")),
        Run(stack_args(stage, "apply", "beta", "--auto-approve", "--interrupt-running")),
    ).wait()
    problems = [("other", str(ended)) for ended in runs if ended.code]
    last = {stack: owned(stage, stack) for stack in STACKS}
    if last["alpha"] or sorted(last["beta"]) != ["beta-1", "beta-2"]:
        problems.append(("lost", f"recorded at the end: {last}"))
    there = live(stage).keys() - setting.strangers
    if there != set(last["beta"].values()) or there & set(first["beta"].values()):
        problems.append(("orphans", f"{live(stage)} are there, {last} recorded"))
    created = sum(map(is_created, stage.asked()))
    if created != 6:
        problems.append(("duplicates", f"{created} jobs were created instead of 6"))
    return [*problems, *speech(stage.world, runs)]


def contested(stage: Stage, *, is_equal: bool) -> list[Problem]:
    """Let two stacks want jobs of the same names at one time: each job has one owner for good."""
    setting = stage.reset()
    names = ("one", "three", "two")
    blocks = {
        stack: "".join(job(name, round="1" if is_equal else stack) for name in names)
        for stack in STACKS
    }
    runs = apply_stacks(stage, blocks)
    before = {stack: owned(stage, stack) for stack in STACKS}
    runs += apply_stacks(stage, blocks)
    after = {stack: owned(stage, stack) for stack in STACKS}
    problems: list[Problem] = []
    if before != after:
        problems.append(("other", f"owners changed: {before}, then {after}"))
    owners = Counter(job_id for jobs in after.values() for job_id in jobs.values())
    mine = {job_id: name for job_id, name in live(stage).items() if job_id not in setting.strangers}
    if set(owners.values()) - {1}:
        problems.append(("duplicates", f"a job has two owners: {after}"))
    if owners.keys() != mine.keys() or sorted(mine.values()) != sorted(names):
        problems.append(("orphans", f"{mine} are there, {after} recorded"))
    if (created := sum(map(is_created, stage.asked()))) != len(names):
        problems.append(("duplicates", f"{created} jobs were created instead of {len(names)}"))
    problems += [("unapproved", str(each)) for each in stage.asked() if each["method"] == "DELETE"]
    for stack, ended in zip(STACKS * 2, runs, strict=True):
        is_whole = len(after[stack]) == len(names)
        if ended.code != (0 if is_whole else 1) or (not is_whole and "taken" not in str(ended)):
            problems.append(("other", f"{stack} owns {after[stack]}: {ended}"))
    return [*problems, *speech(stage.world, runs)]


@pytest.mark.parametrize(
    ("race", "races"),
    [
        pytest.param(apart, 20, id="jobs of their own"),
        pytest.param(lambda stage: contested(stage, is_equal=True), 30, id="same names, equal"),
        pytest.param(lambda stage: contested(stage, is_equal=False), 20, id="same names, unequal"),
    ],
)
@pytest.mark.parametrize(("api", "share"), [("v1", 1.0), ("v2", 0.1)], ids=["v1", "v2"])
def test_two_stacks_leave_each_other_be(
    crew: Crew,
    race: Callable[[Stage], list[Problem]],
    races: int,
    api: Api,
    share: float,
    figures: Figures,
) -> None:
    crew.play(replace(FIRST, name="stacks", api=api))
    verdicts = Verdicts(suite("races", api))
    numbers = range(int(races * share * SCALE))
    for number, problems in enumerate(crew.each(numbers, lambda stage, _: race(stage))):
        verdicts.add(number, problems)
    verdicts.report(figures)
