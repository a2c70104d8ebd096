"""Process groups of running jobs: recognised by start time, ended as a whole."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
MARK = "MA_EMULATOR_RUN"


def start_mark(pid: int) -> str:
    """A text that tells this process from a later one with the same number; empty if it is gone.

    On Linux the start time in clock ticks since boot, together with the boot's own mark;
    elsewhere what `ps` says.
    """
    try:
        ticks = _stat_fields(pid)[19]
        return f"{ticks}@{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()}"
    except (OSError, IndexError):
        return "" if _PROC.joinpath("self").exists() else _ask_ps(pid)


def end_group(leader: int, sign: signal.Signals) -> None:
    """Send a signal to a whole process group; one that is gone is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, sign)


def end_leftovers(leader: int, mark: str, run: str) -> bool:
    """Kill what a dead server left of one worker, and nothing else.

    `mark` is the leader's start mark as recorded; when the leader itself is gone, members of
    its session are known by `run`, the text they carry in their environment. Returns whether
    anything was killed.
    """
    if mark and start_mark(leader) == mark:
        end_group(leader, signal.SIGKILL)
        return True
    orphans = [pid for pid in _session(leader) if _carries(pid, run)]
    for pid in orphans:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return bool(orphans)


def _session(leader: int) -> list[int]:
    pids = [int(path.name) for path in _PROC.glob("[0-9]*")]
    return [pid for pid in pids if _session_of(pid) == leader]


def _session_of(pid: int) -> int:
    try:
        return int(_stat_fields(pid)[3])
    except (OSError, IndexError, ValueError):
        return 0


def _stat_fields(pid: int) -> list[str]:
    text = (_PROC / str(pid) / "stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def _carries(pid: int, run: str) -> bool:
    try:
        return f"{MARK}={run}".encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _ask_ps(pid: int) -> str:
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
