"""Jobs that depend on one another, and a world whose jobs end as a test says."""

from collections.abc import Iterable
from dataclasses import replace

from reconciler.model.address import Address
from reconciler.model.job import CodeDigest, DesiredJob, Lifecycle, Status
from reconciler.model.plan import Plan
from tests.unit.engine.support import World, job


def step(name: str, *on: str, lr: str = "0.1", code: str = "", **lifecycle: object) -> DesiredJob:
    """Return a wanted job that depends on others; keywords are fields of Lifecycle."""
    made = job(name, Lifecycle.model_validate(lifecycle), parameters={"lr": lr})
    digest = CodeDigest(digest=f"sha256:{code}", files={"train.py": code}) if code else None
    return replace(made, depends_on=tuple(Address(each) for each in on), code=digest)


def pipeline(lr: str = "0.1") -> tuple[DesiredJob, ...]:
    """Return three jobs in a row: a, then b, then c."""
    return step("a", lr=lr), step("b", "a"), step("c", "b")


def verbs(plan: Plan) -> dict[str, str]:
    """Return kind and reason of each action, by address."""
    return {each.address: f"{each.kind} {each.reason}" for each in plan.actions}


def succeed(world: World, *names: str) -> None:
    """Let runs end well."""
    for name in names:
        world.platform.set_status(name, Status.SUCCEEDED, 1000)


def finish(world: World, jobs: Iterable[DesiredJob], *names: str) -> None:
    """Apply step by step until all jobs of a pipeline have succeeded."""
    wanted = tuple(jobs)
    for name in names or [each.spec.name for each in wanted]:
        world.apply(*wanted)
        succeed(world, name)
    world.apply(*wanted)
