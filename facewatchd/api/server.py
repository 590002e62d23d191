"""The server of the API: requests to answers, errors to JSON, a socket for those who may."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import socket
import threading
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from facewatchd import __version__
from facewatchd.api.peers import Access, PeerProtocol
from facewatchd.api.query import ApiRoute, Control, Early, File, Query, Stream
from facewatchd.api.routes import API_VERSION, ROUTES
from facewatchd.api.waiting import answered_in_time
from facewatchd.errors import (
    ApiError,
    BackupError,
    DecisionError,
    Exit,
    FacewatchError,
    NotAllowedError,
    NotFoundError,
    StartError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

HEADER = "Facewatchd-Api"
_LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), less its final NUL
_LONGEST_REQUEST = 1 << 22  # bytes: a command line of Linux, 2 MiB, full of faces
_BACKLOG = 64
_GRACE = 5  # seconds that an answer under way may take when the daemon stops
_LEAVES_WITHIN = 2.0  # seconds after that

logger = logging.getLogger(__name__)


class _Json(Response):
    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=True, allow_nan=False).encode("ascii")


class _Later(_Json):
    """An answer that came too early; it is worth ``patience``, in seconds, to have another."""

    def __init__(self, early: Early) -> None:
        super().__init__(early.content)
        self.patience = early.seconds


def _problem(status: int, title: str, remedy: str, code: int = Exit.FAILED) -> _Json:
    return _Json({"error": {"title": title, "remedy": remedy, "exit_code": int(code)}}, status)


def _answer(control: Control, route: ApiRoute, request: Request) -> Response:
    """Answer one request; every error becomes JSON here."""
    try:
        request.state.access.check(request.state.peer, route)
        _check_version(request)
        content = route.answer(control, Query(request.scope["query_string"]))
        if isinstance(content, File):
            return Response(content.data, media_type=content.media_type)
        if isinstance(content, Stream):
            return StreamingResponse(content.parts, media_type=content.media_type)
        return _Later(content) if isinstance(content, Early) else _Json(content)
    except FacewatchError as error:
        return _problem(_status(error), error.title, error.remedy, error.exit_code)
    except Exception as error:
        logger.exception("The request %s %s failed.", route.method, route.path)
        title = f"The daemon failed to answer {route.path}: {type(error).__name__}: {error}"
        return _problem(500, title, "This is a bug: report it with the daemon's log.")


async def _answer_in_time(
    control: Control, ended: asyncio.Event, route: ApiRoute, request: Request
) -> Response:
    """Answer one request when there is something to tell; no thread waits until then."""

    def patience(response: Response) -> float:
        return response.patience if isinstance(response, _Later) else 0.0

    answer = functools.partial(_answer, control, route, request)
    try:
        return await answered_in_time(control, answer, patience, ended)
    except ApiError as error:  # the pipeline has closed
        return _problem(400, error.title, error.remedy, error.exit_code)


def _status(error: FacewatchError) -> int:
    match error:
        case NotAllowedError():
            return 403
        case NotFoundError():
            return 404
        case ApiError() | BackupError() | DecisionError():
            return 400
    return 500


def _check_version(request: Request) -> None:
    asked = request.headers.get(HEADER, API_VERSION)
    if asked != API_VERSION:
        raise ApiError(
            f"The client speaks version {asked!r} of the API; this daemon, facewatchd "
            f"{__version__}, speaks version {API_VERSION}.",
            "Install the same version of facewatchd for both, and restart the daemon.",
        )


async def _refused(_: Request, error: Exception) -> Response:
    """Answer what no route takes."""
    refusal = cast("HTTPException", error)  # registered for this class alone
    return _problem(refusal.status_code, f"{refusal.detail}.", "/v1/openapi.json lists the routes.")


def app(control: Control, ended: asyncio.Event) -> Starlette:
    """Return the API over ``control`` as an ASGI application; who waits stops when it ``ended``."""

    def endpoint(route: ApiRoute) -> Callable[[Request], Any]:
        if route.waits:
            return functools.partial(_answer_in_time, control, ended, route)
        return lambda request: _answer(control, route, request)

    api = Starlette(
        routes=[Route(route.path, endpoint(route), methods=[route.method]) for route in ROUTES],
        exception_handlers={HTTPException: _refused},
    )
    api.router.redirect_slashes = False
    return api


class _Server(uvicorn.Server):
    """Says when it accepts, and sleeps until it is asked something or asked to end.

    In a thread, uvicorn leaves the process's signals alone.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()
        self.ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.settled.set()

    async def main_loop(self) -> None:
        """Wait for ``end``; uvicorn's own loop looks ten times a second whether it shall end."""
        await self.on_tick(0)  # composes the headers of every response, which never change here
        await self.ending.wait()

    def end(self) -> None:
        """Have the server end; any thread may call this, once it has settled."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself, and so has its loop
                self._loop.call_soon_threadsafe(self.ending.set)


class ApiServer:
    """Serves the API of ``control`` at ``socket_path``, in a thread of its own.

    Without ``access`` it is for the daemon's user and root.

    The daemon holds the lock on its state folder, so a socket file on which nobody answers is a
    dead daemon's and is replaced.
    """

    def __init__(self, control: Control, socket_path: Path, access: Access | None = None) -> None:
        self._path = socket_path
        self._access = access or Access()
        self._server = _Server(
            uvicorn.Config(
                self._asgi,
                interface="asgi3",
                loop="asyncio",
                http=PeerProtocol,
                h11_max_incomplete_event_size=_LONGEST_REQUEST,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                headers=[(HEADER, API_VERSION)],
                backlog=_BACKLOG,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._app = app(control, self._server.ending)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Return when the socket accepts; StartError if it cannot be bound."""
        listener = _bind(self._path, self._access)
        self._thread = threading.Thread(
            target=self._serve, args=(listener,), name="api", daemon=True
        )
        self._thread.start()
        self._server.settled.wait()
        if not self._server.started:
            self.stop()
            raise StartError(
                f"The API at {self._path} did not start.", "The daemon's log says why."
            )

    def turn_to(self, control: Control) -> None:
        """Have ``control`` answer all further requests; those under way stay where they are."""
        self._app = app(control, self._server.ending)

    def admit(self, access: Access) -> None:
        """Let those in who have ``access``, and no others, from now on."""
        access.open(self._path)
        self._access = access

    def stop(self) -> None:
        """Finish the answers under way, end the thread and remove the socket file.

        An answer that takes longer than the time of grace is given up; its thread may go on.
        """
        if self._thread is None:
            return
        self._server.end()
        self._thread.join(_GRACE + _LEAVES_WITHIN)
        self._thread = None
        self._path.unlink(missing_ok=True)

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["access"] = self._access
        await self._app(scope, receive, send)

    def _serve(self, listener: socket.socket) -> None:
        try:
            with listener:
                self._server.run(sockets=[listener])
        except Exception:
            logger.exception("The API stopped.")
        finally:
            self._server.settled.set()


def _bind(path: Path, access: Access) -> socket.socket:
    """Return a listening socket at ``path`` that only those with ``access`` may connect to."""
    if (length := len(bytes(path))) > _LONGEST_SOCKET_PATH:
        raise StartError(
            f"The socket's path {path} is {length} bytes long; "
            f"the system allows {_LONGEST_SOCKET_PATH}.",
            "Set socket: in the configuration to a shorter path, like /run/facewatchd/api.sock.",
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        listener.bind(bytes(path))
        access.open(path)  # before listen(): nobody can have connected yet
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(
            f"The socket {path} cannot be made: {error.strerror}.",
            "Its folder must exist and be writable by the daemon, on a local file system.",
        ) from error
    except StartError:
        listener.close()
        raise
    return listener


def _clear(path: Path) -> None:
    """Remove a socket file on which nobody answers; StartError for anything else in the way."""
    if not path.is_symlink() and not path.exists():
        return
    if path.is_symlink() or not path.is_socket():
        raise StartError(
            f"{path} is in the way: it is not a socket.",
            "Move it away, or set socket: in the configuration to another path.",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(bytes(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise StartError(
        f"Another daemon answers on {path}.",
        "Stop it, or set socket: in the configuration to another path.",
    )
