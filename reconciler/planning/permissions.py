"""What a loop may do unasked: a word for each kind of action, and when even that must wait; pure.

Nobody reads a plan before a loop carries it out. Approved in advance is what the definition says of
jobs that were never there, and what their lifecycle says of those that are; whatever takes away or
repeats what somebody did needs its own word.
"""

from collections.abc import Collection
from enum import StrEnum

from reconciler.model.plan import Action, ActionKind, Reason


class Permission(StrEnum):
    """The words of `watch --allow`."""

    CREATE = "create"
    RETRY = "retry"
    UPDATE = "update"
    EXPIRE = "expire"
    RECREATE = "recreate"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"


USUAL = frozenset({Permission.CREATE, Permission.RETRY, Permission.UPDATE, Permission.EXPIRE})
"""What a loop may do unless told otherwise."""

_RECORDED = frozenset({Permission.RETRY, Permission.EXPIRE})
"""What follows from a definition that was applied before; everything else from the one just read,
and an unlucky look at a half-written file must not pay for a job, let alone delete one."""

_ONLY_SHOWN = frozenset({ActionKind.BLOCKED, ActionKind.NOOP})


def permission_for(action: Action) -> Permission | None:
    """Return the word that an action needs; None for one that is only shown.

    A job that was never there, or whose approved replacement was cut off  create
    a job that somebody took away before it succeeded                     recreate
    a failed job that its lifecycle gives another attempt                 retry
    any other replacement, also of a job that is gone                     replace
    what changes in place                                                 update
    a finished job whose time is over                                     expire
    any other deletion                                                    delete
    a record without its job                                              forget
    """
    retries = action.reason.startswith(Reason.RETRY)
    match action.kind:
        case kind if kind in _ONLY_SHOWN:
            return None
        case ActionKind.CREATE if action.reason in (Reason.NEW, Reason.INTERRUPTED):
            return Permission.CREATE
        case ActionKind.CREATE if action.reason == Reason.VANISHED:
            return Permission.RECREATE
        case ActionKind.CREATE | ActionKind.REPLACE:
            return Permission.RETRY if retries else Permission.REPLACE
        case ActionKind.UPDATE | ActionKind.ADOPT:
            return Permission.UPDATE
        case ActionKind.DELETE if action.reason == Reason.EXPIRED:
            return Permission.EXPIRE
        case ActionKind.DELETE:
            return Permission.DELETE
        case _:
            return Permission.FORGET


def held_back(action: Action, allowed: Collection[Permission], *, settled: bool) -> str:
    """Return why a loop must not carry an action out now; empty when it may.

    `settled` says that the definition was the same at the last look. A job that waits or runs is
    never interrupted: consent to that is a person's to give.
    """
    needed = permission_for(action)
    if needed is None:
        return ""
    if needed not in allowed:
        return f"needs --allow {needed}"
    if action.interrupts:
        return "the job waits or runs"
    if needed not in _RECORDED and not settled:
        return "the definition has changed just now"
    return ""
