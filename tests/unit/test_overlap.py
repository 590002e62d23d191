"""Which faces of one photo two detectors mean alike."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facewatchd.model import Box
from facewatchd.overlap import LEAST, iou, match

EDGE = st.integers(0, 60)
BOXES = st.lists(
    st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), EDGE, EDGE, EDGE, EDGE), max_size=8
)


def pixels(box: Box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box.left, box.right) for y in range(box.top, box.bottom)}


@given(BOXES.filter(bool), BOXES.filter(bool))
def test_the_overlap_is_that_of_the_pixels(some: list[Box], others: list[Box]) -> None:
    one, other = pixels(some[0]), pixels(others[0])
    union = len(one | other)
    assert iou(some[0], others[0]) == (len(one & other) / union if union else 0.0)


def test_a_box_is_matched_to_the_one_it_overlaps_most_not_to_the_first() -> None:
    old = [Box(0, 0, 100, 100), Box(40, 0, 140, 100)]
    assert match(old, [Box(45, 0, 145, 100)]) == {0: 1}


def test_the_best_pair_goes_first_and_leaves_the_rest_to_the_others() -> None:
    old = [Box(0, 0, 100, 100), Box(40, 0, 140, 100)]
    new = [Box(30, 0, 130, 100), Box(40, 0, 140, 100)]
    assert match(old, new) == {1: 1, 0: 0}


def test_boxes_that_hardly_overlap_are_two_faces() -> None:
    assert match([Box(0, 0, 100, 100)], [Box(60, 0, 160, 100)]) == {}


@given(BOXES, BOXES)
def test_every_box_is_used_once_and_no_pair_left_over_would_fit(
    old: list[Box], new: list[Box]
) -> None:
    pairs = match(old, new)
    assert len(set(pairs.values())) == len(pairs)
    assert all(iou(old[o], new[n]) >= LEAST for n, o in pairs.items())
    free_old = set(range(len(old))) - set(pairs.values())
    free_new = set(range(len(new))) - pairs.keys()
    assert all(iou(old[o], new[n]) < LEAST for o in free_old for n in free_new)
    for n, o in pairs.items():  # nobody has a better one that is free or worse matched
        rivals = [iou(old[other], new[n]) for other in free_old]
        assert all(rival <= iou(old[o], new[n]) for rival in rivals)


@given(BOXES)
def test_equal_boxes_are_matched_to_themselves(boxes: list[Box]) -> None:
    apart = [
        Box(100 * i + b.left, b.top, 100 * i + b.right + 1, b.bottom + 1)
        for i, b in enumerate(boxes)
        if b.right - b.left < 40
    ]
    assert match(apart, apart) == {index: index for index in range(len(apart))}
