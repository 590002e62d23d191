"""``facewatchctl report`` on the library of a real daemon."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]


@pytest.fixture
def daemon(tmp_path: Path, photos: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    for person in ("amy", "raj"):
        for picture in sorted((photos / "bbt" / person).glob("*.png")):
            (made.photos / picture.name).write_bytes(picture.read_bytes())
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def test_a_report_shows_the_library_and_replaces_only_itself(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.wait_until_idle()
    daemon.recluster()
    daemon.ctl("people", "name", "person_0001", "Ann")
    to = tmp_path / "report"
    ended = daemon.ctl("report", to, "--crops", "--format", "jsonl", "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["photos"], told["faces"], told["people"]) == (10, 10, 2)
    with (to / "faces.csv").open(newline="") as file:
        people = [row["person"] for row in csv.DictReader(file)]
    assert sorted(people) == ["Ann"] * 5 + ["person_0002"] * 5
    lines = [json.loads(line) for line in (to / "faces.jsonl").read_text().splitlines()]
    assert [len(line["encoding"]) for line in lines] == [128] * 10
    assert len(list((to / "crops").iterdir())) == 10
    with Image.open(to / "montages" / "Ann.jpg") as montage:
        assert montage.size == (664, 664)
    assert "Ann" in (to / "index.html").read_text()
    assert {"space.png", "similarities.png", "condensed-tree.png"} <= {
        path.name for path in (to / "plots").iterdir()
    }

    (to / "mine.txt").write_text("mine")
    ended = daemon.ctl("report", to, "--person", "Ann", "--report", "faces.csv")
    assert ended.returncode == 0, ended.stderr
    assert {path.name for path in to.iterdir()} == {".facewatchd", "faces.csv", "mine.txt"}
    assert len((to / "faces.csv").read_text().splitlines()) == 6

    def error(*arguments: str | Path) -> str:
        refused = daemon.ctl("report", *arguments)
        assert refused.returncode != 0
        return refused.stderr.decode()

    assert "is in the watched folder" in error(daemon.photos / "report")
    assert "is in the output" in error(daemon.output / "report")
    assert "did not make: " in error(daemon.state)
    assert "There is no report named 'faces.cvs'" in error(to, "--report", "faces.cvs")
    assert "nobody called 'Zoe'" in error(to, "--person", "Zoe")
    assert (to / "faces.csv").is_file()
    assert daemon.stop() == 0
    assert "No daemon answers" in error(to)
