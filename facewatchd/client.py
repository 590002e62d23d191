"""The client of the daemon's API, over the unix socket."""

from __future__ import annotations

import json
import os
import socket
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from facewatchd.admission import why_closed
from facewatchd.errors import ApiError, Exit, FacewatchError, NotFoundError, NotRunningError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_T = TypeVar("_T")
_VERSION = "1"
_HEADER = "Facewatchd-Api"
_SECONDS = 30.0  # a store that writes a large plan answers late


class Client:
    """Asks the daemon at ``socket_path``; a connection of its own for each question.

    Paths in answers are text as ``os.fsdecode`` makes it.  Every method raises NotRunningError
    when nobody answers within ``seconds``, ApiError when the daemon refuses or speaks another
    version.  People are named by their id, its start, their name or their folder; faces and
    decisions by their number.
    """

    def __init__(self, socket_path: Path, seconds: float = _SECONDS) -> None:
        self._path = socket_path
        self._seconds = seconds

    def status(self) -> dict[str, Any]:
        """Return what the daemon is doing."""
        return self._ask(dict, "GET", "/v1/status")

    def people(self) -> list[dict[str, Any]]:
        """Return every person."""
        return self._ask(list, "GET", "/v1/people")

    def doubtful(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return up to ``limit`` doubtful faces."""
        return self._ask(list, "GET", f"/v1/doubtful?limit={limit}")

    def errors(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return up to ``limit`` failed files."""
        return self._ask(list, "GET", f"/v1/errors?limit={limit}")

    def events(
        self, after: str | None = None, wait: float = 0.0, limit: int = 100
    ) -> dict[str, Any]:
        """Return what has happened since the event with the id ``after``, or will in ``wait`` s.

        Without ``after`` no event, and the id of the last one as ``next``.
        """
        patient = Client(self._path, self._seconds + wait)
        url = _url("/v1/events", after=after, wait=wait, limit=limit)
        return patient._ask(dict, "GET", url)

    def find(self, path: bytes) -> dict[str, Any]:
        """Return who is in the photo at ``path``; NotFoundError if the daemon does not know it."""
        return self._ask(dict, "GET", _url("/v1/find", path=path))

    def why(self, path: bytes) -> dict[str, Any]:
        """Return what the daemon makes of the file or folder at ``path``, and why."""
        return self._ask(dict, "GET", _url("/v1/why", path=path))

    def retry(self) -> int:
        """Have all that could not be read tried again and return how many there are."""
        return int(self._ask(dict, "POST", "/v1/retry")["queued"])

    def scan(self, accept: bytes | None = None) -> None:
        """Have every root walked over.

        What vanished from the root ``accept`` is then taken for deleted; NotFoundError if that is
        no root.
        """
        self._ask(dict, "POST", _url("/v1/scan", accept=accept))

    def reload(self) -> list[str]:
        """Have the configuration read again, and return the settings that have changed."""
        return list(self._ask(dict, "POST", "/v1/reload")["changed"])

    def pause(self, seconds: float | None = None) -> dict[str, Any]:
        """Have no work begun for so long, or until `resume`; return why it pauses from now on."""
        return self._ask(dict, "POST", _url("/v1/pause", seconds=seconds))

    def resume(self) -> dict[str, Any]:
        """Take that back; return why work pauses all the same, if it does."""
        return self._ask(dict, "POST", "/v1/resume")

    def metrics(self) -> str:
        """Return figures in Prometheus's text format."""
        return self._body("GET", "/v1/metrics").decode()

    def recluster(self, *, dry_run: bool = False) -> None:
        """Have everything clustered anew; returns before it is done.

        With ``dry_run`` nothing is changed, and a plan waits at the end.
        """
        self._ask(dict, "POST", _url("/v1/recluster", dry_run=dry_run or None))

    def plan(self) -> dict[str, Any]:
        """Return the plan that waits; NotFoundError if there is none."""
        return self._ask(dict, "GET", "/v1/plan")

    def apply_plan(self, plan: str | None = None) -> dict[str, Any]:
        """Have the plan that waits done; NotFoundError if it is not ``plan`` (an id)."""
        return self._ask(dict, "POST", _url("/v1/plan/apply", plan=plan))

    def drop_plan(self, plan: str | None = None) -> dict[str, Any]:
        """Have the plan that waits forgotten; NotFoundError likewise."""
        return self._ask(dict, "POST", _url("/v1/plan/drop", plan=plan))

    def estimate(self, engine: str) -> None:
        """Have measured what ``engine`` would take; returns before it is."""
        self._ask(dict, "POST", _url("/v1/engine/estimate", engine=engine))

    def estimated(self) -> dict[str, Any]:
        """Return what was measured, without an estimate while that goes on."""
        return self._ask(dict, "GET", "/v1/engine/estimate")

    def switch_engine(self, engine: str) -> None:
        """Have the library go over to ``engine``; returns when that has begun."""
        self._ask(dict, "POST", _url("/v1/engine/switch", engine=engine))

    def pause_switch(self) -> None:
        """Halt the switch of the engine."""
        self._ask(dict, "POST", "/v1/engine/pause")

    def resume_switch(self, without: Iterable[str] = ()) -> None:
        """Go on with the switch of the engine; ``without`` what "failed", the "rest", or both."""
        words = ",".join(without) or None
        self._ask(dict, "POST", _url("/v1/engine/resume", without=words))

    def abort_switch(self) -> None:
        """Drop the switch of the engine and what it has found."""
        self._ask(dict, "POST", "/v1/engine/abort")

    # -- people, faces and decisions

    def person(self, person: str) -> dict[str, Any]:
        """Return all about one person; NotFoundError if there is nobody called so."""
        return self._ask(dict, "GET", _url("/v1/person", person=person))

    def faces_of(self, person: str, limit: int = 100) -> list[dict[str, Any]]:
        """Return up to ``limit`` faces of a person, the least similar first."""
        return self._ask(list, "GET", _url("/v1/person/faces", person=person, limit=limit))

    def face(self, face: int) -> dict[str, Any]:
        """Return all about one face; NotFoundError if it is gone."""
        return self._ask(dict, "GET", _url("/v1/face", face=face))

    def unnamed(self, below: int) -> dict[str, int]:
        """Return how many people without a name are in fewer photos, and how many faces."""
        return self._ask(dict, "GET", _url("/v1/people/unnamed", below=below))

    def photos(
        self,
        together: Iterable[str] = (),
        without: Iterable[str] = (),
        since: float | None = None,
        until: float | None = None,
    ) -> list[dict[str, Any]]:
        """Return the photos with all of some people and none of others, oldest first.

        They were taken from ``since`` on and before ``until``.
        """
        people = {"with": list(together), "without": list(without)}
        url = _url("/v1/photos", **people, since=since, until=until)
        return self._ask(list, "GET", url)

    def decisions(self, limit: int = 100, first: int = 0) -> list[dict[str, Any]]:
        """Return up to ``limit`` decisions from number ``first`` on, the newest first."""
        return self._ask(list, "GET", _url("/v1/decisions", limit=limit, first=first))

    # -- what the daemon asks

    def suggestions(self, limit: int = 100) -> list[dict[str, Any]]:
        """Return up to ``limit`` pairs who may be one person, worth most first."""
        return self._ask(list, "GET", _url("/v1/suggestions", limit=limit))

    def suggestion(self, number: int) -> dict[str, Any]:
        """Return the pair that was shown with ``number``; NotFoundError if none was."""
        return self._ask(dict, "GET", _url("/v1/suggestion", number=number))

    def questions(self, limit: int = 100) -> dict[str, Any]:
        """Return up to ``limit`` questions about faces, and how many there are."""
        return self._ask(dict, "GET", _url("/v1/questions", limit=limit))

    def calibrate(self) -> dict[str, Any]:
        """Return what other thresholds would do."""
        return self._ask(dict, "GET", "/v1/calibrate")

    def picture(self, face: int, side: int = 512, form: str = "jpeg") -> bytes:
        """Return a face with some margin, as a square picture: jpeg, png or ppm."""
        return self._body("GET", _url("/v1/face/picture", face=face, side=side, form=form))

    def say(
        self,
        what: str,
        **wish: str | bytes | float | Iterable[int] | None,
    ) -> dict[str, Any]:
        """Take the decision ``POST /v1/{what}`` with its parameters, and return it.

        The routes and their parameters are in docs/api.md; what is None is left out.
        """
        return self._ask(dict, "POST", _url(f"/v1/{what}", **wish))

    def back_up(self, path: bytes, *, force: bool = False) -> None:
        """Have the store copied to ``path``; the status tells the end of it."""
        word = "&force=true" if force else ""
        self._ask(dict, "POST", f"/v1/backup?path={quote(path, safe='/')}{word}")

    def forgettable(self, **what: str | bytes | int) -> dict[str, Any]:
        """Return how much would be forgotten: of a ``person``, a ``photo`` (path) or a ``face``."""
        return self._ask(dict, "GET", _url("/v1/forget", **what))

    def forget(self, **what: str | bytes | int) -> dict[str, Any]:
        """Forget it for good, and return how much that was; `traces` tells the end of it."""
        return self._ask(dict, "POST", _url("/v1/forget", **what))

    def traces(self) -> dict[str, Any]:
        """Return whether all traces of what was forgotten are gone, and what stays."""
        return self._ask(dict, "GET", "/v1/forget/traces")

    def report(self, people: Iterable[str] = ()) -> Iterator[bytes]:
        """Yield all that a report is made of, or of ``people`` alone, line by line.

        Whoever gets no line with ``end`` did not get all.
        """
        url = _url("/v1/report", person=list(people))
        with closing(_Connection(self._path, self._seconds)) as connection:
            try:
                response = self._asked(connection, "GET", url)
                yield from response
            except (OSError, HTTPException) as error:
                raise _unanswered(self._path, self._seconds, error) from error

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description of the API."""
        return self._ask(dict, "GET", "/v1/openapi.json")

    def _ask(self, kind: type[_T], method: str, url: str) -> _T:
        content = _content(url, self._body(method, url))
        if not isinstance(content, kind):
            raise _nonsense(url)
        return content

    def _body(self, method: str, url: str) -> bytes:
        with closing(_Connection(self._path, self._seconds)) as connection:
            try:
                return self._asked(connection, method, url).read()
            except (OSError, HTTPException) as error:
                raise _unanswered(self._path, self._seconds, error) from error

    def _asked(self, connection: _Connection, method: str, url: str) -> HTTPResponse:
        """Ask, and return an answer that is no error and was not read yet."""
        connection.request(method, url, headers={_HEADER: _VERSION})
        response = connection.getresponse()
        _check_version(response)
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise _told(_content(url, response.read())["error"])
        return response


class _Connection(HTTPConnection):
    """HTTP over the unix socket at ``path``."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("facewatchd", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(bytes(self._path))


def _url(route: str, **parameters: object) -> str:
    """Return ``route`` with its query; None is left out, a list of text is repeated."""
    given = {name: value for name, value in parameters.items() if value is not None}
    pairs = [f"{name}={text}" for name, value in given.items() for text in _texts(value)]
    return f"{route}?{'&'.join(pairs)}" if pairs else route


def _texts(value: object) -> list[str]:
    match value:
        case bool():
            return ["true" if value else "false"]
        case bytes():
            return [quote(value, safe="/")]
        case list() if all(isinstance(each, str) for each in value):
            return [quote(os.fsencode(each), safe="") for each in value]
        case list() | tuple() | range():
            return [",".join(map(str, value))]
        case _:
            return [quote(os.fsencode(str(value)), safe=",")]


def _content(url: str, body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise _nonsense(url) from error


def _nonsense(url: str) -> ApiError:
    return ApiError(
        f"The daemon's answer to {url.partition('?')[0]} cannot be understood.",
        "Install the same version of facewatchd for both, and restart the daemon.",
    )


def read_last_status(state_folder: Path) -> dict[str, Any] | None:
    """Return what the daemon of ``state_folder`` last wrote of itself; None if there is nothing.

    A state folder that is closed to us is the usual case, of a service: it shows nothing either.

    It has the shape of ``Client.status`` without ``errors``.
    """
    path = state_folder / "status.json"
    try:
        status = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError) as error:
        raise ApiError(
            f"The last status in {path} cannot be read: {error}",
            "Run this as the daemon's user, or start the daemon: it writes the file anew.",
        ) from error
    if not isinstance(status, dict) or not isinstance(status.get("time"), (int, float)):
        raise ApiError(f"{path} holds no status.", "Start the daemon: it writes the file anew.")
    return status


def _not_running(path: Path) -> NotRunningError:
    return NotRunningError(
        f"No daemon answers at {path}.",
        "Start it with: systemctl start facewatchd, or: facewatchd --config FILE. "
        "If it runs with another state folder, name that with --state DIR.",
    )


def _unanswered(path: Path, seconds: float, error: Exception) -> FacewatchError:
    match error:
        case PermissionError():
            who, remedy = why_closed(path)
            return ApiError(f"You may not use the daemon's socket {path}: {who}.", remedy)
        case TimeoutError():
            return ApiError(
                f"The daemon at {path} did not answer for {seconds:.0f} seconds.",
                "Try again; when it goes on, the daemon's log says what keeps it.",
            )
        case _:  # there is none, or it stopped while it was asked
            return _not_running(path)


def _check_version(response: HTTPResponse) -> None:
    spoken = response.getheader(_HEADER)
    if spoken != _VERSION:
        raise ApiError(
            f"The daemon speaks version {spoken or 'none'} of the API; this facewatchctl speaks "
            f"version {_VERSION}.",
            "Install the same version of facewatchd for both, and restart the daemon.",
        )


def _told(error: dict[str, Any]) -> FacewatchError:
    """Return the daemon's error as our own."""
    code = Exit(error["exit_code"])
    kind = NotFoundError if code == Exit.NOT_FOUND else ApiError
    told = kind(error["title"], error["remedy"])
    told.exit_code = code
    return told
