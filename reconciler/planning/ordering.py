"""In which order the actions of a plan may begin."""

from collections import deque
from collections.abc import Iterable, Sequence

from reconciler.model.address import Address
from reconciler.model.plan import Action, ActionKind
from reconciler.model.platform import Quota

_FREES_A_PLACE = (ActionKind.DELETE, ActionKind.REPLACE)


def must_clear_first(actions: Iterable[Action], quota: Quota | None) -> bool:
    """Tell whether the creates fit into the quota only once the deletes have made room."""
    creates = sum(action.kind is ActionKind.CREATE for action in actions)
    return quota is not None and creates > quota.left


class Schedule:
    """Hands out the actions that may begin, and learns how each ended.

    An action waits for the actions that it depends on; with `clear_first`, creates wait until
    every delete and replacement has ended. Each call costs as much as it changes.
    """

    def __init__(self, actions: Sequence[Action], *, clear_first: bool = False) -> None:
        """Take the actions in the order in which they should begin when nothing hinders."""
        known = {action.address for action in actions}
        self._open = {action.address: action for action in actions}
        self._unmet = {
            action.address: sum(address in known for address in action.depends_on)
            for action in actions
        }
        self._dependents: dict[Address, list[Action]] = {}
        for action in actions:
            for address in action.depends_on:
                self._dependents.setdefault(address, []).append(action)
        self._clearing = sum(a.kind in _FREES_A_PLACE for a in actions) if clear_first else 0
        self._held: list[Action] = []
        self._ready: deque[Action] = deque()
        for action in actions:
            if self._unmet[action.address] == 0:
                self._admit(action)

    def take(self) -> Action | None:
        """Return an action that may begin now, if there is one."""
        return self._ready.popleft() if self._ready else None

    def finish(self, action: Action, *, done: bool) -> list[Action]:
        """Note how an action ended; return those that can never begin because of it."""
        self._open.pop(action.address, None)
        if self._clearing and action.kind in _FREES_A_PLACE:
            self._clearing -= 1
            if not self._clearing:
                self._ready += self._held
                self._held = []
        if not done:
            return self._drop_dependents(action)
        for dependent in self._dependents.get(action.address, ()):
            self._unmet[dependent.address] -= 1
            if self._unmet[dependent.address] == 0 and dependent.address in self._open:
                self._admit(dependent)
        return []

    def rest(self) -> list[Action]:
        """Return the actions that have not ended, in their order."""
        return list(self._open.values())

    def _admit(self, action: Action) -> None:
        if self._clearing and action.kind is ActionKind.CREATE:
            self._held.append(action)
        else:
            self._ready.append(action)

    def _drop_dependents(self, action: Action) -> list[Action]:
        dropped = []
        waiting = list(self._dependents.get(action.address, ()))
        while waiting:
            dependent = waiting.pop()
            if self._open.pop(dependent.address, None):
                dropped.append(dependent)
                waiting += self._dependents.get(dependent.address, ())
                if self._clearing and dependent.kind in _FREES_A_PLACE:
                    self._clearing -= 1
        if not self._clearing and self._held:
            self._ready += self._held
            self._held = []
        return dropped
