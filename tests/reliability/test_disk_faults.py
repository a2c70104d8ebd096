"""A disk that fails at any operation: a message, a readable state, and one apply repairs it all."""

import errno
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.conftest import SCALE
from tests.reliability.figures import Figures
from tests.reliability.forks import Ended
from tests.reliability.interpose import Strike
from tests.reliability.invariants import Problem, Verdicts, finish, read_between
from tests.reliability.scenarios import EVERY_KIND, FIRST, Scenario
from tests.reliability.stage import STATE, Crew, Stage, a_crew

SEED = 20260102
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES)
ALL = SCALE >= 10

pytestmark = pytest.mark.timeout(max(600, int(600 * SCALE)))


@dataclass(frozen=True, slots=True)
class Fault:
    """Which operation fails, and how."""

    at: int
    point: str
    how: str
    errno: int

    @property
    def strike(self) -> Strike:
        return Strike(self.at, self.how, self.errno, files_only=True)  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.how} {errno.errorcode[self.errno]} at {self.point}"


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with a_crew(tmp_path_factory.mktemp("faults")) as crew:
        yield crew


def points(crew: Crew, scenario: Scenario) -> tuple[str, ...]:
    """Play a scenario, and return the file operations of its undisturbed apply."""
    crew.play(scenario)
    stage = crew.stages[0]
    setting = stage.reset()
    ended = stage.forks.run(*scenario.args, strike=Strike(files_only=True))
    assert ended.code == 0, ended
    assert not finish(stage, setting)
    return ended.points


def faults(passed: Sequence[str]) -> list[Fault]:
    """Return every fault at every operation."""
    found = []
    for at, point in enumerate(passed, 1):
        found += [Fault(at, point, "fail", number) for number in ERRORS]
        if point.split()[1] == "write":
            found.append(Fault(at, point, "torn", errno.EIO))
        found.append(Fault(at, point, "full", errno.ENOSPC))
    return found


def chosen(every: Sequence[Fault], dice: random.Random) -> list[Fault]:
    """Return some of the faults, at least one at every operation."""
    first = {each.at: each for each in dice.sample(every, len(every))}
    return sorted(first.values(), key=lambda each: each.at)


def fail(stage: Stage, fault: Fault) -> tuple[Fault, list[Problem], Ended]:
    """Apply on a disk that fails; look at what is said, at the state, and at the next apply."""
    setting = stage.reset()
    ended = stage.forks.run(*stage.scenario.args, strike=fault.strike)
    problems = [*said(ended, fault), *read_between(stage, setting)]
    if setting.state:
        listed = stage.forks.run("state", "list", "--state", STATE)
        if listed.code or not listed.stdout:
            problems.append(("lost", f"state list: {listed}"))
    return fault, [*problems, *finish(stage, setting, [ended])], ended


def said(ended: Ended, fault: Fault) -> Iterator[Problem]:
    """Check the exit code, and that a failure names the file, the reason and the way out."""
    if ended.code not in (0, 1):
        yield "other", f"exit code {ended.code}"
    if ended.code == 1:
        told = ended.stderr + ended.stdout
        for part in ("error: ", os.strerror(fault.errno), STATE, "run the command again"):
            if part not in told:
                yield "other", f"{part!r} is not in the message"


@pytest.mark.parametrize("scenario", [EVERY_KIND, FIRST], ids=lambda scenario: scenario.name)
def test_a_disk_that_fails_once_leaves_nothing_behind(
    crew: Crew, scenario: Scenario, figures: Figures
) -> None:
    passed = points(crew, scenario)
    every = faults(passed)
    cases = every if ALL else chosen(every, random.Random(SEED))
    print(f"{scenario.name}: {len(passed)} operations, {len(cases)} of {len(every)} faults")  # noqa: T201
    verdicts, hit = Verdicts("disk faults"), 0
    for fault, problems, ended in crew.each(cases, fail):
        verdicts.add(fault, problems, ended)
        hit += ended.code == 1
    verdicts.report(figures)
    assert hit >= 0.5 * len(cases)
