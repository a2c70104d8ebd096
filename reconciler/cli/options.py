"""The options that commands share. Each has an environment variable `RECONCILER_…`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.cli import completing
from reconciler.cli.settings import Settings

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Decorator = Callable[[Decorated], Decorated]


def option(*names: str, to: str | None = None, **attributes: Any) -> Callable[[Any], Any]:
    """Make an option whose environment variable follows from its name.

    With `to`, the value is kept in the command's `Settings` under that name instead of being
    handed to the command.
    """
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = "RECONCILER_" + long.removeprefix("--").replace("-", "_").upper()
    attributes.setdefault("envvar", variable)
    attributes.setdefault("show_envvar", False)
    if to is not None:
        attributes |= {"expose_value": False, "callback": _keep(to)}
    return click.option(*names, **attributes)


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> Any:
        setattr(context.ensure_object(Settings), name, value)
        return value

    return callback


def _all(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


file_option = option(
    "-f",
    "--file",
    to="files",
    multiple=True,
    metavar="PATH",
    type=click.Path(),
    shell_complete=completing.definition_files,
    help="Definition file or folder (repeatable). Default: jobs.yaml, else jobs/*.yaml.",
)

definition_options = _all(
    file_option,
    option(
        "--var",
        to="variables",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a variable of the definition (repeatable).",
    ),
    option(
        "--profile",
        to="profile",
        metavar="NAME",
        shell_complete=completing.profiles,
        help="Lay this profile over the definition.",
    ),
)
"""Which definition, with which variables and which profile."""

state_options = _all(
    option("--state", to="state", metavar="URL", help="Where state is kept. Default: file:state"),
    option(
        "--state-key",
        to="state_key",
        metavar="FILE",
        type=click.Path(),
        help="Encrypt the state with the key in this file, or RECONCILER_STATE_PASSPHRASE.",
    ),
    option(
        "--old-state-key",
        to="old_state_key",
        metavar="FILE",
        type=click.Path(),
        help="Also read what another key encrypted; or RECONCILER_OLD_STATE_PASSPHRASE.",
    ),
    option(
        "--lock-timeout",
        to="lock_timeout",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="S",
        help="Seconds to wait for someone else's lock on the state. Default: 0",
    ),
)
"""Which state."""

selection_options = _all(
    option(
        "--target",
        to="targets",
        multiple=True,
        metavar="ADDR",
        shell_complete=completing.addresses,
        help="Look at these addresses only (glob, repeatable).",
    ),
    option(
        "--exclude",
        to="excludes",
        multiple=True,
        metavar="ADDR",
        shell_complete=completing.addresses,
        help="Leave these addresses out (glob, repeatable).",
    ),
)
"""Which addresses."""

platform_options = _all(
    option(
        "--parallelism",
        to="parallelism",
        type=click.IntRange(1, 256),
        default=10,
        metavar="N",
        help="How many requests may be under way at once. Default: 10",
    ),
    option(
        "--refresh",
        to="refresh",
        type=click.Choice(["fast", "full"]),
        default="fast",
        help="full reads the details of every recorded job. Default: fast",
    ),
)
"""How to ask the platform."""

verbosity_options = _all(
    option("-q", "--quiet", to="quiet", is_flag=True, help="Show results and errors only."),
    option("-v", "--verbose", to="verbose", count=True, help="Show more (-vv: even more)."),
)
"""How much to show."""

output_options = _all(
    option(
        "--report",
        to="reports",
        multiple=True,
        metavar="FORMAT[=FILE]",
        shell_complete=completing.formats,
        help="Report to stdout or a file (repeatable), as terminal or json; plans and drift also "
        "as markdown, html, github, gitlab, gitlab-codequality, junit, sarif.",
    ),
    option("--json", to="json", is_flag=True, help="Short for --report json."),
    option("--no-color", to="no_color", is_flag=True, help="No colours (also NO_COLOR)."),
    verbosity_options,
)
"""How to show the result."""

consent_options = _all(
    option(
        "--interrupt-running",
        to="interrupt_running",
        is_flag=True,
        help="Allow to delete or replace jobs that are pending or running.",
    ),
    option(
        "--allow-mass-delete",
        to="allow_mass_delete",
        is_flag=True,
        help="Allow to delete more than 30 % of the recorded jobs.",
    ),
)
"""What guards would hold back."""

adopt_option = option(
    "--adopt",
    to="adopt",
    is_flag=True,
    help="Take over existing jobs whose name and configuration are as defined.",
)

graph_option = option(
    "--graph",
    metavar="FORMAT",
    type=click.Choice(["mermaid", "dot", "svg"]),
    help="Show which job depends on which instead of the plan: mermaid, dot or svg.",
)

delete_timeout_option = option(
    "--delete-timeout",
    to="delete_timeout",
    type=click.FloatRange(min=0),
    default=600.0,
    metavar="S",
    help="Seconds that a deletion may take on the platform. Default: 600",
)

auto_approve_option = option("--auto-approve", is_flag=True, help="Do not ask before changing.")
