from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import hdbscan
import numpy as np
import pytest
from PIL import Image
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA

from facewatchd.errors import ReportError
from facewatchd.plugins import Scale
from facewatchd.reports import Kind, report, write
from facewatchd.reports.similarities import to_nearest_other
from facewatchd.reports.space import projected
from facewatchd.reports.tree import CondensedTree
from facewatchd.reports.years import photos_by_year
from tests.support.material import material, without_dates

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.reports import Material, Written

PLOTS = ("space", "similarities", "years", "condensed_tree")
HOSTILE = ["</script><script>alert(1)</script>", "$\\frac{x}{", "_hidden", "陳大文", "<b>x", "a\nb"]


def many(names: list[str], count: int = 60) -> Material:
    groups = [[n % (len(names) + 1) - 1] for n in range(count)]
    return material([b"/p/%d.jpg" % n for n in range(count)], groups, names)


def wrote(folder: Path, made: Material, *names: str) -> Written:
    return write(made, os.fsencode(folder), [report(name) for name in names])


def colours(plot: Path) -> set[tuple[int, ...]]:
    with Image.open(plot) as picture:
        counted = picture.convert("RGB").getcolors(picture.width * picture.height) or []
    return {tuple(colour) for _, colour in counted if isinstance(colour, tuple)}


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_is_drawn_on_light_and_on_dark_paper_and_is_not_empty(
    tmp_path: Path, name: str
) -> None:
    written = wrote(tmp_path, many(["Anna", "Ben"]), name)
    light, dark = written.made
    assert (light.kind, dark.kind, dark.light) == (Kind.PLOT, Kind.DARK_PLOT, light.path)
    for plot, paper in ((light, (255, 255, 255)), (dark, (27, 27, 31))):
        found = colours(tmp_path / os.fsdecode(plot.path))
        assert paper in found
        assert len(found) > 100
    # The first person's blue, or a cluster's ellipse.
    ours = (213, 94, 0) if name == "condensed_tree" else (0, 114, 178)
    drawn = colours(tmp_path / os.fsdecode(light.path))
    near = [c for c in drawn if max(abs(a - b) for a, b in zip(c, ours, strict=True)) < 60]
    assert near


@pytest.mark.parametrize("name", [*PLOTS, "space_page", "faces.parquet"])
def test_the_same_material_gives_the_same_plot(tmp_path: Path, name: str) -> None:
    made = many(["Anna", "Ben"])
    bytes_of = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        written = wrote(tmp_path / run, made, name)
        bytes_of.append([(tmp_path / run / os.fsdecode(m.path)).read_bytes() for m in written.made])
    assert bytes_of[0] == bytes_of[1]


def test_plots_take_hostile_names_as_they_are(tmp_path: Path) -> None:
    written = wrote(tmp_path, many(HOSTILE), *PLOTS, "space_page")
    assert len(written.made) == 9


@pytest.mark.parametrize("faces", [0, 1, 2, 3, 4])
def test_few_faces_are_drawn_or_left_out_with_a_reason(tmp_path: Path, faces: int) -> None:
    made = without_dates(material([b"/p/a.jpg"], [[-1] * faces], []))
    written = wrote(tmp_path, made, *PLOTS, "space_page")
    drawn = {each.path for each in written.made}
    assert (b"plots/space.png" in drawn) == (b"faces-3d.html" in drawn) == (faces >= 2)
    assert (b"plots/condensed-tree.png" in drawn) == (faces == 4)
    left_out = {each.report for each in written.left_out}
    assert left_out >= {"people over the years", "histogram of similarities"}
    assert len(written.left_out) + len({*drawn} - {p for p in drawn if b"-dark" in p}) == 5


def test_faces_with_equal_encodings_are_drawn(tmp_path: Path) -> None:
    made = many(["Anna", "Ben"])
    made = replace(made, encodings=np.ones_like(made.encodings))
    assert len(wrote(tmp_path, made, *PLOTS, "space_page").made) == 9


def test_the_projection_is_that_of_principal_component_analysis() -> None:
    made = many(["Anna", "Ben", "Cem"])
    found, shares = projected(made.encodings)
    reference = PCA(3).fit(made.encodings.astype(np.float64))
    expected = reference.transform(made.encodings.astype(np.float64))
    assert np.allclose(np.abs(found), np.abs(expected), atol=1e-4)
    assert np.allclose(shares, reference.explained_variance_ratio_, atol=1e-5)
    turned = projected(made.encodings[::-1])[0][::-1]
    assert np.allclose(found, turned, atol=1e-6)  # the same signs whatever the order


def test_encodings_of_fewer_than_three_numbers_lie_in_a_plane() -> None:
    found, shares = projected(np.array([[0, 1], [2, 5], [1, 1]], dtype=np.float32))
    assert found.shape == (3, 3)
    assert not found[:, 2].any()
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_similarity_to_the_nearest_other_is_that_of_its_centroid(metric: str) -> None:
    made = many(["Anna", "Ben", "Cem"])
    scale = Scale(8, 0.68, 0.5, 0.32, 0.52, "cosine" if metric == "cosine" else "euclidean")
    made = replace(made, scale=scale)
    means = [made.encodings[made.groups == g].astype(np.float64).mean(axis=0) for g in range(3)]
    for face, found in enumerate(to_nearest_other(made).tolist()):
        others = [
            float(np.linalg.norm(made.encodings[face] - mean))
            for group, mean in enumerate(means)
            if group != made.groups[face]
        ]
        assert found == pytest.approx(scale.similarity_at(min(others)), abs=1e-6)


