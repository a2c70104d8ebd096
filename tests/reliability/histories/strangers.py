"""What strangers and the platform do to jobs behind our back."""

from reconciler.model.address import Address, sweep_of
from reconciler.model.job import Status
from tests.reliability.machine import Stack, World
from tests.reliability.written import NAMES, spec


def meddle(world: World, number: int, deed: tuple[str, object]) -> None:
    """Let a stranger, or the platform, do something to one of the jobs."""
    platform = world.platform
    what, value = deed
    present = {job.name: job for job in platform.jobs}
    names = NAMES if what == "add" else sorted(present)
    if not names:
        return
    name = names[number % len(names)]
    other = spec(name, parameters={"lr": str(value or "0.1")})
    if what == "add":
        if not platform.is_taken(name):
            platform.add(other)
        return
    job_id = present[name].job_id
    if what == "status":
        assert isinstance(value, Status)
        if not present[name].status.is_final:
            platform.set_status(name, value, 1000)
            if value is Status.SUCCEEDED:
                world.succeeded.add(job_id)
    elif what == "remove":
        world.remove(job_id)
        platform.remove(name)
    elif what == "describe":
        platform.change_description(name, str(value))
    elif what == "version" and world.api != "v1":
        return
    elif what == "version":
        platform.add_version(name, other)
        world.tamper(job_id)
    else:
        world.remove(job_id)
        platform.recreate(name, other if value else None)


def give_way(world: World, stack: Stack) -> None:
    """Free the names that a definition wants: remove what is nobody's, else take another name."""
    known = {record.job_id for each in world.stacks for record in each.records().values()}
    sent = {job_id for each in world.stacks for job_id in each.ledger.sent}
    held = {job.name: job.job_id for job in world.platform.jobs}
    mine = {record.job_id for record in stack.records().values()} | stack.ledger.sent.keys()
    for wanted in stack.written.desired().values():
        job_id = held.get(wanted.spec.name)
        if job_id is None or job_id in mine:
            continue
        if job_id not in known | sent:
            world.remove(job_id)
            world.platform.remove(wanted.spec.name)
        elif free := [name for name in NAMES if name not in held]:
            stack.written.edit(
                Address(sweep_of(wanted.address) or wanted.address), ("name", free[0])
            )
