"""How awaited jobs ended, told as success or as an error with the failing jobs' last words."""

from reconciler.engine.context import Context
from reconciler.engine.outcomes import WaitResult
from reconciler.errors import JobFailedError, ReconcilerError
from reconciler.model.report import StatusRow
from reconciler.render.text import clean_log

_LAST_LINES = 10
_SHOWN = 3


def failure_of(context: Context, ended: WaitResult) -> ReconcilerError | None:
    """Return the error that the jobs' ends amount to, or None when all succeeded.

    Carries the last log lines of the first failed jobs.
    """
    if ended.timed_out:
        going = [row.address for row in ended.rows if not (row.is_gone or row.status.is_final)]
        return ReconcilerError(
            "Time is over",
            f"Not ended yet: {', '.join(going)}.",
            "The jobs run on; `reconciler wait` waits again.",
        )
    failed = ended.unsuccessful
    if not failed:
        return None
    parts = [_told(row) for row in failed]
    for row in failed[:_SHOWN]:
        parts += _last_lines(context, row)
    return JobFailedError(
        "Training failed" if len(failed) == 1 else f"{len(failed)} trainings failed",
        "\n".join(parts),
        f"`reconciler logs {failed[0].address}` shows the whole log.",
    )


def _told(row: StatusRow) -> str:
    status = "gone from the platform" if row.is_gone else str(row.status)
    return f"{row.address}: {status} (attempt {row.attempt})"


def _last_lines(context: Context, row: StatusRow) -> list[str]:
    """Return the end of a failed job's log; nothing when it cannot be read."""
    if row.is_gone or row.job_id is None:
        return []
    try:
        chunk = context.provider.logs(row.job_id, row.version_id, lines=_LAST_LINES)
    except ReconcilerError:
        return []
    lines = [line for line in clean_log(chunk.text).splitlines() if line.strip()]
    return [f"Last lines of {row.address}:", *(f"  {line}" for line in lines)] if lines else []
