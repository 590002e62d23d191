"""The benches of clustering as they are run, and the process in which each run is measured."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench import purity, scale
from bench.child import DidNotFitError, alone
from bench.clusterers import cluster
from bench.comparison import MEASURES
from bench.libraries import Library, load
from bench.scoring import scores
from bench.synthetic import make, save
from facewatchd import plugins
from facewatchd.config import DEFAULT_ENCODER
from tests.support.lfw_like import labelled
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

SCALE = plugins.encoder(DEFAULT_ENCODER).scale
HOME = Path(__file__).parents[2]


def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *map(str, arguments)],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )


def said(module: str, *arguments: object) -> Any:
    ended = run(module, *arguments, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def library() -> Library:
    return labelled()


@pytest.fixture(scope="module")
def file(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "library.npz"
    people = library.people.copy()
    people[::10] = -1
    np.savez(path, X=library.encodings, lab=people)
    return path


def test_all_faces_are_clustered_and_those_of_somebody_known_are_scored(
    file: Path, library: Library, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.npy"
    report = said(
        "clustering", "--encodings", file, "--algorithm", "dbscan", "--labels-out", labels
    )
    found = np.load(labels)
    assert found.dtype == np.int64
    assert found.shape == library.people.shape
    assert found.min() == -1
    assert report["algorithm"] == "dbscan"
    for setting in ("all", "album"):
        assert report[setting].keys() >= set(MEASURES)
        assert report[setting]["seconds"] > 0
        assert report[setting]["rise of peak memory (MB)"] > 0
    unknown = len(found[::10])
    assert report["all"]["faces"] == len(found)
    assert report["all"]["scored"] == len(found) - unknown
    assert report["all"]["clusters"] == found.max() + 1
    assert report["album"]["faces"] < report["all"]["faces"]


@pytest.mark.parametrize(
    "algorithm", ["dbscan", "dbscan+merge", "kmeans", "chinese_whispers", "hdbscan"]
)
def test_every_algorithm_runs_as_it_comes(file: Path, algorithm: str) -> None:
    library = load(file)
    known = library.people >= 0
    found = cluster(algorithm, library, SCALE, {})
    assert 0.2 < scores(found[known], library.people[known])["bcubed F1"] <= 1


def test_without_people_nothing_is_scored(library: Library, tmp_path: Path) -> None:
    np.savez(tmp_path / "faces.npz", X=library.encodings)
    report = said("clustering", "--encodings", tmp_path / "faces.npz", "--algorithm", "dbscan")
    assert "album" not in report
    assert not report["all"].keys() & set(MEASURES)


def test_no_faces_have_no_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "empty.npz", X=np.empty((0, 128), dtype=np.float32))
    labels = tmp_path / "labels.npy"
    said("clustering", "--encodings", tmp_path / "empty.npz", "--labels-out", labels)
    assert np.load(labels).shape == (0,)


def test_options_reach_the_algorithm(file: Path) -> None:
    options = ("--algorithm", "chinese_whispers", "--options", "distance=0.001")
    report = said("clustering", "--encodings", file, *options)
    assert report["options"] == {"distance": 0.001}
    assert report["all"]["clusters"] == 0


FACES = np.zeros((4, 8), dtype=np.float32)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"Y": FACES}, "there is no array X; there is Y"),
        ({"X": FACES[0]}, "X must be numbers (N, D), not float32 (8,)"),
        ({"X": np.array([["a"]])}, "X must be numbers (N, D), not <U1"),
        ({"X": np.full((4, 8), np.nan)}, "4 rows of X are not finite, the first is number 0"),
        ({"X": FACES, "lab": np.arange(3)}, "lab must be 4 whole numbers"),
        ({"X": FACES, "lab": np.zeros(4)}, "lab must be 4 whole numbers"),
        ({"X": FACES, "photo": np.arange(5)}, "photo must be 4 whole numbers"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    arrays: dict[str, np.ndarray[Any, Any]], words: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "bad.npz", allow_pickle=True, **arrays)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are looked at below
        load(tmp_path / "bad.npz")
    assert str(caught.value).startswith(f"{tmp_path / 'bad.npz'}: ")
    assert words in str(caught.value)


def test_rows_of_several_lengths_and_other_files_are_refused(tmp_path: Path) -> None:
    mixed = np.array([np.zeros(3), np.zeros(4)], dtype=object)
    np.savez(tmp_path / "mixed.npz", X=mixed)
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "array.npy", FACES)
    (tmp_path / "short.npz").write_bytes((tmp_path / "mixed.npz").read_bytes()[:60])
    for name in ("mixed.npz", "text.npz", "array.npy", "short.npz", "nowhere.npz"):
        with pytest.raises(ValueError, match=name):
            load(tmp_path / name)


def test_what_cannot_be_run_ends_with_2_and_one_clear_line(file: Path, tmp_path: Path) -> None:
    for arguments, words in (
        (("--encodings", tmp_path / "nowhere.npz"), "nowhere.npz is not there"),
        (("--encodings", file, "--algorithm", "magic"), "There is no clusterer named 'magic'"),
        (("--encodings", file, "--options", "speed"), "'speed' is not KEY=VALUE"),
    ):
        ended = run("clustering", *arguments)
        assert ended.returncode == 2
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr


def fill(megabytes: int) -> Callable[[], int]:
    before = np.ones(megabytes << 17)  # is there already, and comes to nothing

    def work() -> int:
        return len(np.ones(megabytes << 17)) + len(before)

    return work


def sleep(seconds: float) -> Callable[[], None]:
    return lambda: time.sleep(seconds)


def fail(words: str) -> Callable[[], None]:
    raise ValueError(words)


def test_memory_is_that_of_the_work_and_not_what_was_there_before() -> None:
    measured = alone(fill, 100)
    assert measured.result == 200 << 17
    assert measured.rise == pytest.approx(100, rel=0.1)
    assert measured.peak > 200


def test_what_takes_too_long_or_too_much_is_ended() -> None:
    with pytest.raises(DidNotFitError, match="not done after 1 s"):
        alone(sleep, 60, seconds=1)
    with pytest.raises(DidNotFitError, match=r"more than 0\.6 GB"):
        alone(fill, 500, gigabytes=0.6)


def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="so it is"):
        alone(fail, "so it is")


def test_a_made_library_is_measured_for_purity(library: Library) -> None:
    made = make(library, 3000, siblings=2)
    report = purity.measure(made, ["dbscan"], SCALE, limit=100, memory=8)
    assert report["made"]["faces"] == 3000
    assert report["made"]["pairs of siblings"] == 2
    assert report["dbscan"].keys() >= {"seconds", "wrong pairs of faces", *MEASURES}
    assert "| dbscan | " in "\n".join(purity.table(report))


def test_people_who_were_made_one_are_found_to_be(library: Library) -> None:
    made = make(library, 3000, siblings=2)
    people = made.library.people
    right = purity.purity(people, made)
    assert (right["siblings joined"], right["other pairs of people joined"]) == (0, 0)
    assert right["pairwise F1"] == 1
    one, other = made.siblings[0]
    joined = purity.purity(np.where(people == one, other, people), made)
    assert (joined["siblings joined"], joined["other pairs of people joined"]) == (1, 0)
    faces = np.bincount(people)
    assert joined["wrong pairs of faces"] == faces[one] * faces[other]


@WHOLE[0]
@WHOLE[1]
def test_ours_and_theirs_are_measured_with_the_same_labels(library: Library) -> None:
    report = scale.sizes(library, [1500], SCALE, limit=100, memory=8)["1,500 faces"]
    assert report["dbscan beside scikit-learn"]["same labels"]
    assert report["dbscan"]["clusters"] == report["scikit-learn"]["clusters"] > 0
    assert report["dbscan+merge"]["seconds"] > 0


@pytest.mark.parametrize("algorithm", [scale.Dbscan(SCALE), scale.Default(SCALE)])
def test_what_changed_comes_to_what_a_full_run_finds(
    algorithm: scale.Dbscan | scale.Default, library: Library, tmp_path: Path
) -> None:
    path = tmp_path / "made.npz"
    save(make(library, 1000), path)
    everyone, others = np.arange(1000), np.flatnonzero(np.arange(1000) % 20)
    for before, after in ((others, everyone), (everyone, others)):
        full = scale.in_full(path, after, algorithm)()
        np.testing.assert_array_equal(scale.what_changed(path, before, after, algorithm)(), full)
