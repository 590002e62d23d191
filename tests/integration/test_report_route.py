"""What a report is made of, from the store through the API to the client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.batch.gathering import material
from facewatchd.client import Client
from facewatchd.errors import ApiError, NotFoundError
from tests.support.library import SCALE
from tests.support.living import ANN, BEN, BETWEEN, Living

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.reports import Material

BEN_ = "person_0002"


@pytest.fixture
def living(tmp_path: Path) -> Iterator[Living]:
    with Living(tmp_path) as library:
        yield library


def near(place: tuple[float, float]) -> tuple[float, ...]:
    return tuple(np.array(place, np.float32).tolist())


def places(found: Material) -> list[tuple[float, ...]]:
    """Return the two numbers of each encoding that the test library was told."""
    return [tuple(each) for each in found.encodings[:, :2].tolist()]


def client(living: Living) -> Client:
    return Client(living.library.store.path.with_name("api.sock"))


def test_a_report_is_made_of_all_faces_and_whose_they_are(living: Living) -> None:
    asked = client(living)
    asked.say("people/name", person=living.owner(1), name="Ann")
    found = material(asked.report())
    assert found.scale == SCALE
    assert found.engine == "test/1"
    assert len(found) == len(found.photos) == 7
    assert found.photos == tuple(sorted(found.photos))
    names = [found.names[g] if g >= 0 else None for g in found.groups.tolist()]
    whose = dict(zip(places(found), names, strict=True))
    ann, other = (
        dict.fromkeys(map(near, group), who) for group, who in ((ANN, "Ann"), (BEN, BEN_))
    )
    assert whose == ann | other | {near(BETWEEN): None}
    assert np.isnan(found.similarity[found.groups < 0]).all()
    assert (found.similarity[found.groups >= 0] > 0.9).all()
    assert found.encodings.dtype == np.float32


def test_a_report_of_one_person_has_only_that_persons_faces(living: Living) -> None:
    asked = client(living)
    found = material(asked.report(["person_0002"]))
    assert found.names == ("person_0002",)
    assert found.groups.tolist() == [0, 0, 0]
    with pytest.raises(NotFoundError, match="nobody called 'Zoe'"):
        material(asked.report(["Zoe"]))


def test_nobody_who_is_hidden_or_ignored_is_in_a_report(living: Living) -> None:
    asked = client(living)
    hidden = living.owner(1)
    asked.say("people/hide", person=hidden)
    asked.say("faces/ignore", faces=[7])
    found = material(asked.report())
    assert found.names == ("person_0002",)
    assert found.groups.tolist() == [0, 0, 0]
    assert material(asked.report([hidden])).names == (hidden[:6],)


def test_an_answer_that_broke_off_is_no_report(living: Living) -> None:
    lines = list(client(living).report())
    assert json.loads(lines[-1]) == {"end": True}
    assert len(material(lines)) == 7
    for kept in range(1, len(lines)):
        with pytest.raises(ApiError, match="broke off"):
            material(lines[:kept])
    for nonsense in ([], [b"[]\n"], [b"{}\n"], [lines[0], b"{}\n"], [lines[0], b"no\n"]):
        with pytest.raises(ApiError, match=r"cannot be understood|broke off"):
            material(nonsense)
