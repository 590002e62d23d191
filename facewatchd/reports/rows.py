"""Faces with their encodings, for other programs: as Parquet, and as JSON lines."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from facewatchd.reports.folder import Kind, Made
from facewatchd.reports.groups import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_AT_ONCE = 4096  # faces that are in memory as rows


@dataclass(frozen=True)
class JsonLines:
    r"""``faces.jsonl``: an object a line and face, in ASCII.

    ``photo`` is text in which an undecodable byte stands as a lone surrogate (``\udcNN``), as
    ``os.fsdecode`` makes it and as the API has it; ``captured`` is the camera's local time.  What
    is not known is null.  The numbers of ``encoding`` are the shortest that give the same float32.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def write(self, material: Material, folder: Folder) -> None:
        """Write the lines."""
        made = Made(b"faces.jsonl", Kind.TABLE, "Faces and encodings, a JSON object a line")
        with folder.new(made) as file:
            for start in range(0, len(material), _AT_ONCE):
                lines = (json.dumps(row) for row in _objects(material, start))
                file.write("".join(f"{line}\n" for line in lines).encode("ascii"))


@dataclass(frozen=True)
class Parquet:
    """``faces.parquet``: a row a face; ``photo`` is binary, the path as it is.

    ``cluster`` is the group's number, -1 for none; ``person`` its name, ``similarity`` that to it,
    both null for none; ``captured`` the camera's local time; ``encoding`` a list of fixed size.
    """

    needs: ClassVar[tuple[str, ...]] = ("pyarrow",)

    def write(self, material: Material, folder: Folder) -> None:
        """Write the rows."""
        import pyarrow as pa  # noqa: PLC0415 - of the extra, and slow to import
        from pyarrow import parquet  # noqa: PLC0415

        fields: list[tuple[str, Any]] = [("photo", pa.binary()), ("captured", pa.timestamp("us"))]
        fields += [(side, pa.int32()) for side in ("left", "top", "right", "bottom")]
        fields += [("quality", pa.float64()), ("cluster", pa.int32()), ("person", pa.string())]
        fields += [("similarity", pa.float64()), ("engine", pa.string())]
        # Parquet knows no list without elements.
        dimensions = material.encodings.shape[1] or -1
        fields.append(("encoding", pa.list_(pa.float32(), dimensions)))
        schema = pa.schema(fields)
        made = Made(b"faces.parquet", Kind.TABLE, "Faces and encodings, as Parquet")
        with folder.new(made) as file, parquet.ParquetWriter(file, schema) as writer:
            for start in range(0, len(material), _AT_ONCE):
                writer.write_table(pa.table(_columns(material, start), schema))


def _columns(material: Material, start: int) -> dict[str, Any]:
    """Return up to 4096 faces from ``start`` on, column by column, None for what is not known."""
    part = slice(start, start + _AT_ONCE)
    photos, groups = material.photo[part].tolist(), material.groups[part].tolist()
    left, top, right, bottom = material.boxes[part].T.tolist()
    dates = material.captured[material.photo[part]]
    microseconds = np.where(np.isnan(dates), 0, dates * 1e6).astype("datetime64[us]")
    return {
        "photo": [material.photos[photo] for photo in photos],
        "captured": np.where(np.isnan(dates), np.datetime64("NaT", "us"), microseconds).tolist(),
        "left": left,
        "top": top,
        "right": right,
        "bottom": bottom,
        "quality": material.quality[part].tolist(),
        "cluster": groups,
        "person": [None if group == NOBODY else material.names[group] for group in groups],
        "similarity": [_known(value) for value in material.similarity[part].tolist()],
        "engine": [material.engine] * len(photos),
        "encoding": list(material.encodings[part]),
    }


def _objects(material: Material, start: int) -> Iterator[dict[str, Any]]:
    columns = _columns(material, start)
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        row["photo"] = row["photo"].decode("utf-8", "surrogateescape")
        row["captured"] = row["captured"] and row["captured"].isoformat()
        # By way of text, as numpy writes a float32 with no more digits than it needs.
        row["encoding"] = [float(number) for number in row["encoding"].astype(str)]
        yield row


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
