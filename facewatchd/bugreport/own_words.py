"""Texts with everything taken out that is not the program's own: names, paths, numbers."""

from __future__ import annotations

import ast
import errno
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import facewatchd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ELSE = "…"
_A_WORD = re.compile(r"[^\W\d_]{3}")


class _Template(NamedTuple):
    """An f-string of ours: what it matches, and how many of its characters are constant."""

    pattern: re.Pattern[str]
    constants: list[str]
    weight: int


class OwnWords:
    """Lets through only what stands in the program's own source, besides ``known`` words.

    A text is matched with the f-strings of the source; what was filled into them becomes ``…``
    unless it is the program's own in turn.  So nothing of a user's can come through, whatever
    anybody put into the text.
    """

    def __init__(self, known: Iterable[str]) -> None:
        templates = list(_templates(Path(facewatchd.__file__).parent))
        whole = {parts[0] for parts in templates if len(parts) == 1 and not parts[0].isdigit()}
        self._known = {*known, *whole, *_words_of_the_system()}
        self._templates = [
            _template(parts) for parts in templates if _A_WORD.search(" ".join(parts))
        ]

    def of(self, text: str) -> str:
        """Return ``text`` in the program's own words: by whichever reading most of it is."""
        pieces = re.split(r"; |\n\s*", text)
        # A failed photo's reason is what failed, and behind it what to do.
        ends = [gap.start() for gap in re.finditer(r"(?<=[.!?]) ", text)]
        ways = [[text], pieces, *([text[:end], text[end + 1 :]] for end in ends)]
        joints = ["", "; ", *(" " for _ in ends)]
        read = (
            joint.join(self._piece(part) for part in way)
            for joint, way in zip(joints, ways, strict=True)
        )
        return max(read, key=_told)

    def _piece(self, text: str) -> str:
        if text in self._known:
            return text
        # "/photos/a.jpg: The file is empty." is put together from two.
        tails = [text, *(text[found.end() :] for found in re.finditer(": ", text))]
        fitting = [
            (template, match, tail)
            for tail in tails
            for template in self._templates
            if (match := template.pattern.fullmatch(tail))
        ]
        if not fitting:
            own = next((tail for tail in tails if tail in self._known), None)
            return f"{ELSE}: {own}" if own else ELSE
        template, match, tail = max(fitting, key=lambda found: found[0].weight)
        filled = [ELSE if group == text else self._piece(group) for group in match.groups()]
        first, *rest = template.constants
        words = first + "".join(a + b for a, b in zip(filled, rest, strict=True))
        return words if tail == text else f"{ELSE}: {words}"


def _told(words: str) -> int:
    """Return how many letters of ``words`` are left."""
    return sum(map(str.isalpha, words))


def _template(parts: list[str]) -> _Template:
    pattern = "(.*?)".join(map(re.escape, parts))
    return _Template(re.compile(pattern, re.DOTALL), parts, sum(map(len, parts)))


def _templates(folder: Path) -> Iterator[list[str]]:
    """Yield each text of the source as its constant parts, between which something is filled in."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
                yield [os.fsdecode(node.value)]
            elif isinstance(node, ast.JoinedStr):
                yield _parts(node)


def _parts(joined: ast.JoinedStr) -> list[str]:
    parts = [""]
    for value in joined.values:
        if isinstance(value, ast.Constant):
            parts[-1] += str(value.value)
        else:
            parts.append("")
    return parts


def _words_of_the_system() -> set[str]:
    errors = {os.strerror(number) for number in errno.errorcode}
    return errors | {each.name for each in signal.Signals}
