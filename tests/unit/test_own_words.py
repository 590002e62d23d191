"""A bug report holds the program's own words and nothing that anybody put into them."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import facewatchd
from facewatchd.bugreport.own_words import OwnWords

EMPTY = "The file is empty."
REMEDY = "Raise limits.file_mb if it is a real photo."
SOURCE = "\n".join(
    os.fsdecode(node.value)
    for file in Path(facewatchd.__file__).parent.rglob("*.py")
    for node in ast.walk(ast.parse(file.read_bytes()))
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
)


@pytest.fixture(scope="module")
def own() -> OwnWords:
    return OwnWords({"fuse.sshfs"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The file is empty.", "The file is empty."),
        (
            "The file has 900 MB; the limit is 500 (limits.file_mb).",
            "The file has … MB; the limit is … (limits.file_mb).",
        ),
        (
            "The file cannot be read: Permission denied.",
            "The file cannot be read: Permission denied.",
        ),
        (
            "The output tree /home/anna cannot be written at /x: No space left on device.",
            "The output tree … cannot be written…: No space left on device.",
        ),
        (
            "The file has 1 MB; the limit is 1 (limits.file_mb). It is tried again.",
            "The file has … MB; the limit is … (limits.file_mb). …",
        ),
        (f"{EMPTY} {REMEDY}", f"{EMPTY} {REMEDY}"),
        (f"Anna: {EMPTY} {REMEDY}", f"…: {EMPTY} {REMEDY}"),
        ("The file is empty. Says Anna.", "The file is empty. …"),
        ("/home/anna: Permission denied", "…: Permission denied"),
        (
            "/a: Permission denied; /b: No space left on device",
            "…: Permission denied; …: No space left on device",
        ),
        ("watched", "watched"),
        ("fuse.sshfs", "fuse.sshfs"),
        ("fuse.anna", "…"),
        ("/home/anna/Anna and Bob.jpg", "…"),
        ("Anna; Bob", "…"),
        ("", ""),
    ],
)
def test_what_was_filled_in_is_taken_out(own: OwnWords, text: str, words: str) -> None:
    assert own.of(text) == words


@given(text=st.text(max_size=80))
def test_no_text_comes_through_that_is_not_in_the_source(own: OwnWords, text: str) -> None:
    for part in own.of(text).replace("; ", "…").replace(": ", "…").split("…"):
        assert part in SOURCE


@given(name=st.text("ANNBELZ", min_size=4, max_size=12).filter(lambda name: name not in SOURCE))
@pytest.mark.parametrize(
    "text",
    [
        "The file cannot be read: {}.",
        "The output tree {} cannot be written at {}: {}.",
        "{}",
        "{}: {}; {}",
        "The file is empty. {}",
        "No daemon answers at {}.",
        "{} photos vanished at once. Is a disk missing? If they were deleted: {}",
    ],
)
def test_a_name_never_comes_through_wherever_it_stands(own: OwnWords, name: str, text: str) -> None:
    assert name not in own.of(text.replace("{}", name))
