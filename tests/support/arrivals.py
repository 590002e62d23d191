"""What became of photos that somebody wrote: entered, encoded, from which bytes, how often."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.support.daemon import Daemon

_PATIENCE = 60.0


@dataclass
class Arrivals:
    """A folder of its own in the running daemon's root, watched while somebody writes into it."""

    daemon: Daemon
    folder: Path
    before: tuple[int, int] = (0, 0)
    seen: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.before = self._known()

    def run(self, *command: str | Path, seconds: float = 60) -> int:
        """Run a tool to its end and note meanwhile which files the daemon enters."""
        with subprocess.Popen(list(map(str, command))) as tool:
            deadline = time.monotonic() + seconds
            while tool.poll() is None:
                self.look()
                assert time.monotonic() < deadline, f"{command} takes longer than {seconds} s"
                time.sleep(0.1)  # between two looks at another process, with a deadline
            return tool.returncode

    def look(self) -> bool:
        """Note which files have a row now, and return whether all of them have been read."""
        files = self.daemon.files(self.folder)
        self.seen |= files.keys()
        return set(files.values()) <= {"done"}

    def wait_for(self, paths: Iterable[Path]) -> None:
        """Wait until just ``paths`` are in the store and the daemon has nothing left to do."""
        wanted = {os.fsencode(path) for path in paths}

        def is_done() -> bool:
            return self.look() and self.daemon.files(self.folder).keys() == wanted

        self.daemon.wait_for(is_done, _PATIENCE)
        self.daemon.wait_until_idle()
        assert is_done()

    def check(self, paths: Sequence[Path]) -> None:
        """Each of ``paths`` was encoded once, from the bytes it has now; and nothing else was."""
        self.wait_for(paths)
        assert self.seen == {os.fsencode(path) for path in paths}, "temporaries were entered"
        contents = {path: path.read_bytes() for path in paths}
        shown = {path: self._photo_with(content) for path, content in contents.items()}
        assert None not in shown.values(), "some were read before they were whole"
        assert shown == {path: self._photo_at(path) for path in paths}
        new = len(set(contents.values()))
        assert self._known() == (self.before[0] + new, self.before[1] + new)
        assert self.times_encoded(paths) == dict.fromkeys(paths, 1)

    def times_encoded(self, paths: Iterable[Path]) -> dict[Path, int]:
        """Return how often the daemon says that it encoded each of ``paths``."""
        lines = self.daemon.log().splitlines()
        return {
            path: sum(line.endswith(f"Encoded {str(path)!r}") for line in lines) for path in paths
        }

    def _known(self) -> tuple[int, int]:
        """Return how many photos, and contents of files, have ever been read."""
        ((photos,),) = self.daemon.rows("SELECT count(*) FROM photos")
        ((contents,),) = self.daemon.rows("SELECT count(*) FROM contents")
        return photos, contents

    def _photo_at(self, path: Path) -> int | None:
        rows = self.daemon.rows("SELECT photo FROM files WHERE path = ?", os.fsencode(path))
        return rows[0][0] if rows else None

    def _photo_with(self, content: bytes) -> int | None:
        digest = hashlib.blake2b(content, digest_size=16).digest()
        rows = self.daemon.rows("SELECT photo FROM contents WHERE hash = ?", digest)
        return rows[0][0] if rows else None
