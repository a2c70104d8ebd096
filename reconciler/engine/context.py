"""What every operation of the engine needs: the ports, the clock, and a way to tell."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reconciler.backends.base import Backend
from reconciler.engine.clock import Clock, SystemClock
from reconciler.errors import InterruptedRunError
from reconciler.model.events import Event
from reconciler.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the engine waits for the platform, in seconds.

    `grace` is how long a job that was created may take to appear in the list; `name_hold` how
    long a name may stay taken after its job left the list; `delete_timeout` how long an accepted
    deletion may take. Polls start at `poll_first` and grow by half up to `poll_most`.
    """

    grace: float = 10.0
    name_hold: float = 120.0
    delete_timeout: float = 600.0
    poll_first: float = 0.2
    poll_most: float = 10.0


@dataclass(frozen=True, slots=True)
class Context:
    """The ports that the command chose, and the limits that the user set.

    `stop` is set by the first Ctrl-C: nothing new is begun, what is in flight is finished.
    `environment` is where the values of secrets are.
    """

    provider: Provider
    backend: Backend
    command: str
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock | None = None
    emit: Callable[[Event], None] = lambda _: None
    parallelism: int = 10
    full_refresh: bool = False
    lock_timeout: float = 0.0
    timing: Timing = field(default_factory=Timing)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def time(self) -> Clock:
        """The clock that this run goes by."""
        return self.clock or SystemClock(self.stop)

    def check_stop(self) -> None:
        """Raise `InterruptedRunError` when the user stopped the run."""
        if self.stop.is_set():
            raise InterruptedRunError("Interrupted", "Nothing was changed.")
