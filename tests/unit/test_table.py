"""The table of what was shown is written into its document by the test run itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BEFORE = """before
<!-- shown: begin -->

| what was done | what was shown |
|---|---|
| b | worked once |
| c | was shown before |

<!-- shown: end -->
after
"""
AFTER = """before
<!-- shown: begin -->

| what was done | what was shown |
|---|---|
| a | works |
| b | works |
| c | was shown before |

<!-- shown: end -->
after
"""
TESTS = """
import pytest

@pytest.mark.parametrize("what", ["b", "a", "a"])
def test_something(what, shown):
    shown(what, "works")

def test_another_thing():
    {}
"""


@pytest.mark.parametrize(
    ("other", "document"),
    [("pass", AFTER), ("raise KeyError", BEFORE), ("pytest.skip('not here')", BEFORE)],
)
def test_the_table_has_a_row_for_each_thing_once_all_is_shown(
    tmp_path: Path, other: str, document: str
) -> None:
    page, tests = tmp_path / "page.md", tmp_path / "test_made.py"
    page.write_text(BEFORE)
    tests.write_text(TESTS.format(other))
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--table", page, tests],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=False,
    )
    assert page.read_text() == document
