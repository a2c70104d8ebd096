"""Query parameters of v1, each with its default and range."""

from collections.abc import Mapping, Sequence

from reconciler.emulator.model import Status
from reconciler.emulator.v1_errors import Failure


class Parameters:
    """Reads one request's query; a value out of range is a Failure (`ModelArts.0107`).

    Unknown parameters are ignored, as gateways do.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number between `low` and `high`."""
        text = self._values.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 12):
            raise _invalid(name)
        if not low <= int(text) <= high:
            raise _invalid(name)
        return int(text)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of a few words."""
        value = self._values.get(name, default)
        if value not in allowed:
            raise _invalid(name)
        return value

    def text(self, name: str, default: str, longest: int = 1024) -> str:
        """Any text up to a length."""
        value = self._values.get(name, default)
        if len(value) > longest:
            raise _invalid(name)
        return value

    def cursor(self, name: str) -> str:
        """A place in a log: digits, or empty for its end."""
        value = self._values.get(name, "")
        if value and not (value.isascii() and value.isdecimal() and len(value) <= 19):
            raise _invalid(name)
        return value

    def descending(self, default: str) -> bool:
        """Whether `order` asks for falling order."""
        return self.choice("order", ("asc", "desc"), default) == "desc"

    def status(self) -> Status | None:
        """The status to filter by, or None for all."""
        if "status" not in self._values:
            return None
        return Status(self.number("status", 0, 0, 21))


def _invalid(name: str) -> Failure:
    return Failure(400, "ModelArts.0107", f"Invalid parameter value: {name}.")
