from __future__ import annotations

import csv
import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from facewatchd.reports import report, write
from facewatchd.reports.text import cell, path_cell, shown, shown_path
from tests.support.material import material, without_dates

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.reports import Material

HOSTILE = [
    b"/p/=1+2.jpg",
    b'/p/new\nline, "quoted".jpg',
    b"/p/\xff\xfe latin.jpg",
    b"/p/back\\slash.jpg",
    "/p/größe 陳.jpg".encode(),
    b"=cmd|' /C calc'!A0",
]


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_back(text: str) -> bytes:
    r"""Return the bytes of a cell, as a reader would: ``\\`` and ``\xNN`` undone."""
    return re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]),
        text.encode(),
    )


def wrote(folder: Path, made: Material, *names: str) -> None:
    write(made, os.fsencode(folder), [report(name) for name in names])


@pytest.fixture
def made() -> Material:
    return material(
        [b"/p/a.jpg", b"/p/b.jpg", b"/p/none.jpg"], [[0, 1], [1, -1, -1], []], ["A", "B"]
    )


def test_the_table_of_clusters_has_a_row_a_face(tmp_path: Path, made: Material) -> None:
    wrote(tmp_path, made, "clusters.csv")
    rows = table(tmp_path, "clusters.csv")
    assert [(row["photo"], row["cluster"]) for row in rows] == [
        ("/p/a.jpg", "0"),
        ("/p/a.jpg", "1"),
        ("/p/b.jpg", "1"),
        ("/p/b.jpg", "-1"),
        ("/p/b.jpg", "-1"),
    ]


def test_the_table_of_outliers_has_the_faces_in_no_cluster(tmp_path: Path, made: Material) -> None:
    wrote(tmp_path, made, "outliers.csv")
    rows = table(tmp_path, "outliers.csv")
    assert [(row["photo"], row["face"]) for row in rows] == [("/p/b.jpg", "1"), ("/p/b.jpg", "2")]


def test_the_table_of_faces_says_where_whose_and_how_good(tmp_path: Path, made: Material) -> None:
    wrote(tmp_path, made, "faces.csv")
    rows = table(tmp_path, "faces.csv")
    assert len(rows) == 5
    assert list(rows[0]) == [
        *("photo", "face", "left", "top", "right", "bottom"),
        *("person", "similarity", "quality", "engine"),
    ]
    assert [int(rows[1][side]) for side in ("left", "top", "right", "bottom")] == [70, 20, 110, 60]
    assert [row["person"] for row in rows] == ["A", "B", "B", "", ""]
    assert rows[3]["similarity"] == ""
    assert float(rows[1]["similarity"]) == pytest.approx(made.similarity[1], abs=1e-4)
    assert float(rows[1]["quality"]) == pytest.approx(made.quality[1], abs=1e-4)
    assert {row["engine"] for row in rows} == {"made/1"}


def test_hostile_names_are_read_back_as_they_were_and_are_no_formulas(tmp_path: Path) -> None:
    made = material(HOSTILE, [[0]] * len(HOSTILE), ["=HYPERLINK(1)"])
    wrote(tmp_path, made, "faces.csv", "clusters.csv", "faces.jsonl", "faces.parquet")
    for name in ("faces.csv", "clusters.csv"):
        rows = table(tmp_path, name)
        assert [read_back(row["photo"]) for row in rows] == HOSTILE
        lines = (tmp_path / name).read_bytes().decode().splitlines()
        assert len(lines) == 1 + len(HOSTILE)  # no name breaks a line
        assert not any(value[:1] in "=+-@" for row in rows for value in row.values() if value[1:])
    assert {row["person"] for row in table(tmp_path, "faces.csv")} == {"\\x3dHYPERLINK(1)"}
    objects = [json.loads(line) for line in (tmp_path / "faces.jsonl").read_text().splitlines()]
    assert [each["photo"].encode("utf-8", "surrogateescape") for each in objects] == HOSTILE
    rows_read = parquet.read_table(tmp_path / "faces.parquet").to_pylist()
    assert [row["photo"] for row in rows_read] == HOSTILE


