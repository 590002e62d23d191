"""Every clusterer that comes with facewatchd, chosen by its name, from a task to people."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from facewatchd.plugins import clusterer
from facewatchd.regroup import Grouped, Refused, Task, cluster
from tests.support.made_faces import made, partition

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEOPLE = 6
OPTIONS: dict[str, dict[str, Any]] = {
    "dbscan+merge": {},
    "dbscan": {},
    "chinese_whispers": {"distance": 0.4},
    "hdbscan": {"min_cluster_size": 10},
    "kmeans": {"clusters": PEOPLE},
}


def task(name: str, encodings: NDArray[np.float32], photos: NDArray[np.int64]) -> Task:
    return Task(encodings, photos, 0.34, 2, 0.5, 0.34, clusterer=name, options=OPTIONS[name])


def grouped(asked: Task) -> Grouped:
    result = cluster(asked)
    assert isinstance(result, Grouped), result
    return result


@pytest.mark.parametrize("name", OPTIONS)
def test_made_people_come_back_as_the_people_they_are(name: str) -> None:
    assert clusterer(name).name == name
    encodings, people = made(seed=1, people=PEOPLE, photos=20, strangers=0)
    result = grouped(task(name, encodings, np.arange(len(people))))
    assert partition(result.labels) == partition(people)
    assert partition(result.owners) == partition(people)


@pytest.mark.parametrize("name", OPTIONS)
def test_no_person_gets_two_faces_of_a_photo_whatever_the_clusterer_puts_together(
    name: str,
) -> None:
    encodings, people = made(seed=2, people=PEOPLE, photos=20, strangers=0)
    photos = np.arange(len(people))
    for person in range(PEOPLE):  # in three photos everybody is seen twice, as in a mirror
        own = np.flatnonzero(people == person)
        photos[own[1:6:2]] = photos[own[0:6:2]]
    asked = task(name, encodings, photos)
    found = clusterer(name)(**OPTIONS[name]).group(
        encodings,
        photos,
        eps=asked.eps,
        min_samples=2,
        merge=asked.merge,
        reach=asked.reach,
        progress=lambda _share: None,
    )
    shared = [label for label in range(found.max() + 1) if _repeats(photos[found == label])]
    assert bool(shared) == (name != "dbscan+merge"), "what is taken apart here is not there"

    owners = grouped(asked).owners
    assert not any(_repeats(photos[owners == owner]) for owner in range(owners.max() + 1))
    for owner in range(owners.max() + 1):
        assert len(np.unique(people[owners == owner])) == 1, "people are mixed"
    assert np.mean(owners >= 0) > 0.8


def _repeats(photos: NDArray[np.int64]) -> bool:
    return len(np.unique(photos)) < len(photos)


def test_too_many_clusters_are_refused_with_what_to_change() -> None:
    encodings, people = made(seed=1, people=2, photos=2, strangers=0)
    asked = task("kmeans", encodings, np.arange(len(people)))
    refused = cluster(replace(asked, options={"clusters": 40}))
    assert isinstance(refused, Refused)
    assert "clusters is 40, but there are only 4 different faces" in refused.reason
    assert "Change recluster.options." in refused.reason


@pytest.mark.parametrize("name", OPTIONS)
def test_nobody_and_one_face_are_no_fault(name: str) -> None:
    few = {"clusters": 1} if name == "kmeans" else OPTIONS[name]
    for count in (0, 1):
        encodings = np.ones((count, 128), dtype=np.float32)
        asked = replace(task(name, encodings, np.arange(count)), options=few)
        assert grouped(asked).labels.tolist() == [0 if name == "kmeans" else -1] * count
