"""Results that a training printed: `accuracy: 0.95` in its log; pure.

The platform keeps no results of a run but its log, so that is where they are read.
"""

import math
import re
from collections.abc import Iterable, Sequence

from reconciler.model.report import StatusRow

TAIL = 100
"""How many last lines of a log are searched."""

_NUMBER = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)"
_WHOLE_LINE = re.compile(
    rf"^[ \t]*([A-Za-z][\w./@-]{{0,39}})[ \t]*[:=][ \t]*({_NUMBER})[ \t]*%?\r?$", re.MULTILINE
)


def find_metrics(log: str, names: Sequence[str] = ()) -> dict[str, str]:
    """Return the last value of each metric, as it was printed.

    A name that was asked for may stand anywhere in a line, before `:`, `=` or a space and its
    number. Without names, every line counts that says nothing but `name: number` (or `=`).
    """
    if not names:
        return {match[1]: match[2] for match in _WHOLE_LINE.finditer(log)}
    found = {}
    for name in names:
        pattern = rf"(?<![\w./@-]){re.escape(name)}[ \t]*(?:[:=][ \t]*|[ \t]+)({_NUMBER})(?![\w.])"
        for match in re.finditer(pattern, log):
            found[name] = match[1]
    return found


def metric_names(rows: Iterable[StatusRow], wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the metrics to show: those asked for, or all that were found, in order of finding."""
    if wanted:
        return tuple(wanted)
    return tuple(dict.fromkeys(name for row in rows for name in row.metrics))


def by_metric(rows: Iterable[StatusRow], order: str) -> list[StatusRow]:
    """Return the rows by a metric, the highest first, or with `-` before its name the lowest.

    Rows without the metric come last, in their order.
    """
    name, sign = order.removeprefix("-"), 1 if order.startswith("-") else -1

    def rank(row: StatusRow) -> tuple[bool, float]:
        value = float(row.metrics.get(name, "nan"))
        return (True, 0.0) if math.isnan(value) else (False, sign * value)

    return sorted(rows, key=rank)
