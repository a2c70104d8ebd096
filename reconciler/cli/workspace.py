"""The composition: which definition, state and platform a command works with."""

import os
import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.settings import Settings
from reconciler.diagnostics import Diagnostic
from reconciler.errors import DefinitionError, ReconcilerError, UsageError
from reconciler.model.definition import Definition
from reconciler.model.events import Event
from reconciler.model.plan import Plan, PlanPlatform
from reconciler.model.platform import LOCAL, PlatformIdentity, PlatformSettings
from reconciler.model.policy import Policies

if TYPE_CHECKING:
    from reconciler.backends.base import Backend
    from reconciler.backends.sealing import Seal
    from reconciler.engine.context import Context
    from reconciler.engine.request import Request
    from reconciler.model.state import State
    from reconciler.planning.guards import Consent
    from reconciler.planning.world import Selection
    from reconciler.providers.auth import Credentials
    from reconciler.providers.base import Dialect, Provider

STATE_FOLDER = Path("state")
LOCAL_STORE = STATE_FOLDER / "local"
V2 = "modelarts/v2"


class Workspace:
    """Chooses the concrete parts that the settings and the definition ask for."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is read yet."""
        self.settings = settings

    @cached_property
    def definition(self) -> Definition:
        """The definition, checked against what its API version can express, and its policies.

        Raises `DefinitionError` with every problem, `UsageError` when there is no file.
        """
        from reconciler.definition import loader

        paths = [Path(file) for file in self.settings.files] or loader.default_paths(Path())
        definition = loader.load(
            paths,
            variables=_pairs(self.settings.variables),
            environment=os.environ,
            profile=self.settings.profile,
        )
        dialect = _dialect(definition.platform.api)
        problems: list[Diagnostic] = []
        for job in definition.jobs.values():
            problems += dialect.problems(job)
        if definition.policies.rules:
            from reconciler.planning.policy import check_expressions

            problems += check_expressions(definition.policies.rules)
        if problems:
            raise DefinitionError("The definition has problems", problems)
        return definition

    def violations(self) -> tuple[Diagnostic, ...]:
        """Return what the definition's policies say of its jobs."""
        if not self.definition.policies.rules:
            return ()
        from reconciler.planning.policy import check_jobs

        return check_jobs(self.definition.policies, self.definition.jobs.values())

    def check_expressible(self, api: str) -> None:
        """Raise `DefinitionError` with every field that another API version cannot express."""
        dialect = _dialect(api)
        jobs = self.definition.jobs.values()
        if problems := [each for job in jobs for each in dialect.problems(job)]:
            raise DefinitionError(f"The definition is not fit for {api} yet", problems)

    @property
    def stack(self) -> str:
        """The definition's stack; without a definition, the only one that state is kept of."""
        if not self.settings.files:
            kept = sorted(STATE_FOLDER.glob("*.json"))
            try:
                return self.definition.stack
            except UsageError:
                if len(kept) == 1 and self.settings.state is None:
                    return kept[0].stem
                raise
        return self.definition.stack

    def recorded(self) -> "State | None":
        """Return the state with its journal folded in, or None when nothing was applied yet."""
        return self.backend(self.stack).read()

    def backend(self, stack: str) -> "Backend":
        """Return where the stack's state is kept."""
        return self.backend_at(self.settings.state, stack)

    def backend_at(self, url: str | None, stack: str, *, may_be_open: bool = False) -> "Backend":
        """Return the place that a URL names for a stack; what is written there is signed.

        It is encrypted if there is a key; what is there and is not is then refused, unless it
        `may_be_open`.
        """
        from reconciler.backends.signing import Author
        from reconciler.backends.url import open_backend
        from reconciler.cli.revision import commit_of

        first = Path(self.settings.files[0]) if self.settings.files else Path()
        folder = first if first.is_dir() else first.parent
        author, seal = Author(lambda: commit_of(folder)), self._seal(stack, may_be_open)
        return open_backend(url, stack, STATE_FOLDER, author, seal)

    def _seal(self, stack: str, may_be_open: bool) -> "Seal | None":
        """Return how the state is encrypted, if a key was given for it."""
        from reconciler.backends.sealing import make_seal
        from reconciler.cli.secrets import state_secret

        current = state_secret(self.settings.state_key, "RECONCILER_STATE_PASSPHRASE")
        other = state_secret(self.settings.old_state_key, "RECONCILER_OLD_STATE_PASSPHRASE")
        others = [other] if other else []
        return make_seal(stack, current, others, may_be_open=may_be_open)

    @property
    def selection(self) -> "Selection":
        """The addresses that `--target` and `--exclude` leave."""
        from reconciler.planning.world import Selection

        return Selection(self.settings.targets, self.settings.excludes)

    @property
    def consent(self) -> "Consent":
        """What the user allowed."""
        from reconciler.planning.guards import Consent

        return Consent(self.settings.interrupt_running, self.settings.allow_mass_delete)

    @property
    def options(self) -> str:
        """What a further command needs to mean the same stack: ` -f examples/01-quickstart`."""
        pairs = [("-f", file) for file in self.settings.files]
        pairs += [("--var", variable) for variable in self.settings.variables]
        pairs += [("--profile", self.settings.profile)] if self.settings.profile else []
        if self.settings.state:
            from reconciler.backends.url import without_password

            pairs.append(("--state", without_password(self.settings.state)))
        if self.settings.state_key:
            pairs.append(("--state-key", self.settings.state_key))
        return "".join(f" {name} {shlex.quote(value)}" for name, value in pairs)

    def request(self, platform: PlanPlatform, command: str) -> "Request":
        """Return what to plan: the whole definition, on a platform.

        Policies judge what would be done, and drift is none of that.
        """
        from reconciler.engine.request import Request

        jobs = self.definition.jobs
        policies = Policies() if command == "drift" else self.definition.policies
        return Request(
            stack=self.definition.stack,
            platform=platform,
            desired=jobs,
            sources=self.definition.sources,
            selection=self.selection,
            consent=self.consent,
            adopt=self.settings.adopt,
            options=self.options,
            command=command,
            policies=policies,
            labels={each.address: each.labels for each in jobs.values()} if policies else {},
            ignored_drift=self.definition.ignored_drift,
            moved=self.definition.moved,
            removed=self.definition.removed,
        )

    @contextmanager
    def connected(
        self,
        command: str,
        *,
        emit: Callable[[Event], None] = lambda _: None,
        stop: threading.Event | None = None,
        plan: Plan | None = None,
        api: str | None = None,
    ) -> Iterator[tuple["Context", PlanPlatform]]:
        """Yield a context for the engine and the platform that it leads to.

        A saved plan brings its own platform; otherwise the definition's is meant, through
        another `api` if one is given. The connections are dropped at the end.
        """
        from reconciler.engine.context import Context, Timing

        stop = stop or threading.Event()
        settings, folder = (
            (_settings_of(plan.platform), _folder_of(plan))
            if plan
            else (self.definition.platform, self._folder)
        )
        settings = settings.model_copy(update={"api": api}) if api else settings
        provider = self._connect(settings, folder, stop)
        try:
            platform = _platform(settings, provider.identity)
            stack = plan.stack if plan else self.definition.stack
            context = Context(
                provider=provider,
                backend=self.backend(stack),
                command=f"reconciler {command}",
                stop=stop,
                emit=emit,
                parallelism=self.settings.parallelism,
                full_refresh=self.settings.refresh == "full",
                lock_timeout=self.settings.lock_timeout,
                timing=Timing(delete_timeout=self.settings.delete_timeout),
                environment=os.environ,
            )
            yield context, platform
        finally:
            provider.close()

    @property
    def _folder(self) -> Path:
        return Path(self.definition.sources[0].path).parent

    def _connect(
        self, settings: PlatformSettings, folder: Path, stop: threading.Event
    ) -> "Provider":
        connect = _connector(settings.api)
        if settings.endpoint != LOCAL:
            return connect(settings, parallelism=self.settings.parallelism, stop=stop)
        url, credentials = _local(folder)
        return connect(
            settings, credentials, url=url, parallelism=self.settings.parallelism, stop=stop
        )


