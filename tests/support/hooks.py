"""The real facewatchd-hooks as a process, and a web server that receives what it posts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(sys.prefix) / "bin" / "facewatchd-hooks"


@dataclass
class Received:
    """One request: its headers and its JSON."""

    headers: dict[str, str]
    message: dict[str, Any]


@dataclass
class Receiver:
    """A web server; ``status`` says what it answers to a request before it does."""

    url: str
    status: Callable[[Received], int] = lambda _: 204
    requests: list[Received] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def messages(self, *kinds: str) -> list[dict[str, Any]]:
        return [r.message for r in self.requests if not kinds or r.message.get("kind") in kinds]

    def wait_for(self, condition: Callable[[], object], seconds: float = 30) -> None:
        with self.news:
            came = self.news.wait_for(condition, seconds)
        assert came, f"not within {seconds} s; received: {self.messages()}"

    def take(self, received: Received) -> int:
        status = self.status(received)
        with self.news:
            self.requests.append(received)
            self.news.notify_all()
        return status


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Receive at a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(Received(dict(self.headers.items()), json.loads(body)))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/a-secret-path")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Hooks:
    """A facewatchd-hooks of this checkout with hooks and a folder of its own."""

    home: Path
    socket: Path
    hooks: dict[str, dict[str, Any]]
    process: subprocess.Popen[bytes] | None = None

    @property
    def state(self) -> Path:
        return self.home / "hooks-state"

    def write(self) -> Path:
        config = self.home / "hooks.yaml"
        settings = {"socket": str(self.socket), "state": str(self.state), "hooks": self.hooks}
        config.write_text(json.dumps(settings))  # JSON is YAML
        config.chmod(0o600)
        return config

    def start(self) -> None:
        """Start, and return when each hook knows from where on it follows."""
        with (self.home / "hooks-log").open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, "--config", self.write()], stderr=log)
        deadline = time.monotonic() + 30
        while not all((self.state / f"{name}.json").exists() for name in self.hooks):
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)  # between two looks at another process, with a deadline

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [PROGRAM, "--config", self.write(), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def progress(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / f"{name}.json").read_bytes())
        return found

    def log(self) -> str:
        return (self.home / "hooks-log").read_text(errors="replace")
