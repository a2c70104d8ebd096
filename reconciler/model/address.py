"""Addresses: a job's name in the definition, `train` or `resnet[batch_size=32,lr=0.1]`."""

import re
from collections.abc import Iterable, Mapping
from typing import NewType
from urllib.parse import unquote

Address = NewType("Address", str)

_ASIDE = re.compile(r"(?<=[\]\w-])@[^\]@]*\Z")
"""The end of a superseded job's address: `@` and its id, behind a key or closed brackets."""

JOB_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A job name that the platform accepts (ModelArts API Reference, "Creating a Training Job")."""

_AMBIGUOUS = re.compile(r"[\s,=\[\]*?%]")


def matches(address: str, globs: Iterable[str]) -> bool:
    """Tell whether an address fits one of the globs.

    `*` stands for any run of characters and `?` for one; brackets are literal, since sweeps
    write their values between them (`resnet[*]` is the whole sweep).
    """
    return any(_compiled(glob).fullmatch(address) for glob in globs)


def _compiled(glob: str) -> re.Pattern[str]:
    pattern = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in glob)
    return re.compile(pattern, re.DOTALL)


def kept_aside(address: Address, job_id: str) -> Address:
    """Return where the record of a job goes that another one of its address superseded.

    No key and no sweep has an `@` before its brackets, so it collides with no user's address.
    """
    return Address(f"{owner_of(address)}@{job_id}")


def owner_of(address: Address) -> Address:
    """Return the address that a superseded job was recorded at: `train` for `train@567524`."""
    return Address(address[: -len(found[0])]) if (found := _ASIDE.search(address)) else address


def is_aside(address: Address) -> bool:
    """Tell whether an address is that of a superseded job, which no definition can write."""
    return _ASIDE.search(address) is not None


def selects(globs: Iterable[str], address: Address) -> bool:
    """Tell whether globs choose an address: itself, its whole sweep, or the job it was of."""
    chosen, owner = tuple(globs), owner_of(address)
    names = {address, owner, sweep_of(owner) or owner}
    return any(matches(name, chosen) for name in names)


def sweep_of(address: Address) -> str | None:
    """Return the key of the sweep that an address belongs to: `resnet` for `resnet[lr=0.1]`."""
    key, bracket, _ = address.partition("[")
    return key if bracket else None


def sweep_of_all(addresses: Iterable[Address]) -> str | None:
    """Return the key of the one sweep that all addresses belong to, or None."""
    keys = {sweep_of(address) if sweep_values(address) else None for address in addresses}
    return keys.pop() if len(keys) == 1 else None


def sweep_values(address: Address) -> dict[str, str]:
    """Return the values that tell a sweep's job from the others: `{"lr": "0.1"}`, by name."""
    inside = address.partition("[")[2].removesuffix("]")
    pairs = (part.partition("=") for part in inside.split(","))
    return {name: unquote(value) for name, equals, value in pairs if equals}


def sweep_address(key: str, values: Mapping[str, str]) -> Address:
    """Return the address of one job of a sweep, `resnet[batch_size=32,lr=0.1]`.

    The values stand sorted by their keys. What would make two addresses alike, or one look like a
    glob, is percent-encoded: `, = [ ] * ? %` and white space.
    """
    written = (f"{name}={_AMBIGUOUS.sub(_encoded, values[name])}" for name in sorted(values))
    return Address(f"{key}[{','.join(written)}]")


def with_sorted_values(text: str) -> Address:
    """Return the address that a text means, whatever order it names the swept values in."""
    key, bracket, values = text.partition("[")
    if not bracket or not values.endswith("]"):
        return Address(text)
    return Address(f"{key}[{','.join(sorted(values[:-1].split(',')))}]")


def _encoded(char: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in char[0].encode())
