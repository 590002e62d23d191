from __future__ import annotations

import numpy as np
import pytest

from bench import comparison
from bench.comparison import CONTENDERS, compare, halves
from bench.libraries import Library
from bench.stability import Moved, difference, moved
from facewatchd import plugins
from facewatchd.config import DEFAULT_ENCODER
from tests.support.lfw_like import labelled

SCALE = plugins.encoder(DEFAULT_ENCODER).scale
DBSCAN, LINKAGE = (
    next(each for each in CONTENDERS if each.name == name)
    for name in ("DBSCAN", "DBSCAN, then average linkage of L2")
)


def test_halves_share_nobody_and_together_are_everybody_known() -> None:
    people = np.repeat(np.arange(-1, 40), 3)
    tuning, reporting = halves(people, 0)
    one, other = set(people[tuning].tolist()), set(people[reporting].tolist())
    assert not one & other
    assert one | other == set(range(40))
    assert len(one) == 20


def test_a_seed_draws_the_same_half_again_and_another_seed_another_one() -> None:
    people = np.repeat(np.arange(40), 3)
    np.testing.assert_array_equal(halves(people, 3)[0], halves(people, 3)[0])
    assert not np.array_equal(halves(people, 3)[0], halves(people, 4)[0])


def test_who_is_called_what_and_in_which_order_changes_no_setting() -> None:
    library = labelled(people=60)
    order = np.random.default_rng(0).permutation(len(library.people))
    other = Library(library.encodings[order], library.photos[order], 100 - library.people[order])
    setting = DBSCAN.grid(SCALE)[5]
    ours, theirs = (comparison.measured(DBSCAN, of, SCALE, setting) for of in (library, other))
    assert ours.keys() == theirs.keys() == {"all", "album"}
    for name, scores in ours.items():
        assert scores == pytest.approx(theirs[name])


def test_what_is_tuned_is_the_best_of_its_grid_on_the_tuning_half() -> None:
    library = labelled()
    found = comparison.half(library, SCALE, 0)
    tuning, reporting = (library.some(which) for which in halves(library.people, 0))
    at = CONTENDERS.index(LINKAGE)

    def mean(setting: comparison.Setting) -> float:
        scores = comparison.measured(LINKAGE, tuning, SCALE, setting)
        return sum(of["pairwise F1"] + of["bcubed F1"] for of in scores.values())

    assert mean(found.settings[at]) == max(map(mean, LINKAGE.grid(SCALE)))
    assert found.scores[at] == comparison.measured(LINKAGE, reporting, SCALE, found.settings[at])


def test_without_somebody_with_twenty_faces_there_is_no_comparison() -> None:
    library = labelled()
    few = library.some(library.people > 100)
    with pytest.raises(ValueError, match="somebody with 20 labelled faces"):
        compare(few, SCALE, 1, 1)


def test_faces_change_person_find_one_or_lose_theirs() -> None:
    then = np.array([0, 0, 1, -1, -1, 2])
    now = np.array([0, 1, 1, -1, 3, -1])
    assert difference(then, now) == Moved(changed=1, found=1, lost=1)


def test_a_photo_of_a_stranger_moves_nobody() -> None:
    library = labelled(people=40, large=20)
    stranger = library.encodings[-1:] + np.float32(1.0)
    with_stranger = Library(
        np.concatenate([library.encodings, stranger]),
        np.append(library.photos, len(library.photos)),
        np.append(library.people, -1),
    )
    assert moved(with_stranger, SCALE, "dbscan+merge", len(library.photos)) == Moved(0, 0, 0)


def test_a_photo_that_joins_two_people_moves_the_faces_of_the_smaller() -> None:
    # DBSCAN makes one cluster of two when somebody stands between them.
    positions = np.concatenate([np.linspace(0, 0.1, 5), [0.35], np.linspace(0.6, 0.65, 3)])
    encodings = positions.astype(np.float32)[:, None] * np.eye(1, 128, dtype=np.float32)
    library = Library(encodings, np.arange(9), np.zeros(9, dtype=np.int64))
    assert moved(library, SCALE, "dbscan", 5).changed == 3
