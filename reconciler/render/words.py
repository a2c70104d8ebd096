"""How kinds, reasons and drift are called when people read of them."""

from reconciler.model.plan import (
    Action,
    ActionKind,
    DriftKind,
    Estimate,
    KnownDrift,
    Reason,
    Summary,
)
from reconciler.render.text import clean, counted, listed

SYMBOLS = {
    ActionKind.CREATE: "+",
    ActionKind.REPLACE: "-/+",
    ActionKind.UPDATE: "~",
    ActionKind.DELETE: "-",
    ActionKind.ADOPT: "<-",
    ActionKind.FORGET: "x",
    ActionKind.NOOP: "=",
    ActionKind.BLOCKED: "...",
}

ORDER = (
    ActionKind.REPLACE,
    ActionKind.DELETE,
    ActionKind.CREATE,
    ActionKind.UPDATE,
    ActionKind.ADOPT,
    ActionKind.FORGET,
    ActionKind.BLOCKED,
)
"""In which order documents tell the kinds: first what destroys."""

PAST = {
    ActionKind.CREATE: "created",
    ActionKind.REPLACE: "replaced",
    ActionKind.UPDATE: "updated",
    ActionKind.DELETE: "deleted",
    ActionKind.ADOPT: "adopted",
    ActionKind.FORGET: "forgotten",
    ActionKind.NOOP: "unchanged",
    ActionKind.BLOCKED: "blocked",
}

DRIFT_SYMBOLS = {DriftKind.CHANGED: "~", DriftKind.REPLACED: "-/+", DriftKind.VANISHED: "-"}

_REASONS: dict[str, str] = {
    Reason.NEW: "new",
    Reason.DEFINITION_CHANGED: "definition changed",
    Reason.DRIFTED: "drifted: someone changed it on the platform",
    Reason.RETRY: "failed: retry",
    Reason.VANISHED: "vanished: it is gone from the platform",
    Reason.FINISHED: "finished",
    Reason.INTERRUPTED: "an interrupted run left it half replaced",
    Reason.REMOVED: "no longer in the definition",
    Reason.DESTROYED: "destroyed as asked",
    Reason.RETAINED: "no longer in the definition; the job is retained",
    Reason.GONE: "no longer in the definition; the job is gone already",
    Reason.ADOPTED: "exists already, configured as defined",
    Reason.NAME_TAKEN: "another job bears the name",
    Reason.UNCHANGED: "as defined",
    Reason.CODE_CHANGED: "training code changed",
    Reason.DEPENDENCY_REPLACED: "a job that it depends on ran again",
    Reason.WAITS: "waits for other jobs",
    Reason.EXPIRED: "finished, and its time to be kept is over",
    Reason.SUPERSEDED: "superseded by a newer job",
}

_STRATEGIES = {
    "new_version": "as a new version of the job",
    "keep": "beside the old job, which stays",
}

_DRIFT = {
    DriftKind.CHANGED: "changed on the platform",
    DriftKind.REPLACED: "replaced by another job or version",
    DriftKind.VANISHED: "deleted on the platform",
}


def reason_words(action: Action) -> str:
    """Return why an action is planned, as a person would say it.

    A count behind the reason stays (`retry 2/3`); a reason that has no words yet is shown as it
    is, so that a plan of a later version can still be read.
    """
    itself = (Reason.NAME_TAKEN, Reason.VANISHED)
    if action.kind is ActionKind.BLOCKED and action.depends_on and action.reason not in itself:
        again = action.reason == Reason.DEPENDENCY_REPLACED
        before = "to be run again; " if again else ""
        return f"{before}waits for {listed(action.depends_on, 5)}"
    words = _why(action)
    how = _STRATEGIES.get(action.strategy)
    return f"{words}; {how}" if how else words


def _why(action: Action) -> str:
    word, _, count = action.reason.partition(" ")
    known = _REASONS.get(word)
    if known is None:
        return clean(action.reason.replace("_", " "))
    return f"{known} {clean(count)}" if count else known


def summary_words(summary: Summary, moved: int = 0) -> str:
    """Return what a plan comes to, in a sentence; `moved` records get another address."""
    doing, defined = to_do(summary, moved), counted(summary.noop, "job")
    blocked = f", {summary.blocked:,} blocked" if summary.blocked else ""
    if doing:
        return f"Plan: {doing}{blocked}. {summary.noop:,} unchanged."
    if blocked:
        return f"Nothing to do now: {summary.blocked:,} blocked, {defined} as defined."
    if summary.noop:
        return f"Nothing to do. {defined} as defined."
    return "Nothing to do. No jobs are defined."


def drift_summary_words(number: int) -> str:
    """Return what was found out about drift, in a sentence."""
    if not number:
        return "No drift: every recorded job is as it was left."
    return f"Drift: {counted(number, 'job')} changed outside of reconciler."


def known_drift_words(number: int, *, is_listed: bool) -> str:
    """Return how much drift is ignored since the definition knows of it; empty for none."""
    if not number:
        return ""
    how = "" if is_listed else " (-v lists it)"
    return f"Known drift ignored: {counted(number, 'entry', 'entries')}{how}."


def ignored_words(drift: KnownDrift) -> str:
    """Return why drift is ignored, and for how long."""
    until = f" (until {drift.until})" if drift.until else ""
    return f"ignored: {clean(drift.ignored_because)}{until}"


def estimate_words(estimate: Estimate | None) -> str:
    """Return what the plan costs; empty when it starts nothing, or there are no prices."""
    if estimate is None or not (estimate.cost or estimate.unknown):
        return ""
    unit = f" {clean(estimate.currency)}" if estimate.currency else ""
    known = f"Estimated cost: {estimate.cost:,.2f}{unit}"
    if not estimate.unknown:
        return f"{known}."
    number = counted(len(estimate.unknown), "job")
    return f"{known}, and more for {number} of unknown cost: {listed(estimate.unknown, 5)}."


def drift_words(kind: DriftKind) -> str:
    """Return what happened to a job behind our back."""
    return _DRIFT[kind]


def to_do(summary: Summary, moved: int = 0) -> str:
    """Return the counts of what apply would do, `2 to create, 1 to delete`; empty for nothing."""
    parts = [
        f"{number:,} to {verb}"
        for verb in ("create", "replace", "update", "delete", "adopt", "forget")
        if (number := getattr(summary, verb))
    ]
    return ", ".join([*parts, *([f"{moved:,} to move"] if moved else [])])
