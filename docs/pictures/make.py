"""Make the pictures of the pages from real runs: `python docs/pictures/make.py`.

What the terminal shows becomes SVG, coloured as on a terminal of 80 columns. The comment and the
HTML page are photographed by Chromium, where there is one.
"""

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.acceptance.world import PROGRAM, World  # noqa: E402 - needs the path above

WIDTH = 80
THEME = TerminalTheme(
    (24, 28, 34),
    (231, 235, 240),
    [
        *((24, 28, 34), (255, 139, 131), (86, 211, 100), (227, 179, 65)),
        *((121, 184, 255), (210, 168, 255), (86, 212, 221), (231, 235, 240)),
    ],
)
FRAME = """\
<svg viewBox="0 0 994 HEIGHT" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="994" height="HEIGHT" rx="8" fill="rgb(24,28,34)"/>
<g transform="translate(9, 9)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""
COMMENT = """\
<!DOCTYPE html><meta charset="utf-8"><style>
body {{ font: 14px/1.5 system-ui, "Segoe UI", "Noto Sans", sans-serif; color: #1f2328; margin: 16px;
  border: 1px solid #d1d9e0; border-radius: 6px; padding: 8px 16px 16px; }}
code, pre {{ font: 12px ui-monospace, "DejaVu Sans Mono", monospace; background: #f0f1f2;
  border-radius: 6px; padding: .2em .4em; }}
pre {{ padding: 12px; overflow: hidden; }} pre code {{ padding: 0; }}
details {{ margin: 8px 0; }}
</style>{body}"""


def on_terminal(world: World, *args: str) -> str:
    """Run a command on a terminal; return what it shows, colours included, below the command."""
    ours, theirs = pty.openpty()
    env = world.environment({"COLUMNS": str(WIDTH), "TERM": "xterm-256color"})
    command = subprocess.Popen(
        [PROGRAM, *args],
        cwd=world.folder,
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert command.stderr is not None
    with command.stderr as errors:
        told = errors.read()
    command.wait()
    line = f"\x1b[1m$ reconciler {' '.join(args)}\x1b[0m"
    return f"{line}\n{(shown + told).decode()}".replace("\r\n", "\n")


def scenes(folder: Path) -> dict[str, str]:
    """Play the story of a review in a folder; return what each command shows, and the reports."""
    shutil.copytree(
        ROOT / "examples/02-team", folder / "jobs", ignore=shutil.ignore_patterns("output", "logs")
    )
    world = World(folder)
    try:
        return _played(world)
    finally:
        world.close()


def _played(world: World) -> dict[str, str]:
    assert world.run("apply", "--auto-approve", "--wait").returncode == 0
    vision, nlp = "jobs/vision.yaml", "jobs/nlp.yaml"
    world.edit("digits told by their mean image", "digits told by mean images, in use", vision)
    world.edit("k: 3", "k: 5", vision)
    world.edit("language-id:", "language-id-4:", nlp)
    world.edit("ngram: ${var.ngram}", "ngram: 4", nlp)
    found = {"plan": on_terminal(world, "plan")}
    reports = [part for name in ("markdown", "html") for part in ("--report", f"{name}=r.{name}")]
    assert world.run("plan", "-o", "plan.json", *reports).returncode == 0
    found |= {name: (world.folder / f"r.{name}").read_text() for name in ("markdown", "html")}
    ids = {each["name"]: each["job_id"] for each in world.jobs()}
    url = f"jobs/{ids['digits-neighbours']}"
    rows = [("k", "7"), ("images", "600"), ("method", "neighbours")]
    changes = {"parameter": [{"label": label, "value": value} for label, value in rows]}
    world.admin("POST", f"{url}/versions", {"changes": changes})
    assert world.run("wait").returncode == 0
    found["stale"] = on_terminal(world, "apply", "plan.json")
    found["drift"] = on_terminal(world, "drift")
    return found


def as_svg(shown: str) -> str:
    """Return a terminal's text as a picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(shown.rstrip("\n")), soft_wrap=True)
    lines = len(shown.rstrip("\n").split("\n"))
    frame = FRAME.replace("HEIGHT", f"{24.4 * lines + 18:.0f}")
    picture = console.export_svg(theme=THEME, code_format=frame, unique_id="t")
    return "".join(f"{line.rstrip()}\n" for line in picture.splitlines())


def coloured(page: str) -> str:
    """Return a page with the colours that hosts give to a difference."""
    signs = {"-": "#82071e;background:#ffebe9", "+": "#116329;background:#dafbe1"}
    return re.sub(
        r"^([-+]) .*$",
        lambda match: f'<span style="color:{signs[match[1]]}">{match[0]}</span>',
        page,
        flags=re.MULTILINE,
    )


def photograph(page: str, target: Path, height: int) -> None:
    """Let Chromium take a picture of a page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.stderr.write(f"No Chromium: {target.name} stays as it is.\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page)
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--user-data-dir={folder}/profile", f"--window-size=900,{height}"]
        command = [program, *options, f"--screenshot={target}", file.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> None:
    """Write all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        found = scenes(Path(folder))
    for name in ("plan", "stale", "drift"):
        (HERE / f"{name}.svg").write_text(as_svg(found[name]))
    opened = found["markdown"].replace("<details>", "<details open>")
    body = coloured(MarkdownIt("commonmark", {"html": True}).render(opened))
    photograph(COMMENT.format(body=body), HERE / "comment.png", 800)
    photograph(found["html"], HERE / "report.png", 880)


if __name__ == "__main__":
    main()
