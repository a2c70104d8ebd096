"""Preflight: what the platform would refuse, said before anything is sent."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.diagnostics import Diagnostic, error, warning
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob
from reconciler.model.plan import Action, ActionKind
from reconciler.model.platform import EngineOffer, Flavor, Quota


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the platform offers; read only when something is to be created."""

    flavors: Sequence[Flavor] = ()
    engines: Sequence[EngineOffer] = ()


def starting(actions: Iterable[Action]) -> list[Action]:
    """Return the actions that create a job."""
    return [a for a in actions if a.kind in (ActionKind.CREATE, ActionKind.REPLACE)]


def waiting(actions: Iterable[Action]) -> list[Action]:
    """Return the actions that create a job once those that it depends on have succeeded."""
    return [a for a in actions if a.waits]


def check_catalog(jobs: Iterable[DesiredJob], catalog: Catalog) -> Iterable[Diagnostic]:
    """Hold the jobs against the catalog: flavors, workers, engines."""
    flavors = {flavor.code: flavor for flavor in catalog.flavors}
    by_id = {engine.id: engine for engine in catalog.engines}
    by_name = {(engine.name, engine.version): engine for engine in catalog.engines}
    for job in jobs:
        if job.spec.flavor is not None and job.spec.pool_id is None:
            yield from _check_flavor(job, job.spec.flavor, flavors)
        yield from _check_engine(job, by_id, by_name)


def check_quota(actions: Sequence[Action], quota: Quota | None) -> Iterable[Diagnostic]:
    """Refuse to create more jobs than the platform still takes; a delete frees a place."""
    if quota is None:
        return
    creates = sum(action.kind is ActionKind.CREATE for action in actions)
    deletes = sum(action.kind is ActionKind.DELETE for action in actions)
    if creates - deletes > quota.left:
        yield error(
            "Quota is too small",
            f"{creates} jobs to create and {deletes} to delete, but the platform takes "
            f"{quota.left} more (of {quota.limit}).",
            "Delete jobs that are no longer needed, apply a part with `--target`, or ask for a "
            "larger quota.",
            code="quota",
        )


def check_outputs(
    actions: Sequence[Action], desired: Mapping[Address, DesiredJob]
) -> Iterable[Diagnostic]:
    """Warn where a job that is to start shares an output folder with another one."""
    writers: dict[str, list[DesiredJob]] = defaultdict(list)
    for address in sorted(desired):
        for path in {output.path for output in desired[address].spec.outputs}:
            writers[path].append(desired[address])
    starts = {action.address for action in starting(actions)}
    for path, jobs in sorted(writers.items()):
        if len(jobs) > 1 and any(job.address in starts for job in jobs):
            yield warning(
                "Output is shared",
                f"{_names(jobs)} write to {path}.",
                "Give each its own output, if they must not overwrite one another.",
                address=jobs[-1].address,
                location=jobs[-1].place("output"),
                code="shared_output",
            )


def _names(jobs: Sequence[DesiredJob]) -> str:
    named = [f'"{job.address}"' for job in jobs[:3]]
    if len(jobs) > 3:
        named.append(f"{len(jobs) - 3} more")
    return "Jobs " + ", ".join(named[:-1]) + f" and {named[-1]}"


def _check_flavor(
    job: DesiredJob, code: str, flavors: Mapping[str, Flavor]
) -> Iterable[Diagnostic]:
    flavor = flavors.get(code)
    if flavor is None:
        yield error(
            "Unknown flavor",
            f'Job "{job.address}" asks for flavor "{code}", which this platform does not offer.',
            _did_you_mean(code, flavors) or "`reconciler catalog flavors` lists what there is.",
            address=job.address,
            location=job.place("flavor"),
            code="flavor",
        )
        return
    if flavor.max_workers is not None and job.spec.workers > flavor.max_workers:
        yield error(
            "Too many workers",
            f'Job "{job.address}" asks for {job.spec.workers} workers; flavor "{code}" allows '
            f"{flavor.max_workers}.",
            address=job.address,
            location=job.place("workers"),
            code="workers",
        )
    if flavor.sold_out:
        yield warning(
            "Flavor is sold out",
            f'Job "{job.address}" will wait until flavor "{code}" is available again.',
            address=job.address,
            location=job.place("flavor"),
            code="sold_out",
        )


def _check_engine(
    job: DesiredJob,
    by_id: Mapping[str, EngineOffer],
    by_name: Mapping[tuple[str, str], EngineOffer],
) -> Iterable[Diagnostic]:
    engine = job.spec.engine
    if engine is None:
        return
    if engine.id is not None:
        is_known, asked, offered = engine.id in by_id, engine.id, iter(by_id)
    else:
        key = (engine.name or "", engine.version or "")
        is_known, asked, offered = key in by_name, " ".join(key), map(" ".join, by_name)
    if not is_known:
        yield error(
            "Unknown engine",
            f'Job "{job.address}" asks for engine "{asked}", which this platform does not offer.',
            _did_you_mean(asked, offered) or "`reconciler catalog engines` lists what there is.",
            address=job.address,
            location=job.place("engine"),
            code="engine",
        )


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f'Did you mean "{close[0]}"?' if close else ""
