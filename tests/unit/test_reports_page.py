from __future__ import annotations

import os
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from facewatchd.reports import REPORTS, report, write
from tests.support.material import album, draw, material

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from facewatchd.reports import Material

HOSTILE = [
    '<img src=x onerror="alert(1)">',
    "'\"><script>alert(2)</script>",
    "javascript:x",
    "&amp;",
]
_VOID = {"meta", "img", "source", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """The tags of a page, its text, and whether each tag that opens is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data.strip())

    def references(self) -> list[str]:
        """Return every URL that the page names."""
        found = [a.get(key) for _, a in self.tags for key in ("href", "src", "srcset", "action")]
        return [each for each in found if each is not None]


def page(folder: Path, made: Material, names: Sequence[str] = tuple(REPORTS)) -> Page:
    write(made, os.fsencode(folder), [report(name) for name in names])
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def referred(folder: Path, found: Page) -> set[bytes]:
    """Return the files that a page refers to; each must be there, and nothing is elsewhere."""
    there = set()
    for url in found.references():
        parts = urlsplit(url)
        assert not parts.scheme
        assert not parts.netloc
        if parts.path:
            path = unquote_to_bytes(parts.path)
            assert not path.startswith(b"/")
            assert b".." not in path.split(b"/")
            assert os.path.exists(os.path.join(os.fsencode(folder), path)), path
            there.add(path)
        else:
            assert parts.fragment in {attrs.get("id") for _, attrs in found.tags}
    return there


def test_the_page_shows_everything_that_was_made_and_refers_to_nothing_else(
    tmp_path: Path,
) -> None:
    made = album(tmp_path / "photos", [[0, 1, -1]] * 5, ["Anna", "Ben"])
    out = tmp_path / "out"
    out.mkdir()
    found = page(out, made)
    assert found.open == []
    files = {os.fsencode(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    unseen = {p for p in files if p.startswith(b"crops/")} | {b"index.html"}
    assert referred(out, found) == (files - unseen) | {b"crops/"}
    assert {"Anna", "Ben", "outliers"} <= {*found.texts}
    assert "5 faces in 5 photos, 2001\N{EN DASH}2005" in found.texts


def test_the_page_runs_no_script_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    found = page(tmp_path, album(tmp_path / "photos", [[0]] * 3, ["Anna"]))
    assert not {tag for tag, _ in found.tags} & {"script", "iframe", "object", "link", "form"}
    [policy] = (a["content"] for _, a in found.tags if "http-equiv" in a)
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "http:" not in policy


@pytest.mark.parametrize(
    "photo", [b"<script>alert(3)</script>.png", b"\xff&quot;>.png", b"a\nb.png"]
)
def test_hostile_names_of_people_and_photos_stay_text(tmp_path: Path, photo: bytes) -> None:
    paths = [
        os.fsencode(tmp_path) + b"/photos/%d" % n + photo.replace(b"/", b"_") for n in range(4)
    ]
    made = material(paths, [[0], [1], [2], [3]], HOSTILE)
    draw(made)
    os.unlink(paths[0])
    out = tmp_path / "out"
    out.mkdir()
    found = page(out, made, ("montages", "thumbnails", "crops", "faces.csv", "index"))
    assert {*HOSTILE[1:]} <= {*found.texts}
    referred(out, found)
    plain = {"html", "head", "meta", "title", "style", "body", "a", "header", "h1", "dl", "div"}
    plain |= {"dt", "dd", "nav", "ul", "li", "main", "section", "h2", "h3", "p", "img", "table"}
    plain |= {"thead", "tbody", "tr", "th", "td", "details", "summary", "footer"}
    assert {tag for tag, _ in found.tags} <= plain
    assert not [key for _, attrs in found.tags for key in attrs if key.startswith("on")]


def test_everything_that_is_seen_has_words_for_who_does_not_see_it(tmp_path: Path) -> None:
    found = page(tmp_path, album(tmp_path / "photos", [[0, 1]] * 5, ["Anna", "Ben"]))
    images = [attrs for tag, attrs in found.tags if tag == "img"]
    assert len(images) == 2 + 4
    assert all(len(attrs.get("alt") or "") > 10 for attrs in images)
    assert [attrs.get("lang") for tag, attrs in found.tags if tag == "html"] == ["en"]
    levels = [int(tag[1]) for tag, _ in found.tags if tag in {"h1", "h2", "h3"}]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len({*ids})
    labelled = {attrs["aria-labelledby"] for _, attrs in found.tags if "aria-labelledby" in attrs}
    assert labelled <= {*ids}


def test_the_page_names_what_could_not_be_made(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0], [0]], ["Anna"])
    os.unlink(made.photos[1])
    found = page(tmp_path, made)
    assert os.fsdecode(made.photos[1]) in found.texts
    assert "It cannot be read: No such file or directory." in found.texts
    assert any(text.startswith("HDBSCAN's condensed tree: It needs") for text in found.texts)


@pytest.mark.parametrize("groups", [[], [[]]])
def test_without_faces_there_is_a_page_that_says_so(
    tmp_path: Path, groups: list[list[int]]
) -> None:
    found = page(tmp_path, album(tmp_path / "photos", groups, []))
    assert "No face was found." in found.texts
    assert found.open == []


def test_one_face_gives_a_whole_report(tmp_path: Path) -> None:
    found = page(tmp_path, album(tmp_path / "photos", [[0]], ["Anna"]))
    assert "1 face in 1 photo, 2001" in found.texts
    assert b"montages/Anna.jpg" in referred(tmp_path, found)
