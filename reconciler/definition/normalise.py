"""From what was written to what is wanted: defaults, rules between keys, and the JobSpec."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.definition import paths
from reconciler.definition.problems import Problems
from reconciler.definition.shapes import BROKEN
from reconciler.definition.tree import Mark, quote
from reconciler.definition.written import Written

MERGED: Final = frozenset(
    ("parameters", "environment", "engine", "labels", "lifecycle", "annotations")
)
"""Mappings that are merged with the defaults key by key; everything else is replaced."""

_CODE: Final = ("code_dir", "boot_file", "engine", "image", "command")
YIELDS_TO: Final[Mapping[str, frozenset[str]]] = {
    "flavor": frozenset({"pool_id"}),
    "pool_id": frozenset({"flavor"}),
    "engine": frozenset({"image", "command", "algorithm"}),
    "image": frozenset({"engine", "algorithm"}),
    "command": frozenset({"engine", "algorithm"}),
    "code_dir": frozenset({"algorithm"}),
    "boot_file": frozenset({"algorithm"}),
    "algorithm": frozenset(_CODE),
    "output": frozenset({"outputs"}),
    "outputs": frozenset({"output"}),
}
"""For a key of the defaults: what a job may write itself that excludes it."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A job's plain values over the defaults; `refused` are the defaults that do not apply."""

    values: dict[str, Any]
    refused: frozenset[str] = frozenset()


def merge(defaults: dict[str, Any], own: dict[str, Any]) -> Merged:
    """Lay a job's own values over the defaults.

    Texts, numbers, lists and other mappings replace the default; the mappings in MERGED are
    merged key by key. A default that excludes something that the job writes itself yields
    (YIELDS_TO; an engine's `id` and its `name` and `version`, too), so a job that names its
    `pool_id` does not inherit a `flavor`: a job that wants both writes both.
    """
    if not defaults:
        return Merged(dict(own))
    mine_keys = own.keys()
    refused = {
        key
        for key in YIELDS_TO.keys() & defaults
        if key not in own and not mine_keys.isdisjoint(YIELDS_TO[key])
    }
    values = {key: value for key, value in defaults.items() if key not in refused} | own
    for key in MERGED & defaults.keys() & mine_keys:
        default, mine = defaults[key], own[key]
        if isinstance(default, dict) and isinstance(mine, dict):
            if key == "engine" and ("id" in mine) != ("id" in default):
                refused.add(key)
            else:
                values[key] = default | mine
    return Merged(values, frozenset(refused))


