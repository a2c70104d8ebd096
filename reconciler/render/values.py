"""Values of fields, and how they changed, as lines of text."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from reconciler.model.plan import FieldChange
from reconciler.model.secrets import is_sealed, shown
from reconciler.render.text import Style, clean, clean_lines, display_width, fold, indented, pad

NOT_SET = "(not set)"
CHANGED_UNSEEN = "(secret) changed"

_PATH_LIMIT = 30
_LINES = 12
_KEPT = 24
_MEANINGS = {" ": "context", "-": "delete", "+": "create"}


def format_value(value: Any) -> str:
    """Return a field's value on one harmless line; text stays bare where that is unambiguous.

    An input or output that is only a path is shown the way a definition writes it, and of a secret
    only the name.
    """
    if value is None:
        return NOT_SET
    if is_sealed(value):
        return clean(shown(value))
    if isinstance(value, str):
        bare = value and value == value.strip() and value != NOT_SET
        return clean(value if bare else json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        if list(value) == ["path"]:
            return format_value(value["path"])
        inside = (f"{clean(str(key))}: {format_value(each)}" for key, each in value.items())
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(format_value(each) for each in value) + "]"
    return clean(json.dumps(value, default=str))


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields below a value with their dotted paths, `inputs[0].path` for a list's."""
    if isinstance(value, Mapping) and value and not is_sealed(value):
        for key, each in value.items():
            yield from flattened(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and value:
        for index, each in enumerate(value):
            yield from flattened(each, f"{path}[{index}]")
    elif path:
        yield path, value


def with_sorted_keys(value: Any) -> Any:
    """Return a plain value with the keys of every mapping sorted."""
    if isinstance(value, Mapping):
        return {key: with_sorted_keys(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [with_sorted_keys(each) for each in value]
    return value


def field_lines(fields: Iterable[tuple[str, Any]], width: int, style: Style) -> list[str]:
    """Return `name  value` lines, aligned and folded to the width; lines of a value stay lines."""
    pairs = [(clean(name), _value_lines(value)) for name, value in fields]
    column = _column((name for name, _ in pairs), width)
    lines = []
    for name, texts in pairs:
        folded = [piece for text in texts for piece in fold(text, width - column - 2)]
        if display_width(name) > column:
            lines += [style.paint("context", piece) for piece in fold(name, width)]
        else:
            lines.append(f"{style.paint('context', pad(name, column))}  {folded.pop(0)}")
        lines += indented(folded, column + 2)
    return lines


def change_lines(
    changes: Sequence[FieldChange],
    width: int,
    style: Style,
    *,
    marked: bool = False,
    complete: bool = False,
) -> list[str]:
    """Return the changed fields, aligned: `path  old → new` where that fits, else below the path.

    `marked` puts `*` behind a change that forces a replacement; unless `complete`, long values
    are shown around the place where they differ.
    """
    column = _column((clean(change.path) for change in changes), width)
    lines = []
    for change in changes:
        mark = " *" if marked and change.forces_replace else ""
        lines += _change(change, column, width, style, mark, complete=complete)
    return lines


def _change(
    change: FieldChange, column: int, width: int, style: Style, mark: str, *, complete: bool
) -> list[str]:
    path = clean(change.path)
    if is_of_secrets(change):
        told = f"{style.paint('create', CHANGED_UNSEEN)}{style.paint('replace', mark)}"
        return [f"{pad(path, column)}  {told}"]
    if not (_has_lines(change.before) or _has_lines(change.after)):
        old, new = format_value(change.before), format_value(change.after)
        line = f"{pad(path, column)}  {old} → {new}{mark}"
        if display_width(line) <= width:
            old, new = style.paint("delete", old), style.paint("create", new)
            return [f"{pad(path, column)}  {old} → {new}{style.paint('replace', mark)}"]
    head = fold(path, width - len(mark))
    head[-1] += style.paint("replace", mark)
    return head + indented(_both(change.before, change.after, width - 2, style, complete=complete))


def is_of_secrets(change: FieldChange) -> bool:
    """Tell whether a secret got another value: neither of the two can be shown."""
    return is_sealed(change.before) and is_sealed(change.after)


def _both(before: Any, after: Any, width: int, style: Style, *, complete: bool) -> list[str]:
    """Return the old and the new value below each other, reduced to where they differ."""
    lines = []
    signed = difference(before, after, around=None if complete else 2 * width)
    for sign, group in groupby(signed, key=itemgetter(0)):
        texts = [text for _, text in group]
        lines += _signed(sign, texts, width, style, _MEANINGS[sign], complete=complete)
    return lines


def difference(before: Any, after: Any, *, around: int | None = None) -> list[tuple[str, str]]:
    """Return the old and the new value as clean lines, each with `-`, `+` or a space before it.

    With `around`, common lines are left out but for one on each side, and of two lines longer
    than that many characters what they have in common; without, both values are complete.
    """
    if is_sealed(before) and is_sealed(after):
        return [("-", format_value(before)), ("+", f"{format_value(after)}, changed")]
    old, new = _value_lines(before), _value_lines(after)
    start, end = (0, 0) if around is None else _common(old, new)
    if around is not None and len(old) == len(new) == 1:
        old, new = _around_difference(old[0], new[0], around)
    return [
        *((" ", text) for text in old[max(start - 1, 0) : start]),
        *(("-", text) for text in old[start : len(old) - end]),
        *(("+", text) for text in new[start : len(new) - end]),
        *((" ", text) for text in old[len(old) - end :][:1]),
    ]


def _signed(
    sign: str, texts: Sequence[str], width: int, style: Style, meaning: str, *, complete: bool
) -> list[str]:
    limit = len(texts) if complete else _LINES
    lines = []
    for text in texts[:limit]:
        first, *rest = fold(text, width - 2)
        lines += [f"{sign} {first}".rstrip(), *indented(rest)]
    left = max(len(texts) - limit, 0)
    if not complete and len(lines) > _LINES:
        left += len(lines) - _LINES
        lines = lines[:_LINES]
    painted = [style.paint(meaning, line) for line in lines]
    return [*painted, style.paint("context", f"  … {left:,} more (-v)")] if left else painted


def _common(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """Return how many lines are equal at the beginning and at the end."""
    most = min(len(old), len(new))
    start = next((at for at in range(most) if old[at] != new[at]), most)
    rest = most - start
    end = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return start, end


def _around_difference(old: str, new: str, limit: int) -> tuple[list[str], list[str]]:
    """Cut what two long texts have in common, but for a little before and behind."""
    if max(len(old), len(new)) <= limit:
        return [old], [new]
    start, end = _common(old, new)
    start, end = max(start - _KEPT, 0), max(end - _KEPT, 0)
    return [_inner(old, start, end)], [_inner(new, start, end)]


def _inner(text: str, start: int, end: int) -> str:
    return ("…" if start else "") + text[start : len(text) - end] + ("…" if end else "")


def _has_lines(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value.strip("\n")


def _value_lines(value: Any) -> list[str]:
    return clean_lines(value) if _has_lines(value) else [format_value(value)]


def _column(names: Iterable[str], width: int) -> int:
    """Return the width of a column of names; a few overlong ones do not push the others away."""
    limit = min(_PATH_LIMIT, width // 2)
    return max((cells for name in names if (cells := display_width(name)) <= limit), default=0)
