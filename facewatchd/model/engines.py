"""What an engine is called, and what its parts are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class EngineId(NamedTuple):
    """An engine: the names of its detector and its encoder, and the encoder's version."""

    detector: str
    encoder: str
    version: str

    @property
    def encodings(self) -> str:
        """What its encodings are called; only those of one name can be compared."""
        return f"{self.encoder}/{self.version}"

    @property
    def name(self) -> str:
        """How users call it."""
        return f"{self.detector}+{self.encoder}"

    def __str__(self) -> str:
        return f"{self.detector}/{self.encoder}@{self.version}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a detector and an encoder are told when they are constructed.

    ``longest_side``: pictures are scaled to it, in pixels, to look for faces.  ``smallest_face``:
    the side, in pixels of the scaled picture, of the smallest face that is looked for.
    ``hardware``: a key of `engines.session.PROVIDERS`, or auto.  ``models``: the folder with the
    weights that the user fetched.  ``cache``: the folder for converted models; None: they are kept
    in memory only.  ``pack``: the name of the pack in ``models``; None: the only one there.
    """

    longest_side: int = 1600
    smallest_face: int = 24
    hardware: str = "cpu"
    models: Path = Path("models")
    cache: Path | None = None
    pack: str | None = None
