"""Several documents as one definition: sections merged, variables and platform resolved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.definition import endpoints, moves, policies, profiles, schema
from reconciler.definition.code import CodeFolders
from reconciler.definition.compounds import Object
from reconciler.definition.jobs import Builder
from reconciler.definition.problems import Problems, did_you_mean
from reconciler.definition.references import References
from reconciler.definition.shapes import BROKEN, Scope, Text
from reconciler.definition.tree import MappingNode, Mark, Value, kind_of, quote
from reconciler.model.definition import Definition, SourceFile
from reconciler.model.platform import CATALOG, LOCAL, PlatformSettings
from reconciler.model.policy import Policies

_MERGED: Final = ("variables", "defaults", "jobs", "policies", "profiles")
_STACK = Text("Stack.", pattern=schema.STACK_NAME, rule=schema.STACK_RULE)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A top-level key of one file."""

    value: Value
    key_mark: Mark
    mark: Mark


@dataclass(slots=True)
class _Sections:
    """What all files say together.

    `single` holds each place where a section is written that a definition has once; `merged` has
    one mapping for each section of named entries, whose marks know their file.
    """

    single: dict[str, list[_Entry]] = field(default_factory=dict)
    merged: dict[str, MappingNode] = field(
        default_factory=lambda: {name: MappingNode(0) for name in _MERGED}
    )


def assemble(
    trees: Sequence[MappingNode],
    sources: tuple[SourceFile, ...],
    *,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    profile: str | None = None,
    problems: Problems,
    complete: bool,
) -> Definition | None:
    """Return the definition that the documents form, or None when problems were told.

    Unless `complete`, a file could not be read: nothing is called missing or unknown then that
    it may hold. Raises UsageError when there is no profile of the name.
    """
    sections = _gather(trees, problems)
    profiles.check(sections.merged["profiles"], problems)
    if profile is not None:
        chosen = profiles.choose(sections.merged["profiles"], profile, complete=complete)
        _lay_over(sections, chosen)
    if complete:
        _require(sections, trees, problems)
    _check_version(sections.single.get("version", ()), problems)
    texts = _variables(
        sections.merged["variables"], variables, environment, problems, complete=complete
    )
    references = References(problems, environment, texts, complete=complete)
    stack = _stack(sections.single.get("stack", ()), problems)
    platform = _platform(sections.single.get("platform", ()), references, problems)
    builder = Builder(
        problems,
        references,
        sections.merged["defaults"],
        code=CodeFolders(problems, is_local=platform is not None and platform.endpoint == LOCAL),
        complete=complete,
    )
    jobs = builder.build(sections.merged["jobs"])
    demands = _policies(sections, references, problems)
    ignored = [
        entry
        for drift in sections.single.get("drift", ())
        for entry in policies.ignored_drift(drift.value, drift.mark, references, problems)
    ]
    scope = Scope(problems, references)
    removed = moves.read_removed(_written("removed", sections), builder.links, scope)
    moved = moves.read_moved(_written("moved", sections), builder.links, removed, scope)
    if problems.count or stack is None or platform is None:
        return None
    return Definition(stack, platform, jobs, sources, demands, tuple(ignored), moved, removed)


def _lay_over(sections: _Sections, profile: MappingNode) -> None:
    """Lay a profile over what the files say together."""
    single, merged = sections.single, sections.merged
    for key, value, key_mark, mark in profile.entries():
        entry = _Entry(value, key_mark, mark)
        if key == "stack" and value is not None:
            single["stack"] = [entry]
        elif isinstance(value, MappingNode):
            if key == "platform":
                single["platform"] = [
                    _Entry(profiles.over_platform(base.value, value), base.key_mark, base.mark)
                    if isinstance(base.value, MappingNode)
                    else base
                    for base in single.get("platform", [_Entry(MappingNode(mark), key_mark, mark)])
                ]
            elif over := _OVERS.get(key):
                merged[key] = over(merged[key], value)


_OVERS: Final[Mapping[str, profiles.Merge]] = {
    "variables": profiles.over_variables,
    "defaults": profiles.over_job,
    "jobs": profiles.over_jobs,
}


def _written(section: str, sections: _Sections) -> list[tuple[Value, Mark]]:
    return [(each.value, each.mark) for each in sections.single.get(section, ())]


def _gather(trees: Sequence[MappingNode], problems: Problems) -> _Sections:
    sections = _Sections()
    for tree in trees:
        for key, value, key_mark, mark in tree.entries():
            if key not in schema.TOP_LEVEL:
                problems.add(
                    key_mark,
                    "Unknown key",
                    f"A definition has no key {quote(key)}.",
                    did_you_mean(
                        key, schema.TOP_LEVEL, f"Known keys: {', '.join(schema.TOP_LEVEL)}."
                    ),
                )
            elif value is None:
                continue
            elif key not in _MERGED:
                sections.single.setdefault(key, []).append(_Entry(value, key_mark, mark))
            elif isinstance(value, MappingNode):
                _merge(key, value, sections.merged[key], problems)
            else:
                problems.add(
                    mark,
                    "Wrong type",
                    f"{quote(key)} must be a mapping of names to values, not {kind_of(value)}.",
                )
    return sections


def _merge(section: str, node: MappingNode, into: MappingNode, problems: Problems) -> None:
    """Add one file's part of a section to what the files before it said."""
    for key in node.values.keys() & into.values.keys():
        problems.add(
            node.key_mark(key),
            "Duplicate key",
            f"{quote(key)} in {quote(section)} already stands at "
            f"{problems.show(into.key_mark(key))}.",
            "All files form one definition: keep one of the two.",
        )
    if into.values.keys().isdisjoint(node.values):
        into.values.update(node.values)
        into.marks.extend(node.marks)
        return
    for key, value, key_mark, mark in node.entries():
        if key not in into.values:
            into.values[key] = value
            into.marks.extend((key_mark, mark))


