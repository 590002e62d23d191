from __future__ import annotations

import contextlib
import os
import signal
import socket
import socketserver
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from facewatchd.api import ROUTES, ApiServer, openapi
from facewatchd.client import Client, read_last_status
from facewatchd.errors import (
    ApiError,
    Exit,
    NotFoundError,
    NotRunningError,
    StartError,
    StoreError,
)
from tests.support.schema import violations
from tests.support.scripted import PHOTO, Scripted, Waiting, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534


@pytest.fixture
def control() -> Scripted:
    return Scripted()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "api.sock"


@pytest.fixture
def daemon(control: Scripted, place: Path) -> Iterator[None]:
    with served(control, place):
        yield


@pytest.fixture
def client(daemon: None, place: Path) -> Client:  # noqa: ARG001 -- it must serve
    return Client(place)


@pytest.fixture
def raw(daemon: None, place: Path) -> Iterator[httpx.Client]:  # noqa: ARG001 -- it must serve
    """Return a client that knows nothing of the API."""
    transport = httpx.HTTPTransport(uds=str(place), verify=False)
    with httpx.Client(base_url="http://facewatchd", transport=transport, trust_env=False) as made:
        yield made


def described(path: str, method: str = "get") -> dict[str, Any]:
    responses = openapi()["paths"][path][method]["responses"]
    schema: dict[str, Any] = responses["200"]["content"]["application/json"]["schema"]
    return schema


def test_every_answer_has_the_shape_that_the_api_describes(
    client: Client, raw: httpx.Client
) -> None:
    assert violations(described("/v1/status"), client.status()) == []
    assert violations(described("/v1/people"), client.people()) == []
    assert violations(described("/v1/doubtful"), client.doubtful()) == []
    assert violations(described("/v1/errors"), client.errors()) == []
    assert violations(described("/v1/find"), client.find(PHOTO)) == []
    assert violations(described("/v1/why"), client.why(PHOTO)) == []
    for path in ("/v1/retry", "/v1/scan", "/v1/recluster", "/v1/reload"):
        assert violations(described(path, "post"), raw.post(path).json()) == []


def test_the_shapes_tell_a_wrong_answer_from_a_right_one(control: Scripted) -> None:
    schema, status = described("/v1/status"), control.status()
    del status["photos"]
    status |= {"state": "dozing", "pid": "4", "extra": 1}
    status["roots"][0]["files"] = None
    status["recluster"]["running"] = 1
    assert sorted(violations(schema, status)) == [
        "$ has extra too",
        "$ lacks photos",
        "$.pid is '4', no integer",
        "$.recluster.running is 1, no boolean",
        "$.roots[0].files is None, no integer",
        f"$.state is 'dozing', none of {schema['properties']['state']['enum']}",
    ]


def test_every_route_is_described(client: Client) -> None:
    page = client.openapi()
    assert page == openapi()
    there = {(m.upper(), path) for path, item in page["paths"].items() for m in item}
    assert there == {(route.method, route.path) for route in ROUTES}
    assert {path for _, path in there} >= {"/v1/status", "/v1/find", "/v1/openapi.json"}
    limit, path = page["paths"]["/v1/errors"]["get"], page["paths"]["/v1/find"]["get"]
    assert [(p["name"], p["required"]) for p in limit["parameters"]] == [("limit", False)]
    assert [(p["name"], p["required"]) for p in path["parameters"]] == [("path", True)]


@pytest.mark.parametrize(
    "path",
    [
        PHOTO,
        b"/photos/100% + a&limit=1;b=#c?.jpg",
        "/photos/Zoë \U0001f600.jpg".encode(),
        b"/photos/" + bytes(range(1, 256)),
        b"/photos/\xed\xa0\x80 a lone surrogate in UTF-8.jpg",
    ],
)
def test_any_byte_string_survives_the_way_there_and_back(
    client: Client, control: Scripted, path: bytes
) -> None:
    control.known.add(path)
    found = client.find(path)
    assert control.asked_for("find") == [path]
    assert os.fsencode(found["path"]) == path
    assert [os.fsencode(p) for p in found["paths"]] == [path]


def test_json_is_ascii_so_that_any_name_fits_in(raw: httpx.Client) -> None:
    content = raw.get("/v1/errors").content
    assert rb"caf\udce9\n.jpg" in content
    assert content.isascii()


def test_wishes_reach_the_daemon(client: Client, control: Scripted) -> None:
    assert client.retry() == 3
    client.scan()
    client.recluster()
    assert client.reload() == ["roots", "people.min_photos"]
    assert control.asked == [("scan", None), ("recluster", None), ("reload", None)]


