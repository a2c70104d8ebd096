"""Jobs' logs: pieces as they come, shown as whole lines that say whose they are."""

import json
from collections.abc import Sequence

from reconciler.model.address import Address
from reconciler.render.text import Style, clean, clean_log, display_width, pad

_INKS = ("running", "succeeded", "update", "replace", "adopt", "pending")


class LogLines:
    """Turns pieces of several logs into lines; what ends within a line waits for its rest."""

    def __init__(
        self, addresses: Sequence[Address], *, as_json: bool = False, color: bool = False
    ) -> None:
        """Take whose logs they are: lines of more than one begin with the address."""
        self._style = Style(color)
        self._many = len(addresses) > 1
        self._width = max((display_width(clean(each)) for each in addresses), default=0)
        self._inks = {each: _INKS[i % len(_INKS)] for i, each in enumerate(addresses)}
        self._as_json = as_json
        self._waiting: dict[Address, str] = {}

    def add(self, address: Address, text: str) -> str:
        """Return the whole lines that a piece of a log completes."""
        whole, end, rest = (self._waiting.pop(address, "") + text).rpartition("\n")
        if rest:
            self._waiting[address] = rest
        return self._shown(address, whole + end) if end else ""

    def rest(self) -> str:
        """Return what never came to the end of its line."""
        waiting, self._waiting = self._waiting, {}
        return "".join(self._shown(address, text) for address, text in waiting.items())

    def _shown(self, address: Address, text: str) -> str:
        lines = clean_log(text).removesuffix("\n").split("\n")
        if self._as_json:
            return "".join(json.dumps({"address": address, "line": each}) + "\n" for each in lines)
        prefix = ""
        if self._many:
            name = pad(clean(address), self._width)
            prefix = self._style.paint(self._inks[address], f"{name} |") + " "
        return "".join(f"{prefix}{line}\n" for line in lines)
