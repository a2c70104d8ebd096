"""Whether the holder of a lease lives, by what this machine knows."""

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.backends import leases
from reconciler.backends.leases import GONE, is_gone, this_life

HERE = "boot pid:[1] 42 1000"


def test_we_live() -> None:
    assert this_life()
    assert not is_gone(this_life())


def test_a_process_that_ended_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    life = this_life(process.pid)
    assert not is_gone(life)
    process.kill()
    process.wait(30)
    assert process.stdin
    process.stdin.close()

    assert is_gone(life)


@pytest.mark.parametrize(
    ("life", "gone"),
    [
        pytest.param("{boot} {space} {pid} 1", True, id="the number was given to another process"),
        pytest.param("another {space} 1 1", False, id="another boot or machine"),
        pytest.param("{boot} another 1 1", False, id="another container"),
        pytest.param("", False, id="nothing known"),
        pytest.param("nonsense", False, id="nonsense"),
        pytest.param(GONE, True, id="said to be gone"),
    ],
)
def test_only_what_is_certain_counts(life: str, gone: bool) -> None:
    boot, space, pid, _ = this_life().split()

    assert is_gone(life.format(boot=boot, space=space, pid=pid)) is gone


@pytest.mark.parametrize(
    ("life", "gone"),
    [
        pytest.param("", False, id="the holder's machine cannot tell either"),
        pytest.param(HERE, False, id="the holder's machine can"),
        pytest.param(GONE, True, id="said to be gone"),
    ],
)
def test_a_machine_that_cannot_tell_takes_nobody_for_gone(
    life: str, gone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_PROC", tmp_path)

    assert this_life() == ""
    assert is_gone(life) is gone
