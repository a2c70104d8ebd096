"""What the runs that a plan starts cost, and the limits that a definition sets for a plan."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from reconciler.diagnostics import Diagnostic, error
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob
from reconciler.model.plan import Action, ActionKind, Estimate
from reconciler.model.policy import Limit, Prices

_COUNTED = {
    "creates": (ActionKind.CREATE, "created"),
    "replaces": (ActionKind.REPLACE, "replaced"),
    "deletes": (ActionKind.DELETE, "deleted"),
}
_NAMED = 10


def run_hours(job: DesiredJob) -> Decimal | None:
    """Return how long one run takes at most, in hours: the smaller of estimate and auto stop."""
    stop = job.spec.auto_stop_hours
    known = [job.estimated_hours, None if stop is None else Decimal(stop)]
    return min((hours for hours in known if hours is not None), default=None)


def run_cost(job: DesiredJob, prices: Prices | None) -> Decimal | None:
    """Return what one run costs: price of the flavor x workers x hours; None if nobody can tell.

    What has the price 0 costs nothing, however long it runs.
    """
    if prices is None or job.spec.flavor is None:
        return None
    return _times(prices.by_flavor.get(job.spec.flavor), job)


def run_gpu_hours(job: DesiredJob, gpus: Mapping[str, int]) -> Decimal | None:
    """Return GPUs of the flavor x workers x hours of one run; None if nobody can tell.

    `gpus` is how many each flavor has. A run without GPUs takes no GPU hours, however long.
    """
    if job.spec.flavor is None or job.spec.flavor not in gpus:
        return None
    return _times(Decimal(gpus[job.spec.flavor]), job)


def _times(each: Decimal | None, job: DesiredJob) -> Decimal | None:
    hours = run_hours(job)
    if each is None or (hours is None and each):
        return None
    return each * job.spec.workers * (hours or 0)


def estimate(started: Iterable[DesiredJob], prices: Prices | None) -> Estimate | None:
    """Sum up what the started jobs cost; None where there are no prices."""
    if prices is None:
        return None
    cost, unknown = _sum(started, lambda job: run_cost(job, prices))
    return Estimate(currency=prices.currency, cost=cost, unknown=unknown)


def check_limits(
    limits: Iterable[Limit],
    actions: Sequence[Action],
    started: Sequence[DesiredJob],
    prices: Prices | None,
    gpus: Mapping[str, int],
) -> Iterable[Diagnostic]:
    """Return an error for each limit that the actions exceed, or that cannot be checked.

    `started` are the jobs that the actions create or replace.
    """
    for limit in limits:
        if limit.name in _COUNTED:
            kind, done = _COUNTED[limit.name]
            found = sum(action.kind is kind for action in actions)
            if found > limit.most:
                yield _exceeded(limit, f"{_jobs(found)} would be {done}, {limit.most} are allowed.")
        elif limit.name == "gpu_hours":
            yield from _bounded(limit, started, lambda job: run_gpu_hours(job, gpus), "GPU hours")
        else:
            unit = prices.currency if prices else ""
            yield from _bounded(limit, started, lambda job: run_cost(job, prices), unit)


def _bounded(
    limit: Limit,
    started: Sequence[DesiredJob],
    measure: Callable[[DesiredJob], Decimal | None],
    unit: str,
) -> Iterable[Diagnostic]:
    total, unknown = _sum(started, measure)
    unit = f" {unit}" if unit else ""
    if total > limit.most:
        told = _jobs(len(started) - len(unknown))
        more = f" (and {_jobs(len(unknown))} more that nobody can tell of)" if unknown else ""
        yield _exceeded(
            limit,
            f"{told} would take {plain(total)}{unit}{more}, {plain(limit.most)}{unit} are allowed.",
        )
    elif unknown:
        named = ", ".join(unknown[:_NAMED]) + (", …" if len(unknown) > _NAMED else "")
        yield error(
            "Limit cannot be checked",
            f'Limit "{limit.name}": nobody can tell what {_jobs(len(unknown))} would take '
            f"({named}).",
            "Write `estimated_hours` (or `auto_stop_hours`) in the job, and for `cost` the price "
            "of its flavor below `cost.prices`.",
            location=limit.location,
            code="limit",
        )


def _exceeded(limit: Limit, said: str) -> Diagnostic:
    return error(
        "Limit exceeded",
        f'Limit "{limit.name}": {said}',
        "Apply a part with `--target`, or raise the limit in the definition.",
        location=limit.location,
        code="limit",
    )


def _sum(
    jobs: Iterable[DesiredJob], measure: Callable[[DesiredJob], Decimal | None]
) -> tuple[Decimal, tuple[Address, ...]]:
    """Return the sum of what can be told, and the addresses of the jobs where it cannot."""
    total, unknown = Decimal(0), []
    for job in jobs:
        found = measure(job)
        if found is None:
            unknown.append(job.address)
        else:
            total += found
    return total, tuple(unknown)


def plain(number: Decimal) -> str:
    """Return a number without exponent and needless zeros: `12.5`, `200`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _jobs(number: int) -> str:
    return f"{number} job{'' if number == 1 else 's'}"
