"""Waiting for what happens in other threads and processes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], fits: Callable[[T], bool], wait: float = 60.0) -> T:
    """Look until it fits; fail with the last sight after `wait` seconds."""
    deadline = time.monotonic() + wait
    while not fits(found := look()):
        assert time.monotonic() < deadline, f"still {found!r}"
        time.sleep(0.01)
    return found