def _local(folder: Path) -> tuple[str, "Credentials"]:
    """Find or start the embedded platform; return its URL and how to log in there."""
    from reconciler.definition.code import buckets_folder
    from reconciler.emulator.launch import EmulatorError, ensure
    from reconciler.providers.auth import Credentials

    try:
        running = ensure(LOCAL_STORE, buckets_folder(folder))
    except EmulatorError as error:
        raise ReconcilerError("The embedded platform is not available", str(error)) from error
    return running.url, Credentials(
        auth_url=running.auth_url,
        username=running.username,
        password=running.password,
        user_domain_name=running.domain,
        project_id=running.project_id,
    )


def _dialect(api: str) -> "Dialect":
    if api == V2:
        from reconciler.providers.modelarts.v2.dialect import DialectV2

        return DialectV2()
    from reconciler.providers.modelarts.v1.dialect import DialectV1

    return DialectV1()


def _connector(api: str) -> "Callable[..., Provider]":
    """Return what connects to a platform that speaks this API; imports that version alone."""
    if api == V2:
        from reconciler.providers.modelarts.v2 import client as v2

        return v2.connect
    from reconciler.providers.modelarts.v1 import client as v1

    return v1.connect


def _platform(settings: PlatformSettings, identity: PlatformIdentity) -> PlanPlatform:
    return PlanPlatform(**identity.model_dump(), auth_url=settings.auth_url, region=settings.region)


def _settings_of(platform: PlanPlatform) -> PlatformSettings:
    return PlatformSettings(
        api=platform.api,
        endpoint=platform.endpoint,
        auth_url=platform.auth_url,
        region=platform.region,
        project_id=platform.project_id,
        workspace_id=platform.workspace_id,
    )


def _folder_of(plan: Plan) -> Path:
    return Path(plan.definition[0].path).parent if plan.definition else Path()


def _pairs(variables: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for variable in variables:
        name, separator, value = variable.partition("=")
        if not separator or not name:
            raise UsageError(
                "Variable is written wrongly", f'"--var {variable}" is not NAME=VALUE.'
            )
        pairs[name] = value
    return pairs
