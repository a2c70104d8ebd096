"""`adopt --all` from the command line: definitions are written first, then jobs are recorded.

In this order, since a record without its block would be a job to delete.
"""

import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import click

from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output, write_file
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import STATE_FOLDER, Workspace
from reconciler.definition.loader import default_paths, read_files
from reconciler.definition.schema import STACK_NAME
from reconciler.definition.writing import head_text, jobs_text, with_jobs
from reconciler.engine.adopting import adopt_all, strangers, unfit
from reconciler.engine.context import Context
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.address import Address, selects
from reconciler.model.definition import Definition
from reconciler.model.job import ActualJob
from reconciler.model.platform import PlatformSettings
from reconciler.model.report import ApplyResult, Result
from reconciler.model.spec import JobSpec

_READABLE = 0o644


class AdoptingAll:
    """One `adopt --all`."""

    def __init__(self, settings: Settings, *, auto_approve: bool) -> None:
        """Take what the user set; nothing is read yet."""
        self._settings = settings
        self._auto_approve = auto_approve
        self._output = Output(settings)
        self._interrupts = Interrupts()

    def record(self, settings: Settings | None = None) -> int:
        """Record the existing jobs that the definition describes; return the exit code."""
        workspace = Workspace(settings or self._settings)
        with (
            self._interrupts.installed(),
            workspace.connected("adopt", stop=self._interrupts.stop) as (context, platform),
        ):
            self._interrupts.begin_changes()
            result = adopt_all(context, workspace.request(platform, "adopt"))
        return self._tell(result)

    def write(self, path: Path) -> int:
        """Write blocks for the jobs that nobody recorded, then record all that is described."""
        if path.suffix not in (".yaml", ".yml"):
            raise UsageError("A definition is written as YAML", f"{path} does not end in .yaml.")
        others = [file for file in self._files() if not _is_same(file, path)]
        self._require_place(path, others)
        draft = path.with_name(f".{path.name}.{os.getpid()}.draft.yaml")
        try:
            before = path.read_text() if path.exists() else self._beginning(others)
            found, specs = self._found(others, draft, before)
            if not specs:
                self._output.say("Every job is recorded or described already; nothing to write.")
                return self.record() if path.exists() or others else 0
            write_file(draft, _text(before, specs), _READABLE)
            specs = self._fitting(others, draft, before, specs, found)
            self._ask(path, len(specs))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self._output.say(f"Wrote {len(specs)} job{'s' * (len(specs) != 1)} to {path}.")
        return self.record(self._with(path, others, specs))

    def _require_place(self, path: Path, others: list[Path]) -> None:
        """Refuse a file that the definition would not take in: its jobs would be to delete."""
        taken_in = [Path(file) for file in self._settings.files]
        if not taken_in and others:
            taken_in = default_paths(Path())
        places = [each for each in taken_in if _is_same(each, path) or _is_same(each, path.parent)]
        if places or not others:
            return
        workspace = Workspace(replace(self._settings, files=tuple(map(str, others))))
        if path.exists() or workspace.definition.jobs:
            raise UsageError(
                "File is no part of the definition",
                f"{path} is none of the files that the definition is read from.",
                f"Name it as well, as it will be needed from then on: -f {path}.",
            )

    def _with(self, path: Path, others: list[Path], written: Collection[Address]) -> Settings:
        """Return the settings with which the written file is read: alone, if it says it all."""
        files = self._settings.files or (tuple(map(str, default_paths(Path()))) if others else ())
        named = any(_is_same(Path(each), where) for each in files for where in (path, path.parent))
        return replace(
            self._settings,
            files=files if named else (str(path),),
            targets=tuple(written),
            excludes=(),
        )

    def _files(self) -> list[Path]:
        """Return the files of the definition that are there; none when there is no definition."""
        given = [Path(file) for file in self._settings.files]
        if given:
            return [file for file, _ in read_files([each for each in given if each.exists()])]
        try:
            return [file for file, _ in read_files(default_paths(Path()))]
        except UsageError:
            return []

    def _beginning(self, others: list[Path]) -> str:
        """Return what a new file begins with: whose jobs they are, if no other file says it.

        A new file that the other files' definition would not take in must not leave jobs out.
        """
        if not others:
            return head_text(_stack(), PlatformSettings())
        workspace = Workspace(replace(self._settings, files=tuple(map(str, others))))
        return head_text(workspace.definition.stack, workspace.definition.platform)

    def _found(
        self, others: list[Path], draft: Path, before: str
    ) -> tuple[Mapping[Address, ActualJob], Mapping[Address, JobSpec]]:
        write_file(draft, before, _READABLE)
        workspace = self._drafted(others, draft)
        with (
            self._interrupts.installed(),
            workspace.connected("adopt", stop=self._interrupts.stop) as (context, _),
        ):
            found = self._strangers(context, workspace.definition)
        return found, {address: job.spec for address, job in found.items() if job.spec}

    def _strangers(self, context: Context, definition: Definition) -> dict[Address, ActualJob]:
        names = {job.spec.name for job in definition.jobs.values()}
        jobs = {Address(job.name): job for job in strangers(context, names)}
        targets, excludes = self._settings.targets, self._settings.excludes
        return {
            address: job
            for address, job in sorted(jobs.items())
            if (not targets or selects(targets, address)) and not selects(excludes, address)
        }

    def _fitting(
        self,
        others: list[Path],
        draft: Path,
        before: str,
        specs: Mapping[Address, JobSpec],
        found: Mapping[Address, ActualJob],
    ) -> Mapping[Address, JobSpec]:
        """Read the draft back; leave out, and tell, what it could not say of a job."""
        desired = self._drafted(others, draft).definition.jobs
        wrong = unfit({address: found[address] for address in specs}, desired)
        for address, where in wrong.items():
            self._output.say(f'Left out "{address}": a definition here cannot say its {where}.')
        kept = {address: spec for address, spec in specs.items() if address not in wrong}
        if not kept:
            raise ReconcilerError(
                "Nothing to write", "No job could be described exactly.", "See the lines above."
            )
        write_file(draft, _text(before, kept), _READABLE)
        return kept

    def _drafted(self, others: list[Path], draft: Path) -> Workspace:
        return Workspace(replace(self._settings, files=tuple(map(str, (*others, draft)))))

    def _ask(self, path: Path, number: int) -> None:
        if not path.exists() or self._auto_approve:
            return
        if not sys.stdin.isatty():
            raise UsageError(
                "File exists already",
                f"{path} would get {number} more blocks, and there is no terminal to ask.",
                "Give --auto-approve, or write to a new file.",
            )
        if not click.confirm(f"Add {number} jobs to {path}?", err=True):
            raise ReconcilerError("Not approved", "Nothing was written, nothing was recorded.")

    def _tell(self, result: ApplyResult) -> int:
        for each in result.of(Result.DONE):
            told = f'job "{each.action.name}" (id {each.action.job_id})'
            self._output.say(f'Adopted "{each.action.address}": {told}.')
        for each in result.of(Result.FAILED):
            self._output.say(f'Not adopted "{each.action.address}": {each.error}')
        if not result.results:
            self._output.say("No job to adopt: none of those described exists unrecorded.")
        return 1 if result.of(Result.FAILED) else 0


def _text(before: str, specs: Mapping[Address, JobSpec]) -> str:
    return with_jobs(before, specs) if before.strip() else jobs_text(specs)


def _is_same(one: Path, other: Path) -> bool:
    return one.absolute() == other.absolute()


def _stack() -> str:
    """Return a name for a new stack: the only one that state is kept of, or the folder's."""
    kept = [path.stem for path in STATE_FOLDER.glob("*.json")]
    if len(kept) == 1:
        return kept[0]
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", Path.cwd().name).strip("-_")
    return name if STACK_NAME.fullmatch(name) else "training"
