"""Guards: what refuses a whole apply before anything is changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.diagnostics import Diagnostic, error
from reconciler.model.plan import Action, ActionKind, Reason
from reconciler.model.platform import PlatformIdentity
from reconciler.model.state import State

MASS_DELETE_SHARE = 0.3
"""More than this share of the recorded jobs is a mass delete …"""
MASS_DELETE_FLOOR = 10
"""… when at least so many are recorded."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user allowed on the command line."""

    interrupt_running: bool = False
    mass_delete: bool = False


def check_guards(
    actions: Sequence[Action], state: State, consent: Consent = Consent()
) -> tuple[Diagnostic, ...]:
    """Return an error for every action that a guard holds back, each with its way out."""
    return (
        *_protected(actions, state),
        *(() if consent.interrupt_running else _interrupting(actions)),
        *(() if consent.mass_delete else _mass_delete(actions, state)),
    )


def check_identity(state: State, actual: PlatformIdentity) -> Diagnostic | None:
    """Return an error when the state belongs to another platform, project or workspace."""
    if state.platform is None or state.platform == actual:
        return None
    way_out = "Use the credentials and the `platform` block of the first, or another `stack` name."
    if state.platform.model_copy(update={"api": actual.api}) == actual:
        way_out = (
            f"Move the stack with `reconciler migrate --to {actual.api}`, or write "
            f"`api: {state.platform.api}` again."
        )
    return error(
        "State belongs to another platform",
        f'The state "{state.stack}" records jobs of\n  {state.platform}\n'
        f"but the definition and credentials lead to\n  {actual}",
        way_out,
        code="identity",
    )


def _destroys(actions: Iterable[Action]) -> Iterable[Action]:
    return (a for a in actions if a.kind in (ActionKind.DELETE, ActionKind.REPLACE))


def _protected(actions: Sequence[Action], state: State) -> Iterable[Diagnostic]:
    for action in _destroys(actions):
        record = state.records.get(action.address)
        if (record and record.protect) or (action.result and action.result.protect):
            yield error(
                "Job is protected",
                f'Job "{action.address}" would be {_PAST[action.kind]} ({_why(action)}), '
                "but it is protected.",
                "Apply `lifecycle: {protect: false}` for it first, and then this change; or forget "
                f"the job, which stays as it is, with `reconciler state rm {action.address}`.",
                address=action.address,
                location=action.location,
                code="protect",
            )


def _interrupting(actions: Sequence[Action]) -> Iterable[Diagnostic]:
    for action in _destroys(actions):
        if action.interrupts:
            yield error(
                "Job is pending or running",
                f'Job "{action.address}" would be {_PAST[action.kind]} ({_why(action)}), '
                f"but it has been under way for {_duration(action.running_ms)}.",
                "Wait for its end with `reconciler wait`, or allow it with `--interrupt-running`.",
                address=action.address,
                location=action.location,
                code="interrupt",
            )


def _mass_delete(actions: Sequence[Action], state: State) -> Iterable[Diagnostic]:
    deleted = [
        action.address
        for action in actions
        if action.kind is ActionKind.DELETE and action.reason != Reason.EXPIRED
    ]
    recorded = len(state.records)
    if recorded < MASS_DELETE_FLOOR or len(deleted) <= recorded * MASS_DELETE_SHARE:
        return
    named = ", ".join(deleted[:10]) + (", …" if len(deleted) > 10 else "")
    yield error(
        "Too many deletes at once",
        f"{len(deleted)} of {recorded} recorded jobs would be deleted: {named}.",
        "Check that the definition is complete; if it is meant, allow it with "
        "`--allow-mass-delete`.",
        code="mass_delete",
    )


_PAST = {ActionKind.DELETE: "deleted", ActionKind.REPLACE: "replaced"}


def _why(action: Action) -> str:
    return action.reason.replace("_", " ")


def _duration(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "an unknown time"
    seconds = milliseconds // 1000
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
