"""What histories are drawn from."""

from hypothesis import strategies as st

from reconciler.model.address import Address
from reconciler.model.job import Lifecycle, Status
from reconciler.planning.guards import Consent
from reconciler.planning.world import Selection
from tests.reliability.chaos import Script
from tests.reliability.machine import CALM
from tests.reliability.secrecy import MARK
from tests.reliability.written import ADDRESSES, NAMES, SWEEPS

POINTS_OF_SWEEPS = [Address("a[lr=0.1]"), Address("b[lr=0.2]")]
ANYWHERE = [*ADDRESSES, *POINTS_OF_SWEEPS]
LIFECYCLES = [
    Lifecycle(),
    Lifecycle(on_failure="retry", max_attempts=2),
    Lifecycle(on_failure="retry", max_attempts=3),
    Lifecycle(on_failure="retry", max_attempts=3, on_missing="recreate"),
    Lifecycle(retain=True),
    Lifecycle(protect=True),
    Lifecycle(on_failure="retry", max_attempts=3, protect=True),
    Lifecycle(on_missing="recreate"),
    Lifecycle(on_missing="error"),
    Lifecycle(ttl_after_finished=0),
    Lifecycle(on_change="new_version"),
    Lifecycle(on_change="keep"),
    Lifecycle(on_change="keep", ttl_after_finished=0),
    Lifecycle(ttl_after_finished=30),
    Lifecycle(on_failure="retry", max_attempts=2, ttl_after_finished=30),
]
EDITS = [
    *(("name", name) for name in NAMES),
    *(("lr", lr) for lr in ("0.1", "0.2", "0.2", "1", "1")),
    *(("description", text) for text in ("", "ours", "new")),
    *(("workers", count) for count in (1, 2, 2)),
    *(("lifecycle", each) for each in LIFECYCLES),
    *(("needs", how) for how in (True, True, True, False)),
    ("drop", None),
    ("drop", None),
    *(("key", address) for address in ADDRESSES),
    *(("moved", address) for address in (*ADDRESSES, *ADDRESSES)),
    *(("let go", keep) for keep in (True, True, False)),
    *((how, sweep) for how in ("sweep", "into") for sweep in SWEEPS),
    *(("shrink", keep) for keep in (None, True, False)),
    *((how, None) for how in ("single", "back", "back")),
    *(("secret", there) for there in (True, True, True, False)),
    *(("code", code) for code in ("1", "1", "2", None)),
]
VALUES = [f"{MARK}4711", f"{MARK}4711", f"{MARK}0815", None]
"""What the variable of the secret holds; None: it is not set."""
KINDS = [
    *("die before", "die after", "torn", "lost before", "lost after", "late"),
    *("refused", "unreachable", "rival", "stop"),
]
ENDS = [Status.SUCCEEDED] * 2 + [Status.FAILED] * 4 + [Status.STOPPED]
STRANGERS = [
    *(("status", status) for status in (*ENDS, Status.RUNNING, Status.UNKNOWN)),
    ("remove", None),
    ("remove", None),
    ("version", "0.1"),
    ("version", "7"),
    ("recreate", None),
    ("recreate", "7"),
    ("describe", "theirs"),
    ("describe", ""),
    ("add", "0.1"),
    ("add", "7"),
]
MOODS = [
    *(("list_lag", lists) for lists in (0, 1, 2)),
    *(("delete_lag", lists) for lists in (0, 1, 3, None)),
    *(("name_hold", seconds) for seconds in (0.0, 5.0, 60.0)),
    *(("refuses", name) for name in NAMES[:4]),
    *(("room", jobs) for jobs in (0, 1, 10_000)),
]
YIELDING = st.sampled_from([True, True, True, False])
WHICH = st.sampled_from([0, 0, 0, 0, 1])
POINTS = st.sampled_from(range(1, 25))
FAULTS: st.SearchStrategy[Script] = st.dictionaries(
    POINTS, st.sampled_from(KINDS), min_size=1, max_size=3
)
SCRIPTS = st.one_of(st.just(CALM), FAULTS, FAULTS)
SELECTIONS = st.sampled_from(
    [Selection()] * 6 + [Selection(("a",)), Selection((), ("b",)), Selection(("a[*]",))]
)
FREELY = Consent(interrupt_running=True)
CONSENTS = st.sampled_from([FREELY] * 4 + [Consent()])
CHANGES = st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(EDITS)), max_size=2)
DEEDS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(STRANGERS)), max_size=2)
