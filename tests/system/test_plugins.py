"""Plugins that were installed by pip run in the daemon; broken ones are one clear error each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageEnhance

from tests.support import environments
from tests.support.daemon import Daemon, partition
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.system

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
PORTRAITS = ("Aaron_Eckhart_0001.jpg", "AJ_Cook_0001.jpg", "Abdoulaye_Wade_0002.jpg")


@pytest.fixture(scope="module")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install somebody else's package as pip does, and return where it is."""
    home = tmp_path_factory.mktemp("third_party")
    source = shutil.copytree(PLUGINS / "third_party", home / "source")  # it is built in place
    own = ("--no-index", "--no-deps", "--no-build-isolation")
    installed = home / "installed"
    python = Path(sys.executable)
    subprocess.run(
        environments.pip(python, *own, "--target", installed, source), check=True, timeout=100
    )
    return installed


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Return a function that starts a daemon with plugins of a folder, engine and clusterer."""
    made: list[Daemon] = []

    def daemon(
        plugins: Path, *, wait: bool = True, options: dict[str, Any] | None = None, **names: str
    ) -> Daemon:
        settings: dict[str, Any] = {
            "roots": [{"path": str(tmp_path / "photos")}],
            "engine": {key: name for key, name in names.items() if key != "clusterer"},
            "recluster": {key: name for key, name in names.items() if key == "clusterer"}
            | {"options": options or {}},
        }
        new = Daemon(tmp_path, settings=settings, environment={"PYTHONPATH": str(plugins)})
        made.append(new)
        new.start(wait=wait)
        return new

    yield daemon
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.kill()


def variants(photos: Path, into: Path) -> dict[str, set[str]]:
    """Write four versions of each portrait; return their names by that of the portrait."""
    into.mkdir()
    written: dict[str, set[str]] = {}
    for name in PORTRAITS:
        with Image.open(photos / "lfw" / name) as picture:
            for number in range(4):
                changed = ImageEnhance.Brightness(picture).enhance(0.7 + 0.2 * number)
                shifted = changed.crop((number, number, 245 + number, 245 + number))
                file = f"{number}_{name}"
                shifted.save(into / file, quality=80)
                day = number * 86400.0  # taken on different days: the frames of a burst count once
                os.utime(into / file, (day, day))
                written.setdefault(name, set()).add(file)
    return written


def test_the_daemon_runs_with_detector_encoder_and_clusterer_of_another_package(
    start: Callable[..., Daemon], third_party: Path, photos: Path, tmp_path: Path
) -> None:
    people = variants(photos, tmp_path / "photos")
    daemon = start(third_party, detector="portrait", encoder="thumbnail", clusterer="neighbours")
    assert daemon.wait_until_idle()["files"]["done"] == 12, daemon.log()
    daemon.recluster()
    linked = {frozenset(Path(p).name for p in paths) for paths in daemon.folders().values()}
    assert linked == {frozenset(files) for files in people.values()}
    assert len(partition(daemon)) == 3
    (dimensions,) = {len(row[0]) // 4 for row in daemon.rows("SELECT encoding FROM faces")}
    assert dimensions == 256
    assert daemon.stop() == 0


def test_the_daemon_clusters_with_another_clusterer_and_its_options(
    start: Callable[..., Daemon], photos: Path, tmp_path: Path
) -> None:
    people = variants(photos, tmp_path / "photos")
    daemon = start(PLUGINS, clusterer="kmeans", options={"clusters": 3})
    assert daemon.wait_until_idle()["files"]["done"] == 12, daemon.log()
    daemon.recluster()
    linked = {frozenset(Path(p).name for p in paths) for paths in daemon.folders().values()}
    assert linked == {frozenset(files) for files in people.values()}
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("kmeans", {}, "missing a required argument: 'clusters'"),
        ("kmeans", {"clusters": 0}, "clusters is 0, but must be a whole number of 1 or more"),
        ("dbscan+merge", {"clusters": 3}, "an unexpected keyword argument 'clusters'"),
    ],
)
def test_a_wrong_option_of_a_clusterer_is_one_error_at_the_start(
    start: Callable[..., Daemon], tmp_path: Path, name: str, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "photos").mkdir()
    daemon = start(PLUGINS, wait=False, clusterer=name, options=options)
    assert daemon.process is not None
    assert daemon.process.wait(30) == 78
    told = daemon.log().strip()
    assert told.startswith(f"facewatchd: The clusterer {name!r} cannot be used with these options")
    assert words in told
    assert "recluster.options" in told
    assert len(told.splitlines()) == 2, told  # the error and its remedy


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("detector", "nosuch", "There is no detector named 'nosuch'."),
        ("detector", "not-there", "cannot be loaded: module 'broken_plugins' has no attribute"),
        ("detector", "raises-at-import", "cannot be loaded: a library is missing"),
        ("detector", "of-another-version", "was written for version 2 of the plugins' protocol"),
        ("encoder", "without-scale", "its class has no scale of the right kind."),
        ("clusterer", "nosuch", "There is no clusterer named 'nosuch'."),
        ("clusterer", "recipe", "There is no clusterer named 'recipe'."),
        ("clusterer", "without-group", "its class has no group of the right kind."),
    ],
)
def test_a_plugin_that_cannot_be_used_is_one_error_with_its_name_at_the_start(
    start: Callable[..., Daemon], tmp_path: Path, kind: str, name: str, words: str
) -> None:
    (tmp_path / "photos").mkdir()
    daemon = start(PLUGINS, wait=False, **{kind: name})
    assert daemon.process is not None
    assert daemon.process.wait(30) == 78
    told = daemon.log().strip()
    assert told.startswith("facewatchd: ")
    assert words in told
    assert repr(name) in told
    assert len(told.splitlines()) == 2, told  # the error and its remedy


def test_an_engine_that_cannot_be_constructed_ends_the_daemon_with_its_name(
    start: Callable[..., Daemon], photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos / "bbt" / "amy", tmp_path / "photos")
    daemon = start(PLUGINS, wait=False, detector="raises-at-construction", encoder="plain")
    assert daemon.process is not None
    assert daemon.process.wait(60) == 78
    assert "The detector 'raises-at-construction' failed: KeyError: 'weights'." in daemon.log()
    assert "Traceback" not in daemon.log()


@pytest.mark.parametrize(
    ("detector", "encoder", "words"),
    [
        ("raises", "plain", "The detector 'raises' failed: IndexError:"),
        pytest.param(
            *("outside", "plain", "The detector 'outside' does not keep to the plugins' protocol"),
            marks=WHOLE,
        ),
        ("floats", "plain", "returned a box that is not four whole numbers"),
        pytest.param(
            *("whole", "too-few", "returned float32 (1, 3) in the place of float32 (1, 4)"),
            marks=WHOLE,
        ),
        pytest.param(
            *("whole", "of-float64", "returned float64 (1, 4) in the place of float32 (1, 4)"),
            marks=WHOLE,
        ),
        ("whole", "not-finite", "returned an encoding that is not finite"),
    ],
)
def test_what_a_plugin_returns_wrongly_is_the_reason_of_the_photo_and_never_stored(
    start: Callable[..., Daemon],
    photos: Path,
    tmp_path: Path,
    detector: str,
    encoder: str,
    words: str,
) -> None:
    shutil.copytree(photos / "bbt" / "amy", tmp_path / "photos")
    daemon = start(PLUGINS, detector=detector, encoder=encoder)
    status = daemon.wait_until_idle()
    assert status["files"]["failed"] == 5
    told = daemon.ctl("errors").stdout.decode()
    assert words in told
    assert daemon.rows("SELECT count(*) FROM faces") == [(0,)]
    assert "Traceback" not in daemon.log()
    assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("clusterer", "words"),
    [
        pytest.param(
            *("counts-from-two", "returned clusters that are not numbered from 0 without gaps"),
            marks=WHOLE,
        ),
        ("gives-lists", "returned list in the place of an array"),
    ],
)
def test_wrong_clusters_change_nothing_and_are_shown_in_the_status(
    start: Callable[..., Daemon],
    photos: Path,
    tmp_path: Path,
    clusterer: str,
    words: str,
) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(photos / "bbt" / "bbt1.jpg", tmp_path / "photos")
    daemon = start(PLUGINS, detector="hog", encoder="dlib", clusterer=clusterer)
    daemon.wait_for(lambda: daemon.status()["recluster"]["error"], 100)
    error = daemon.status()["recluster"]["error"]
    assert f"The clusterer {clusterer!r} does not keep to the plugins' protocol" in error
    assert words in error
    assert daemon.rows("SELECT count(*) FROM people") == [(0,)]
    assert "Traceback" not in daemon.log()
    assert daemon.stop() == 0
