"""``facewatchctl cluster`` with each preset whose weights there are, on real photos."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageFile
from sklearn.cluster import DBSCAN

from tests.support.cluster import CTL, Home

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

PEOPLE = ("amy", "raj", "sheldon")
MONTAGE = 5 * 132 + 4  # faces of 128 pixels with 4 around each


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path) -> Home:
    return Home(tmp_path, cache)


def plain_dbscan(photos: Path, eps: float, min_samples: int) -> dict[str, list[int]]:
    """Return the clusters of the faces of each photo, as a plain script finds them."""
    kept = ImageFile.LOAD_TRUNCATED_IMAGES
    import face_recognition  # noqa: PLC0415 - slow, and for two tests alone

    ImageFile.LOAD_TRUNCATED_IMAGES = kept  # the library sets it for all tests of this process
    names, encodings = [], []
    for path in sorted(photos.rglob("*.*")):
        picture = face_recognition.load_image_file(path)
        boxes = face_recognition.face_locations(picture)
        found = face_recognition.face_encodings(picture, boxes)
        names += [os.path.relpath(path, photos)] * len(found)
        encodings += found
    labels = DBSCAN(eps=eps, min_samples=min_samples).fit(np.array(encodings)).labels_
    clusters: dict[str, list[int]] = {}
    for name, label in zip(names, labels.tolist(), strict=True):
        clusters.setdefault(name, []).append(label)
    return clusters


def in_folders(clusters: dict[str, list[int]], nobody: str | None) -> dict[str, set[str]]:
    """Return the photos of each cluster by the name of its folder."""
    folders: dict[str, set[str]] = {}
    for name, labels in clusters.items():
        for label in labels:
            folder = f"cluster_{label}" if label >= 0 else nobody
            if folder is not None:
                folders.setdefault(folder, set()).add(name)
    return folders


def test_insightface_and_kmeans_divide_photos_into_as_many_folders_as_asked_for(
    home: Home, photos: Path, shared: Path
) -> None:
    home.take(photos / "bbt", *PEOPLE)
    shutil.copy2(photos / "odd" / "broken" / "truncated.heic", home.photos / "half.heic")
    models = ("--preset", "insightface-kmeans", "--models", shared / "models")
    found = home.clustered(*models, "--clusters", 3)
    assert (found["engine"], found["clusterer"]) == ("scrfd+arcface", "kmeans")
    assert (found["photos"], found["encoded"], found["faces"], found["groups"]) == (15, 15, 15, 3)
    [(path, reason)] = found["unreadable"]
    assert path == str(home.photos / "half.heic")
    assert "truncated" in reason
    folders = home.folders()
    assert sorted(folders) == ["face0", "face1", "face2"]
    assert {name.split("/")[0] for name in folders["face0"]} == {"amy"}
    assert {frozenset(n.split("/")[0] for n in names) for names in folders.values()} == {
        frozenset({person}) for person in PEOPLE
    }
    assert {path.name for path in home.output.iterdir()} == {*folders, ".facewatchd"}
    assert all(os.readlink(link).startswith("../../") for link in home.output.glob("face*/*"))
    before = home.there()

    again = home.clustered(*models, "--clusters", 3, "--seed", 0)
    assert again["encoded"] == 0
    assert home.folders() == folders
    assert home.there() == before

    other = home.clustered(*models, "--clusters", 2, "--copy")
    assert (other["encoded"], other["groups"]) == (0, 2)
    copies = sorted(path for path in home.output.glob("face*/*") if path.is_file())
    assert len(copies) == 15
    assert not any(path.is_symlink() for path in copies)
    for copy in copies:
        original = home.photos / copy.stem.rstrip("012345") / copy.name
        assert copy.read_bytes() == original.read_bytes()


def test_face_recognition_and_dbscan_give_what_a_plain_script_gives(
    home: Home, photos: Path
) -> None:
    home.take(photos / "bbt", "howard", "leonard", "bbt3.jpg")
    found = home.clustered("--preset", "face-recognition-dbscan")
    assert (found["engine"], found["clusterer"]) == ("hog+dlib", "dbscan")
    expected = in_folders(plain_dbscan(home.photos, 0.32, 2), "doubtful")
    assert home.folders() == expected
    assert "cluster_0" in expected
    assert "doubtful" in expected
    for folder in home.output.glob("cluster_*"):
        with Image.open(folder / "cover.jpg") as cover:
            assert cover.size == (264, 264)
            assert np.asarray(cover).std() > 10
    assert not (home.output / "doubtful" / "cover.jpg").exists()

    near = home.clustered("--preset", "face-recognition-dbscan", "--distance", 0.45)
    assert near["encoded"] == 0
    assert home.folders() == in_folders(plain_dbscan(home.photos, 0.45, 2), "doubtful")


def test_hog_or_cnn_gives_a_montage_for_each_cluster(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "penny", "raj")
    few = ("--preset", "hog-cnn-montage", "--min-samples", 3)
    found = home.clustered(*few, "--detector", "hog")
    assert found["engine"] == "hog+dlib"
    expected = in_folders(plain_dbscan(home.photos, 0.5, 3), None)
    assert home.folders() == expected
    assert len(expected) == 2
    for name in expected:
        with Image.open(home.output / name / "montage.jpg") as montage:
            assert montage.size == (MONTAGE, MONTAGE)
            shown = np.asarray(montage)
        assert shown[4:132, 4:132].std() > 10, "a face stands in the first place"
        assert shown[-132:-4, -132:-4].std() < 5, "five faces leave the last one free"

    found = home.clustered(*few)
    assert (found["engine"], found["encoded"]) == ("cnn+dlib", 10)
    assert {frozenset(n.split("/")[0] for n in names) for names in home.folders().values()} == {
        frozenset({"penny"}),
        frozenset({"raj"}),
    }
    found = home.clustered(*few, "--detector", "hog")
    assert found["encoded"] == 0, "the encodings of each engine are kept"


def test_the_own_preset_keeps_people_apart_and_shows_them_on_a_page(
    home: Home, photos: Path
) -> None:
    home.take(photos / "bbt", *PEOPLE)
    ended = home.cluster("--jobs", 2)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("15 photos (15 of them read now) with 15 faces: 3 groups, ")
    assert ended.stderr.splitlines()[-2:] == ["clustering", "writing"]
    folders = home.folders()
    people = [{name.split("/")[0] for name in folders[f"person_{n}"]} for n in range(3)]
    assert people == [{"amy"}, {"raj"}, {"sheldon"}]
    rows = home.table("faces.csv")
    assert len(rows) == 15
    assert {row["person"] for row in rows} >= {"person_0", "person_1", "person_2"}
    assert "person_2" in (home.output / "index.html").read_text()
    ended = home.cluster()
    assert ended.stdout.startswith("15 photos (all read before) with 15 faces: ")
    found = home.clustered("--fresh", "--crops")
    assert found["encoded"] == 15
    assert len(list((home.output / "crops").iterdir())) == 15


def test_a_preset_of_ones_own_needs_no_program(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "penny", "raj")
    mine = home.path / "mine.yaml"
    mine.write_text(
        'names: "who{a}_{}"\n'
        "recluster: {clusterer: chinese_whispers, options: {seed: 3}}\n"
        "outputs:\n"
        "  - crops: {at: 'clustered_faces/{cluster}_{photo}_{face}.{ext}'}\n"
        "  - faces.csv\n"
        "  - clusters.csv\n"
    )
    found = home.clustered("--preset", mine, "--distance", 0.5)
    assert (found["preset"], found["clusterer"]) == ("mine", "chinese_whispers")
    crops = {path.name for path in (home.output / "clustered_faces").iterdir()}
    assert crops == {f"0_penny{n}_0.png" for n in range(1, 6)} | {
        f"1_raj{n}_0.png" for n in range(1, 6)
    }
    boxes = home.table("faces.csv")
    sizes = [
        (int(row["right"]) - int(row["left"]), int(row["bottom"]) - int(row["top"]))
        for row in boxes
    ]
    for row, size in zip(boxes, sizes, strict=True):
        stem = os.path.basename(row["photo"]).removesuffix(".png")
        number = row["person"].removeprefix("who{a}_")
        with Image.open(home.output / "clustered_faces" / f"{number}_{stem}_0.png") as crop:
            assert crop.size == size
    assert [row["cluster"] for row in home.table("clusters.csv")] == ["0"] * 5 + ["1"] * 5


def test_the_presets_are_listed(home: Home) -> None:
    ended = home.run(str(CTL), "cluster", "--list-presets")
    assert ended.returncode == 0
    names = [line.split("\t")[0] for line in ended.stdout.splitlines()]
    assert names == sorted(names)
    assert {"insightface-kmeans", "facewatchd", "facenet-hdbscan"} <= {*names}


@pytest.mark.parametrize(
    ("preset", "missing"),
    [
        ("insightface-kmeans", "There is no pack of models in "),
        ("dsfd-chinese-whispers", "The detector 'dsfd' needs "),
        ("facenet-hdbscan", "The encoder 'facenet' needs "),
    ],
)
def test_without_its_weights_a_preset_ends_with_one_clear_error(
    home: Home, photos: Path, preset: str, missing: str
) -> None:
    home.take(photos / "bbt", "amy")
    ended = home.cluster("--preset", preset)
    assert (ended.returncode, ended.stdout) == (78, "")
    first, remedy = ended.stderr.splitlines()
    assert first.startswith(f"facewatchctl: {missing}")
    assert str(home.path / ".local/state/facewatchd/models") in first
    assert "facewatchctl models" in remedy


def test_names_of_any_bytes_are_linked_to(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "raj")
    odd = os.path.join(os.fsencode(home.photos), b"caf\xe9\n1.png")
    os.rename(os.fsencode(home.photos / "raj" / "raj1.png"), odd)
    summary = home.clustered()
    assert summary["photos"] == 5
    links = {os.readlink(link) for link in home.output.glob("*/caf*")}
    assert any(os.fsencode(link).endswith(b"/photos/caf\xe9\n1.png") for link in links)
    assert json.loads(json.dumps(summary)) == summary
