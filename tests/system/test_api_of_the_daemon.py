from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd import demo_photos
from facewatchd.api import openapi
from facewatchd.errors import FacewatchError, NotFoundError
from tests.conftest import missing
from tests.support.schema import violations

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.demo_photos import MadePhoto
    from tests.support.daemon import Daemon

pytestmark = pytest.mark.system

ONE_OF_THEM = 1


@pytest.fixture
def made(daemon: Daemon) -> list[MadePhoto]:
    """Fill the daemon's folder: photos of one person, one of two people, a broken one."""
    try:
        group = demo_photos.group_picture()
    except FacewatchError:
        missing("the picture of the insightface package")
        raise
    photos, _ = demo_photos.make(group, daemon.photos)
    kept = [p for p in photos if ONE_OF_THEM in p.people and len(p.people) < 3]
    for photo in photos:
        if photo not in kept:
            photo.path.unlink()
    return kept


def shape_of(path: str) -> dict[str, Any]:
    answers = openapi()["paths"][path]["get"]["responses"]["200"]
    schema: dict[str, Any] = answers["content"]["application/json"]["schema"]
    return schema


@pytest.mark.timeout(240)
def test_the_daemon_answers_in_the_shapes_that_the_api_describes(
    daemon: Daemon, made: list[MadePhoto]
) -> None:
    daemon.start()
    assert violations(shape_of("/v1/status"), daemon.status()) == []
    daemon.wait_for(lambda: daemon.status()["recluster"]["last"] is not None, 120)
    status = daemon.wait_until_idle()
    broken = daemon.photos / "broken.jpg"
    client = daemon.client
    people, doubtful, errors = client.people(), client.doubtful(), client.errors()
    found = [client.find(os.fsencode(photo.path)) for photo in made]
    failed = client.find(os.fsencode(broken))
    with pytest.raises(NotFoundError):
        client.find(b"/nowhere/\xff.jpg")
    assert violations(shape_of("/v1/status"), status) == []
    assert violations(shape_of("/v1/people"), people) == []
    assert violations(shape_of("/v1/doubtful"), doubtful) == []
    assert violations(shape_of("/v1/errors"), errors) == []
    assert [violations(shape_of("/v1/find"), answer) for answer in [*found, failed]] == [
        [] for _ in [*found, failed]
    ]
    assert [error["path"] for error in errors] == [str(broken)]
    assert (failed["state"], failed["photo"]) == ("failed", None)
    folders = [{face["folder"] for face in answer["faces"]} for answer in found]
    assert set.intersection(*folders) == {"person_0001"}
    assert all(links_lead_to(answer, photo.path) for answer, photo in zip(found, made, strict=True))
    assert daemon.stop() == 0


def links_lead_to(found: dict[str, Any], photo: Path) -> bool:
    return {os.path.realpath(link) for link in found["links"]} == {os.path.realpath(photo)}
