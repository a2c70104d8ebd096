"""A mutation: a small textual patch that breaks a promise, and the tests that must see it.

The text is exact, so that a mutation whose code has moved on is told, not skipped.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """In `file`, `old` becomes `new`; one of `tests` must fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
