"""Which commit the definition is at, for the history of the state."""

import os
import subprocess
from pathlib import Path

_PATIENCE = 5.0
_CI = ("GITHUB_SHA", "CI_COMMIT_SHA")
"""Where GitHub and GitLab tell the commit, should the repository itself not be at hand."""


def commit_of(folder: Path) -> str | None:
    """Return the commit of the repository that a folder is in; None when there is none.

    `+changes` follows it when files that Git knows differ from that commit.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return next((found for name in _CI if (found := os.environ.get(name))), None)
    is_changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return f"{commit}+changes" if is_changed else commit


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            check=False,
            text=True,
            timeout=_PATIENCE,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
