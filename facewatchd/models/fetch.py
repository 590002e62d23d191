"""The only code that opens the network: downloads a model, and goes on where it broke off.

Range and If-Range are those of RFC 9110, sections 13.1.5 and 14.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from facewatchd import __version__
from facewatchd.errors import FacewatchError
from facewatchd.models.install import check_download, install
from facewatchd.models.part import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from http.client import HTTPResponse

    from facewatchd.models.folder import Folder
    from facewatchd.models.known import Model

    Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 18
_SILENCE = 60.0  # seconds without a byte, after which the connection counts as broken
_MOST = 4 << 30  # bytes of a file whose size nobody states


def fetch(model: Model, folder: Folder, address: str, progress: Progress) -> str:
    """Download ``model`` from ``address``, put it in place, and say what its checksum rests on.

    ``progress`` is told the bytes that are there and all that there will be, None when the server
    does not say.  Raises FacewatchError when that fails; what came stays as NAME.part, unless it
    is wrong.
    """
    folder.prepare()
    with Part.opened(folder.part(model)) as part:
        if model.download.sha256 is None or part.size != model.download.size:
            try:
                _download(model, address, part, progress)
            except _UnreachableError as error:
                raise FacewatchError(
                    f"{model.name} cannot be fetched from {address}: {error}.",
                    by_hand(model, folder),
                ) from error
        try:
            check_download(model, part.path)
        except FacewatchError:
            part.discard()
            raise
        words = install(model, folder, part.path)
        part.discard()
    return words


def by_hand(model: Model, folder: Folder) -> str:
    """Return how ``model`` gets in place without a network here."""
    names = " and ".join(file.name for file in model.files)
    place = folder.path / model.places[0]
    what = f"unpack {names} of it into {place.parent}" if model.is_pack else f"put it at {place}"
    return (
        f"Download {model.address} where there is a network, and type here:"
        f" facewatchctl models fetch {model.name} --from FILE (or {what})."
    )


class _UnreachableError(Exception):
    """The server did not answer, or not with the file; the message is the end of a sentence."""


def _download(model: Model, address: str, part: Part, progress: Progress) -> None:
    with _ask(address, part) as answer:
        if answer.status != HTTPStatus.PARTIAL_CONTENT:
            part.restart(address, _validator(answer.headers))
        elif _first_byte(answer.headers) != part.size:
            raise _UnreachableError("the server sends another part of the file than it was asked")
        total = None if answer.length is None else part.size + answer.length
        _check_size(model, address, total or 0, part)
        progress(part.size, total)
        for chunk in _chunks(answer, model, part):
            part.append(chunk)
            _check_size(model, address, part.size, part)
            progress(part.size, total)
    if total is not None and part.size < total:
        raise _broke_off(model, part)


def _ask(address: str, part: Part) -> HTTPResponse:
    """Ask for what is missing of ``part``, or for the whole file when its server has another."""
    headers = {"User-Agent": f"facewatchd/{__version__}", "Accept-Encoding": "identity"}
    validator = part.validator(address) if part.size else None
    if validator is not None:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": validator}
    try:
        request = Request(address, headers=headers)  # noqa: S310 -- http or https, as it was typed
        answer: HTTPResponse = urlopen(request, timeout=_SILENCE)  # noqa: S310 -- the same
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and validator is not None:
            part.restart(address, None)
            return _ask(address, part)
        raise _UnreachableError(f"the server answers {error.code} {error.reason}") from error
    except URLError as error:
        raise _UnreachableError(_reason(error.reason)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _UnreachableError(_reason(error)) from error
    return answer


def _chunks(answer: HTTPResponse, model: Model, part: Part) -> Iterator[bytes]:
    while True:
        try:
            chunk = answer.read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _broke_off(model, part) from error
        if not chunk:
            return
        yield chunk


def _check_size(model: Model, address: str, size: int, part: Part) -> None:
    """Raise FacewatchError before more is downloaded than the model has."""
    most = _MOST if model.download.sha256 is None else model.download.size
    if size > most:
        part.discard()
        raise FacewatchError(
            f"What {address} sends is larger ({size:,} bytes) than {model.name} ({most:,}).",
            f"It is another file. Look at {model.licence.address}, or name another address with"
            " --from.",
        )


def _broke_off(model: Model, part: Part) -> FacewatchError:
    return FacewatchError(
        f"The connection broke off after {part.size:,} of {model.download.size:,} bytes.",
        f"Type it again, it goes on from there: facewatchctl models fetch {model.name}",
    )


def _validator(headers: Message) -> str | None:
    """Return what If-Range can be told: a strong entity tag, else the date of the file."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _first_byte(headers: Message) -> int | None:
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _reason(error: object) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
