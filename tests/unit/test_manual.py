"""The manual pages are those of the commands and documents as they are, and man can show them."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.manual import roff
from docs.manual.pages import PLACE, pages
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

PAGES = pages()


def shown(text: str) -> str:
    """Return what man shows, unfilled and without emphasis; a warning fails."""
    if shutil.which("groff") is None:
        missing("groff")
    ended = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=500n", "-rHY=0"],
        input=text.encode("ascii"),
        capture_output=True,
        check=True,
    )
    assert ended.stderr == b""
    return ended.stdout.decode()


def test_the_pages_are_current() -> None:
    there = {path: path.read_text() for path in PLACE.glob("man*/*")}
    assert there == PAGES, "type: make man"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_shown_without_a_warning(path: Path) -> None:
    text = shown(PAGES[path])
    name, section = path.stem, path.suffix.removeprefix(".")
    assert text.startswith(f"{name}({section})")
    assert re.search(rf"^ +{re.escape(name)} - \w", text, flags=re.MULTILINE)


def test_commands_options_settings_and_exit_codes_are_on_the_pages() -> None:
    pages_by_name = {path.name: shown(text) for path, text in PAGES.items()}
    asked = pages_by_name["facewatchctl.1"]
    assert "facewatchctl people merge [OPTIONS] PERSON OTHER" in asked
    assert re.search(r"-h, --help\s+Show this message and exit\.", asked)
    assert "--without-newer\n" in asked
    assert re.search(r"^ +78 +configuration, state folder", asked, flags=re.MULTILINE)
    assert "--check-config" in pages_by_name["facewatchd.8"]
    settings = pages_by_name["facewatchd.yaml.5"]
    assert re.search(r"output\.link_map\n +for containers: .* default: \{\}\)", settings)
    assert "roots:\n" in settings


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_any_text_is_one_line_of_ascii_that_is_no_request(text: str) -> None:
    line = roff.escaped(text)
    assert line.isascii()
    assert "\n" not in line
    assert not line.startswith((".", "'"))


def test_roff_shows_what_markdown_says() -> None:
    said = "A [link](there.md#at) to `a-b.c`, **not** to 'this' \\ „Bär“; 2 * 3 ``x``."
    page = roff.head("n", 1, "v") + roff.heading("H") + roff.paragraph(roff.marked(said))
    assert "A link to a-b.c, not to 'this' \\ „Bär“; 2 * 3 x." in shown(page)
