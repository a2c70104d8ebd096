"""Which fields of two specs differ."""

from collections.abc import Mapping
from typing import Any

from reconciler.model.job import CodeDigest
from reconciler.model.plan import FieldChange
from reconciler.model.secrets import SECTIONS, is_sealed
from reconciler.model.spec import JobSpec
from reconciler.planning.rules import IN_PLACE, as_written

_SHORT = len("sha256:") + 16
"""As much of a digest as plans show."""


def definition_changes(recorded: JobSpec, wanted: JobSpec) -> tuple[FieldChange, ...]:
    """Return what the definition changed since the job was recorded, sorted by path.

    Symmetric: a field that is no longer written is a change too.
    """
    if recorded == wanted:
        return ()
    return _changes(recorded.canonical, wanted.canonical)


def drift_changes(recorded: JobSpec, actual: JobSpec) -> tuple[FieldChange, ...]:
    """Return what differs on the platform from what was recorded, sorted by path.

    Only fields that were written count; see the table in `planning.rules`.
    """
    found = as_written(recorded, actual)
    if recorded.canonical == found:
        return ()
    return _changes(recorded.canonical, found)


def code_changes(recorded: CodeDigest | None, wanted: CodeDigest | None) -> tuple[FieldChange, ...]:
    """Return which files of the training code changed, sorted by path.

    Nothing is replaced because its code was not watched before, or is not watched any more: that
    is only to be recorded.
    """
    if recorded == wanted or (recorded and wanted and recorded.digest == wanted.digest):
        return ()
    if recorded is None or wanted is None:
        before, after = (each.digest[:_SHORT] if each else None for each in (recorded, wanted))
        return (FieldChange(path="code", before=before, after=after, forces_replace=False),)
    files = sorted({*recorded.files, *wanted.files})
    pairs = [(f"code.{each}", recorded.files.get(each), wanted.files.get(each)) for each in files]
    changes = tuple(
        FieldChange(path=path, before=before, after=after)
        for path, before, after in pairs
        if before != after
    )
    whole = FieldChange(path="code", before=recorded.digest[:_SHORT], after=wanted.digest[:_SHORT])
    return changes or (whole,)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    from deepdiff import DeepDiff

    tree = DeepDiff(
        _comparable(before),
        _comparable(after),
        view="tree",
        zip_ordered_iterables=True,
        ignore_private_variables=False,
        threshold_to_diff_deeper=0,
    )
    changes: dict[str, FieldChange] = {}
    for level in (level for levels in tree.values() for level in levels):
        keys = level.path(output_format="list", force="fake")
        path = _dotted(keys)
        changes[path] = FieldChange(
            path=path,
            before=_value(before, keys),
            after=_value(after, keys),
            forces_replace=keys[0] not in IN_PLACE,
        )
    return tuple(changes[path] for path in sorted(changes))


def _comparable(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make a leaf of each secret, that is equal to another one when the values are.

    It is of a type of its own, so that no text that a user writes equals it.
    """
    return {
        section: {key: _leaf(value) for key, value in values.items()}
        if section in SECTIONS
        else values
        for section, values in spec.items()
    }


def _leaf(value: Any) -> Any:
    if not is_sealed(value):
        return value
    return bytes(value.get("hmac") or f"unknown {value['secret']}", "utf-8")


def _dotted(keys: list[Any]) -> str:
    parts = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys]
    return "".join(parts).removeprefix(".")


def _value(root: Any, keys: list[Any]) -> Any:
    """Return what stands at the path, or None where it leads nowhere."""
    for key in keys:
        if isinstance(root, Mapping):
            root = root.get(key)
        elif isinstance(root, list) and isinstance(key, int) and key < len(root):
            root = root[key]
        else:
            return None
    return root
