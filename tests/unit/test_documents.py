"""What the documents say is held against what is there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from facewatchd import errors
from facewatchd.errors import Exit, FacewatchError

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
LOCKS = sorted(REPOSITORY.glob("*.lock"))

# Pages that a reader may be sent to.  Where packages come from is each user's own setting.
PUBLIC_PAGES = {"github.com", "keepachangelog.com", "media.githubusercontent.com", "semver.org"}

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s<>)`\"']+")


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, made as forges make them."""
    headings = re.findall(r"^#+ (.*)$", without_code(text_of(document)), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings
    }


def broken_links(document: Path) -> list[str]:
    broken = []
    for link in LINK.findall(without_code(text_of(document))):
        if ADDRESS.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def section(document: Path, heading: str) -> str:
    found = re.search(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", text_of(document), flags=re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"{name(document)} has no section {heading}"
    return found[1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_address_is_a_page_for_readers(document: Path) -> None:
    hosts = {urlsplit(address).hostname for address in ADDRESS.findall(text_of(document))}
    assert hosts <= PUBLIC_PAGES


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_a_lock_file_has_hashes_and_no_addresses(lock: Path) -> None:
    text = text_of(lock)
    packages = re.split(r"\n(?=[a-z0-9])", text)
    assert packages
    assert all("--hash=sha256:" in package for package in packages)
    assert ADDRESS.findall(text) == []
    assert re.findall(r"--(?:extra-)?index|--find-links", text) == []


def test_every_adr_is_listed() -> None:
    folder = REPOSITORY / "docs" / "adr"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    assert records
    assert set(LINK.findall(text_of(folder / "README.md"))) == records


def test_every_error_class_is_explained() -> None:
    defined = {
        cls.__name__: cls.exit_code
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, FacewatchError) and cls is not FacewatchError
    }
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \|",
        section(REPOSITORY / "docs" / "errors.md", "Errors"),
        flags=re.MULTILINE,
    )
    assert {cls: int(code) for cls, code in rows} == defined


def test_every_exit_code_is_explained() -> None:
    rows = re.findall(
        r"^\| (\d+) \|",
        section(REPOSITORY / "docs" / "errors.md", "Exit codes"),
        flags=re.MULTILINE,
    )
    assert [int(code) for code in rows] == sorted(Exit)


def test_every_make_target_is_explained() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", text_of(REPOSITORY / "Makefile"), re.MULTILINE))
    assert {"run", "test", "check", "soak"} <= targets
    explained = text_of(REPOSITORY / "README.md") + text_of(REPOSITORY / "CONTRIBUTING.md")
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", explained, re.MULTILINE)) == targets
