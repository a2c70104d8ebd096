"""How often, and after which waits, a request may be sent again; pure."""

from dataclasses import dataclass

from reconciler.providers.exchange import Effect, Kind


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on asking. All times are in seconds.

    `attempts` bounds requests whose answer was lost, `connects` those that found no connection,
    `total` the time since the first attempt of either, `throttled` that of requests which the
    platform turns away because they are too many. Waits double from `first` to `longest`, less
    a random part, and are never shorter than the platform asks for.
    """

    attempts: int = 5
    connects: int = 4
    total: float = 120.0
    throttled: float = 600.0
    first: float = 0.5
    longest: float = 20.0

    def allows(self, kind: Kind, effect: Effect, failures: int, elapsed: float) -> bool:
        """Tell whether a request that failed this often, in this way, may be sent again."""
        match kind:
            case Kind.THROTTLED:
                return elapsed < self.throttled
            case Kind.UNSENT:
                return failures < self.connects and elapsed < self.total
            case Kind.LOST:
                may_repeat = effect is not Effect.ONCE
                return may_repeat and failures < self.attempts and elapsed < self.total
            case _:
                return False

    def wait(self, failures: int, asked: float | None, chance: float) -> float:
        """Return how long to wait before the next attempt; `chance` is between 0 and 1."""
        ceiling = min(self.longest, self.first * 2.0 ** min(failures - 1, 16))
        backoff = ceiling * (0.5 + chance / 2)
        return backoff if asked is None else asked + backoff * 0.1
