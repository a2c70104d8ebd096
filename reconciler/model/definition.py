"""A whole definition, read and resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.diagnostics import Location
from reconciler.model.address import Address
from reconciler.model.base import Model
from reconciler.model.job import DesiredJob
from reconciler.model.platform import PlatformSettings
from reconciler.model.policy import IgnoreDrift, Policies


class SourceFile(Model):
    """A file that the definition was read from; `sha256` is the hex digest of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Move:
    """A `moved` block: the record at one address belongs to another one now."""

    source: Address
    target: Address
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """A `removed` block: the job at this address is no longer ours.

    With `keep` its record is forgotten and the job stays, even a protected one; otherwise the job
    is deleted as if its block had just been taken out.
    """

    address: Address
    keep: bool = True
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """Which jobs should exist, and where. `jobs` is in the order of the files.

    `moved` and `removed` are the blocks that rename and forget records without touching jobs.

    `policies` is what the definition demands of its plans, `ignored_drift` what drift it knows of.
    """

    stack: str
    platform: PlatformSettings
    jobs: Mapping[Address, DesiredJob] = field(default_factory=dict)
    sources: tuple[SourceFile, ...] = ()
    policies: Policies = field(default_factory=Policies)
    ignored_drift: tuple[IgnoreDrift, ...] = ()
    moved: tuple[Move, ...] = ()
    removed: tuple[Removal, ...] = ()