def test_limits_are_handed_on(client: Client, control: Scripted) -> None:
    client.doubtful(7)
    client.errors(100_000)
    client.errors()
    assert control.asked == [("doubtful", 7), ("errors", 100_000), ("errors", 100)]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "100001", "1e3", "99999999999", "\u0663"])
def test_an_impossible_limit_is_refused_and_named(
    raw: httpx.Client, control: Scripted, limit: str
) -> None:
    response = raw.get("/v1/errors", params={"limit": limit})
    assert response.status_code == 400
    assert response.json()["error"]["title"] == f"The parameter limit is {limit!r}."
    assert control.asked == []


@pytest.mark.parametrize("query", ["", "?path=", "?limit=3"])
def test_a_search_for_nothing_is_refused(raw: httpx.Client, query: str) -> None:
    response = raw.get(f"/v1/find{query}")
    assert response.status_code == 400
    assert response.json()["error"]["title"] == "The parameter path is missing."


def test_every_response_says_the_version(raw: httpx.Client) -> None:
    for path, code in (("/v1/status", 200), ("/v1/find", 400), ("/v2/status", 404)):
        response = raw.get(path)
        assert (response.status_code, response.headers["Facewatchd-Api"]) == (code, "1")
    assert raw.post("/v1/status").status_code == 405
    assert raw.get("/v1/status/").json() == {
        "error": {
            "title": "Not Found.",
            "remedy": "/v1/openapi.json lists the routes.",
            "exit_code": 1,
        }
    }


def test_a_client_of_another_version_is_refused_and_told_which(raw: httpx.Client) -> None:
    response = raw.get("/v1/status", headers={"Facewatchd-Api": "2"})
    assert response.status_code == 400
    title = response.json()["error"]["title"]
    assert "version '2'" in title
    assert "speaks version 1" in title


def test_what_is_not_known_is_raised_as_such(client: Client) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.find(b"/elsewhere/a.jpg")
    assert raised.value.title == "/elsewhere/a.jpg is not known."
    assert raised.value.remedy == "Is it in a watched root?"
    assert raised.value.exit_code == Exit.NOT_FOUND


def test_an_error_of_the_daemon_keeps_title_remedy_and_exit_code(
    client: Client, control: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> list[dict[str, Any]]:
        raise StoreError("The store is damaged.", "Restore it.")

    monkeypatch.setattr(control, "people", broken)
    with pytest.raises(ApiError) as raised:
        client.people()
    error = raised.value
    assert (error.title, error.remedy, error.exit_code) == (
        "The store is damaged.",
        "Restore it.",
        Exit.CONFIG,
    )


@pytest.mark.parametrize("answer", [[float("nan")], [object()]])
def test_an_answer_that_is_no_json_is_a_bug_that_is_logged(
    client: Client,
    control: Scripted,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: Any,
) -> None:
    monkeypatch.setattr(control, "people", lambda: answer)
    with pytest.raises(ApiError, match="failed to answer /v1/people") as raised:
        client.people()
    assert "report it" in raised.value.remedy
    assert [r.exc_info is not None for r in caplog.records if r.levelname == "ERROR"] == [True]
    assert client.status()["state"] == "idle"


def test_requests_are_answered_at_the_same_time(place: Path) -> None:
    control = Waiting(threading.Barrier(8))

    def ask(_: int) -> str:
        client = Client(place)
        return str(client.status()["state"])

    with served(control, place), ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == ["idle"] * 8


def test_an_answer_under_way_is_finished_before_the_server_stops(place: Path) -> None:
    together = threading.Barrier(2)
    client = Client(place)
    with ThreadPoolExecutor(2) as pool:
        with served(Waiting(together), place) as server:
            answer = pool.submit(client.status)
            while not together.n_waiting:
                threading.Event().wait(0.01)
            stopping = pool.submit(server.stop)
            together.wait(30)
            assert answer.result(30)["state"] == "idle"
            stopping.result(30)
        with pytest.raises(NotRunningError):
            client.status()


def test_an_answer_that_does_not_end_keeps_nobody_from_stopping(place: Path) -> None:
    together = threading.Barrier(2)
    client = Client(place)
    threads = set(threading.enumerate())
    with ThreadPoolExecutor(1) as pool:
        with served(Waiting(together), place) as server:
            answer = pool.submit(client.status)
            while not together.n_waiting:
                threading.Event().wait(0.01)
            started = time.monotonic()
            server.stop()
            assert time.monotonic() - started < 10
        assert not place.exists()
        together.wait(30)  # now it ends
        with contextlib.suppress(ApiError, NotRunningError):
            answer.result(30)
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive()


def test_only_the_owner_may_use_the_socket_and_it_is_gone_at_the_end(
    control: Scripted, place: Path
) -> None:
    with served(control, place):
        mode = place.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not place.exists()


def test_a_dead_daemons_socket_is_replaced(control: Scripted, place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    assert place.is_socket()
    client = Client(place)
    with served(control, place):
        assert client.status()["state"] == "idle"


def test_a_socket_on_which_another_daemon_answers_is_left_alone(
    control: Scripted, client: Client, place: Path
) -> None:
    with pytest.raises(StartError, match="Another daemon answers"):
        ApiServer(control, place).start()
    assert client.status()["state"] == "idle"


def test_a_file_in_the_way_is_left_alone(control: Scripted, place: Path) -> None:
    place.write_text("mine")
    with pytest.raises(StartError, match="is in the way"):
        ApiServer(control, place).start()
    assert place.read_text() == "mine"


def test_a_link_in_the_way_is_left_alone(control: Scripted, place: Path, tmp_path: Path) -> None:
    place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StartError, match="is in the way"):
        ApiServer(control, place).start()
    assert place.is_symlink()


@pytest.mark.parametrize("length", [107, 108])
def test_a_path_is_as_long_as_the_system_allows(
    control: Scripted, tmp_path: Path, length: int
) -> None:
    folder = tmp_path / ("d" * (length - len(bytes(tmp_path)) - 12))
    folder.mkdir()
    place = folder / "a-api.sock"
    assert len(bytes(place)) == length
    if length == 107:
        client = Client(place)
        with served(control, place):
            assert client.status()["state"] == "idle"
    else:
        with pytest.raises(StartError, match="108 bytes long") as raised:
            ApiServer(control, place).start()
        assert "socket:" in raised.value.remedy


@pytest.mark.parametrize("folder", ["/proc", "/nowhere/at/all"])
def test_a_folder_that_takes_no_socket_is_named(
    control: Scripted, folder: str, tmp_path: Path
) -> None:
    with pytest.raises(StartError, match="cannot be made") as raised:
        ApiServer(control, tmp_path / folder / "api.sock").start()
    assert folder in raised.value.title
    assert raised.value.exit_code == Exit.CONFIG


def test_starting_and_stopping_leaves_nothing_behind(control: Scripted, place: Path) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with served(control, place):  # what is loaded once is loaded now
        pass
    files, threads = open_files(), set(threading.enumerate())
    for _ in range(3):
        client = Client(place)
        with served(control, place):
            assert client.people()
            running = {n: signal.getsignal(n) for n in handlers}
        assert running == handlers
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)  # the server's threads are told to end; each takes its own moment
    assert open_files() == files
    assert set(threading.enumerate()) == threads


