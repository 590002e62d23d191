"""Pictures in a terminal: by its own protocol where it has one, else as coloured half blocks.

The protocols are those of kitty (sw.kovidgoyal.net/kitty/graphics-protocol) and of iTerm2
(iterm2.com/documentation-images.html).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_ITERM = {"iTerm.app", "WezTerm"}
_PPM = re.compile(rb"P6\s+([0-9]+)\s+([0-9]+)\s+255\s")
_CHUNK = 4096  # bytes of base64 in one command, the most that kitty takes
_SIDE, _SHARP_SIDE = 32, 320  # pixels of a picture as blocks, and by a protocol
_ROWS = 12  # of text that a picture by a protocol takes
_GAP = 2
_RESET = "\x1b[0m"
_UPPER_HALF = "\N{UPPER HALF BLOCK}"


class Ppm(NamedTuple):
    """A picture: ``pixels`` are three bytes each, row after row."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class Drawing:
    """How pictures are drawn here: what to ask the daemon for, and what to print then."""

    form: str
    side: int
    lines: Callable[[Sequence[bytes]], Iterable[str]]


def drawing(environment: Mapping[str, str]) -> Drawing:
    """Return how the terminal of ``environment`` shows pictures.

    Inside tmux and screen, which do not pass the protocols on, as blocks.
    """
    term = environment.get("TERM", "")
    inside = "TMUX" in environment or term.startswith(("screen", "tmux"))
    if not inside and (term == "xterm-kitty" or "KITTY_WINDOW_ID" in environment):
        return Drawing("png", _SHARP_SIDE, lambda pictures: map(_kitty, pictures))
    if not inside and environment.get("TERM_PROGRAM") in _ITERM:
        return Drawing("jpeg", _SHARP_SIDE, lambda pictures: map(_iterm, pictures))
    return Drawing("ppm", _SIDE, lambda pictures: _side_by_side([ppm(each) for each in pictures]))


def ppm(data: bytes) -> Ppm:
    """Return the picture that a binary PPM of 8 bits holds; ValueError if it is none."""
    head = _PPM.match(data)
    if head is None:
        raise ValueError("no binary PPM of 8 bits")
    return Ppm(int(head[1]), int(head[2]), data[head.end() :])


def blocks(picture: Ppm) -> list[str]:
    """Return a picture as lines of text, each two rows of pixels high."""
    width, _, pixels = picture
    row = 3 * width
    found = []
    for start in range(0, len(pixels) - row, 2 * row):
        upper, lower = pixels[start : start + row], pixels[start + row : start + 2 * row]
        cells = (
            f"\x1b[38;2;{_colour(upper, x)};48;2;{_colour(lower, x)}m{_UPPER_HALF}"
            for x in range(0, row, 3)
        )
        found.append("".join(cells) + _RESET)
    return found


def _colour(row: bytes, at: int) -> str:
    return ";".join(map(str, row[at : at + 3]))


def _side_by_side(pictures: Sequence[Ppm]) -> list[str]:
    drawn = [blocks(picture) for picture in pictures]
    empty = [" " * picture.width for picture in pictures]
    rows = zip_longest(*drawn)
    return [
        (" " * _GAP).join(
            nothing if cell is None else cell for cell, nothing in zip(row, empty, strict=True)
        )
        for row in rows
    ]


def _kitty(png: bytes) -> str:
    text = base64.standard_b64encode(png).decode("ascii")
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    keys = [f"a=T,f=100,q=2,r={_ROWS},", *[""] * (len(chunks) - 1)]
    more = [*["m=1"] * (len(chunks) - 1), "m=0"]
    return "".join(
        f"\x1b_G{key}{m};{chunk}\x1b\\" for key, m, chunk in zip(keys, more, chunks, strict=True)
    )


def _iterm(jpeg: bytes) -> str:
    text = base64.standard_b64encode(jpeg).decode("ascii")
    return f"\x1b]1337;File=inline=1;size={len(jpeg)};height={_ROWS}:{text}\a"
