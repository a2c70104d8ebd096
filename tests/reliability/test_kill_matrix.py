"""Killed at every file operation and every request: one apply more, and all is well.

The points are those that an undisturbed run passes: nothing is listed by hand. The short run leaves
out deaths that leave the same world behind as the death before them, and in version 2 of the API it
takes some of the rest.
"""

import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pytest

from tests.conftest import SCALE
from tests.reliability.figures import Figures
from tests.reliability.forks import Ended
from tests.reliability.interpose import Strike
from tests.reliability.invariants import Problem, Verdicts, finish, read_between
from tests.reliability.scenarios import EVERY_KIND, FIRST, SLOW, Scenario, in_v2
from tests.reliability.seen import suite
from tests.reliability.stage import Crew, Stage, a_crew

SEED = 20260101
FEWEST_POINTS = 150
CHANGES = {"write", "create", "replace", "link", "unlink", "mkdir", "ftruncate", "send"}
ALL = SCALE >= 10
SHARE_OF_V2 = 0.2
"""How many of the deaths the short run tries in version 2, where the engine does the same."""
PARALLEL = replace(EVERY_KIND, flags=("--parallelism", "4", "--adopt", "--interrupt-running"))

pytestmark = pytest.mark.timeout(max(600, int(600 * SCALE)))


@dataclass(frozen=True, slots=True)
class Death:
    """Where the apply is killed, what it does there, and where the next apply is killed."""

    at: int
    point: str
    how: str
    again: int = 0

    @property
    def strike(self) -> Strike:
        return Strike(self.at, self.how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with a_crew(tmp_path_factory.mktemp("kills")) as crew:
        yield crew


def points(crew: Crew, scenario: Scenario) -> tuple[str, ...]:
    """Play a scenario, and return the points that its undisturbed apply passes."""
    crew.play(scenario)
    stage = crew.stages[0]
    setting = stage.reset()
    ended = stage.apply()
    assert ended.code == 0, ended
    assert not finish(stage, setting, [ended])
    return ended.points


def deaths(passed: Sequence[str], *, all_of_them: bool) -> list[Death]:
    """Return the ways to die at these points.

    At parallelism 1 nothing leaves the process between two points, so that many deaths leave the
    same world behind; of those, one is enough unless all are wanted.
    """
    found, is_new = [], True
    for at, point in enumerate(passed, 1):
        changes = is_change(point)
        if all_of_them or is_new:
            found.append(Death(at, point, "before"))
        if point.split()[1] in ("write", "send") and (all_of_them or changes):
            found.append(Death(at, point, "half"))
        if all_of_them or (changes and at == len(passed)):
            found.append(Death(at, point, "after"))
        is_new = changes
    return found


def is_change(point: str) -> bool:
    """Tell whether an operation changes something that outlives the process."""
    _, name, *what = point.split()
    return name in CHANGES and what[0] != "GET" and "/training-job-searches" not in point


Trial = tuple[Death, list[Problem], list[Ended]]


def die(stage: Stage, death: Death) -> Trial:
    """Kill an apply, perhaps the next one too, and look at what one further apply makes of it."""
    setting = stage.reset()
    ended = [stage.apply(death.strike)]
    problems = read_between(stage, setting)
    if death.again:
        ended.append(stage.apply(Strike(death.again)))
        problems += read_between(stage, setting)
    return death, [*problems, *finish(stage, setting, ended)], ended


def die_amid(stage: Stage, death: Death) -> Trial:
    """Kill an apply amid parallel work.

    What it does when is another thing in each run, so it may end before its point, or find nothing
    to halve there: it is judged all the same, and another one dies earlier.
    """
    found: list[Problem] = []
    while True:
        death, problems, ended = die(stage, death)
        found += problems
        if ended[0].code == -signal.SIGKILL or problems or death.at == 1:
            return death, found, ended
        death = replace(death, at=max(1, death.at * 3 // 4))


def judge(
    name: str,
    crew: Crew,
    cases: list[Death],
    figures: Figures,
    trial: Callable[[Stage, Death], Trial] = die,
) -> int:
    """Try all cases, report them; return how many applies were killed where they should be."""
    verdicts, killed = Verdicts(suite(name, crew.stages[0].scenario.api)), 0
    for death, problems, ended in crew.each(cases, trial):
        verdicts.add(death, problems, "\n".join(map(str, ended)))
        killed += ended[-1].code == -signal.SIGKILL
    verdicts.report(figures)
    return killed


@pytest.mark.parametrize(
    "scenario",
    [EVERY_KIND, FIRST, in_v2(EVERY_KIND), in_v2(FIRST)],
    ids=lambda scenario: scenario.name,
)
def test_a_killed_apply_is_finished_by_the_next(
    crew: Crew, scenario: Scenario, figures: Figures
) -> None:
    passed = points(crew, scenario)
    cases = deaths(passed, all_of_them=ALL)
    if scenario.api == "v2" and not ALL:
        cases = random.Random(SEED).sample(cases, round(SHARE_OF_V2 * len(cases)))
    told = f"{scenario.name}: {len(passed)} points, {len(deaths(passed, all_of_them=True))} deaths"
    print(f"{told}, {len(cases)} of them tried")  # noqa: T201
    assert not scenario.before or len(passed) >= FEWEST_POINTS

    killed = judge("kill points", crew, cases, figures)

    assert killed >= 0.98 * len(cases)


@pytest.mark.parametrize(
    ("scenario", "trials"),
    [pytest.param(EVERY_KIND, 40, id="v1"), pytest.param(in_v2(EVERY_KIND), 8, id="v2")],
)
def test_a_recovery_that_is_killed_too_is_finished_by_the_next(
    crew: Crew, scenario: Scenario, trials: int, figures: Figures
) -> None:
    passed = points(crew, scenario)
    dice = random.Random(SEED)
    every = deaths(passed, all_of_them=ALL)
    cases = every * int(SCALE // 10) or dice.sample(every, min(len(every), int(trials * SCALE)))
    cases = [replace(each, again=dice.randint(1, 40 + len(passed) - each.at)) for each in cases]

    killed = judge("recovery kills", crew, cases, figures)

    assert killed >= 0.5 * len(cases)


@pytest.mark.parametrize(
    ("scenario", "trials"),
    [
        pytest.param(PARALLEL, 25, id="at parallelism 4"),
        pytest.param(SLOW, 15, id="while the platform takes its time"),
        pytest.param(in_v2(PARALLEL), 5, id="at parallelism 4, v2"),
        pytest.param(in_v2(SLOW), 3, id="while the platform takes its time, v2"),
    ],
)
def test_an_apply_that_is_killed_amid_parallel_work_is_finished_by_the_next(
    crew: Crew, scenario: Scenario, trials: int, figures: Figures
) -> None:
    dice = random.Random(SEED)
    every = deaths(points(crew, scenario), all_of_them=True)
    cases = [dice.choice(every) for _ in range(int(trials * SCALE))]

    killed = judge("kill points", crew, cases, figures, die_amid)

    assert killed >= 0.8 * len(cases)
