"""Results of runs: what jobs printed at the end of their logs."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from reconciler.engine.context import Context
from reconciler.engine.jobs import select
from reconciler.engine.outcomes import read_status
from reconciler.errors import InterruptedRunError, ProviderError
from reconciler.model.job import Status
from reconciler.model.report import StatusRow
from reconciler.planning.metrics import TAIL, find_metrics


def with_metrics(
    context: Context, rows: Sequence[StatusRow], names: Sequence[str] = ()
) -> list[StatusRow]:
    """Return the rows with the metrics that their logs tell; one request for each begun job.

    A log that cannot be read tells none: results are no reason for a status not to be shown.
    """

    def read(row: StatusRow) -> StatusRow:
        if row.is_gone or row.job_id is None or row.status is Status.PENDING:
            return row
        try:
            chunk = context.provider.logs(row.job_id, row.version_id, lines=TAIL)
        except ProviderError:
            return row
        return replace(row, metrics=find_metrics(chunk.text, names))

    if not rows:
        return []
    with ThreadPoolExecutor(max_workers=min(context.parallelism, len(rows))) as pool:
        return list(pool.map(read, rows))


def follow_status(
    context: Context, globs: Sequence[str], *, interval: float
) -> Iterator[list[StatusRow]]:
    """Yield where the chosen jobs stand, now and every `interval` seconds until all have ended.

    Chooses anew each time, so that jobs which are created meanwhile are seen. Writes nothing.
    Raises `InterruptedRunError` when the user stops.
    """
    while True:
        rows = read_status(context, select(context.backend.read(), globs))
        yield rows
        if all(row.is_gone or row.status.is_final for row in rows):
            return
        if context.stop.is_set():
            raise InterruptedRunError("Interrupted", "The jobs run on.")
        context.time.pause(interval)
