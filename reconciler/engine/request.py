"""What the user wants planned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from reconciler.model.address import Address
from reconciler.model.definition import Move, Removal, SourceFile
from reconciler.model.job import DesiredJob
from reconciler.model.plan import Action, PlanPlatform
from reconciler.model.policy import IgnoreDrift, Policies
from reconciler.planning.guards import Consent
from reconciler.planning.world import Selection


@dataclass(frozen=True, slots=True)
class Request:
    """What the user wants planned.

    `desired` is empty when `destroying`. `moved` and `removed` are the blocks that rename and let
    go of records. `retries_only` keeps nothing but the retries that the definition's lifecycle
    already approved, and of `going_on`, the actions that an approved plan showed as waiting, those
    that can be carried out now; `permits` keeps nothing but what it says yes to. `policies` judge
    the plan, and `labels` are those of all defined jobs, which policies speak of. `today` is a day
    in UTC.
    """

    stack: str
    platform: PlanPlatform
    desired: Mapping[Address, DesiredJob] = field(default_factory=dict)
    sources: tuple[SourceFile, ...] = ()
    selection: Selection = field(default_factory=Selection)
    consent: Consent = field(default_factory=Consent)
    adopt: bool = False
    destroying: bool = False
    moved: tuple[Move, ...] = ()
    removed: tuple[Removal, ...] = ()
    retries_only: bool = False
    going_on: Mapping[Address, Action] = field(default_factory=dict)
    permits: Callable[[Action], bool] = lambda _: True
    options: str = ""
    command: str = "plan"
    policies: Policies = field(default_factory=Policies)
    labels: Mapping[Address, Mapping[str, str]] = field(default_factory=dict)
    ignored_drift: tuple[IgnoreDrift, ...] = ()
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
