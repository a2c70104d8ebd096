"""Names of jobs beside an older one of the same address: the base, and a mark of what differs."""

import re

_LONGEST = 64
"""Characters of a job name (ModelArts API Reference, "Creating a Training Job")."""
DIGITS = 8
_MARKED = re.compile(rf"(.*)-[0-9a-f]{{{DIGITS}}}", re.DOTALL)


def with_mark(base: str, mark: str) -> str:
    """Return a base name with a mark of `DIGITS` hex digits, cut to what a name may be long."""
    return f"{_stem(base)}-{mark}"


def any_mark(base: str) -> str:
    """Return what stands for every name that a base with a mark makes; it is no name itself."""
    return f"{_stem(base)}-*"


def family(name: str) -> str | None:
    """Return `any_mark` of the bases that a name may be made of, if it ends as marked ones do."""
    found = _MARKED.fullmatch(name)
    return f"{found[1]}-*" if found else None


def _stem(base: str) -> str:
    return base[: _LONGEST - DIGITS - 1]
