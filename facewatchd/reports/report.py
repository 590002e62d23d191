"""What a report is: one that is made of numbers alone, or one that is made of pictures of faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.reports.cutting import View
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material


class Report(Protocol):
    """A report of numbers.  ``needs`` are the modules of the extra ``reports`` that it imports."""

    needs: ClassVar[tuple[str, ...]]

    def write(self, material: Material, folder: Folder) -> None:
        """Write its files; leave itself out, with the reason, where there is nothing to show."""
        ...


class Maker(Protocol):
    """Makes a report of pictures, photo after photo; closed, it leaves no scratch."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def take(self, face: int, view: View) -> None:
        """Take what it wants of ``face``, one of those that it asked for, from its photo."""
        ...

    def finish(self) -> None:
        """Write what needed all faces."""
        ...


class PictureReport(Protocol):
    """A report of pictures of faces."""

    needs: ClassVar[tuple[str, ...]]

    def sides(self, material: Material) -> NDArray[np.float64]:
        """Return how many pixels it wants each face's box to have, as ``cutting.views`` says."""
        ...

    def maker(self, material: Material, folder: Folder) -> Maker:
        """Return what makes it."""
        ...
