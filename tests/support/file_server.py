"""A real HTTP server on 127.0.0.1 that serves one file, well or badly."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Served:
    """The file, how it is served, and what was asked and sent.

    ``cut_after``: the connection is closed after so many bytes of the body.  ``ranges``: whether
    Range is understood.  ``validator``: the header that tells this version of the file.
    """

    data: bytes
    validator: tuple[str, str] | None = ("ETag", '"1"')
    ranges: bool = True
    cut_after: int | None = None
    status: int | None = None
    says_length: bool = True
    address: str = ""
    asked: list[str | None] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def answer(self, wish: str | None, condition: str | None) -> tuple[int, int]:
        """Return the status, and the first byte that is sent."""
        self.asked.append(wish)
        if self.status is not None:
            return self.status, len(self.data)
        match = re.fullmatch(r"bytes=(\d+)-", wish or "")
        same = self.validator is not None and condition == self.validator[1]
        if not self.ranges or match is None or not same:
            return 200, 0
        first = int(match[1])
        return (206, first) if first < len(self.data) else (416, len(self.data))


@contextmanager
def serve(data: bytes) -> Iterator[Served]:
    """Serve ``data`` at the address that the result has."""
    served = Served(data)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, first = served.answer(self.headers["Range"], self.headers["If-Range"])
            body = served.data[first:]
            self.send_response(status)
            if served.validator is not None:
                self.send_header(*served.validator)
            if status == 206:
                last = len(served.data) - 1
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(served.data)}")
            if served.says_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            body = body[: served.cut_after]
            served.sent.append(len(body))
            with suppress(ConnectionError):  # who asked has hung up
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        served.address = f"http://127.0.0.1:{server.server_port}/file"
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
