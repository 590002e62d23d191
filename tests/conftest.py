"""Fixtures that every kind of test shares."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _pytest.terminal import TerminalReporter

_MEASURED = "measured"
_SHOWN = "shown"
_BEGIN, _END = "<!-- shown: begin -->\n", "<!-- shown: end -->\n"


# An example that takes long on a busy machine is not wrong; every test has its timeout.
hypothesis.settings.register_profile("facewatchd", deadline=None)
hypothesis.settings.load_profile("facewatchd")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes what the tests have shown into a document."""
    parser.addoption(
        "--table", type=Path, help="Write what was shown between the two marks in this document."
    )


def missing(what: str) -> None:
    """Skip, saying why; with CI=true a missing facility is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with the shared photos and models."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("FACEWATCHD_SHARED", default))
    if not (folder / "photos").is_dir():
        missing(f"the shared photos at {folder} (set FACEWATCHD_SHARED)")
    return folder


@pytest.fixture(scope="session")
def photos(shared: Path) -> Path:
    """Return the folder of real photos, for reading only."""
    return shared / "photos"


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Return a function whose sentences stand at the end of the test run's output."""

    def note(sentence: str) -> None:
        record_property(_MEASURED, sentence)

    return note


@pytest.fixture
def shown(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function that notes a row of the table: what was done, and what was shown by that.

    It takes one text for each column of the document's table.
    """

    def note(what: str, *results: str) -> None:
        record_property(_SHOWN, [what, *results])

    return note


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured, in whichever process the test ran, and write the table."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    sentences = [v for r in reports for k, v in r.user_properties if k == _MEASURED]
    if sentences:
        terminalreporter.section("measured")
    for sentence in sentences:
        terminalreporter.write_line(str(sentence))
    table = config.getoption("--table")
    if table is None:
        return
    if any(terminalreporter.stats.get(kind) for kind in ("failed", "error", "skipped")):
        terminalreporter.write_line(f"{table} stays as it is: not every test passed.")
        return
    rows = {tuple(v) for r in reports for k, v in r.user_properties if k == _SHOWN}
    _write_table(table, sorted(rows))


def _write_table(document: Path, rows: list[tuple[str, ...]]) -> None:
    """Put ``rows`` between the marks, below the table's head; ValueError without any of these.

    Rows of an earlier run stay, unless the same was done again: all of it takes more than one run.
    """
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(_BEGIN)
    there, after = rest.split(_END)
    head, rule, *before_now = [line for line in there.splitlines() if line.startswith("|")]
    shown = {row[0]: f"| {' | '.join(row)} |" for row in rows}
    kept = {line.split("|")[1].strip(): line for line in before_now}
    lines = [head, rule, *(line for _, line in sorted({**kept, **shown}.items()))]
    table = "".join(f"{line}\n" for line in lines)
    document.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no core waits for the last of them."""
    items.sort(key=_patience, reverse=True)


def _patience(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    if marker is not None:
        return float(marker.args[0])
    return 1.0 if item.get_closest_marker("system") else 0.0


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the machine's zone be UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
