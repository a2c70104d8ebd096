"""What may reach a terminal, and which secrets may not."""

import re

from reconciler.errors import ReconcilerError
from reconciler.render.messages import render_error

HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters but for line breaks and tabs, text directions, halves of characters."""

PASSWORD = "pass-word-9f2c71e05b8d"
TOKEN = "MIIxT0kEn" + "0123456789abcdefghij" * 40
SECRETS = (PASSWORD, TOKEN)


def check(text: str) -> str:
    """Refuse text that a terminal would obey, that is no UTF-8, or that tells a secret."""
    found = HARMFUL.search(text)
    assert found is None, f"U+{ord(found[0]):04X} is shown: {text[:200]!a}"
    for secret in SECRETS:
        assert secret not in text, "a secret is shown"
    text.encode()
    return text


def check_error(error: ReconcilerError) -> None:
    """Hold a whole error, and whatever it was raised from, to that."""
    check(render_error(error))
    check(render_error(error, color=True).replace("\x1b[1;31m", "").replace("\x1b[0m", ""))
    cause: BaseException | None = error
    while cause is not None:
        for secret in SECRETS:
            assert secret not in f"{cause!r} {cause}", "a secret is in an exception"
        cause = cause.__cause__
