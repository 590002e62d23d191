"""Finds a pack: a folder with an InsightFace detector and recogniser, as the user fetched it.

What a file holds is told by what the model takes and gives, not by its name.  A pack's other models
(age, dense landmarks) are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.engines.align import SIDE
from facewatchd.engines.onnx_header import Header, read_header
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

_DETECTOR_OUTPUTS = (9, 15)  # scores, boxes and points of three or five levels
_KINDS = (1, 4, 10)  # numbers an anchor in each third of them
_FETCH = "Fetch one: facewatchctl models fetch buffalo_l"


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a pack: where it is, and what it takes and gives."""

    path: Path
    header: Header


@dataclass(frozen=True, slots=True)
class Pack:
    """A folder with a detector, a recogniser, or both.

    Of several of a kind the first by name is used, as InsightFace does.
    """

    folder: Path
    detectors: tuple[Model, ...]
    recognisers: tuple[Model, ...]

    @property
    def detector(self) -> Model:
        """The model that finds faces; PluginError if there is none."""
        if not self.detectors:
            raise self._lacks("detector with five points a face")
        return self.detectors[0]

    @property
    def recogniser(self) -> Model:
        """The model that encodes faces; PluginError if there is none."""
        if not self.recognisers:
            raise self._lacks("recogniser")
        return self.recognisers[0]

    def _lacks(self, what: str) -> PluginError:
        return PluginError(
            f"The pack {self.folder} has no {what}.",
            f"Some of its files may be missing: fetch it again. See: facewatchctl models check\n"
            f"  Or use another pack. {_FETCH}",
        )


def find(models: Path) -> Pack:
    """Return the only pack in the folder ``models``, or ``models`` itself if it is one.

    Raises PluginError when there is none or more than one, or a file that may be part of one is
    damaged.
    """
    itself = _read(models)
    if itself.detectors and itself.recognisers:
        return itself
    folders = sorted(each for each in models.iterdir() if each.is_dir()) if models.is_dir() else []
    packs = [each for each in map(_read, folders) if each.detectors or each.recognisers]
    if not packs:
        raise PluginError(f"There is no pack of models in {models} (engine.models).", _FETCH)
    if len(packs) > 1:
        names = ", ".join(each.folder.name for each in packs)
        raise PluginError(
            f"There are several packs of models in {models} (engine.models): {names}.",
            f"Name the folder of one, like engine.models: {packs[0].folder}",
        )
    return packs[0]


def is_detector(header: Header) -> bool:
    """Say whether a model is a detector of InsightFace's kind, with points (Guo et al. 2021)."""
    levels = len(header.outputs) // len(_KINDS)
    return (
        len(header.outputs) in _DETECTOR_OUTPUTS
        and _is_picture(header)
        and all(
            output.shape[-1:] in ((_KINDS[number // levels],), (None,))
            for number, output in enumerate(header.outputs)
        )
    )


def is_recogniser(header: Header) -> bool:
    """Say whether a model turns one aligned face into one vector of a fixed length."""
    return (
        len(header.outputs) == 1
        and _is_picture(header)
        and header.inputs[0].shape[0] in (1, None)
        and header.inputs[0].shape[2:] == (SIDE, SIDE)
        and len(header.outputs[0].shape) == 2  # noqa: PLR2004 - faces and dimensions
        and header.outputs[0].shape[1] is not None
    )


def _is_picture(header: Header) -> bool:
    """Say whether the only input is RGB planes of float32."""
    return (
        len(header.inputs) == 1
        and header.inputs[0].is_float
        and len(header.inputs[0].shape) == 4  # noqa: PLR2004 - pictures, planes, rows, columns
        and header.inputs[0].shape[1] == 3  # noqa: PLR2004 - red, green, blue
    )


def _read(folder: Path) -> Pack:
    models = [Model(path, read_header(path)) for path in sorted(folder.glob("*.onnx"))]
    return Pack(
        folder,
        tuple(each for each in models if is_detector(each.header)),
        tuple(each for each in models if is_recogniser(each.header)),
    )
