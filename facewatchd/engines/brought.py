"""Networks whose weights the user brings: PyTorch's file of them, made into an ONNX model once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.engines import listing
from facewatchd.engines.onnx_header import read_header
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.engines.onnx_header import Header


@dataclass(frozen=True, slots=True)
class Brought:
    """``file`` is the name of the weights as they are published at ``address``.

    ``place`` is the name of the converted model in the model folder; ``needed_by`` names the engine
    for errors.
    """

    needed_by: str
    file: str
    address: str
    place: str

    @property
    def convert(self) -> str:
        """What one types when the file is there."""
        return f"facewatchctl models convert {self.file}"


FACENET = Brought(
    "encoder 'facenet'",
    "20180402-114759-vggface2.pt",
    "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
    "facenet.onnx",
)
DSFD = Brought(
    "detector 'dsfd'",
    "WIDERFace_DSFD_RES152.pth",
    "https://github.com/Tencent/FaceDetection-DSFD",
    "dsfd.onnx",
)


def model(brought: Brought, folder: Path, is_right: Callable[[Header], bool]) -> Path:
    """Return the converted model in ``folder``, the model folder.

    PluginError when it is not there or may not be read, is damaged, or is not what ``is_right``
    takes.
    """
    path = folder / brought.place
    if not listing.is_file(path):
        raise PluginError(
            f"The {brought.needed_by} needs {path}, which is not there (engine.models).",
            f"Download {brought.file} ({brought.address}) and type: {brought.convert}",
        )
    if not is_right(read_header(path)):
        raise PluginError(
            f"{path} is no model for the {brought.needed_by}.", f"Make it anew: {brought.convert}"
        )
    return path


def damaged(brought: Brought, path: Path) -> PluginError:
    """Return the error that the model at ``path`` answers with what is no number."""
    return PluginError(
        f"{path} gives no usable numbers: it is damaged.", f"Make it anew: {brought.convert}"
    )
