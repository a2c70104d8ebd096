"""One world in which every kind of action is due, for tests that break it at every point."""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.model.job import Lifecycle, Status
from reconciler.model.plan import Plan
from reconciler.model.report import ApplyResult
from reconciler.providers.memory_platform import MemoryPlatform
from tests.unit.engine.support import World, a_request, job, other
from tests.unit.engine.tape import Reaper

RETRY = Lifecycle(on_failure="retry")
BEFORE = (
    job("replaced"),
    job("updated"),
    job("deleted"),
    job("retried", lifecycle=RETRY),
    job("forgotten"),
    job("vanished"),
)
WANTED = (
    job("created"),
    other("replaced"),
    job("updated", description="ours"),
    job("adopted", description="ours"),
    job("retried", lifecycle=RETRY),
    job("vanished"),
)
STRANGERS = ("stranger",)
CREATES = ["created", "replaced", "retried", "vanished"]
DELETES = ["deleted", "replaced", "retried"]


@dataclass(slots=True)
class Scene:
    """The world before the apply in question, and what must be true after its last one."""

    world: World
    lag: int = 0
    deletable: frozenset[str] = frozenset()

    def apply(self, reaper: Reaper | None = None, *, parallelism: int = 1) -> ApplyResult:
        request = a_request(*WANTED, adopt=True)
        return self.world.apply(request=request, reaper=reaper, parallelism=parallelism)

    def plan(self) -> Plan:
        return self.world.plan(*WANTED, adopt=True).plan

    def check_deletes(self) -> None:
        """Nothing was deleted that the plan did not list."""
        calls = self.world.platform.mutating_calls()
        assert {call.args[0] for call in calls if call.method == "delete"} <= self.deletable

    def check_finished(self) -> None:
        """Each job was created once in all, nothing is lost, and nothing is left to do."""
        world = self.world
        self.check_deletes()
        made = [world.names[job_id] for job_id in world.created[len(BEFORE) :]]
        assert sorted(made) == CREATES
        assert world.record("retried").attempt == 2
        for _ in range(self.lag):
            world.platform.listed()
        world.check_settled(*WANTED, strangers=STRANGERS)


def a_scene(lag: int = 0) -> Scene:
    """Set the scene; with a lag, deletions and new jobs take so many lists to be seen."""
    world = World(MemoryPlatform())
    world.apply(*BEFORE)
    platform = world.platform
    platform.add(job("stranger").spec)
    platform.add(job("adopted", description="theirs").spec)
    platform.set_status("retried", Status.FAILED, 1000)
    platform.set_status("deleted", Status.SUCCEEDED, 1000)
    platform.remove("forgotten")
    platform.remove("vanished")
    platform.delete_lag = platform.list_lag = lag
    ids = {each.name: each.job_id for each in platform.jobs}
    return Scene(world, lag, frozenset(ids[name] for name in DELETES))


def count_points(lag: int) -> int:
    """Return how many calls and writes leave the process in an apply that nothing disturbs."""
    reaper = Reaper()
    scene = a_scene(lag)
    scene.apply(reaper)
    scene.check_finished()
    return reaper.count


def spread(points: int, wanted: int) -> Iterable[int]:
    """Return so many of the points, counted from 1, spread evenly; all when there are fewer."""
    if wanted >= points:
        return range(1, points + 1)
    return sorted({1 + round(n * (points - 1) / max(1, wanted - 1)) for n in range(wanted)})