@given(st.binary())
def test_every_path_comes_back_from_its_cell_and_breaks_no_line(path: bytes) -> None:
    assert read_back(path_cell(path)) == path
    assert len(path_cell(path).splitlines()) <= 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_cell_begins_as_a_formula_and_no_two_texts_have_the_same_cell(text: str) -> None:
    assert cell(text)[:1] not in {*"=+-@"}
    assert read_back(cell(text)).decode() == text


def test_names_are_shown_as_they_are_but_for_what_hides() -> None:
    assert shown("a\\b 陳 = ü") == "a\\b 陳 = ü"
    assert shown_path(b"a\nb\xff\x1b[2J") == "a\\x0ab\\xff\\x1b[2J"


def test_parquet_and_json_lines_hold_the_same_faces_and_encodings(
    tmp_path: Path, made: Material
) -> None:
    wrote(tmp_path, made, "faces.jsonl", "faces.parquet")
    rows = parquet.read_table(tmp_path / "faces.parquet").to_pylist()
    objects = [json.loads(line) for line in (tmp_path / "faces.jsonl").read_text().splitlines()]
    assert len(rows) == len(objects) == 5
    for read in (rows, objects):
        encodings = np.array([row["encoding"] for row in read], dtype=np.float32)
        assert np.array_equal(encodings, made.encodings)
        assert [row["cluster"] for row in read] == [0, 1, 1, -1, -1]
        assert [row["person"] for row in read] == ["A", "B", "B", None, None]
        assert read[3]["similarity"] is None
        assert [read[1][side] for side in ("left", "top", "right", "bottom")] == [70, 20, 110, 60]
    assert [str(row["captured"].year) for row in rows] == ["2001", "2001", "2002", "2002", "2002"]
    assert all(
        each["captured"] == row["captured"].isoformat()
        for each, row in zip(objects, rows, strict=True)
    )


def test_photos_without_a_date_have_none(tmp_path: Path, made: Material) -> None:
    wrote(tmp_path, without_dates(made), "faces.jsonl", "faces.parquet")
    assert parquet.read_table(tmp_path / "faces.parquet")["captured"].null_count == 5
    lines = (tmp_path / "faces.jsonl").read_text().splitlines()
    assert all(json.loads(line)["captured"] is None for line in lines)


def test_more_faces_than_are_written_at_once_are_all_there(tmp_path: Path) -> None:
    count = 10_001
    made = material(
        [b"/p/%d.jpg" % n for n in range(count)], [[n % 3 - 1] for n in range(count)], "AB"
    )
    wrote(tmp_path, made, "faces.parquet")
    read = parquet.read_table(tmp_path / "faces.parquet")
    assert read["photo"].to_pylist() == [b"/p/%d.jpg" % n for n in range(count)]


def test_a_library_without_faces_gives_tables_with_only_a_header(tmp_path: Path) -> None:
    made = material([b"/p/a.jpg"], [[]], [])
    wrote(
        tmp_path, made, "clusters.csv", "outliers.csv", "faces.csv", "faces.jsonl", "faces.parquet"
    )
    assert (tmp_path / "clusters.csv").read_text() == "photo,cluster\n"
    assert table(tmp_path, "faces.csv") == table(tmp_path, "outliers.csv") == []
    assert (tmp_path / "faces.jsonl").read_text() == ""
    assert parquet.read_table(tmp_path / "faces.parquet").num_rows == 0


def test_files_can_be_read_by_no_stranger_and_are_replaced(tmp_path: Path, made: Material) -> None:
    before = os.umask(0o022)
    try:
        wrote(tmp_path, made, "clusters.csv")
        (tmp_path / "clusters.csv").write_text("old")
        wrote(tmp_path, made, "clusters.csv")
    finally:
        os.umask(before)
    assert (tmp_path / "clusters.csv").stat().st_mode & 0o777 == 0o640
    assert len(table(tmp_path, "clusters.csv")) == 5
    assert os.listdir(tmp_path) == ["clusters.csv"]


def test_material_that_does_not_fit_together_is_refused(made: Material) -> None:
    with pytest.raises(ValueError, match="quality"):
        replace(made, quality=made.quality[1:])
    with pytest.raises(ValueError, match="group"):
        replace(made, groups=made.groups + 1)
    with pytest.raises(ValueError, match="photo"):
        replace(made, photo=made.photo + 2)
