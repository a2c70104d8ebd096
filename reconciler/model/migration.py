"""What moving a stack to another API version comes to."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.address import Address
from reconciler.model.platform import PlatformIdentity


class Fate(StrEnum):
    """What becomes of a record when its stack moves."""

    KEPT = "kept"
    """The run ended well: its record moves along, and it is not run again."""
    DROPPED = "dropped"
    """The run did not end well, or its job is gone: the record is dropped."""


@dataclass(frozen=True, slots=True)
class Moving:
    """One record on its way: `status` is how its run ended, in words."""

    address: Address
    name: str
    job_id: str | None
    fate: Fate
    status: str


@dataclass(frozen=True, slots=True)
class Migration:
    """A stack on its way from one platform identity to another, record by record, by address."""

    stack: str
    source: PlatformIdentity
    target: PlatformIdentity
    records: tuple[Moving, ...] = ()

    def of(self, fate: Fate) -> tuple[Moving, ...]:
        """Return the records of this fate."""
        return tuple(each for each in self.records if each.fate is fate)
