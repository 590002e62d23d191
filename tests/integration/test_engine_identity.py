"""What an encoder says of itself, before its weights are loaded, and what the library holds."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.config import load
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.errors import PluginError, StoreError
from facewatchd.model import (
    Box,
    CaptureDate,
    DateSource,
    EngineId,
    Face,
    PhotoResult,
    Quality,
    Setup,
)
from facewatchd.pipeline.engine import scale_of
from facewatchd.plugins import identity
from facewatchd.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.plugins import Scale

DLIB = EngineId("hog", "dlib", "1")


def test_encodings_of_other_dimensions_than_the_encoders_are_refused(tmp_path: Path) -> None:
    places = {"output": tmp_path / "o", "state": tmp_path / "s"}
    folders = {"roots": [{"path": tmp_path / "p"}], **places}
    face = Face(Box(0, 0, 9, 9), Quality(1, 1, 1), np.array([1, 2], np.float32))
    photo = PhotoResult(b"hash", 9, 9, CaptureDate(0.0, DateSource.FILE), (face,))
    with closing(Store(tmp_path / "store.db", DLIB)) as store:
        assert scale_of(DLIB, load(None, folders), store) == DlibEncoder.scale
        store.photos.add(photo, DLIB)
        with pytest.raises(StoreError, match=r"as 2 numbers each; the encoder 'dlib'.* gives 128"):
            scale_of(DLIB, load(None, folders), store)


class Stumbles(DlibEncoder):
    name = "stumbles"

    @classmethod
    def identify(cls, setup: Setup) -> tuple[str, Scale]:
        raise KeyError(setup.hardware)


class Slashed(DlibEncoder):
    name = "slashed"
    version = "1/2"


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (Stumbles, "'stumbles' cannot say its version: KeyError"),
        (Slashed, "says the version '1/2'"),
    ],
)
def test_a_plugin_that_cannot_say_what_it_is_is_one_error_with_its_name(
    encoder: type[DlibEncoder], words: str
) -> None:
    with pytest.raises(PluginError, match=words):
        identity(encoder, Setup())
