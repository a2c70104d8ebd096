"""Encryption at our side: what a store keeps is then unreadable to whoever keeps the store.

    {"sealed":1,"key":"8d1f…","salt":"…","data":"…"}

One line of JSON for each snapshot and for each segment of a journal. The key is derived with the
salt, from a passphrase by scrypt or from a key file by HKDF; `key` tells which key it is without
giving it away. `data` is the nonce and the text under AES-256-GCM, which also covers the stack
and whether it is a snapshot or a journal. The ciphers themselves are in `ciphers.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from reconciler.errors import StateError, UsageError

Kind = Literal["snapshot", "journal"]

MARK = b'{"sealed":1,'
"""How everything begins that is sealed, and nothing else."""

LEAST = 32
"""How many bytes a key file holds at least."""

HINT = "Give the key: --state-key FILE, or RECONCILER_STATE_PASSPHRASE."


@dataclass(frozen=True, slots=True)
class Secret:
    """What a key is derived from: a passphrase, or the contents of a key file."""

    data: bytes
    is_passphrase: bool

    def __repr__(self) -> str:
        """Give nothing away."""
        return "Secret(…)"


class Seal(Protocol):
    """Seals and opens what a store keeps of one stack."""

    def seal(self, data: bytes, kind: Kind) -> bytes:
        """Return what is to be stored: one line, or the data itself when there is no key."""
        ...

    def open(self, data: bytes, kind: Kind, where: str) -> bytes:
        """Return the data again; `where` names the place in messages.

        Raises `StateError` when the key is missing or another one, or when data is not sealed
        although it must be, and `StateDamagedError` when it was changed.
        """
        ...


class NoSeal:
    """Stores everything as it is."""

    def seal(self, data: bytes, kind: Kind) -> bytes:  # noqa: ARG002
        """Return the data."""
        return data

    def open(self, data: bytes, kind: Kind, where: str) -> bytes:  # noqa: ARG002
        """Return the data; `StateError` when it is sealed."""
        if data.startswith(MARK):
            raise StateError("The state is encrypted", where, HINT)
        return data


def make_seal(
    stack: str,
    current: Secret | None,
    others: Sequence[Secret] = (),
    *,
    may_be_open: bool = False,
) -> Seal:
    """Return the seal that writes with one key (None: with none) and reads with the others too.

    With a key, what is not sealed is refused unless it `may_be_open`: else whoever can write to
    the store could put a state of their own there. Raises `UsageError` when the library is not
    installed.
    """
    if current is None and not others:
        return NoSeal()
    try:
        from reconciler.backends.ciphers import Ciphers
    except ImportError as error:
        raise UsageError(
            "Encryption takes a library that is not installed",
            "",
            "Install it: pip install 'reconciler[encryption]'",
        ) from error
    return Ciphers(stack, current, others, may_be_open=may_be_open or current is None)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file of lines as it was before they were sealed.

    `ends` are pairs of positions, in the file and in `data`, at which its lines end. A writer
    cannot have left less than `least` bytes of `data`: up to there every line was whole.
    """

    data: bytes
    ends: tuple[tuple[int, int], ...]
    least: int


def opened_lines(data: bytes, seal: Seal, where: str) -> Opened:
    """Open a file of sealed lines and others.

    A last line that is not whole is what a crash leaves of a sealed one; it is dropped.
    """
    is_open = isinstance(seal, NoSeal)
    opened, ends = [], [(0, 0)]
    at = size = least = 0
    for line in data.rstrip(b"\0").splitlines(keepends=True):
        is_sealed = line.startswith(MARK)
        if not line.endswith(b"\n") and (is_sealed or not is_open):
            break
        plain = seal.open(line, "journal", where)
        opened.append(plain)
        at, size = at + len(line), size + len(plain)
        least = size if is_sealed else least
        ends.append((at, size))
    return Opened(b"".join(opened), tuple(ends), least)
