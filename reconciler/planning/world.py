"""What a plan is made from: all that is known, and which addresses are asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from reconciler.model.address import Address, selects
from reconciler.model.definition import Move, Removal
from reconciler.model.job import DesiredJob
from reconciler.model.platform import Listing
from reconciler.model.policy import IgnoreDrift
from reconciler.model.state import State


@dataclass(frozen=True, slots=True)
class Selection:
    """Which addresses a run looks at: those that fit a target (all, if none) and no exclude.

    A sweep's key stands for all its jobs, a job's address for those that it superseded, too.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def __contains__(self, address: Address) -> bool:
        if self.targets and not selects(self.targets, address):
            return False
        return not (self.excludes and selects(self.excludes, address))

    def unknown(self, addresses: Iterable[Address]) -> list[str]:
        """Return the globs that fit none of the addresses: most likely typing errors."""
        known = list(addresses)
        return [
            glob
            for glob in (*self.targets, *self.excludes)
            if not any(selects((glob,), address) for address in known)
        ]


@dataclass(frozen=True, slots=True)
class World:
    """All that a plan is made from.

    `listing` carries the specs that the decision needs; see `engine.refresh`. `recovered` names
    the addresses whose record an interrupted run left open and the listing settled. `destroying`
    says that nothing is desired because everything is to go. `moved` and `removed` are the blocks
    that rename and let go of records. `today` is the day in UTC on which entries of
    `ignored_drift` hold or not, `now` the platform's time (None: no finished job's time is over).
    """

    desired: Mapping[Address, DesiredJob]
    state: State
    listing: Listing
    selection: Selection = Selection()
    adopt: bool = False
    destroying: bool = False
    recovered: tuple[Address, ...] = ()
    ignored_drift: tuple[IgnoreDrift, ...] = ()
    moved: tuple[Move, ...] = ()
    removed: tuple[Removal, ...] = ()
    today: date = date.min
    now: datetime | None = None