@dataclass(slots=True)
class Rules:
    """Checks one job's merged values, and turns them into the values of a JobSpec.

    A value that is BROKEN counts as written, so that one mistake is told once.
    """

    problems: Problems
    address: str
    mark: Mark
    values: Mapping[str, Any]
    written: Written
    spec: dict[str, Any] = field(default_factory=dict)

    def apply(self, name: str) -> dict[str, Any]:
        """Return the values for `JobSpec.model_validate`; worthless when a problem was told."""
        values, spec = self.values, self.spec
        spec["name"] = name
        for key in _COPIED:
            if key in values:
                spec[key] = values[key]
        self._resources()
        self._code()
        self._paths()
        self._list("inputs", self._input)
        self._list("outputs", self._output)
        self._list("volumes", self._volume)
        self._only_output()
        return spec

    @property
    def output_paths(self) -> list[str | None]:
        """Where the job writes, once `apply` ran; None stands for a path that is broken."""
        if BROKEN in (self.values.get("output"), self.values.get("outputs")):
            return [None]
        paths = [output["path"] for output in self.spec.get("outputs", ())]
        return [None if path is BROKEN else path for path in paths]

    def tell(self, path: str, summary: str, detail: str, hint: str = "") -> None:
        """Tell a problem at the place of a path, or at the job when it is written nowhere."""
        mark = self.written.mark(path) if path else None
        self.problems.add(
            self.mark if mark is None else mark,
            summary,
            detail,
            hint,
            where=f"Job {quote(self.address)}: ",
            address=self.address,
        )

    def _resources(self) -> None:
        if "flavor" not in self.values and "pool_id" not in self.values:
            self.tell(
                "",
                "Missing flavor",
                "nothing says which machines it needs.",
                "Write `flavor` (or `pool_id` for a dedicated pool) in the job or in `defaults`.",
            )

    def _code(self) -> None:
        """Check that exactly one kind of code is written, and completely.

        The kinds: an algorithm; code with an engine; an image with code, a command, or both.
        """
        has = self.values.__contains__
        if has("algorithm"):
            self._one_of("algorithm", [key for key in _CODE if has(key)])
            self._algorithm()
            return
        self._engine()
        if has("engine"):
            self._one_of("engine", [key for key in ("image",) if has(key)])
        if has("code_dir") != has("boot_file"):
            there, missing = ("code_dir", "boot_file")[:: 1 if has("code_dir") else -1]
            self._needs(there, missing)
        if has("command") and not has("image"):
            self._needs("command", "image")
        if has("code_dir") or has("boot_file"):
            return
        if has("image") and not has("command"):
            self._needs("image", "command", " or `code_dir` with `boot_file`")
        if has("engine"):
            self._needs("engine", "code_dir")
        elif not has("image") and not has("command"):
            self.tell(
                "",
                "Nothing to run",
                "it has no code.",
                "Write `code_dir` and `boot_file`, or `image` and `command`, or `algorithm`.",
            )

    def _one_of(self, chosen: str, others: list[str]) -> None:
        for other in others:
            self.tell(
                other,
                "Keys exclude each other",
                f"{quote(other)} and {quote(chosen)} cannot stand together.",
                "Keep one of them.",
            )

    def _needs(self, there: str, missing: str, alternative: str = "") -> None:
        self.tell(
            there,
            "Missing key",
            f"{quote(there)} needs {quote(missing)}.",
            f"Add `{missing}`{alternative}.",
        )

    def _algorithm(self) -> None:
        algorithm = self.values["algorithm"]
        if algorithm is BROKEN:
            return
        subscribed = [key for key in ("subscription_id", "item_version_id") if key in algorithm]
        if ("id" in algorithm) == bool(subscribed):
            self.tell(
                "algorithm",
                "Invalid algorithm",
                "it must be named by `id`, or by `subscription_id` and `item_version_id`.",
                "Write exactly one of the two.",
            )
        elif len(subscribed) == 1:
            self.tell(
                f"algorithm.{subscribed[0]}",
                "Missing key",
                "`subscription_id` and `item_version_id` need each other.",
                "Add the other one.",
            )

    def _engine(self) -> None:
        engine = self.values.get("engine")
        if engine is None or engine is BROKEN:
            return
        named = [key for key in ("name", "version") if key in engine]
        if ("id" in engine) == bool(named):
            self.tell(
                "engine",
                "Invalid engine",
                "it must be named by `name` and `version`, or by `id`.",
                "Write exactly one of the two.",
            )
        elif len(named) == 1:
            self._needs_other(named[0])

    def _needs_other(self, there: str) -> None:
        missing = "version" if there == "name" else "name"
        self.tell(
            f"engine.{there}",
            "Missing key",
            f'"engine" has a {there} but no {missing}.',
            f"Add `{missing}`; `reconciler catalog engines` lists what the platform offers.",
        )

    def _paths(self) -> None:
        for key in ("code_dir", "log_dir"):
            if key in self.values:
                self.spec[key] = self._path(self.values[key], key, paths.folder)
        boot_file, code_dir = self.values.get("boot_file"), self.spec.get("code_dir")
        if boot_file is not None and isinstance(code_dir, str):
            self.spec["boot_file"] = self._path(
                boot_file, "boot_file", lambda text: paths.file_below(text, code_dir)
            )

    def _path(self, text: Any, path: str, normalise: Callable[[str], str]) -> Any:
        if text is BROKEN:
            return BROKEN
        try:
            return normalise(text)
        except paths.PathError as reason:
            self.tell(path, "Invalid path", f"{path} {quote(text)} {reason}.")
            return BROKEN

    def _list(self, key: str, normalise: Callable[[dict[str, Any], str], dict[str, Any]]) -> None:
        items = self.values.get(key)
        if isinstance(items, list):
            self.spec[key] = [normalise(item, key) for item in items if item is not BROKEN]

    def _only_output(self) -> None:
        if "output" in self.values:
            self._one_of("output", [key for key in ("outputs",) if key in self.values])
            output = self.values["output"]
            if output is not BROKEN:
                self.spec["outputs"] = [self._output(output, "output")]

    def _output(self, output: dict[str, Any], path: str) -> dict[str, Any]:
        return {**output, "path": self._path(output["path"], path, paths.folder)}

    def _input(self, item: dict[str, Any], path: str) -> dict[str, Any]:
        dataset = [key for key in ("dataset_id", "dataset_version_id") if key in item]
        if ("path" in item) == bool(dataset):
            self.tell(
                path,
                "Invalid input",
                "an input must be a path, or a dataset.",
                "Write `path`, or `dataset_id` and `dataset_version_id`.",
            )
        elif len(dataset) == 1:
            self.tell(
                path,
                "Missing key",
                "`dataset_id` and `dataset_version_id` need each other.",
                "Add the other one, so that the job always reads the same data.",
            )
        if "path" in item:
            return {**item, "path": self._path(item["path"], path, paths.folder)}
        return item

    def _volume(self, volume: dict[str, Any], path: str) -> dict[str, Any]:
        target = volume["target"]
        if target is not BROKEN and not target.startswith("/"):
            self.tell(path, "Invalid volume", f"target {quote(target)} must be an absolute path.")
        if "id" in volume and volume["type"] not in ("nfs", BROKEN):
            self.tell(path, "Invalid volume", "only a volume of type nfs has an `id`.")
        return volume


_COPIED: Final = (
    "description",
    "flavor",
    "pool_id",
    "workers",
    "engine",
    "algorithm",
    "image",
    "command",
    "parameters",
    "environment",
    "notification",
    "auto_stop_hours",
    "priority",
    "annotations",
)
