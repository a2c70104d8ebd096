"""What the user set on the command line or in the environment, for all commands alike."""

from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """The common options; every command reads those that it offers."""

    files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    profile: str | None = None
    state: str | None = None
    state_key: str | None = None
    old_state_key: str | None = None
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    parallelism: int = 10
    refresh: str = "fast"
    lock_timeout: float = 0.0
    delete_timeout: float = 600.0
    reports: tuple[str, ...] = ()
    json: bool = False
    no_color: bool = False
    quiet: bool = False
    verbose: int = 0
    interrupt_running: bool = False
    allow_mass_delete: bool = False
    adopt: bool = False
