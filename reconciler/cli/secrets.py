"""The keys of an encrypted state: from a file, or a passphrase from the environment."""

import os
from pathlib import Path

from reconciler.backends.sealing import LEAST, Secret
from reconciler.errors import UsageError

_SHORT = 12
"""How many characters a passphrase has at least; a person chose it, and it can be tried out."""


def state_secret(file: str | None, variable: str) -> Secret | None:
    """Return the secret that a file holds or a variable names; None when there is neither.

    Raises `UsageError` for both at once, for a file that cannot be read, and for too little.
    """
    passphrase = os.environ.get(variable)
    if file and passphrase:
        detail = f"{file} and {variable} both give a key of the state."
        raise UsageError("Two keys for the state", detail, "Give one of them.")
    if passphrase:
        if len(passphrase) < _SHORT:
            detail = f"{variable} has fewer than {_SHORT} characters."
            raise UsageError("The passphrase of the state is too short", detail)
        return Secret(passphrase.encode(errors="surrogateescape"), is_passphrase=True)
    if not file:
        return None
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        detail = f"{file}: {error.strerror or error}"
        raise UsageError("The key of the state cannot be read", detail) from error
    if len(data) < LEAST:
        raise UsageError(
            "The key of the state is too short",
            f"{file} has {len(data)} bytes, fewer than {LEAST}.",
            f"Make one: (umask 077; head -c {LEAST} /dev/urandom > FILE)",
        )
    return Secret(data, is_passphrase=False)