def test_a_library_of_one_person_has_no_nearest_other() -> None:
    made = material([b"/p/a.jpg", b"/p/b.jpg"], [[0], [0]], ["Anna"])
    assert np.isnan(to_nearest_other(made)).all()


def test_photos_are_counted_by_person_and_year_and_each_once() -> None:
    made = material([b"/a", b"/b", b"/c", b"/d"], [[0, 0, 1], [0], [-1], [1]], ["Anna", "Ben"])
    captured = np.array(["2001-01-01", "2003-12-31T23:59:59", "2003", "NaT"], "datetime64[s]")
    seconds = np.where(np.isnat(captured), np.nan, captured.astype(np.int64))
    groups, years, counts = photos_by_year(replace(made, captured=seconds))
    assert groups == [0, 1]
    assert years.tolist() == [2001, 2002, 2003]
    assert counts.tolist() == [[1, 0, 1], [1, 0, 0]]


def test_of_very_many_years_the_newest_are_shown() -> None:
    made = material([b"/a", b"/b"], [[0], [0]], ["Anna"])
    captured = np.array(["1826-06-01", "2020-06-01"], "datetime64[s]").astype(np.float64)
    _, years, counts = photos_by_year(replace(made, captured=captured))
    assert (years[0], years[-1], counts.sum()) == (1961, 2020, 1)


@pytest.mark.parametrize("min_samples", [None, 2, 5])
def test_the_condensed_tree_marks_the_clusters_of_the_clusterer(min_samples: int | None) -> None:
    made = many([f"p{n}" for n in range(7)], 90)
    marked = CondensedTree(min_samples=min_samples)._tree(made)["chosen"]
    clusterer = HDBSCAN(min_cluster_size=3, min_samples=min_samples, copy=True)
    found = clusterer.fit(made.encodings.astype(np.float64)).labels_
    assert len(marked) == found.max() + 1 > 3


def test_too_many_faces_for_a_tree_are_said(tmp_path: Path) -> None:
    count = 10_001
    made = material([b"/p/a.jpg"], [[0] * count], ["Anna"])
    [left_out] = wrote(tmp_path, made, "condensed_tree").left_out
    assert "10,001" in left_out.reason


class _Scripts(HTMLParser):
    """Collects the tags of a page, and what its scripts say."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_the_page_holds_each_face_and_its_script_and_fetches_nothing(tmp_path: Path) -> None:
    made = many(HOSTILE)
    wrote(tmp_path, made, "space_page")
    page = _Scripts()
    page.feed((tmp_path / "faces-3d.html").read_text(encoding="utf-8"))
    page.close()
    assert not [attrs for _, attrs in page.tags if "src" in attrs]
    assert not [attrs for _, attrs in page.tags if "href" in attrs]
    [policy] = (a["content"] for _, a in page.tags if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert max(len(script) for script in page.scripts) > 1_000_000  # plotly itself
    assert not [script for script in page.scripts if script.strip().startswith("alert")]
    traces = re.search(
        r'Plotly\.newPlot\(\s*"faces",\s*(\[.*?\]),\s*\{"', page.scripts[-1], re.DOTALL
    )
    assert traces is not None
    drawn = json.loads(traces[1])
    assert sum(len(trace["x"]) for trace in drawn) == len(made)
    names = {trace["name"] for trace in drawn}
    assert {"&lt;b&gt;x", "a\\x0ab", "陳大文", "outliers"} <= names


def test_of_very_many_people_the_page_has_the_others_as_one(tmp_path: Path) -> None:
    made = many([f"p{n}" for n in range(130)], 400)
    wrote(tmp_path, made, "space_page")
    text = (tmp_path / "faces-3d.html").read_text(encoding="utf-8")
    assert text.count('"type":"scatter3d"') == 102
    assert '"name":"30 others"' in text


def test_a_missing_package_is_named_with_the_command_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hdbscan", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ReportError, match=r"hdbscan, pyarrow(?s:.)*pip install 'facewatchd\[rep"):
        wrote(tmp_path, many(["A"]), "clusters.csv", "condensed_tree", "faces.parquet")
    assert os.listdir(tmp_path) == []


def test_tables_pictures_and_the_page_import_nothing_of_the_extra(tmp_path: Path) -> None:
    program = (
        "import sys, os\n"
        "for name in ('hdbscan', 'matplotlib', 'plotly', 'pyarrow'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from tests.support.material import album\n"
        "from facewatchd.reports import REPORTS, report, write\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "made = album(folder / 'photos', [[0, -1], [0]], ['Anna'])\n"
        "wanted = [report(n) for n, kind in REPORTS.items() if not kind.needs]\n"
        "(folder / 'out').mkdir()\n"
        "print(len(write(made, os.fsencode(folder / 'out'), wanted).made))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "11\n"  # 3 tables, JSON lines, a montage, 2 sheets, 3 crops, the index


def test_the_tree_package_is_the_one_that_counts_a_face_not_as_its_neighbour() -> None:
    # What the condensed tree rests on: its min_samples is one less than scikit-learn's.
    made = many(["Anna", "Ben", "Cem"], 80)
    encodings = made.encodings.astype(np.float64)
    one = HDBSCAN(min_cluster_size=4, min_samples=4, copy=True).fit_predict(encodings)
    other = hdbscan.HDBSCAN(min_cluster_size=4, min_samples=3).fit_predict(encodings)
    assert len({*zip(one.tolist(), other.tolist(), strict=True)}) == len({*one.tolist()})