def test_without_a_daemon_the_error_says_how_to_start_one(place: Path) -> None:
    client = Client(place)
    with pytest.raises(NotRunningError) as raised:
        client.status()
    assert str(place) in raised.value.title
    assert "facewatchd --config" in raised.value.remedy
    assert raised.value.exit_code == Exit.NOT_RUNNING


def test_who_may_not_use_the_socket_is_told_so(client: Client, place: Path) -> None:
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)  # root may use any socket
    else:
        place.chmod(0)
    try:
        with pytest.raises(ApiError, match="You may not use"):
            client.status()
    finally:
        os.seteuid(mine)


class _Foreign(socketserver.UnixStreamServer):
    """Answers every request with the same bytes."""

    answer = b""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        asked = self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        assert isinstance(self.server, _Foreign)
        if asked:
            self.wfile.write(self.server.answer)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (b"Facewatchd-Api: 2\r\n", "speaks version 2 .* speaks version 1"),
        (b"", "speaks version none"),
        (b"Facewatchd-Api: 1\r\n", "cannot be understood"),
    ],
)
def test_a_server_that_speaks_otherwise_is_not_understood(
    place: Path, headers: bytes, words: str
) -> None:
    with _Foreign(str(place), _Handler) as server:
        server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + headers + b"\r\n[]"
        answering = threading.Thread(target=server.serve_forever, args=(0.01,))
        answering.start()
        try:
            client = Client(place)
            with pytest.raises(ApiError, match=words):
                client.status()
        finally:
            server.shutdown()
            answering.join()


def test_the_last_status_is_what_the_daemon_left(tmp_path: Path) -> None:
    assert read_last_status(tmp_path) is None
    assert read_last_status(tmp_path / "nowhere") is None
    (tmp_path / "status.json").write_text('{"time": 1.5}')
    assert read_last_status(tmp_path) == {"time": 1.5}


@pytest.mark.parametrize("content", ["", "[]", '{"state":'])
def test_a_last_status_that_is_none_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "status.json").write_text(content)
    with pytest.raises(ApiError, match="status"):
        read_last_status(tmp_path)
