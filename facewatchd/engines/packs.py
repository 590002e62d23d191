"""Finds a pack: a folder with an InsightFace detector and recogniser, as the user fetched it.

What a file holds is told by what the model takes and gives, not by its name.  A pack's other models
(age, dense landmarks) are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.engines import listing
from facewatchd.engines.align import SIDE
from facewatchd.engines.onnx_header import Header, read_header
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.model import Setup

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
            "Some of its files may be missing: fetch it again. See: facewatchctl models check\n"
            "  Or name another pack (engine.pack). See: facewatchctl models list",
        )


def find(setup: Setup) -> Pack:
    """Return the pack that is named in the folder of models, or the only one there.

    Raises PluginError when there is none, or more than one and none is named; when a folder that
    may be one cannot be read, or a file in it is damaged.
    """
    folders = listing.folders(setup.models)
    if setup.pack is not None:
        names = ", ".join(each.name for each in folders) or "none"
        folders = [each for each in folders if each.name == setup.pack]
    packs = [each for each in map(_read, folders) if each.detectors or each.recognisers]
    if len(packs) == 1:
        return packs[0]
    if setup.pack is not None:
        raise PluginError(
            f"There is no pack {setup.pack!r} (engine.pack) in {setup.models} (engine.models).",
            f"Folders in there: {names}. Name one that is a pack, or fetch one."
            " See: facewatchctl models list",
        )
    if not packs:
        raise PluginError(f"There is no pack of models in {setup.models} (engine.models).", _FETCH)
    raise PluginError(
        f"There are several packs of models in {setup.models} (engine.models):"
        f" {', '.join(each.folder.name for each in packs)}.",
        f"Name one of them, like engine.pack: {packs[0].folder.name}",
    )


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
    models = [Model(path, read_header(path)) for path in listing.models(folder)]
    return Pack(
        folder,
        tuple(each for each in models if is_detector(each.header)),
        tuple(each for each in models if is_recogniser(each.header)),
    )
