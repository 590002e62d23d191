from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import dlib
import numpy as np
import pytest
from PIL import Image
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from facewatchd.child import Child
from facewatchd.clustering.linkage import average_linkage
from facewatchd.clustering.matching import Before
from facewatchd.engines.weights import DLIB_MODELS, packaged
from facewatchd.regroup import Grouped, Refused, Task, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

PATIENCE = 60.0  # seconds; only a fault waits so long


def task(encodings: NDArray[np.float32]) -> Task:
    return Task(encodings, np.arange(len(encodings)), 0.32, 2, 0.40, 0.32)


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child("facewatchd.regroup", threads=None)
    yield made
    assert made.close(timeout=10)


def answer(child: Child) -> Any:
    assert child.connection.poll(PATIENCE), "no answer from the process that clusters"
    return child.connection.recv()


@pytest.fixture(scope="module")
def portraits(photos: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Return the encodings of real portraits, made by dlib itself, and who each one shows."""
    weights = partial(packaged, packages=DLIB_MODELS, needed_by="test")
    detector = dlib.get_frontal_face_detector()
    landmarks = dlib.shape_predictor(str(weights("shape_predictor_5_face_landmarks.dat")))
    network = dlib.face_recognition_model_v1(
        str(weights("dlib_face_recognition_resnet_model_v1.dat"))
    )
    with (photos / "lfw.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["faces_in_image"] == "1"]
    people = ("Serena_Williams", "Vladimir_Putin", "Laura_Bush", "Tom_Ridge")
    chosen = [row for who in people for row in [r for r in rows if r["person"] == who][:10]]
    chosen += [row for row in rows if row["file"].endswith("_0001.jpg")][:20]
    encodings, names = [], []
    for row in chosen:
        with Image.open(photos / "lfw" / row["file"]) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        for box in detector(pixels, 1)[:1]:
            encodings.append(network.compute_face_descriptor(pixels, landmarks(pixels, box)))
            names.append(row["person"])
    return np.array(encodings, dtype=np.float32), names


def test_real_faces_come_back_as_the_people_they_are(
    child: Child, portraits: tuple[NDArray[np.float32], list[str]]
) -> None:
    encodings, names = portraits
    child.send(task(encodings))
    result = answer(child)

    assert isinstance(result, Grouped)
    assert result.labels.dtype == np.int64
    assert result.labels.shape == (len(encodings),)
    assert 0 < result.seconds < PATIENCE
    for label in range(result.labels.max() + 1):
        assert len({names[face] for face in np.flatnonzero(result.labels == label)}) == 1
    for person in ("Serena_Williams", "Vladimir_Putin", "Laura_Bush", "Tom_Ridge"):
        own = result.labels[[name == person for name in names]]
        largest = np.bincount(own[own >= 0]).max()
        assert largest >= 0.8 * len(own)


def test_the_merge_of_real_faces_is_upgma_on_squared_distances_of_directions(
    portraits: tuple[NDArray[np.float32], list[str]],
) -> None:
    encodings, _ = portraits
    directions = encodings / np.linalg.norm(encodings.astype(np.float64), axis=1, keepdims=True)
    tree = linkage(pdist(directions, "sqeuclidean"), "average")
    for limit in (0.28, 0.34, 0.40, 0.46):
        found = average_linkage(encodings, np.full(len(encodings), -1), limit)
        wanted = fcluster(tree, limit**2, "distance")
        np.testing.assert_array_equal(
            found[:, None] == found[None, :], wanted[:, None] == wanted[None, :]
        )


SERENA, PUTIN, LAURA, TOM = range(4)
PEOPLE = ("Serena_Williams", "Vladimir_Putin", "Laura_Bush", "Tom_Ridge")


def faces_of(names: list[str], person: int) -> list[int]:
    return [face for face, name in enumerate(names) if name == PEOPLE[person]]


def before(
    encodings: NDArray[np.float32],
    owners: dict[int, list[int]],
    persons: tuple[int, ...] = (0, 1, 2, 3),
    refused: tuple[tuple[int, int], ...] = (),
) -> Before:
    """Say that these faces are settled in four kept people, each with one look of them."""
    whose = np.full(len(encodings), -1)
    for owner, faces in owners.items():
        whose[faces] = owner
    return replace(
        Before.nobody(*encodings.shape),
        owners=whose,
        persons=np.array(persons),
        kept=np.ones(4, dtype=np.bool_),
        refused=np.array(refused, dtype=np.int64).reshape(-1, 2),
        looks=np.array(list(owners)),
        centroids=np.array([encodings[faces].mean(axis=0) for faces in owners.values()], float),
    )


def grouped(encodings: NDArray[np.float32], known: Before, merge: float = 0.40) -> Grouped:
    result = cluster(replace(task(encodings), merge=merge, before=known))
    assert isinstance(result, Grouped)
    return result


def test_real_people_whom_the_clusterer_makes_one_are_taken_apart_by_what_is_settled(
    child: Child, portraits: tuple[NDArray[np.float32], list[str]]
) -> None:
    encodings, names = portraits
    one = replace(task(encodings), eps=2.0)
    child.send(one)
    assert np.unique(answer(child).labels).tolist() == [0]

    settled = {person: faces_of(names, person)[:2] for person in range(4)}
    result = cluster(replace(one, before=before(encodings, settled)))
    assert isinstance(result, Grouped)
    for person in range(4):
        own = result.owners[faces_of(names, person)]
        assert np.mean(own == person) >= 0.8
        assert set(own.tolist()) & set(range(4)) == {person}
        assert sorted(result.looks[person][0]) == np.flatnonzero(result.owners == person).tolist()
    strangers = [face for face, name in enumerate(names) if name not in PEOPLE]
    assert not np.isin(result.owners[strangers], range(4)).any()


def test_what_is_said_of_real_people_goes_to_the_process_and_comes_back(
    child: Child, portraits: tuple[NDArray[np.float32], list[str]]
) -> None:
    encodings, names = portraits
    mistaken = faces_of(names, PUTIN)[0]
    settled = {
        SERENA: [*faces_of(names, SERENA)[:6], mistaken],
        PUTIN: faces_of(names, PUTIN)[1:],
    }
    child.send(replace(task(encodings), before=before(encodings, settled)))
    result = answer(child)

    assert result.owners[mistaken] == SERENA
    (question,) = result.questions
    assert question[:3] == (mistaken, SERENA, PUTIN)
    assert question.distance < 0.52
    assert result.looks[LAURA] == ()


def test_a_real_cluster_found_later_joins_the_person_whose_look_it_matches(
    portraits: tuple[NDArray[np.float32], list[str]],
) -> None:
    encodings, names = portraits
    laura, tom = faces_of(names, LAURA), faces_of(names, TOM)
    known = before(encodings, {LAURA: laura[:5], TOM: tom})
    apart = np.array([face for face in range(len(names)) if face not in laura[:5]])
    known = replace(known, owners=known.owners[apart], confirmed=known.confirmed[apart])
    result = grouped(encodings[apart], known)

    later = np.flatnonzero(np.isin(apart, laura[5:]))
    assert np.mean(result.owners[later] == LAURA) >= 0.8
    assert {names[apart[face]] for face in np.flatnonzero(result.owners == LAURA)} == {"Laura_Bush"}


def test_a_real_face_that_refuses_its_person_and_the_merged_one_is_with_neither(
    portraits: tuple[NDArray[np.float32], list[str]],
) -> None:
    encodings, names = portraits
    serena, tom = faces_of(names, SERENA), faces_of(names, TOM)
    settled = {SERENA: serena[:-1], TOM: tom}
    merged = (SERENA, PUTIN, LAURA, SERENA)
    face = serena[-1]
    assert grouped(encodings, before(encodings, settled, merged)).owners[face] == SERENA
    said = before(encodings, settled, merged, refused=((face, TOM),))
    result = grouped(encodings, said)
    assert result.owners[face] not in {SERENA, TOM}
    assert (result.owners[serena[:-1]] == SERENA).all()
    assert (result.owners[tom] == TOM).all()


def test_the_process_ends_after_its_answer(child: Child) -> None:
    child.send(task(np.zeros((3, 128), dtype=np.float32)))
    assert answer(child).labels.tolist() == [0, 0, 0]
    assert child.close(timeout=30)
    assert child.end_in_words() == "ended with code 0"


def test_faces_that_cannot_be_clustered_come_back_as_words(child: Child) -> None:
    encodings = np.zeros((3, 128), dtype=np.float32)
    encodings[2, 5] = np.nan
    child.send(task(encodings))
    assert answer(child) == Refused(
        "is not possible: The clusterer 'dbscan+merge' failed: ValueError: 1 encodings are not"
        " finite, the first is number 2. Report it to the author of the plugin, or name another"
        " one in the configuration."
    )


def test_the_process_ends_silently_when_its_parent_closes_the_connection() -> None:
    child = Child("facewatchd.regroup", threads=None)
    child.connection.close()
    assert child.end_in_words() in {"ended with code 0", "closed its connection and still runs"}
    assert child.close(timeout=10)


def test_running_out_of_memory_comes_back_as_words() -> None:
    program = """
import resource
import numpy as np
import scipy.sparse.csgraph
from facewatchd.clustering.dbscan import dbscan
from facewatchd.regroup import Task, cluster

faces = 400_000
task = Task(np.zeros((faces, 128), dtype=np.float32), np.arange(faces), 0.32, 2, 0.40, 0.32)
dbscan(np.zeros((5_000, 128), dtype=np.float32), 0.32, 2)
pages = int(open("/proc/self/statm").read().split()[0])
# Room for what BLAS takes for each thread, and not for another array of all faces.
limit = pages * resource.getpagesize() + 2**27
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
print(cluster(task))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "Refused(reason='of 400000 faces ran out of memory')\n", ended.stderr
