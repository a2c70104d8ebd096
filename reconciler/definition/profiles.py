"""Profiles: parts of a definition that are laid over the rest when they are chosen by name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from reconciler.definition.normalise import MERGED, YIELDS_TO
from reconciler.definition.problems import Problems, did_you_mean
from reconciler.definition.tree import MappingNode, Mark, Value, kind_of, quote
from reconciler.errors import UsageError

KEYS: Final = ("stack", "platform", "variables", "defaults", "jobs")
"""What a profile may hold."""

_PLATFORM_YIELDS: Final[Mapping[str, frozenset[str]]] = {
    "project": frozenset({"project_id"}),
    "project_id": frozenset({"project"}),
}
Merge = Callable[[MappingNode, MappingNode], MappingNode]


def check(profiles: MappingNode, problems: Problems) -> None:
    """Tell what is wrong with the outer form of all profiles, the chosen one and the others."""
    for name, profile, key_mark, mark in profiles.entries():
        where = f"Profile {quote(name)}: "
        if not name:
            problems.add(key_mark, "Invalid name", "The name of a profile is empty.")
        if profile is None:
            continue
        if not isinstance(profile, MappingNode):
            _refuse_type(mark, f"it must be a mapping, not {kind_of(profile)}.", where, problems)
            continue
        for key, value, at, value_mark in profile.entries():
            if key not in KEYS:
                hint = did_you_mean(key, KEYS, f"Known keys: {', '.join(KEYS)}.")
                said = f"it has no key {quote(key)}."
                problems.add(at, "Unknown key", said, hint, where=where)
            elif key != "stack" and value is not None and not isinstance(value, MappingNode):
                said = f"{quote(key)} must be a mapping, not {kind_of(value)}."
                _refuse_type(value_mark, said, where, problems)


def _refuse_type(mark: Mark, said: str, where: str, problems: Problems) -> None:
    problems.add(mark, "Wrong type", said, where=where)


def choose(profiles: MappingNode, name: str, *, complete: bool) -> MappingNode:
    """Return the profile of a name; an empty one when a file that may hold it is broken.

    Raises UsageError when there is none.
    """
    if name not in profiles.values and complete:
        known = ", ".join(profiles.values)
        raise UsageError(
            "Unknown profile",
            f"The definition has no profile {quote(name)}.",
            did_you_mean(
                name,
                profiles.values,
                f"It has: {known}." if known else "Declare it below `profiles:`.",
            ),
        )
    profile = profiles.values.get(name)
    return profile if isinstance(profile, MappingNode) else MappingNode(0)


def over_platform(base: MappingNode, over: MappingNode) -> MappingNode:
    """Lay a profile's `platform` over the one of the definition, key by key."""
    return _laid_over(base, over, yields=_PLATFORM_YIELDS)


def over_variables(base: MappingNode, over: MappingNode) -> MappingNode:
    """Lay a profile's variables over the others; a description stays when only a value is given."""
    return _laid_over(base, over, deep=over.values, merge=_over_variable, wrap=_as_default)


def over_job(base: MappingNode, over: MappingNode) -> MappingNode:
    """Lay a profile's part of a job, or of the defaults, over it, as a job is over the defaults."""
    return _laid_over(base, over, deep=MERGED, yields=YIELDS_TO, merge=_over_inner)


def over_jobs(base: MappingNode, over: MappingNode) -> MappingNode:
    """Lay a profile's jobs over the others; one that is not there is added."""
    return _laid_over(base, over, deep=over.values, merge=over_job)


def _over_variable(base: MappingNode, over: MappingNode) -> MappingNode:
    return _laid_over(base, over)


def _over_inner(base: MappingNode, over: MappingNode) -> MappingNode:
    """Merge `parameters`, `engine` and their like; an engine's id excludes its name and version."""
    keys = over.values.keys() | base.values.keys()
    if "version" in keys and "id" in keys and ("id" in over.values) != ("id" in base.values):
        return over
    return _laid_over(base, over)


def _as_default(value: Value, mark: Mark) -> Value:
    if isinstance(value, str):
        node = MappingNode(mark, {"default": value})
        node.marks.extend((mark, mark))
        return node
    return value


def _laid_over(
    base: MappingNode,
    over: MappingNode,
    *,
    deep: Iterable[str] = (),
    yields: Mapping[str, frozenset[str]] | None = None,
    merge: Merge | None = None,
    wrap: Callable[[Value, Mark], Value] = lambda value, _: value,
) -> MappingNode:
    """Return what two mappings say together.

    What `over` writes counts; `deep` are the keys whose values are merged in turn, each after
    `wrap` made a mapping of it. A key of `base` goes when `over` writes one that it yields to.
    """
    node = MappingNode(base.mark)
    written = {key for key, value in over.values.items() if value is not None}
    for key, value, key_mark, mark in base.entries():
        if key not in written and not (yields and yields.get(key, frozenset()) & written):
            node.values[key] = value
            node.marks.extend((key_mark, mark))
    merged = frozenset(deep)
    for key, value, key_mark, mark in over.entries():
        if value is None:
            if key not in base.values:
                node.values[key] = value
                node.marks.extend((key_mark, mark))
            continue
        below = base.values.get(key)
        if merge is not None and key in merged and below is not None:
            lower, upper = wrap(below, base.value_mark(key)), wrap(value, mark)
            if isinstance(lower, MappingNode) and isinstance(upper, MappingNode):
                value = merge(lower, upper)
        node.values[key] = value
        node.marks.extend((key_mark, mark))
    return node
