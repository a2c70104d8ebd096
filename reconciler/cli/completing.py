"""What the shell offers for an argument: addresses, definition files, snapshots, formats.

Nothing here asks the platform, and nothing here fails: what cannot be found is not offered, since
whoever presses the key is in the middle of a line.
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from reconciler.cli.settings import Settings

if TYPE_CHECKING:
    from reconciler.cli.workspace import Workspace

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_Source = Callable[["Workspace"], Iterable[str]]


def _offering(*sources: _Source) -> Completer:
    """Make a completer from where the words come from; those given already are left out."""

    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from reconciler.cli.workspace import Workspace

        settings = context.find_object(Settings) or Settings()
        found: dict[str, None] = {}
        for source in sources:
            with contextlib.suppress(Exception):
                found |= dict.fromkeys(source(Workspace(settings)))
        given = context.params.get(parameter.name or "")
        words = sorted(word for word in found if word not in (given or ()))
        return [CompletionItem(word) for word in words if word.startswith(incomplete)]

    return complete


def _recorded(workspace: "Workspace") -> Iterable[str]:
    state = workspace.recorded()
    return state.records if state else ()


def _defined(workspace: "Workspace") -> Iterable[str]:
    return workspace.definition.jobs


def _snapshots(workspace: "Workspace") -> Iterable[str]:
    return [each.name for each in workspace.backend(workspace.stack).history()]


def _profiles(workspace: "Workspace") -> Iterable[str]:
    from reconciler.definition import loader

    files = workspace.settings.files
    return loader.profiles([Path(file) for file in files] or loader.default_paths(Path()))


def _flavors(workspace: "Workspace") -> Iterable[str]:
    """Yield the flavors that the definition names; the platform's others would have to be asked."""
    return [job.spec.flavor for job in workspace.definition.jobs.values() if job.spec.flavor]


def _engines(workspace: "Workspace") -> Iterable[str]:
    engines = [job.spec.engine for job in workspace.definition.jobs.values()]
    return [each.version for each in engines if each and each.version]


def _formats(_: "Workspace") -> Iterable[str]:
    from reconciler.cli.plans import FORMATS

    return FORMATS


recorded = _offering(_recorded)
"""Addresses of recorded jobs."""

defined = _offering(_defined)
"""Addresses of jobs in the definition."""

addresses = _offering(_recorded, _defined)
"""Addresses that a plan may speak of."""

snapshots = _offering(_snapshots)
"""Names of kept snapshots."""

profiles = _offering(_profiles)
"""Names of the definition's profiles."""

_of_catalog = {"flavors": _offering(_flavors), "engines": _offering(_engines)}


def offers(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the flavors or engines that the definition names."""
    complete = _of_catalog.get(context.params.get("what") or "")
    return complete(context, parameter, incomplete) if complete else []


formats = _offering(_formats)
"""Names of report formats."""


def definition_files(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer definition files, and folders that have some; any file when there are none."""
    found: list[str] = []
    with contextlib.suppress(Exception):
        found = sorted(_definition_files(incomplete))
    return [CompletionItem(each) for each in found] or [CompletionItem(incomplete, type="file")]


def _definition_files(incomplete: str) -> Iterable[str]:
    from reconciler.definition.loader import SUFFIXES

    folder, slash, start = incomplete.rpartition("/")
    for path in Path(folder + slash).iterdir():
        if path.name.startswith(start) and (start or not path.name.startswith(".")):
            inside = path.iterdir() if path.is_dir() else [path]
            if any(each.suffix in SUFFIXES for each in inside):
                yield f"{folder}{slash}{path.name}"
