"""How the emulated platform behaves where a real one may differ; tests change it."""

from dataclasses import dataclass


@dataclass
class Timing:
    """How slowly the platform behaves, in seconds; `delete_fails` deletions end in failure.

    `name_hold`: a name stays taken after its job left the list. `list_lag`: a new job shows
    up in the list late. `hour`: how long an hour lasts that a job may run.
    """

    delete_delay: float = 0.0
    name_hold: float = 0.0
    list_lag: float = 0.0
    delete_fails: int = 0
    hour: float = 3600.0


@dataclass
class Quirks:
    """Readings of the documents that a real installation may follow instead of the usual ones.

    `record_offset`: a search's offset counts jobs, not pages. `terse_spec`: answers leave out
    what the reference does not list there (`auto_stop`, `notification`).
    """

    record_offset: bool = False
    terse_spec: bool = False
