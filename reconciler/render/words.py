"""How kinds, reasons and drift are called when people read of them."""

from reconciler.model.plan import Action, ActionKind, DriftKind, Reason, Summary
from reconciler.render.text import clean, listed

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

_REASONS = {
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
    "dependency_replaced": "a job that it depends on is replaced",
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
        return f"waits for {listed(action.depends_on, 5)}"
    word, _, count = action.reason.partition(" ")
    known = _REASONS.get(word)
    if known is None:
        return clean(action.reason.replace("_", " "))
    return f"{known} {clean(count)}" if count else known


def drift_words(kind: DriftKind) -> str:
    """Return what happened to a job behind our back."""
    return _DRIFT[kind]


def to_do(summary: Summary) -> str:
    """Return the counts of what apply would do, `2 to create, 1 to delete`; empty for nothing."""
    parts = [
        f"{number:,} to {verb}"
        for verb in ("create", "replace", "update", "delete", "adopt", "forget")
        if (number := getattr(summary, verb))
    ]
    return ", ".join(parts)
