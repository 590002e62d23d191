"""The settings of presets, in the configuration of a daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.batch.cluster import preset
from tests.support.daemon import Daemon
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]


@pytest.mark.parametrize(
    ("name", "engine", "also"),
    [
        ("insightface-kmeans", "scrfd+arcface", {"clusters": 2}),
        pytest.param("face-recognition-dbscan", "hog+dlib", {"min_samples": 2}, marks=WHOLE),
        pytest.param("hog-cnn-montage", "cnn+dlib", {"min_samples": 3}, marks=WHOLE),
    ],
)
def test_a_presets_engine_and_clusterer_find_people_in_the_daemon(
    tmp_path: Path, shared: Path, name: str, engine: str, also: dict[str, Any]
) -> None:
    settings = preset.load(name).settings
    settings["engine"] |= {"models": str(shared / "models"), "pack": "mini_s"}
    settings["recluster"]["options"] = settings["recluster"].get("options", {}) | also
    daemon = Daemon(tmp_path, settings=settings)
    for person in ("howard", "raj"):
        for picture in sorted((shared / "photos" / "bbt" / person).glob("*.png")):
            (daemon.photos / picture.name).write_bytes(picture.read_bytes())
    daemon.start()
    try:
        daemon.wait_until_idle()
        daemon.recluster()
        status = daemon.status()
        assert status["recluster"]["error"] is None
        assert status["engine"]["name"] == engine
        assert status["faces"] == 10
        people = daemon.folders().values()
        shown = [{path.rsplit("/", 1)[1][:3] for path in paths} for paths in people]
        assert status["people"] >= 1
        if name != "face-recognition-dbscan":  # 0.32 leaves most portraits to nobody
            assert sorted(shown, key=min) == [{"how"}, {"raj"}]
    finally:
        assert daemon.stop() == 0
