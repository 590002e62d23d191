"""The metrics of a real daemon that has read real photos, as Prometheus reads them."""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.pictures import aged

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from tests.support.daemon import Daemon

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "Zoë Kaleko"


def families(text: str) -> dict[str, Metric]:
    """Return the metrics by the name that the text has."""
    ends = {"counter": "_total"}
    read = list(text_string_to_metric_families(text))
    return {metric.name + ends.get(metric.type, ""): metric for metric in read}


def figures(text: str) -> dict[str, float]:
    """Return every figure, by its name and labels as in ``files{state=done}``."""
    samples = [sample for metric in families(text).values() for sample in metric.samples]
    return {_shown(s.name.removeprefix("facewatchd_"), s.labels): s.value for s in samples}


def _shown(name: str, labels: dict[str, str]) -> str:
    words = ",".join(f"{label}={word}" for label, word in labels.items())
    return f"{name}{{{words}}}" if words else name


def explained() -> dict[str, tuple[str, set[str]]]:
    """Return type and labels of each metric that the page tells of."""
    page = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(facewatchd_\w+)` \| (\w+) \|([^|]*)\|", page, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def ask_raw(place: Path, route: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(place))
        connection.sendall(f"GET {route} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        parts = list(iter(lambda: connection.recv(65536), b""))
    return b"".join(parts)


def test_all_that_is_told_is_true_and_explained_and_nothing_else_is(
    daemon: Daemon, photos: Path
) -> None:
    for name in ("amy1", "amy2", "raj1"):
        shutil.copy(photos / "bbt" / name[:-1] / f"{name}.png", daemon.photos)
    (daemon.photos / "film.mov").write_bytes(b"no picture at all")
    aged(daemon.photos.iterdir())
    daemon.settings = {"roots": [{"path": str(daemon.photos)}], "log": {"names": True}}
    daemon.start()
    daemon.wait_for(lambda: daemon.status()["recluster"]["last"] is not None, 100)
    people = daemon.client.people()  # amy twice, and nobody else
    daemon.client.say("people/name", person=people[0]["id"], name=NAME)
    daemon.client.pause(3600)
    daemon.wait_for((daemon.output / NAME).exists, 30)
    status = daemon.wait_until_idle()

    text = daemon.ctl("metrics").stdout.decode()
    told = families(text)
    assert {
        name: (metric.type, {key for s in metric.samples for key in s.labels if key != "le"})
        for name, metric in told.items()
    } == {name: (kind, labels) for name, (kind, labels) in explained().items()}
    assert all(metric.documentation.endswith((".", "1.", "0.")) for metric in told.values())
    assert NAME not in text
    assert text.count(str(daemon.photos)) == 1

    now = figures(text)
    expected = {
        "up": 1,
        "files{state=pending}": 0,
        "files{state=done}": 3,
        "files{state=failed}": 0,
        "files{state=unsupported}": 1,
        "photos": status["photos"],
        "faces": status["faces"],
        "doubtful_faces": status["doubtful"],
        "people{kind=named}": 1,
        "people{kind=unnamed}": 0,
        "folders": 1,
        "links": 2,
        "decisions": 1,
        "root_files{root=1}": 4,
        "root_pending_files{root=1}": 0,
        "root_state{root=1,state=watched}": 1,
        "root_state{root=1,state=offline}": 0,
        f"root_info{{root=1,path={daemon.photos}}}": 1,
        "state{state=idle}": 1,
        "state{state=paused}": 0,
        "paused{reason=user}": 1,
        "paused{reason=hours}": 0,
        "reads_total{result=read}": 3,
        "photo_read_seconds_count": 3,
        "photo_read_seconds_bucket{le=+Inf}": 3,
        "clusterings_total": status["recluster"]["runs"],
        "clustering_last_timestamp_seconds": status["recluster"]["last"],
        "clustering_last_duration_seconds": status["recluster"]["last_seconds"],
        "clustering_last_faces": status["faces"],
        "start_time_seconds": status["started"],
    }
    assert (status["photos"], status["faces"], len(people)) == (3, 3, 1)
    assert {name: now[name] for name in expected} == expected
    assert 0 < now["photo_read_seconds_sum"] < 100
    store = daemon.state / "store.db"
    assert now["store_size_bytes"] >= store.stat().st_size > 0
    free = shutil.disk_usage(daemon.state).free
    assert abs(now["state_free_bytes"] - free) < 0.1 * free

    head, _, body = ask_raw(daemon.state / "api.sock", "/v1/metrics").partition(b"\r\n\r\n")
    assert b"content-type: text/plain; version=0.0.4; charset=utf-8" in head
    assert figures(body.decode()).keys() == now.keys()

    daemon.settings["log"] = {"names": False}
    daemon.configure()
    assert daemon.ctl("reload").returncode == 0
    text = daemon.ctl("metrics").stdout.decode()
    assert str(daemon.photos) not in text
    assert "facewatchd_root_info" not in text

    file = daemon.home / "facewatchd.prom"
    assert daemon.ctl("metrics", "--output", file).returncode == 0
    assert figures(file.read_text())["up"] == 1
    assert daemon.stop() == 0
    assert daemon.ctl("metrics", "--output", file).returncode == 3
    assert figures(file.read_text()) == {"up": 0}


def test_names_and_units_are_those_that_prometheus_asks_for() -> None:
    assert len(explained()) > 30
    for name, (kind, _) in explained().items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"(_ms|_minutes|_mb|_percent|_count|_sum|_bucket)$", name), name
        if "_size" in name or "_free" in name:
            assert name.endswith("_bytes")
        if "_duration" in name or "_time" in name:
            assert name.endswith("_seconds")
