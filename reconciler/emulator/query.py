"""Query parameters, each with its default and range."""

from collections.abc import Callable, Mapping, Sequence

from reconciler.emulator.failures import Failure
from reconciler.emulator.model import Status


class Parameters:
    """Reads one request's query; a value out of range is the Failure that `refuse` makes.

    Unknown parameters are ignored, as gateways do.
    """

    def __init__(self, values: Mapping[str, str], refuse: Callable[[str], Failure]) -> None:
        self._values = values
        self._refuse = refuse

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number between `low` and `high`."""
        text = self._values.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 12):
            raise self._refuse(name)
        if not low <= int(text) <= high:
            raise self._refuse(name)
        return int(text)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of a few words."""
        value = self._values.get(name, default)
        if value not in allowed:
            raise self._refuse(name)
        return value

    def text(self, name: str, default: str, longest: int = 1024) -> str:
        """Any text up to a length."""
        value = self._values.get(name, default)
        if len(value) > longest:
            raise self._refuse(name)
        return value

    def cursor(self, name: str) -> str:
        """A place in a log: digits, or empty for its end."""
        value = self._values.get(name, "")
        if value and not (value.isascii() and value.isdecimal() and len(value) <= 19):
            raise self._refuse(name)
        return value

    def descending(self, default: str) -> bool:
        """Whether `order` asks for falling order."""
        return self.choice("order", ("asc", "desc"), default) == "desc"

    def status(self) -> Status | None:
        """The status to filter by, or None for all."""
        if "status" not in self._values:
            return None
        return Status(self.number("status", 0, 0, 21))
