"""Writing definitions: existing jobs as blocks that ask for exactly what there is."""

import json
from collections.abc import Mapping
from typing import Any

from reconciler.definition.formatting import formatted
from reconciler.definition.references import BEGIN
from reconciler.definition.schema import VERSION
from reconciler.errors import ReconcilerError
from reconciler.model.address import Address
from reconciler.model.platform import PlatformSettings
from reconciler.model.spec import JobSpec


def head_text(stack: str, platform: PlatformSettings) -> str:
    """Return what a definition begins with, in its canonical form."""
    settings = platform.model_dump(exclude_defaults=True, exclude_none=True)
    settings = {"endpoint": platform.endpoint} | settings
    return _canonical({"version": VERSION, "stack": stack, "platform": settings})


def jobs_text(specs: Mapping[Address, JobSpec]) -> str:
    """Return the section `jobs:` with a block for each job, in the canonical form."""
    return _canonical({"jobs": {address: _block(spec) for address, spec in specs.items()}})


def with_jobs(text: str, specs: Mapping[Address, JobSpec]) -> str:
    """Add blocks to a file that ends with its jobs, or has none yet; the rest stays as it is.

    Raises `ReconcilerError` for a file in which they have no place at its end.
    """
    section = jobs_text(specs)
    lines = text.rstrip().splitlines()
    tops = [line for line in lines if line and line[0] not in " \t#-"]
    names = [line.partition(":")[0] for line in tops]
    if "jobs" not in names:
        return "\n".join(lines) + "\n\n" + section
    if names[-1] != "jobs" or tops[-1].partition("#")[0].strip() not in ("jobs:", "jobs: {}"):
        raise ReconcilerError(
            "No place for further jobs",
            "Blocks can be added to a file that ends with its jobs, one below the other.",
            "Bring it into that form with `reconciler fmt`, or write to another file.",
        )
    at = max(number for number, line in enumerate(lines) if line.startswith("jobs:"))
    has_some = any(line.startswith(" ") for line in lines[at + 1 :])
    lines[at] = lines[at].replace("jobs: {}", "jobs:")
    added = section.partition("\n")[2]
    return "\n".join(lines) + ("\n\n" if has_some else "\n") + added


def _block(spec: JobSpec) -> dict[str, Any]:
    """Return what is to be written of a spec; the name is the block's key."""
    block = {key: value for key, value in spec.canonical.items() if key != "name"}
    if engine := block.get("engine"):
        named = {key: value for key, value in engine.items() if key != "id"}
        block["engine"] = named if {"name", "version"} <= named.keys() else engine
    folder = block.get("code_dir") or "\0"
    if "boot_file" in block:
        block["boot_file"] = block["boot_file"].removeprefix(folder)
    for key in ("inputs", "outputs"):
        if key in block:
            block[key] = [each["path"] if each.keys() == {"path"} else each for each in block[key]]
    if len(block.get("outputs", ())) == 1:
        (block["output"],) = block.pop("outputs")
    return block


def _canonical(document: Mapping[str, Any]) -> str:
    text = json.dumps(_literal(document), indent=2, ensure_ascii=False)
    return formatted(text.encode(), "jobs.yaml").decode()


def _literal(value: Any) -> Any:
    """Return a value in which nothing is a reference."""
    match value:
        case str():
            return value.replace(BEGIN, f"${BEGIN}")
        case dict():
            return {key: _literal(each) for key, each in value.items()}
        case list() | tuple():
            return [_literal(each) for each in value]
        case _:
            return value
