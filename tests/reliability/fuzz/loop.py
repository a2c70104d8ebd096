"""The loop: make an input from a seed and a number, check it within its time, keep what fails."""

import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from types import FrameType
from typing import Protocol

from tests.reliability.fuzz.mutate import Mutator

PATIENCE = 20.0
"""Seconds that one input may take on a busy machine."""
_MINIMISING = 400


class Target(Protocol):
    """Something that reads what others wrote."""

    @property
    def name(self) -> str:
        """What it reads."""
        ...

    @property
    def words(self) -> tuple[bytes, ...]:
        """What is put into its inputs beyond what all get."""
        ...

    def make(self, mutator: Mutator) -> bytes:
        """Return a spoiled input."""
        ...

    def check(self, data: bytes) -> None:
        """Read it; anything raised here is a finding."""
        ...


class HangError(BaseException):
    """An input took longer than its time."""


@dataclass(frozen=True)
class Finding:
    """An input that did what none may do; `number` and the seed make it again."""

    target: str
    number: int
    why: str
    where: str
    data: bytes
    is_hang: bool = False

    @property
    def kind(self) -> tuple[str, str, str]:
        return self.target, self.why.partition(":")[0], self.where


@dataclass
class Tally:
    """How many inputs were read, and the first finding of each kind."""

    inputs: int = 0
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)
    repeats: int = 0

    def add(self, finding: Finding | None) -> None:
        self.inputs += 1
        if finding is None:
            return
        if finding.kind in self.findings:
            self.repeats += 1
        else:
            self.findings[finding.kind] = finding


def fuzz(target: Target, numbers: range, seed: str, tally: Tally) -> None:
    """Check the inputs of these numbers."""
    for number in numbers:
        data = make(target, number, seed)
        finding = judge(target, number, data)
        if finding and finding.kind not in tally.findings:
            finding = minimised(target, finding)
        tally.add(finding)


def make(target: Target, number: int, seed: str) -> bytes:
    """Return the input of a number; always the same for the same seed."""
    random = Random(f"{seed}:{target.name}:{number}")
    return target.make(Mutator(random, target.words))


def judge(target: Target, number: int, data: bytes, seconds: float = PATIENCE) -> Finding | None:
    """Check one input; return what is wrong, if something is."""
    try:
        with in_time(seconds):
            target.check(data)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as failure:  # noqa: BLE001 - whatever it is, it is a finding
        why = f"{type(failure).__name__}: {ascii(str(failure))[1:300]}"
        where = place_of(failure)
        return Finding(target.name, number, why, where, data, isinstance(failure, HangError))
    return None


def place_of(failure: BaseException) -> str:
    """Return the innermost line of ours that the failure went through."""
    frames = traceback.extract_tb(failure.__traceback__)
    ours = [each for each in frames if "/reconciler/" in each.filename]
    last = (ours or frames)[-1]
    return f"{last.filename.rpartition('/reconciler/')[2]}:{last.lineno} {last.name}"


def minimised(target: Target, finding: Finding) -> Finding:
    """Take away what the finding does not need, within a bounded number of runs."""
    best, size, runs = finding, max(len(finding.data) // 2, 1), 0
    while size >= 1 and runs < _MINIMISING and not finding.is_hang:
        at = 0
        while at < len(best.data) and runs < _MINIMISING:
            runs += 1
            smaller = best.data[:at] + best.data[at + size :]
            found = judge(target, finding.number, smaller)
            if found and found.kind == finding.kind:
                best = found
            else:
                at += size
        size //= 2
    return best


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Raise `HangError` in the block when it takes longer."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise HangError


def watch() -> None:
    """Take the alarm clock of this process for `in_time`."""
    signal.signal(signal.SIGALRM, _ring)


def report(finding: Finding, seed: str, tell: Callable[[str], object] = sys.stdout.write) -> None:
    """Tell a finding, with what makes it again."""
    tell(
        f"FOUND {finding.target} --seed {seed} --number {finding.number}: {finding.why}\n"
        f"  at {finding.where}\n  {ascii(finding.data[:2000])[2:-1]}\n"
    )
