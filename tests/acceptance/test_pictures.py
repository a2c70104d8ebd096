"""The pictures of the pages show what the program shows, and a browser what the page means."""

import html
import importlib.util
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.render.html import render_html
from tests.acceptance.world import PATIENCE
from tests.unit.render.reports import REPORTS

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """Load the script that makes the pictures."""
    spec = importlib.util.spec_from_file_location("make_pictures", PICTURES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_of(svg: str) -> list[str]:
    """Return the lines that a picture shows, without what differs from run to run."""
    rows: dict[str, str] = {}
    for place, text in re.findall(r'clip-path="url\(#t-line-(\d+)\)">(.*?)</text>', svg):
        rows[place] = rows.get(place, "") + text.replace("&#160;", " ")
    shown = html.unescape("\n".join(rows.values()))
    shown = re.sub(r"[0-9a-f]{32,64}|\b\d{6,}\b", "…", shown)
    return [" ".join(line.split()) for line in shown.splitlines() if line.strip()]


def test_the_pictures_show_what_the_commands_show(make: ModuleType, tmp_path: Path) -> None:
    found = make.scenes(tmp_path)

    for name in ("plan", "stale", "drift"):
        kept = lines_of((PICTURES / f"{name}.svg").read_text())
        assert kept == lines_of(make.as_svg(found[name])), f"{name}.svg is out of date"
        assert len(kept) > 3
    assert "parameters.k was '3', is '7'" in found["stale"]
    assert "\x1b[" in found["plan"], "a terminal has colours"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.stem)
def test_every_picture_of_a_page_is_there(page: Path) -> None:
    for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text()):
        assert (page.parent / target).is_file(), target


def pixels(file: Path) -> tuple[int, int, list[bytes]]:
    """Return width and height of a PNG with 8 bits a channel, and its rows as RGB."""
    data, at, packed = file.read_bytes(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, _, colours = struct.unpack(">IIBB", body[:10])
        packed += body if kind == b"IDAT" else b""
        at += size + 12
    step = {2: 3, 6: 4}[colours]
    raw, above, rows = zlib.decompress(packed), bytes(width * step), []
    for start in range(0, len(raw), width * step + 1):
        above = _unfiltered(raw[start], raw[start + 1 : start + 1 + width * step], above, step)
        rows.append(b"".join(above[x : x + 3] for x in range(0, len(above), step)))
    return width, height, rows


def _unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    """Undo the filter of one row (PNG specification, "Filtering")."""
    row = bytearray(line)
    for at in range(len(row)):
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        match kind:
            case 1:
                row[at] = (row[at] + left) % 256
            case 2:
                row[at] = (row[at] + above[at]) % 256
            case 3:
                row[at] = (row[at] + (left + above[at]) // 2) % 256
            case 4:
                guess = left + above[at] - corner
                nearest = min((left, above[at], corner), key=lambda value: abs(guess - value))
                row[at] = (row[at] + nearest) % 256
    return bytes(row)


@pytest.fixture
def photograph(tmp_path: Path) -> Callable[..., tuple[int, int, list[bytes]]]:
    """Return how to see a page as Chromium shows it."""

    def seen(page: str, width: int, *, dark: bool = False) -> tuple[int, int, list[bytes]]:
        (tmp_path / "page.html").write_text(page)
        picture = tmp_path / "page.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += ["--no-first-run", "--disable-background-networking", "--disable-sync"]
        options += ["--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}"]
        options += [f"--window-size={width},700", f"--screenshot={picture}"]
        options += ["--blink-settings=preferredColorScheme=0"] if dark else []
        command = [str(CHROMIUM), *options, (tmp_path / "page.html").as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        return pixels(picture)

    return seen


def share(rows: list[bytes], colour: tuple[int, int, int]) -> float:
    """Return which part of a picture has a colour."""
    wanted = bytes(colour)
    total = sum(len(row) // 3 for row in rows)
    same = sum(row[x : x + 3] == wanted for row in rows for x in range(0, len(row), 3))
    return same / total


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [1200, 500], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_the_page(
    photograph: Callable[..., tuple[int, int, list[bytes]]], width: int, dark: bool
) -> None:
    page = render_html(REPORTS["kinds"])

    wide, _, rows = photograph(page, width, dark=dark)

    assert wide == width
    background, ink = ((15, 18, 22), (231, 235, 240)) if dark else ((246, 247, 249), (27, 31, 36))
    assert share(rows, background) > 0.05, "its own style is in force"
    assert share(rows, ink) > 0.001, "and there is text"
    right = [row[-3 * 8 :] for row in rows]
    assert share(right, background) == 1, "nothing runs out of the page at its right edge"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_switch_hides_its_kind(
    photograph: Callable[..., tuple[int, int, list[bytes]]],
) -> None:
    page = render_html(REPORTS["many"])
    _, _, rows = photograph(page, 800)
    hidden = page.replace('id="show-replace" checked', 'id="show-replace"')
    _, _, fewer = photograph(hidden, 800)

    purple = (125, 59, 184)
    assert share(rows, purple) > 2 * share(fewer, purple) > 0