def _require(sections: _Sections, trees: Sequence[MappingNode], problems: Problems) -> None:
    """Tell of sections that stand in no file, at the start of the first one."""
    start = trees[0].mark if trees else None
    if "version" not in sections.single:
        problems.add(
            start,
            "Missing version",
            "No file says which version of the format it is written in.",
            "Begin with `version: 1`.",
        )
    if "stack" not in sections.single:
        problems.add(
            start,
            "Missing stack",
            "No file names the stack, and with it the state.",
            "Add `stack: NAME`, a name for what is applied together.",
        )


def _check_version(entries: Sequence[_Entry], problems: Problems) -> None:
    for entry in entries:
        if entry.value != schema.VERSION:
            problems.add(
                entry.mark,
                "Unsupported version",
                f"This program reads version {schema.VERSION}, not {kind_of(entry.value)}.",
                f"Write `version: {schema.VERSION}`, or update the program.",
            )


def _stack(entries: Sequence[_Entry], problems: Problems) -> str | None:
    scope = Scope(problems)
    stacks = [_STACK.read(each.value, each.mark, scope, "stack") for each in entries]
    _same("stack", entries, stacks, problems)
    return stacks[0] if stacks and stacks[0] is not BROKEN else None


def _same(
    section: str, entries: Sequence[_Entry], values: Sequence[Any], problems: Problems
) -> None:
    """Tell of files that disagree on a section that a definition has once."""
    for entry, value in zip(entries[1:], values[1:], strict=True):
        if value is not BROKEN and values[0] is not BROKEN and value != values[0]:
            problems.add(
                entry.key_mark,
                "Files disagree",
                f"{quote(section)} differs from the one at {problems.show(entries[0].key_mark)}.",
                "All files form one definition: write it once.",
            )


def _variables(
    declared: MappingNode,
    given: Mapping[str, str],
    environment: Mapping[str, str],
    problems: Problems,
    *,
    complete: bool,
) -> dict[str, str | None]:
    """Return the text of each declared variable; None when its problem was told."""
    texts: dict[str, str | None] = {}
    environment_only = References(problems, environment)
    for name, value, key_mark, mark in declared.entries():
        scope = Scope(problems, None if name in given else environment_only)
        scope.where = f"Variable {quote(name)}: "
        if not schema.VARIABLE_NAME.fullmatch(name):
            scope.tell(key_mark, "Invalid name", f"its name must be {schema.VARIABLE_RULE}.")
        read = {} if value is None else schema.VARIABLE.read(value, mark, scope, "")
        default = read.get("default") if isinstance(read, dict) else BROKEN
        text = given.get(name, default)
        if text is None:
            scope.tell(
                key_mark,
                "Variable has no value",
                "it has no default, and none was given.",
                f"Give one with --var {name}=VALUE, or write a `default`.",
            )
        texts[name] = None if text is BROKEN else text
    for name in given if complete else ():
        if name not in texts:
            problems.add(
                None,
                "Unknown variable",
                f"--var {name} names a variable that is not declared.",
                did_you_mean(name, texts, "Declare it below `variables:`."),
            )
    return texts


def _platform(
    entries: Sequence[_Entry], references: References, problems: Problems
) -> PlatformSettings | None:
    scope = Scope(problems, references)
    read = [schema.PLATFORM.read(each.value, each.mark, scope, "platform") for each in entries]
    _same("platform", entries, read, problems)
    if not read:
        return PlatformSettings()
    settings, node = read[0], entries[0].value
    if settings is BROKEN or not isinstance(node, MappingNode):
        return None
    if "project" in settings and "project_id" in settings:
        scope.tell(
            node.key_mark("project_id"),
            "Keys exclude each other",
            '"project" and "project_id" cannot stand together.',
            "Keep one of them.",
        )
    for key in ("endpoint", "auth_url"):
        _check_url(settings, key, node, scope)
    return None if problems.count else PlatformSettings.model_validate(settings)


def _policies(sections: _Sections, references: References, problems: Problems) -> Policies:
    limits, node = _once("limits", policies.LIMITS, sections, references, problems)
    cost, _ = _once("cost", policies.COST, sections, references, problems)
    return Policies(
        rules=policies.rules(sections.merged["policies"], problems),
        limits=policies.limits(limits, node, problems),
        prices=policies.prices(cost),
    )


def _once(
    section: str, shape: Object, sections: _Sections, references: References, problems: Problems
) -> tuple[dict[str, Any], MappingNode]:
    """Return the values of a section that a definition has once, empty when it has none."""
    entries = sections.single.get(section, [])
    scope = Scope(problems, references)
    read = [shape.read(each.value, each.mark, scope, section) for each in entries]
    _same(section, entries, read, problems)
    if read and isinstance(read[0], dict) and isinstance(entries[0].value, MappingNode):
        return read[0], entries[0].value
    return {}, MappingNode(0)


def _check_url(settings: dict[str, Any], key: str, node: MappingNode, scope: Scope) -> None:
    text = settings.get(key)
    if not isinstance(text, str) or (key == "endpoint" and text in (LOCAL, CATALOG)):
        return
    try:
        settings[key] = endpoints.url(text)
    except endpoints.EndpointError as reason:
        also = "`local`, `catalog`, or " if key == "endpoint" else ""
        scope.tell(
            node.value_mark(key),
            "Invalid URL",
            f"{quote(key)} {reason}.",
            f"Write {also}a URL without user, password, query and fragment.",
        )
