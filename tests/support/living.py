"""A real library behind the daemon's API: only its photos and encodings are invented."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from facewatchd.api import ApiServer
from facewatchd.pipeline.control import Control
from tests.support.library import SCALE, Library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.pipeline.loop import Pipeline
    from facewatchd.pipeline.saying import Saying
    from facewatchd.plugins import Scale

T = TypeVar("T")

ANN = [(0.0, 0.0), (0.02, 0.0), (0.0, 0.02)]
BEN = [(2.0, 2.0), (2.02, 2.0), (2.0, 2.02)]
BETWEEN = (0.4, 0.0)  # similarity 0.6 to the first: a candidate, not near enough


class Living(Control):
    """A library in a thread of its own, as the pipeline's is.

    It holds seven photos with a face each: 1 to 3 of one person, 4 to 6 of another one, and 7,
    which is doubtful.  In a ``with`` block it is served at ``api.sock`` in its folder.
    """

    def __init__(self, folder: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self.library = self._thread.submit(_made, folder).result()
        settings = self.library.settings.model_copy(update={"state": folder})  # its store is there
        super().__init__(settings, cast("Pipeline", self))
        self._server = ApiServer(self, folder / "api.sock")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self.ask(self.library.close)
        self._thread.shutdown()

    @property
    def saying(self) -> Saying:
        return self.library.saying

    @property
    def deciding(self) -> Deciding:
        return self.library.deciding

    def ask(self, question: Callable[[], T]) -> T:
        return self._thread.submit(question).result(60)

    @property
    def changes(self) -> tuple[None, int]:
        return None, self.library.store.changes

    @property
    def scale(self) -> Scale:
        return SCALE

    def status(self) -> dict[str, Any]:
        """Return as much of a status as commands about people ask for."""
        output = {"path": str(self.library.output)}
        return {"roots": [{"path": str(self.library.photos)}], "output": output}

    def owner(self, face: int) -> str:
        """Return whose ``face`` is."""
        return str(self.telling.face(face)["person"])


def _made(folder: Path) -> Library:
    library = Library(folder)
    for place in (*ANN, *BEN):
        library.add(place)
    library.found([1, 2, 3], [4, 5, 6])
    library.add(BETWEEN)
    library.publish()
    return library
