"""Which jobs are as one another, for all that matters."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from reconciler.model.spec import JobSpec
from reconciler.model.state import State
from reconciler.providers.memory_platform import MemoryPlatform
from tests.reliability.secrecy import seal_like

_SKEW, _LATEST = timedelta(seconds=5), timedelta(hours=1)
"""How long before and after its intent a job may seem to be created that is taken for ours."""


def fixed(spec: JobSpec) -> Mapping[str, object]:
    """Return what cannot be changed on an existing job."""
    return {key: value for key, value in spec.canonical.items() if key != "description"}


def has_all(theirs: JobSpec, ours: JobSpec, salt: str) -> bool:
    """Tell whether a job is as was asked for; parameters of its own do not count.

    Only what was written is compared: a platform may add the defaults of an algorithm.
    """
    known = {key: each for key, each in theirs.parameters.items() if key in ours.parameters}
    theirs = seal_like(theirs.model_copy(update={"parameters": known}), ours, salt)
    return fixed(theirs) == fixed(ours)


def find_twins(state: State, platform: MemoryPlatform) -> Iterator[str]:
    """Yield the jobs of others that are as one that was asked for, and whose fate is open."""
    meant = {
        (each.name, each.at): each.result.spec
        for intents in state.intents.values()
        for each in intents
        if each.kind == "create" and each.result
    }
    for job in platform.jobs if meant else ():
        for (name, at), spec in meant.items():
            made = job.created_at
            if job.name != name or job.spec is None or made is None:
                continue
            is_alike = has_all(job.spec, spec, state.salt)
            if is_alike and at - _SKEW <= made <= at + _LATEST:
                yield job.job_id
