"""What a plugin returns is believed only when it keeps to its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd import checked
from facewatchd.engines import Box, Detection, PluginError, Scale, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PICTURE = np.zeros((60, 80, 3), np.uint8)
FIVE = ((1.0, 1.0),) * 5


class Says:
    """A detector and encoder that answers what it was made with."""

    protocol = 1
    name = "says"
    version = "1"
    needs_points = False
    scale = Scale(2, 0.5, 0.3, 1.0, 1.0, "cosine")

    def __init__(self, answer: Any, *, finds_points: bool = False) -> None:
        self.answer = answer
        self.finds_points = finds_points

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        del pixels
        return self.answer  # type: ignore[no-any-return]  # anything, that is the point

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        del pixels, faces
        return self.answer  # type: ignore[no-any-return]  # as above


def detected(answer: Any, *, points: bool = False) -> list[Detection]:
    says: Any = Says(answer, finds_points=points)
    return checked.detections(says, PICTURE)


def encoded(answer: Any, faces: int = 1) -> NDArray[np.float32]:
    says: Any = Says(answer)
    return checked.encodings(says, PICTURE, [Detection(Box(0, 0, 9, 9), 1.0)] * faces)


edges = st.integers(-3, 90)


@given(edges, edges, edges, edges)
def test_a_box_is_taken_exactly_when_it_lies_in_the_picture_and_is_not_empty(
    left: int, top: int, right: int, bottom: int
) -> None:
    box = Box(left, top, right, bottom)
    inside = np.zeros((60, 80), bool)
    if min(box) >= 0:
        inside[top:bottom, left:right] = True
    if inside.sum() == (right - left) * (bottom - top) and right > left and bottom > top:
        assert detected([Detection(box, 0.5)]) == [Detection(box, 0.5)]
    else:
        with pytest.raises(PluginError, match=r"'says' .* a box that is empty or outside"):
            detected([Detection(box, 0.5)])


def test_numbers_of_numpy_become_plain_ones_that_a_store_takes() -> None:
    box: Any = np.array([1, 2, 30, 40])
    confidence: Any = np.float32(0.5)
    (found,) = detected([Detection(Box(*box), confidence)])
    assert [type(edge) for edge in found.box] == [int] * 4
    assert type(found.confidence) is float


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "TypeError: 'NoneType' object is not iterable"),
        ([(0, 0, 9, 9)], "returned tuple in the place of a Detection"),
        ([Detection(Box(0, 0, 9, 9), 1.5)], "a confidence that is not from 0 to 1: 1.5"),
        ([Detection(Box(0, 0, 9, 9), float("nan"))], "a confidence that is not from 0 to 1: nan"),
        ([Detection((0, 0.5, 9, 9), 1)], "a box that is not four whole numbers"),  # type: ignore[arg-type]  # on purpose
        ([Detection((0, 9, 9), 1)], "a box that is not four whole numbers"),  # type: ignore[arg-type]  # on purpose
    ],
)
def test_what_is_no_detection_is_refused_in_words(answer: Any, words: str) -> None:
    with pytest.raises(PluginError) as refused:
        detected(answer)
    assert "'says'" in refused.value.title
    assert words in refused.value.title


def test_a_detector_that_finds_points_must_find_five() -> None:
    box = Box(0, 0, 9, 9)
    assert detected([Detection(box, 1.0, FIVE)], points=True) == [Detection(box, 1.0, FIVE)]
    for points in (None, FIVE[:4], ((float("nan"), 0.0), *FIVE[:4])):
        with pytest.raises(PluginError, match="other than five points"):
            detected([Detection(box, 1.0, points)], points=True)


def test_encodings_must_have_their_shape_type_and_length() -> None:
    unit = np.array([[0.6, 0.8]], np.float32)
    assert np.array_equal(encoded(unit), unit)
    assert encoded(np.empty((0, 2), np.float32), 0).shape == (0, 2)
    for answer, words in (
        (unit.tolist(), "list in the place of an array"),
        (unit.astype(np.float64), r"float64 \(1, 2\) in the place of float32 \(1, 2\)"),
        (unit[0], r"float32 \(2,\) in the place of float32 \(1, 2\)"),
        (np.empty((0, 2), np.float32), r"float32 \(0, 2\) in the place of float32 \(1, 2\)"),
        (unit * np.float32(np.inf), "not finite"),
        (unit * np.float32(1.01), "no unit vector"),
    ):
        with pytest.raises(PluginError, match=words):
            encoded(answer)


def test_lack_of_memory_is_not_blamed_on_a_plugin() -> None:
    class Hungry(Says):
        def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
            raise MemoryError(pixels.shape)

    hungry: Any = Hungry(None)
    with pytest.raises(MemoryError):
        checked.detections(hungry, PICTURE)


def test_an_unknown_name_is_said_with_the_ones_there_are() -> None:
    with pytest.raises(PluginError, match="no detector named 'nosuch'") as refused:
        checked.detector("nosuch", Setup())
    assert "mtcnn" in refused.value.remedy


def labelled(name: str, faces: int = 4, **given: Any) -> NDArray[np.int64]:
    encodings = np.arange(faces, dtype=np.float32)[:, None] * np.ones(2, np.float32)
    ways: dict[str, Any] = {"options": {}, "progress": lambda _share: None, **given}
    distances: Any = {"eps": 0.3, "min_samples": 2, "merge": 0.5, "reach": 0.3}
    return checked.labels(name, encodings, np.arange(faces), **distances, **ways)


@pytest.mark.parametrize(
    ("name", "options", "words", "known"),
    [
        ("kmeans", {}, "missing a required argument: 'clusters'", "clusters, seed"),
        (
            "kmeans",
            {"clusters": 2, "sed": 1},
            "unexpected keyword argument 'sed'",
            "clusters, seed",
        ),
        ("kmeans", {"clusters": "2"}, "clusters is '2', but must be a whole", "clusters, seed"),
        ("chinese_whispers", {"distance": -1}, "distance is -1", "distance, iterations, seed"),
        ("hdbscan", {"min_cluster_size": 1}, "min_cluster_size is 1", "min_cluster_size, "),
        ("dbscan+merge", {"clusters": 2}, "unexpected keyword argument 'clusters'", "knows: none"),
    ],
)
def test_options_that_a_clusterer_cannot_use_are_said_with_those_it_knows(
    name: str, options: dict[str, Any], words: str, known: str
) -> None:
    with pytest.raises(PluginError) as refused:
        checked.clusterer(name, options)
    assert refused.value.title.startswith(f"The clusterer {name!r} cannot be used with these opt")
    assert words in refused.value.title
    assert "recluster.options" in refused.value.remedy
    assert known in refused.value.remedy


def test_options_reach_the_clusterer() -> None:
    assert labelled("kmeans", options={"clusters": 4}).tolist() == [0, 1, 2, 3]
    assert labelled("kmeans", options={"clusters": 1}).tolist() == [0, 0, 0, 0]


def test_options_that_do_not_fit_the_faces_are_said_to_be_changed() -> None:
    with pytest.raises(PluginError) as refused:
        labelled("kmeans", options={"clusters": 9})
    assert "clusters is 9, but there are only 4 different faces" in refused.value.title
    assert refused.value.remedy.startswith("Change recluster.options.")


def test_the_progress_of_a_clusterer_is_told_and_what_it_raises_passes_unchanged() -> None:
    told: list[float] = []
    labelled("kmeans", options={"clusters": 2}, progress=told.append)
    assert told[-1] == 1.0

    class EnoughError(Exception):
        pass

    enough = EnoughError()

    def cancel(share: float) -> None:
        assert share > 0
        raise enough

    with pytest.raises(EnoughError) as raised:
        labelled("kmeans", options={"clusters": 2}, progress=cancel)
    assert raised.value is enough


def test_the_clusterer_of_an_earlier_version_is_an_unknown_name() -> None:
    with pytest.raises(PluginError, match="no clusterer named 'recipe'") as refused:
        checked.clusterer("recipe", {})
    assert "dbscan+merge" in refused.value.remedy
